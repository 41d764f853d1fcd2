"""Recordings to play in a demo: quiet tones, made of nothing but the address. Plain Python.

`/recordings/…` gives a WAV file, whatever the address is called. Each second has a tone of its own, so that one hears
where one is. Ranges work, but not at `/recordings/play?…`: real servers differ in this too.
"""

import io
import math
import re
import wave
import zlib
from array import array
from functools import lru_cache

from settings_sync.simulator.replies import Reply

PATH = "/recordings/"
RATE = 8000
_SCALE = (262, 294, 330, 392, 440, 523, 587, 659)  # Hz; any two of them sound well together
_LOUDNESS = 6000
_RANGE = re.compile(r"bytes=([0-9]{1,9})-([0-9]{0,9})", re.ASCII)


def reply_to(path: str, query: str, wanted: str) -> Reply:
    """`wanted` is the Range header."""
    sound = tone(zlib.crc32(f"{path}?{query}".encode()))
    if query:
        return Reply(200, sound, content_type="audio/wav")
    first, last, total = 0, len(sound) - 1, len(sound)
    if match := _RANGE.fullmatch(wanted):
        first, last = int(match[1]), min(int(match[2] or last), last)
        if first > last:
            return Reply(416, b"", headers=(("Content-Range", f"bytes */{total}"),))
        headers = (("Accept-Ranges", "bytes"), ("Content-Range", f"bytes {first}-{last}/{total}"))
        return Reply(206, sound[first : last + 1], content_type="audio/wav", headers=headers)
    return Reply(200, sound, content_type="audio/wav", headers=(("Accept-Ranges", "bytes"),))


@lru_cache(maxsize=8)
def tone(seed: int) -> bytes:
    """A WAV file of 20 to 50 seconds."""
    seconds = 20 + seed % 31
    samples = array("h")
    for second in range(seconds):
        samples.extend(_second(_SCALE[(seed >> second % 16) % len(_SCALE)]))
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(samples.tobytes())
    return file.getvalue()


@lru_cache(maxsize=len(_SCALE))
def _second(pitch: int) -> "array[int]":
    """It swells and fades, so that no click is heard between two."""
    return array(
        "h",
        (
            int(_LOUDNESS * math.sin(math.pi * n / RATE) * math.sin(2 * math.pi * pitch * n / RATE))
            for n in range(RATE)
        ),
    )
