"""The content of an export in either format, generated from its record."""

from collections.abc import Iterator

from django.db.models import QuerySet
from django.http import QueryDict

from calllogs.access.visibility import CallVisibility
from calllogs.calls import filters, visible_filter
from calllogs.exports import csv_format, xlsx_format
from calllogs.exports.columns import columns_for
from calllogs.exports.metadata import RowCounter, metadata_for
from calllogs.exports.snapshot import Snapshot
from calllogs.models import CallLog, Export

CONTENT_TYPES = {
    Export.Format.CSV: "text/csv; charset=utf-8",
    Export.Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def calls_for(export: Export) -> QuerySet[CallLog]:
    """The calls that its filter selects. "Today" is the day of the request, even if the export runs later."""
    call_filter = visible_filter.visible_filter_for(
        filters.from_query(QueryDict(export.query)), export_visibility(export)
    )
    return call_filter.apply(CallLog.objects.all(), now=export.asked_at)


def export_visibility(export: Export) -> CallVisibility:
    """What the requesting user was allowed to see at the time of the request."""
    departments = None if export.departments is None else frozenset(export.departments)
    return CallVisibility(export.hides != Export.Hides.NUMBERS, departments)


def chunks(export: Export, snapshot: Snapshot, counter: RowCounter) -> Iterator[bytes]:
    """Yields the file in chunks. An empty chunk means that none is ready yet. Updates `counter`."""
    if export.file_format == Export.Format.XLSX:
        return xlsx_format.chunks(
            snapshot, calls_for(export), counter, metadata_for(export), columns_for(export.hides)
        )
    return csv_format.chunks(snapshot, calls_for(export), counter, columns_for(export.hides))
