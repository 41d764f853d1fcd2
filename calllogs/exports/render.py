"""The one door to an export's bytes, whatever its format."""

from collections.abc import Iterator

from django.db.models import QuerySet
from django.http import QueryDict

from calllogs.access.visibility import CallVisibility
from calllogs.calls import filters, visible_filter
from calllogs.exports import csv_format, xlsx_format
from calllogs.exports.columns import columns_of
from calllogs.exports.metadata import Tally, facts_of
from calllogs.exports.snapshot import Snapshot
from calllogs.models import CallLog, Export

CONTENT_TYPES = {
    Export.Format.CSV: "text/csv; charset=utf-8",
    Export.Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def calls_of(export: Export) -> QuerySet[CallLog]:
    """The calls of its filter; "today" is the day on which it was asked for, however late it is written."""
    wanted = visible_filter.visible_filter_for(filters.from_query(QueryDict(export.query)), sight_of(export))
    return wanted.apply(CallLog.objects.all(), now=export.asked_at)


def sight_of(export: Export) -> CallVisibility:
    """What its person was allowed to see at the moment of asking."""
    departments = None if export.departments is None else frozenset(export.departments)
    return CallVisibility(export.hides != Export.Hides.NUMBERS, departments)


def chunks(export: Export, snapshot: Snapshot, tally: Tally) -> Iterator[bytes]:
    """The file, piece by piece; an empty piece means that there is none yet."""
    if export.file_format == Export.Format.XLSX:
        return xlsx_format.chunks(
            snapshot, calls_of(export), tally, facts_of(export), columns_of(export.hides)
        )
    return csv_format.chunks(snapshot, calls_of(export), tally, columns_of(export.hides))
