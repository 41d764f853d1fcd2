"""On every page: a person's own exports that are under way, or that ended and were not looked at since."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import SimpleLazyObject

from calllogs.models import Export

MOST_SHOWN = 5


def context(request: HttpRequest, *, but: int | None = None) -> dict[str, Any]:
    """For `each_context` of the admin site: one query, and none for who may not export. `but`: shown by the page."""
    if not request.user.has_perm("calllogs.export_calls"):
        return {}
    return {"export_news": SimpleLazyObject(lambda: _news(request, but))}


def fragment(request: HttpRequest) -> HttpResponse:
    """The part alone, asked for again for as long as something is under way."""
    but = request.GET.get("but", "")
    shown_by_page = int(but) if but.isascii() and but.isdigit() and len(but) < 19 else None
    return TemplateResponse(request, "calllogs/export_news.html", context(request, but=shown_by_page))


def _news(request: HttpRequest, but: int | None) -> dict[str, Any]:
    news = Export.objects.news_for(request.user)
    exports = list((news if but is None else news.exclude(pk=but))[:MOST_SHOWN])
    return {"exports": exports, "is_moving": any(export.is_under_way for export in exports), "but": but}
