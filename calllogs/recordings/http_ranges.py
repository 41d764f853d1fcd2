"""The `Range` and `Content-Range` headers (RFC 9110, section 14). Plain Python."""

import re
from dataclasses import dataclass

_SINGLE_RANGE = re.compile(r"bytes=\s*([0-9]{0,15})-([0-9]{0,15})\s*", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ByteRange:
    """`first` to `last`, both inclusive. `last` None: to the end. `first` None: the last `last` bytes."""

    first: int | None
    last: int | None

    def resolve(self, total: int) -> tuple[int, int] | None:
        """(first, last), both inclusive, in a file of `total` bytes; None if the range is empty."""
        if self.first is None:
            length = min(self.last or 0, total)
            return (total - length, total - 1) if length else None
        if self.first >= total:
            return None
        return self.first, total - 1 if self.last is None else min(self.last, total - 1)


def parse_range(header: str) -> ByteRange | None:
    """None if the whole file is to be sent: no header, several ranges, or an invalid one."""
    match = _SINGLE_RANGE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    first, last = (int(text) if text else None for text in match.groups())
    if first is not None and last is not None and last < first:
        return None
    return ByteRange(first, last)


_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})", re.ASCII | re.IGNORECASE)
_UNSATISFIED_RANGE = re.compile(r"bytes \*/([0-9]{1,15})", re.ASCII | re.IGNORECASE)


def parse_content_range(header: str) -> tuple[int, int, int] | None:
    """(first, last, total) of a valid Content-Range; None for any other."""
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None:
        return None
    first, last, total = map(int, match.groups())
    return (first, last, total) if first <= last < total else None


def parse_unsatisfied_range(header: str) -> int | None:
    """The total of `bytes */1234`, which is sent with status 416; None for any other value."""
    match = _UNSATISFIED_RANGE.fullmatch(header.strip())
    return int(match[1]) if match else None
