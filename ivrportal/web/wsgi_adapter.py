"""The portal's pages behind an ASGI server: Django's WSGI application, each request in a thread of a pool.

Django's own ASGI handler starts a thread for each request, and with it a connection to the database; here threads and
their connections stay. A body is read before a thread is taken, so that a slow sender holds none; what is sent waits
for the reader, so that a slow download lies in nobody's memory; and who leaves ends the work for him.
"""

import asyncio
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIApplication
from wsgiref.util import FileWrapper

from calllogs.intake.endpoint import Asgi, Receive, Scope, Send

MAX_BODY = 16 * 1024 * 1024  # bytes; the largest file that a page takes has less
IN_MEMORY = 64 * 1024  # bytes of a body; the rest lies in a file without a name
BLOCK = 64 * 1024  # bytes
TOO_LARGE = b"This file is too large. 16 MB is the most that one request may carry.\n"

Headers = list[tuple[str, str]]


def wsgi_to_asgi(application: WSGIApplication, threads: int) -> Asgi:
    """The WSGI application as an ASGI one that works on so many requests at once."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="page")

    async def bridge(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        with SpooledTemporaryFile(IN_MEMORY) as body:
            size = await _read(receive, body)
            if size is None:
                return
            if size > MAX_BODY:
                await _refuse(send)
                return
            body.seek(0)
            line = _Line(asyncio.get_running_loop(), send)
            watch = asyncio.ensure_future(line.watch(receive))
            try:
                await line.loop.run_in_executor(pool, _respond, application, environ(scope, body, size), line)
            finally:
                watch.cancel()

    return bridge


# --- the request -----------------------------------------------------------------------------------------


async def _read(receive: Receive, body: IO[bytes]) -> int | None:
    """Its size; more than is allowed as soon as it is; None if the sender left before the end."""
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        piece = message.get("body", b"")
        size += len(piece)
        if size > MAX_BODY:
            return size
        body.write(piece)
        if not message.get("more_body"):
            return size


def environ(scope: Scope, body: IO[bytes], size: int) -> dict[str, Any]:
    """The request as WSGI has it (PEP 3333)."""
    host, port = scope["server"] or ("", 0)
    made: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": body,
        "wsgi.errors": sys.stderr,
        "wsgi.file_wrapper": _in_blocks,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        # `X_Forwarded_For` would become the same name as `X-Forwarded-For`, which a proxy in front has checked.
        if b"_" in name:
            continue
        key, text = name.decode("latin-1").upper().replace("-", "_"), value.decode("latin-1")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        made[key] = f"{made[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{text}" if key in made else text
    made["CONTENT_LENGTH"] = str(size)  # of a body in chunks nobody has told it
    return made


# --- the response ----------------------------------------------------------------------------------------


class _Line:
    """To the browser, from a thread: sends in order, waits while the reader is behind, knows whether he has left."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Send) -> None:
        self.loop, self._send = loop, send
        self.head: tuple[int, Headers] | None = None
        self.has_left = False
        self._is_begun = False
        self._under_way: Future[None] | None = None

    async def watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self.has_left = True

    def begin(self, status: str, headers: Headers, exc_info: object = None) -> Callable[[bytes], None]:
        """WSGI's `start_response`."""
        self.head = int(status[:3]), headers
        return partial(self.send, more=True)

    def send(self, piece: bytes, *, more: bool) -> None:
        """Returns once the piece before is taken, so that the next can be made while this one is on its way."""
        self.wait()
        self._under_way = asyncio.run_coroutine_threadsafe(self._sent(piece, more), self.loop)

    def wait(self) -> None:
        """Until the last piece is taken. Raises what went wrong with it."""
        if self._under_way is not None:
            self._under_way.result()

    async def _sent(self, piece: bytes, more: bool) -> None:
        if not self._is_begun:
            self._is_begun = True
            status, headers = self.head or (500, [])
            raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            await self._send({"type": "http.response.start", "status": status, "headers": raw})
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})


def _in_blocks(file: IO[bytes], _size: int) -> FileWrapper:
    """A file that is sent: in pieces that are worth the way from thread to loop. Django's have 4 KB."""
    return FileWrapper(file, BLOCK)


def _respond(application: WSGIApplication, request: dict[str, Any], line: _Line) -> None:
    response = application(request, line.begin)
    try:
        if request["REQUEST_METHOD"] == "HEAD":
            line.send(b"", more=False)
        elif getattr(response, "streaming", True):
            _stream(response, line)
        else:
            line.send(b"".join(response), more=False)
        line.wait()
    finally:
        if hasattr(response, "close"):
            response.close()


def _stream(pieces: Iterable[bytes], line: _Line) -> None:
    for piece in pieces:
        if line.has_left:
            return
        line.send(piece, more=True)
    line.send(b"", more=False)


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(TOO_LARGE))]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": TOO_LARGE})
