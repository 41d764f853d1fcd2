"""One record after another: the bytes of a file, as the room's docstring lays them out."""

import struct
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

MAGIC = b"\xf5\xffIV"
HEADER = struct.Struct(">4sIII")
MAX_PAYLOAD = 1024 * 1024  # bytes


class Span(NamedTuple):
    """A stretch of a file: one whole record, or damage."""

    start: int
    end: int
    is_record: bool


def packed(payload: bytes) -> bytes:
    """The record that holds a payload. Raises ValueError if it is too long."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(payload)} bytes is over the {MAX_PAYLOAD} of a record")
    # The last field is the checksum of the others, so the header is packed twice.
    head = HEADER.pack(MAGIC, len(payload), crc32(payload), 0)[:-4]
    return head + crc32(head).to_bytes(4, "big") + payload


def spans(data: bytes, start: int = 0) -> Iterator[Span]:
    """Cut a file's bytes into records and damage, in order, from a place where a record begins; none left out."""
    at, view = start, memoryview(data)
    while at < len(data):
        end, checksum = _header(data, at) or (0, 0)
        is_record = 0 < end <= len(data) and crc32(view[at + HEADER.size : end]) == checksum
        # Past damage, the header's word for the end counts only if something confirms it there.
        if not is_record and (not end or end > len(data) or (end < len(data) and not _header(data, end))):
            end = _next_header(data, at + 1)
        yield Span(at, end, is_record)
        at = end


def _header(data: bytes, at: int) -> tuple[int, int] | None:
    """Where the record that begins here ends, and the checksum of its payload; None if none begins here."""
    head = data[at : at + HEADER.size]
    if len(head) < HEADER.size:
        return None
    magic, length, payload_checksum, checksum = HEADER.unpack(head)
    if magic != MAGIC or length > MAX_PAYLOAD or crc32(head[:-4]) != checksum:
        return None
    return at + HEADER.size + length, payload_checksum


def _next_header(data: bytes, at: int) -> int:
    while (at := data.find(MAGIC, at)) >= 0:
        if _header(data, at):
            return at
        at += 1
    return len(data)
