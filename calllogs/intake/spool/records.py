"""The record format of the spool's files, as described in the package's docstring."""

import struct
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

MAGIC = b"\xf5\xffIV"
HEADER = struct.Struct(">4sIII")
MAX_PAYLOAD = 1024 * 1024  # bytes


class RecordSpan(NamedTuple):
    """A byte range of a file: one whole record, or damage."""

    start: int
    end: int
    is_record: bool


def pack_record(payload: bytes) -> bytes:
    """Build the record for a payload. Raises ValueError if the payload is too long."""
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(payload)} bytes is over the {MAX_PAYLOAD} of a record")
    # The last field is the checksum of the other fields: it replaces the 0.
    header = HEADER.pack(MAGIC, len(payload), crc32(payload), 0)[:-4]
    return header + crc32(header).to_bytes(4, "big") + payload


def split_records(data: bytes, start: int = 0) -> Iterator[RecordSpan]:
    """Split a file's bytes, from the offset of a record, into ranges of records and damage. They cover all bytes."""
    offset, view = start, memoryview(data)
    while offset < len(data):
        end, checksum = _parse_header(data, offset) or (0, 0)
        is_record = 0 < end <= len(data) and crc32(view[offset + HEADER.size : end]) == checksum
        # After damage, the end given by the header is trusted only if the file ends there or a valid header follows.
        if not is_record and (
            not end or end > len(data) or (end < len(data) and not _parse_header(data, end))
        ):
            end = _find_next_header(data, offset + 1)
        yield RecordSpan(offset, end, is_record)
        offset = end


def _parse_header(data: bytes, offset: int) -> tuple[int, int] | None:
    """The end of the record that begins here and the checksum of its payload; None if no record begins here."""
    header = data[offset : offset + HEADER.size]
    if len(header) < HEADER.size:
        return None
    magic, length, payload_checksum, checksum = HEADER.unpack(header)
    if magic != MAGIC or length > MAX_PAYLOAD or crc32(header[:-4]) != checksum:
        return None
    return offset + HEADER.size + length, payload_checksum


def _find_next_header(data: bytes, offset: int) -> int:
    while (offset := data.find(MAGIC, offset)) >= 0:
        if _parse_header(data, offset):
            return offset
        offset += 1
    return len(data)
