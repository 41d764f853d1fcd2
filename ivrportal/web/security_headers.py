"""Security headers of every response. `CONTENT_SECURITY_POLICY` applies to pages; other responses get STRICT_POLICY."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

# For error pages, files and replies to machines: no scripts, no frames, no forms.
STRICT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
# The portal uses the clipboard (to copy a call's details) and full screen; every other browser feature is off.
PERMISSIONS = ", ".join(
    [
        *(
            f"{name}=()"
            for name in (
                "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "geolocation", "gyroscope",
                "magnetometer", "microphone", "midi", "payment", "picture-in-picture", "publickey-credentials-get",
                "screen-wake-lock", "usb", "web-share", "xr-spatial-tracking",
            )
        ),
        "clipboard-write=(self)",
        "fullscreen=(self)",
    ]
)  # fmt: skip

GetResponse = Callable[[HttpRequest], HttpResponseBase]


def security_headers_middleware(get_response: GetResponse) -> GetResponse:
    """Sets headers that the view has not set. Outermost, so that responses of other middleware have them too."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.setdefault("Content-Security-Policy", STRICT_POLICY)
        response.setdefault("Permissions-Policy", PERMISSIONS)
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        # Pages contain personal data. Static files set their own Cache-Control.
        response.setdefault("Cache-Control", "no-store")
        return response

    return middleware
