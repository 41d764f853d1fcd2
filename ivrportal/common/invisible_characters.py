"""Signs that nobody sees, made visible: what turns the direction of writing, joins or hides could make a text lie."""

import re

# Controls but for tab and line ends, marks and overrides of direction, zero-width signs, soft hyphens, tags.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)


def shown(text: str) -> str:
    """`Sa⟨U+202E⟩les` for what would read backwards from there on. A text without such signs comes back as it is."""
    return _UNSEEN.sub(lambda match: f"⟨U+{ord(match[0]):04X}⟩", text) if _UNSEEN.search(text) else text
