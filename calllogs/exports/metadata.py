"""What stands beside the data of an export: who, when, which calls, in which zone, and how many rows."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from calllogs.exports.columns import moment
from calllogs.models import Export


@dataclass(slots=True)
class Tally:
    """How many rows are written by now."""

    rows: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    who: str
    asked_at: dt.datetime
    words: str
    zone: ZoneInfo
    hides: str = ""  # in words

    def lines(self, *, rows: int) -> list[tuple[str, Any]]:
        """(what it is, its value), for the sheet "About this export"."""
        lines = [
            (_("Exported by"), self.who),
            (_("Asked for at"), moment(self.asked_at, self.zone)),
            (_("Which calls"), self.words),
            (_("Time zone"), self.zone.key),
            (_("Rows"), rows),
        ]
        return [*lines, (_("Left out"), self.hides)] if self.hides else lines

    def headers(self, *, rows: int) -> dict[str, str]:
        """The same for a response; percent-encoded, because a header is ASCII and a name need not be."""
        return {
            "X-Export-By": quote(self.who, safe=" @.+-_"),
            "X-Export-At": moment(self.asked_at, self.zone),
            "X-Export-Filter": quote(self.words, safe=" ,:+-_.()"),
            "X-Export-Zone": self.zone.key,
            "X-Export-Rows": str(rows),
        }


def facts_of(export: Export) -> Facts:
    return Facts(
        export.who, export.asked_at, export.words, ZoneInfo(export.zone), str(export.get_hides_display())
    )
