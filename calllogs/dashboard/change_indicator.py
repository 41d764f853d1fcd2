"""How a figure changed since the period before, for the eye and for the ear: a sign, words, and whether it is good."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

BETTER, WORSE, NEITHER = "better", "worse", "neither"
_MINUS = "\u2212"


@dataclass(frozen=True, slots=True)
class Change:
    """`tone` is better, worse or neither; `icon` an arrow up, down, or level."""

    words: str
    tone: str
    icon: str


@dataclass(frozen=True, slots=True)
class Kind:
    """What more of a figure is called, and less; and whether more of it is good, if anybody can say."""

    more: str
    less: str
    is_good: bool | None = None


def of_count(now: int, before: int, kind: Kind) -> Change | None:
    """In per cent. None where there was nothing before."""
    if not before:
        return None
    percent = round((now - before) / before * 100)
    return _change(now - before, _("%(sign)s%(n)s %%"), percent, kind)


def of_share(now: float | None, before: float | None, kind: Kind) -> Change | None:
    """Of shares from 0 to 1, in points of a per cent: a tenth of a point is not worth a word."""
    if now is None or before is None:
        return None
    points = round((now - before) * 100)
    return _change(points, _("%(sign)s%(n)s points"), points, kind)


def of_seconds(now: float | None, before: float | None, kind: Kind) -> Change | None:
    if now is None or before is None:
        return None
    seconds = round(now) - round(before)
    return _change(seconds, _("%(sign)s%(n)s s"), seconds, kind)


def _change(difference: float, text: str, amount: int, kind: Kind) -> Change:
    if not amount:
        return Change(_("about the same"), NEITHER, "trending_flat")
    is_more = difference > 0
    figure = text % {"sign": "+" if is_more else _MINUS, "n": f"{abs(amount):,}"}
    words = f"{figure} {kind.more if is_more else kind.less}"
    icon = "trending_up" if is_more else "trending_down"
    if kind.is_good is None:
        return Change(words, NEITHER, icon)
    if is_more == kind.is_good:
        return Change(_("%(change)s: better") % {"change": words}, BETTER, icon)
    return Change(_("%(change)s: worse") % {"change": words}, WORSE, icon)
