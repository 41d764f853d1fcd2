"""Notices about the user's own exports that are under way, or that ended and have not been seen.

Every page requests them by htmx after it has loaded, so that no page waits for this query.
"""

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from calllogs.access.visibility import visibility_for
from calllogs.calls import visible_filter
from calllogs.models import Export

MAX_SHOWN = 5


def notices_view(request: HttpRequest) -> HttpResponse:
    """One notice for each export; polled while one is under way. `?but=`: the export that the page itself shows."""
    excluded = request.GET.get("but", "")
    notices = Export.objects.to_notify(request.user)
    if excluded.isascii() and excluded.isdigit() and len(excluded) < 19:
        notices = notices.exclude(pk=int(excluded))
    exports = list(notices[:MAX_SHOWN])
    for export in exports:
        export.words = visible_filter.for_viewer_text(
            export.words, export.query, visibility_for(request.user)
        )
    context = {
        "exports": exports,
        "is_polling": any(export.is_under_way for export in exports),
        "query": request.GET.urlencode(),
    }
    return TemplateResponse(request, "calllogs/exports/notices.html", context)
