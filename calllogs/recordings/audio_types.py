"""Detects whether data is audio, and of which type. Plain Python."""

import re

from calllogs.recordings.errors import Cause, NotAvailable

SNIFF_BYTES = 64  # bytes at the start that are enough to detect the type

_SIGNATURES = (
    (re.compile(rb"ID3|\xff[\xe2\xe3\xf2-\xf7\xfa-\xff]"), "audio/mpeg"),
    (re.compile(rb"RI(?:FF|FX)....WAVE", re.DOTALL), "audio/wav"),
    (re.compile(rb"OggS"), "audio/ogg"),
    (re.compile(rb"fLaC"), "audio/flac"),
    (re.compile(rb"\xff[\xf0\xf1\xf8\xf9]"), "audio/aac"),
    (re.compile(rb"....ftyp", re.DOTALL), "audio/mp4"),
    (re.compile(rb"#!AMR"), "audio/amr"),
    (re.compile(rb"\x1a\x45\xdf\xa3"), "audio/webm"),
    (re.compile(rb"FORM....AIF[FC]", re.DOTALL), "audio/aiff"),
    (re.compile(rb"\.snd"), "audio/basic"),
)
# File name extension by media type; other types get none.
FILE_EXTENSIONS = {
    "audio/mpeg": ".mp3", "audio/wav": ".wav", "audio/ogg": ".ogg", "audio/flac": ".flac", "audio/aac": ".aac",
    "audio/mp4": ".m4a", "audio/amr": ".amr", "audio/webm": ".webm", "audio/aiff": ".aiff", "audio/basic": ".au",
}  # fmt: skip
_TYPE = re.compile(r"audio/[a-z0-9][a-z0-9.+-]{0,60}")
# Types of servers that do not know better; then the content decides.
_GENERIC_TYPES = {
    "", "application/octet-stream", "binary/octet-stream", "application/force-download",
    "application/x-download", "application/ogg", "application/mp4", "video/mp4", "video/webm", "video/ogg",
}  # fmt: skip
_MARKUP = re.compile(rb"(?:\xef\xbb\xbf)?\s*<")  # HTML or XML: no audio file starts like this


def detect_content_type(declared: str, beginning: bytes | None) -> str:
    """The media type; "" if only the content can decide and `beginning` is None.

    Raises NotAvailable if it is not audio, whatever the server declares.
    """
    declared = declared.partition(";")[0].strip().lower()
    is_declared = _TYPE.fullmatch(declared) is not None
    if not is_declared and declared not in _GENERIC_TYPES:
        raise NotAvailable(Cause.NOT_AUDIO)
    if beginning is None:
        return declared if is_declared else ""
    for pattern, content_type in _SIGNATURES:
        if pattern.match(beginning):
            return content_type
    if not is_declared or _MARKUP.match(beginning):
        raise NotAvailable(Cause.NOT_AUDIO)
    return declared
