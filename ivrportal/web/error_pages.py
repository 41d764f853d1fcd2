"""Error pages. They contain nothing of the request and need no database."""

from django.http import HttpResponse
from django.template import loader
from django.utils.translation import gettext as _

from ivrportal.web.security_headers import STRICT_POLICY


def bad_request(*_request: object, **_exception: object) -> HttpResponse:
    return _render_page(
        400, _("This address is not right"), _("The portal does not understand what was asked.")
    )


def denied(*_request: object, **_exception: object) -> HttpResponse:
    message = _("Your role does not include this. Whoever looks after the portal's users can change that.")
    return _render_page(403, _("This is not for you"), message)


def csrf_failure(*_request: object, **_reason: object) -> HttpResponse:
    message = _(
        "The page was open for too long, or cookies are switched off, so nothing was saved. Go back, load the page"
        " again and repeat what you did."
    )
    return _render_page(403, _("Please try once more"), message)


def not_found(*_request: object, **_exception: object) -> HttpResponse:
    return _render_page(
        404, _("This page is not here"), _("It was deleted after its days, or the address is wrong.")
    )


def server_error(*_request: object) -> HttpResponse:
    message = _(
        "Something in the portal does not work at this moment; calls are received all the same. Try again in a minute."
        " If it stays, tell whoever runs the server."
    )
    return _render_page(500, _("The portal made a mistake"), message)


def _render_page(status: int, title: str, message: str) -> HttpResponse:
    """Rendered without the request, so that the page contains no part of it and no query loads the user."""
    headers = {"Content-Security-Policy": STRICT_POLICY}
    try:
        content = loader.get_template("error.html").render(
            {"title": title, "message": message, "status": status}
        )
    except ValueError:  # collectstatic has not run: reply with the plain text
        plain = "text/plain; charset=utf-8"
        return HttpResponse(f"{title}\n\n{message}\n", status=status, headers=headers, content_type=plain)
    return HttpResponse(content, status=status, headers=headers)
