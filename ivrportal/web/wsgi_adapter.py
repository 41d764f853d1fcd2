"""Runs Django's WSGI application behind an ASGI server, each request in a thread of a pool.

Django's own ASGI handler starts a thread for each request, and each thread opens a database connection; this pool keeps
threads and connections. A body is read before a thread is taken, so that a slow sender holds no thread. A piece is sent
only when the previous one was taken, so that a slow download does not fill memory. A client's disconnect ends the
streaming of its response.
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

from ivrportal.common.asgi_types import Asgi, Receive, Scope, Send

MAX_BODY_BYTES = 16 * 1024 * 1024  # more than the largest file that a page accepts
IN_MEMORY_BYTES = 64 * 1024  # a larger body is kept in an unnamed temporary file
BLOCK_BYTES = 64 * 1024
TOO_LARGE = b"This file is too large. 16 MB is the most that one request may carry.\n"

Headers = list[tuple[str, str]]


def wsgi_to_asgi(application: WSGIApplication, threads: int) -> Asgi:
    """An ASGI application that handles up to `threads` requests at once."""
    pool = ThreadPoolExecutor(threads, thread_name_prefix="page")

    async def asgi_application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        with SpooledTemporaryFile(IN_MEMORY_BYTES) as body:
            size = await _read_body(receive, body)
            if size is None:
                return
            if size > MAX_BODY_BYTES:
                await _send_too_large(send)
                return
            body.seek(0)
            loop = asyncio.get_running_loop()
            sender = _ResponseSender(loop, send)
            watcher = asyncio.ensure_future(sender.watch_disconnect(receive))
            try:
                await loop.run_in_executor(
                    pool, _respond, application, build_environ(scope, body, size), sender
                )
            finally:
                watcher.cancel()

    return asgi_application


# --- the request -----------------------------------------------------------------------------------------


async def _read_body(receive: Receive, body: IO[bytes]) -> int | None:
    """The body's size. Stops reading once it exceeds MAX_BODY_BYTES. None if the client disconnected before the end."""
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        piece = message.get("body", b"")
        size += len(piece)
        if size > MAX_BODY_BYTES:
            return size
        body.write(piece)
        if not message.get("more_body"):
            return size


def build_environ(scope: Scope, body: IO[bytes], size: int) -> dict[str, Any]:
    """The request's WSGI environ (PEP 3333)."""
    host, port = scope["server"] or ("", 0)
    environ: dict[str, Any] = {
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
        "wsgi.file_wrapper": _file_wrapper,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        # `X_Forwarded_For` would get the same key as `X-Forwarded-For`, which the proxy in front has verified.
        if b"_" in name:
            continue
        key, text = name.decode("latin-1").upper().replace("-", "_"), value.decode("latin-1")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        separator = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{separator}{text}" if key in environ else text
    environ["CONTENT_LENGTH"] = str(size)  # a chunked request has no such header
    return environ


# --- the response ----------------------------------------------------------------------------------------


class _ResponseSender:
    """Sends a response from a worker thread: in order, no faster than the client reads, noticing its disconnect."""

    def __init__(self, loop: asyncio.AbstractEventLoop, send: Send) -> None:
        self._loop, self._send = loop, send
        self._head: tuple[int, Headers] | None = None
        self.is_disconnected = False
        self._has_started = False
        self._pending: Future[None] | None = None

    async def watch_disconnect(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        self.is_disconnected = True

    def start_response(
        self, status: str, headers: Headers, exc_info: object = None
    ) -> Callable[[bytes], None]:
        self._head = int(status[:3]), headers
        return partial(self.send, more=True)

    def send(self, piece: bytes, *, more: bool) -> None:
        """Return once the previous piece was taken, so that the next is produced while this one is being sent."""
        self.wait()
        self._pending = asyncio.run_coroutine_threadsafe(self._send_piece(piece, more), self._loop)

    def wait(self) -> None:
        """Wait until the last piece was taken. Raises the error of sending it."""
        if self._pending is not None:
            self._pending.result()

    async def _send_piece(self, piece: bytes, more: bool) -> None:
        if not self._has_started:
            self._has_started = True
            status, headers = self._head or (500, [])
            raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
            await self._send({"type": "http.response.start", "status": status, "headers": raw})
        await self._send({"type": "http.response.body", "body": piece, "more_body": more})


def _file_wrapper(file: IO[bytes], _size: int) -> FileWrapper:
    """Sends files in blocks large enough for the hand-over from thread to event loop. Django asks for 4 KB."""
    return FileWrapper(file, BLOCK_BYTES)


def _respond(application: WSGIApplication, environ: dict[str, Any], sender: _ResponseSender) -> None:
    response = application(environ, sender.start_response)
    try:
        if environ["REQUEST_METHOD"] == "HEAD":
            sender.send(b"", more=False)
        elif getattr(response, "streaming", True):
            _stream(response, sender)
        else:
            sender.send(b"".join(response), more=False)
        sender.wait()
    finally:
        if hasattr(response, "close"):
            response.close()


def _stream(pieces: Iterable[bytes], sender: _ResponseSender) -> None:
    for piece in pieces:
        if sender.is_disconnected:
            return
        sender.send(piece, more=True)
    sender.send(b"", more=False)


async def _send_too_large(send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(TOO_LARGE))]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": TOO_LARGE})
