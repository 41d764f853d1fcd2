"""The `Range` header, as players send it (RFC 9110, section 14). Plain Python."""

import re
from dataclasses import dataclass

_SINGLE = re.compile(r"bytes=\s*([0-9]{0,15})-([0-9]{0,15})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`first` to `last`, both included; no `last` means to the end; no `first` means the `last` bytes at the end."""

    first: int | None
    last: int | None

    def within(self, total: int) -> tuple[int, int] | None:
        """First and last byte, both included, of so many; None if there is nothing to give."""
        if self.first is None:
            length = min(self.last or 0, total)
            return (total - length, total - 1) if length else None
        if self.first >= total:
            return None
        return self.first, total - 1 if self.last is None else min(self.last, total - 1)


def wish_of(header: str) -> ByteRange | None:
    """None where the whole is to be sent: no header, several ranges, or what is none."""
    match = _SINGLE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    first, last = (int(text) if text else None for text in match.groups())
    if first is not None and last is not None and last < first:
        return None
    return ByteRange(first, last)


_ANSWER = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})", re.ASCII | re.IGNORECASE)
_NOTHING = re.compile(r"bytes \*/([0-9]{1,15})", re.ASCII | re.IGNORECASE)


def content_range(header: str) -> tuple[int, int, int] | None:
    """(first, last, total) of a Content-Range that makes sense; None for any other."""
    match = _ANSWER.fullmatch(header.strip())
    if match is None:
        return None
    first, last, total = map(int, match.groups())
    return (first, last, total) if first <= last < total else None


def total_of(header: str) -> int | None:
    """The total of `bytes */1234`, which comes with status 416."""
    match = _NOTHING.fullmatch(header.strip())
    return int(match[1]) if match else None
