"""A WSGI application for tests of the adapter. Each path behaves differently."""

import json
import os
import time
from pathlib import Path
from tempfile import TemporaryFile

import django

django.setup()

from ivrportal.web.wsgi_adapter import wsgi_to_asgi  # noqa: E402

PIECE = b"x" * 64 * 1024
PIECES = 2000  # of 64 KB: more than any buffer in between
NOTES = Path(os.environ["BRIDGE_NOTES"])


def note(text):
    with NOTES.open("a", encoding="utf-8") as file:
        file.write(text + "\n")


class Streamed:
    streaming = True

    def __init__(self, pieces):
        self._pieces = pieces

    def __iter__(self):
        return iter(self._pieces)

    def close(self):
        note("closed")


def endless():
    for number in range(PIECES):
        note(f"piece {number}")
        yield PIECE


def breaks():
    yield b"begun"
    raise ValueError("the rest is lost")


def slowly():
    for _ in range(3):
        time.sleep(0.2)
        yield b"slow "


def pages(environ, start_response):
    path = environ["PATH_INFO"]
    headers = [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    if path == "/wait":
        time.sleep(0.5)
    if path == "/file":
        file = TemporaryFile()  # noqa: SIM115  (the wrapper closes it)
        file.write(PIECE * 10 + b"end")
        file.seek(0)
        start_response("206 Partial Content", headers)
        return environ["wsgi.file_wrapper"](file, 4096)
    start_response("200 OK", headers)
    streams = {"/endless": endless, "/breaks": breaks, "/slowly": slowly}
    if path in streams:
        return Streamed(streams[path]())
    said = {name: value for name, value in environ.items() if isinstance(value, str)}
    said["body"] = environ["wsgi.input"].read().decode("latin-1")
    return [json.dumps(said).encode()]


class Whole(list):
    streaming = False


def whole(environ, start_response):
    response = pages(environ, start_response)
    return Whole(response) if isinstance(response, list) else response


application = wsgi_to_asgi(whole, 4)
