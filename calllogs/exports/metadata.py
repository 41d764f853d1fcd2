"""The metadata of an export: who, when, which calls, time zone and number of rows."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from calllogs.exports.columns import format_iso
from calllogs.models import Export


@dataclass(slots=True)
class RowCounter:
    """The number of rows written so far; generators update it while they run."""

    rows: int = 0


@dataclass(frozen=True, slots=True)
class ExportMetadata:
    who: str
    requested_at: dt.datetime
    scope_text: str
    zone: ZoneInfo
    hides: str = ""  # label of Export.Hides

    def labelled_values(self, *, rows: int) -> list[tuple[str, Any]]:
        """(label, value) pairs for the sheet "About this export"."""
        lines = [
            (_("Exported by"), self.who),
            (_("Asked for at"), format_iso(self.requested_at, self.zone)),
            (_("Which calls"), self.scope_text),
            (_("Time zone"), self.zone.key),
            (_("Rows"), rows),
        ]
        return [*lines, (_("Left out"), self.hides)] if self.hides else lines

    def headers(self, *, rows: int) -> dict[str, str]:
        """The same as response headers, percent-encoded because headers are ASCII."""
        return {
            "X-Export-By": quote(self.who, safe=" @.+-_"),
            "X-Export-At": format_iso(self.requested_at, self.zone),
            "X-Export-Filter": quote(self.scope_text, safe=" ,:+-_.()"),
            "X-Export-Zone": self.zone.key,
            "X-Export-Rows": str(rows),
        }


def metadata_for(export: Export) -> ExportMetadata:
    return ExportMetadata(
        export.who, export.asked_at, export.words, ZoneInfo(export.zone), str(export.get_hides_display())
    )
