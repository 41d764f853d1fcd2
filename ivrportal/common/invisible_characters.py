"""Makes invisible characters visible: direction overrides and zero-width characters can make a text misleading."""

import re

# Control characters except tab and line ends, direction marks and overrides, zero-width characters, soft hyphens, tags.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def make_visible(text: str) -> str:
    """Replaces each invisible character by its code point, as in `Sa⟨U+202E⟩les`."""
    return _INVISIBLE.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text) if _INVISIBLE.search(text) else text
