"""On every page: a person's own exports that are under way, or that ended and were not looked at since."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.functional import SimpleLazyObject

from calllogs.models import Export

MOST_SHOWN = 5


def context(request: HttpRequest) -> dict[str, Any]:
    """For `each_context` of the admin site: one query, and none for who may not export."""
    if not request.user.has_perm("calllogs.export_calls"):
        return {}
    return {"export_news": SimpleLazyObject(lambda: _news(request))}


def fragment(request: HttpRequest) -> HttpResponse:
    """The part alone, for as long as something is under way."""
    news = _news(request) if request.user.has_perm("calllogs.export_calls") else {}
    return TemplateResponse(request, "calllogs/export_news.html", {"export_news": news})


def _news(request: HttpRequest) -> dict[str, Any]:
    exports = list(Export.objects.news_for(request.user)[:MOST_SHOWN])
    return {"exports": exports, "is_moving": any(export.is_under_way for export in exports)}
