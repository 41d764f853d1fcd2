"""How a figure changed since the previous period: an icon, a text, and whether the change is good."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

BETTER, WORSE, NEITHER = "better", "worse", "neither"
_MINUS = "\u2212"


@dataclass(frozen=True, slots=True)
class FigureChange:
    """`tone` is BETTER, WORSE or NEITHER; `icon` is an arrow up, down or flat."""

    text: str
    tone: str
    icon: str


@dataclass(frozen=True, slots=True)
class ChangeWording:
    """The words for an increase and a decrease, and whether an increase is good (None: neither good nor bad)."""

    more: str
    less: str
    is_good: bool | None = None


def count_change(now: int, before: int, wording: ChangeWording) -> FigureChange | None:
    """The change of a count in per cent. None if the count was 0 before."""
    if not before:
        return None
    percent = round((now - before) / before * 100)
    return _build_change(now - before, _("%(sign)s%(n)s %%"), percent, wording)


def share_change(now: float | None, before: float | None, wording: ChangeWording) -> FigureChange | None:
    """The change of a share (0 to 1) in whole percentage points. None if either share is not known."""
    if now is None or before is None:
        return None
    points = round((now - before) * 100)
    return _build_change(points, _("%(sign)s%(n)s points"), points, wording)


def seconds_change(now: float | None, before: float | None, wording: ChangeWording) -> FigureChange | None:
    if now is None or before is None:
        return None
    seconds = round(now) - round(before)
    return _build_change(seconds, _("%(sign)s%(n)s s"), seconds, wording)


def _build_change(difference: float, template: str, amount: int, wording: ChangeWording) -> FigureChange:
    if not amount:
        return FigureChange(_("about the same"), NEITHER, "trending_flat")
    is_more = difference > 0
    figure = template % {"sign": "+" if is_more else _MINUS, "n": f"{abs(amount):,}"}
    text = f"{figure} {wording.more if is_more else wording.less}"
    icon = "trending_up" if is_more else "trending_down"
    if wording.is_good is None:
        return FigureChange(text, NEITHER, icon)
    if is_more == wording.is_good:
        return FigureChange(_("%(change)s: better") % {"change": text}, BETTER, icon)
    return FigureChange(_("%(change)s: worse") % {"change": text}, WORSE, icon)
