"""A person's own exports that are under way, or that ended and were not looked at since.

Every page asks for them once it is there, so that none has to wait for them itself.
"""

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from calllogs.access.visibility import visibility_for
from calllogs.calls import visible_filter
from calllogs.models import Export

MOST_SHOWN = 5


def fragment(request: HttpRequest) -> HttpResponse:
    """A line for each; asked for again for as long as one is under way. `but`: the page itself shows that one."""
    but = request.GET.get("but", "")
    news = Export.objects.news_for(request.user)
    if but.isascii() and but.isdigit() and len(but) < 19:
        news = news.exclude(pk=int(but))
    exports = list(news[:MOST_SHOWN])
    for export in exports:
        export.words = visible_filter.for_viewer_text(
            export.words, export.query, visibility_for(request.user)
        )
    context = {
        "exports": exports,
        "is_moving": any(export.is_under_way for export in exports),
        "query": request.GET.urlencode(),
    }
    return TemplateResponse(request, "calllogs/exports/notices.html", context)
