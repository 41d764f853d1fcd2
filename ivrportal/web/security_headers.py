"""Headers of every response. The policies of pages stand in the settings; what is none of ours gets the strictest."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

# For what is no page of the portal: errors, files, answers to machines. Nothing runs, nothing is framed or sent.
NOTHING = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
# Of what a browser offers to pages, the portal uses the clipboard (to copy a call's details) and a full screen.
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
    """Outermost, so that refusals of the middleware below it have them too. What a view has set itself stays."""

    def answered(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response.setdefault("Content-Security-Policy", NOTHING)
        response.setdefault("Permissions-Policy", PERMISSIONS)
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        # Pages hold personal data. Static files say themselves how long they are good.
        response.setdefault("Cache-Control", "no-store")
        return response

    return answered
