"""Generates demo recordings: quiet tones derived from the URL. Plain Python.

Every `/recordings/…` URL gives a WAV file. Each second has its own tone, so that the position can be heard. Range
requests work only for URLs without a query string (not for `/recordings/play?…`), because real servers differ in this.
"""

import io
import math
import re
import wave
import zlib
from array import array
from functools import lru_cache

from settings_sync.simulator.replies import SimulatedReply

PATH = "/recordings/"
RATE = 8000
_SCALE = (262, 294, 330, 392, 440, 523, 587, 659)  # Hz; any two of them are consonant
_LOUDNESS = 6000
_RANGE = re.compile(r"bytes=([0-9]{1,9})-([0-9]{0,9})", re.ASCII)


def build_reply(path: str, query: str, range_header: str) -> SimulatedReply:
    audio = build_tone(zlib.crc32(f"{path}?{query}".encode()))
    if query:
        return SimulatedReply(200, audio, content_type="audio/wav")
    first, last, total = 0, len(audio) - 1, len(audio)
    if match := _RANGE.fullmatch(range_header):
        first, last = int(match[1]), min(int(match[2] or last), last)
        if first > last:
            return SimulatedReply(416, b"", headers=(("Content-Range", f"bytes */{total}"),))
        headers = (("Accept-Ranges", "bytes"), ("Content-Range", f"bytes {first}-{last}/{total}"))
        return SimulatedReply(206, audio[first : last + 1], content_type="audio/wav", headers=headers)
    return SimulatedReply(200, audio, content_type="audio/wav", headers=(("Accept-Ranges", "bytes"),))


@lru_cache(maxsize=8)
def build_tone(seed: int) -> bytes:
    """Return a WAV file of 20 to 50 seconds."""
    seconds = 20 + seed % 31
    samples = array("h")
    for second in range(seconds):
        samples.extend(_one_second(_SCALE[(seed >> second % 16) % len(_SCALE)]))
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(1)
        output.setsampwidth(2)
        output.setframerate(RATE)
        output.writeframes(samples.tobytes())
    return file.getvalue()


@lru_cache(maxsize=len(_SCALE))
def _one_second(pitch: int) -> "array[int]":
    """Return one second of a tone that fades in and out, so that there is no click between two."""
    return array(
        "h",
        (
            int(_LOUDNESS * math.sin(math.pi * n / RATE) * math.sin(2 * math.pi * pitch * n / RATE))
            for n in range(RATE)
        ),
    )
