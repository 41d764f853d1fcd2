"""What a person reads when something is not right: the portal's own words, nothing of the request, no database."""

from django.http import HttpResponse
from django.template import loader
from django.utils.translation import gettext as _

from ivrportal.web.security_headers import NOTHING


def bad_request(*_request: object, **_exception: object) -> HttpResponse:
    return _page(400, _("This address is not right"), _("The portal does not understand what was asked."))


def denied(*_request: object, **_exception: object) -> HttpResponse:
    words = _("Your role does not include this. Whoever looks after the portal's users can change that.")
    return _page(403, _("This is not for you"), words)


def csrf_failure(*_request: object, **_reason: object) -> HttpResponse:
    words = _(
        "The page was open for too long, or cookies are switched off, so nothing was saved. Go back, load the page"
        " again and repeat what you did."
    )
    return _page(403, _("Please try once more"), words)


def not_found(*_request: object, **_exception: object) -> HttpResponse:
    return _page(
        404, _("This page is not here"), _("It was deleted after its days, or the address is wrong.")
    )


def server_error(*_request: object) -> HttpResponse:
    words = _(
        "Something in the portal does not work at this moment; calls are received all the same. Try again in a minute."
        " If it stays, tell whoever runs the server."
    )
    return _page(500, _("The portal made a mistake"), words)


def _page(status: int, title: str, words: str) -> HttpResponse:
    """Without the request, so that no part of it can be on the page, and nobody asks who is signed in."""
    headers = {"Content-Security-Policy": NOTHING}
    try:
        content = loader.get_template("error.html").render({"title": title, "words": words, "status": status})
    except ValueError:
        # The static files are not collected. Whoever reads this needs the words, not the look.
        plain = "text/plain; charset=utf-8"
        return HttpResponse(f"{title}\n\n{words}\n", status=status, headers=headers, content_type=plain)
    return HttpResponse(content, status=status, headers=headers)
