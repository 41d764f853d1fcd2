"""Fetches a recording, or a range of it, from the URL in a push. Plain Python.

The host name is resolved once and the connection uses that address, while `Host`, SNI and certificate verification
keep the name. So the name cannot resolve to another address between check and use (DNS rebinding). Redirects are
followed here, each with the same checks. One deadline covers the whole fetch, because the timeout of `requests`
applies to each read.
"""

import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter

from calllogs.recordings import audio_types, url_policy
from calllogs.recordings.errors import Cause, NotAvailable, OutOfRange
from calllogs.recordings.http_ranges import parse_content_range, parse_unsatisfied_range
from calllogs.recordings.url_policy import Network, RecordingUrl

MAX_REDIRECTS = 3
_REDIRECT_STATUSES = {301, 302, 303, 307, 308}
_CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """`allowed`: private networks that may be reached anyway. `verify`: as in requests."""

    deadline_s: float = 20.0
    connect_s: float = 5.0
    max_bytes: int = 100 * 1024 * 1024
    allowed: Sequence[Network] = ()
    verify: bool | str = True


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What was written: `size` bytes from byte `start` of `total`."""

    start: int
    size: int
    total: int
    content_type: str

    @property
    def is_whole(self) -> bool:
        return self.size == self.total


class _RangesUnusable(Exception):
    """The server's range responses are unusable, so the whole file must be fetched."""


def fetch(url: str, into: BinaryIO, *, limits: Limits, span: tuple[int, int] | None = None) -> FetchResult:
    """Writes the recording, or its bytes `span[0]` to `span[1]` inclusive, to `into`.

    Writes the whole recording if the server does not support ranges. Raises NotAvailable or OutOfRange.
    """
    with _Deadline(limits.deadline_s) as deadline:
        error: Exception | None = None
        try:
            try:
                return _fetch(url, into, limits=limits, span=span, deadline=deadline)
            except _RangesUnusable:
                into.seek(0)
                into.truncate()
            return _fetch(url, into, limits=limits, span=None, deadline=deadline)
        except (NotAvailable, OutOfRange) as known:
            error = known
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as unknown:
            error = NotAvailable(_cause_of(unknown, deadline))
    # Raised outside of `except`, so that neither __cause__ nor __context__ contains the URL.
    raise error.with_traceback(None)


def _fetch(
    url: str, into: BinaryIO, *, limits: Limits, span: tuple[int, int] | None, deadline: "_Deadline"
) -> FetchResult:
    scheme = ""
    for _ in range(MAX_REDIRECTS + 1):
        target = url_policy.parse_url(url)
        if scheme == "https" and target.scheme == "http":
            raise NotAvailable(Cause.NO_SECURE_CONNECTION)  # no downgrade: the URL may contain a token
        scheme = target.scheme
        address = url_policy.resolve_host(target, allowed=limits.allowed, timeout_s=deadline.remaining())
        with requests.Session() as session:
            session.trust_env = False  # ignore proxies and netrc of the environment
            session.verify = limits.verify
            adapter = _PinnedAdapter(address, deadline)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            headers = {
                "User-Agent": "ivr-portal",
                "Accept": "audio/*, */*;q=0.5",
                "Accept-Encoding": "identity",
            }
            if span is not None:
                headers["Range"] = f"bytes={span[0]}-{span[1]}"
            deadline.is_connected = False
            with session.get(
                target.url,
                headers=headers,
                timeout=(min(limits.connect_s, deadline.remaining()), deadline.remaining()),
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.status_code not in _REDIRECT_STATUSES:
                    return _read_body(response, into, limits=limits, span=span, deadline=deadline)
                url = _redirect_target(target, response.headers.get("Location", ""))
    raise NotAvailable(Cause.REDIRECTS)


def _redirect_target(target: RecordingUrl, location: str) -> str:
    if not location:
        raise NotAvailable(Cause.FAILED)
    return urljoin(target.url, location)


def _read_body(
    response: requests.Response,
    into: BinaryIO,
    *,
    limits: Limits,
    span: tuple[int, int] | None,
    deadline: "_Deadline",
) -> FetchResult:
    first, last, total = _expected_bytes(response, limits=limits, span=span)
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise NotAvailable(Cause.FAILED)  # the request accepts only "identity"
    declared = response.headers.get("Content-Type", "")
    content_type = audio_types.detect_content_type(declared, None)
    if first > 0 and not content_type:
        raise _RangesUnusable  # only the start of the file shows its type
    size, beginning = 0, b""
    for data in response.raw.stream(_CHUNK_BYTES, decode_content=False):
        size += len(data)
        if size > last - first + 1:
            raise NotAvailable(Cause.INCOMPLETE if total else Cause.TOO_BIG)
        if first == 0 and len(beginning) < audio_types.SNIFF_BYTES:
            beginning += data[: audio_types.SNIFF_BYTES]
            if len(beginning) >= audio_types.SNIFF_BYTES:
                # Rejects other content before more of it is read.
                content_type = audio_types.detect_content_type(declared, beginning)
        into.write(data)
    # A connection closed by the deadline can look like a normal end.
    if deadline.is_over:
        raise NotAvailable(Cause.TOO_SLOW)
    if size == 0:
        raise NotAvailable(Cause.EMPTY)
    if total and size != last - first + 1:
        raise NotAvailable(Cause.INCOMPLETE)
    if first == 0:
        content_type = audio_types.detect_content_type(declared, beginning)
    return FetchResult(first, size, total or size, content_type)


def _expected_bytes(
    response: requests.Response, *, limits: Limits, span: tuple[int, int] | None
) -> tuple[int, int, int | None]:
    """(first, last, total) of the bytes that may arrive. `total` is None if unknown before the end."""
    status = response.status_code
    if status == 206 and span is not None:
        sent = parse_content_range(response.headers.get("Content-Range", ""))
        if sent is None or sent[0] != span[0] or sent[1] != min(span[1], sent[2] - 1):
            raise _RangesUnusable
        if sent[2] > limits.max_bytes:
            raise NotAvailable(Cause.TOO_BIG)
        return sent
    if status == 416 and span is not None:
        total = parse_unsatisfied_range(response.headers.get("Content-Range", ""))
        if total is not None and total <= span[0]:
            raise OutOfRange(total)
        raise _RangesUnusable
    if status != 200:
        raise NotAvailable(_CAUSE_BY_STATUS.get(status, Cause.FAILED))
    length = response.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and int(length[:16]) > limits.max_bytes:
        raise NotAvailable(Cause.TOO_BIG)
    return 0, limits.max_bytes - 1, None


_CAUSE_BY_STATUS = {
    404: Cause.GONE,
    410: Cause.GONE,
    401: Cause.FORBIDDEN,
    403: Cause.FORBIDDEN,
    407: Cause.FORBIDDEN,
}


def _cause_of(error: Exception, deadline: "_Deadline") -> Cause:
    if deadline.is_over or isinstance(error, (requests.exceptions.Timeout, TimeoutError)):
        return Cause.TOO_SLOW if deadline.is_over or deadline.is_connected else Cause.NO_CONNECTION
    if isinstance(error, (requests.exceptions.SSLError, urllib3.exceptions.SSLError)):
        return Cause.NO_SECURE_CONNECTION
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return Cause.INVALID_URL
    return Cause.INCOMPLETE if deadline.is_connected else Cause.NO_CONNECTION


class _Deadline:
    """The deadline of the whole fetch. When it passes, the open connection is shut down."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.is_over = self.is_connected = False

    def remaining(self) -> float:
        """Remaining seconds. Raises NotAvailable if there are none."""
        remaining = self._ends_at - time.monotonic()
        if remaining <= 0 or self.is_over:
            self.is_over = True
            raise NotAvailable(Cause.TOO_SLOW)
        return remaining

    def register(self, sock: socket.socket) -> None:
        """Registers a new connection. Keeps a duplicate of the socket, because TLS takes over the original."""
        with self._lock:
            if self.is_over:
                raise OSError("out of time")
            self._close()
            self._socket, self.is_connected = sock.dup(), True

    def _shut_down(self) -> None:
        with self._lock:
            self.is_over = True
            if self._socket is not None:
                with suppress(OSError):  # already closed
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._close()


class _PinnedAdapter(HTTPAdapter):
    """Connects to the address that was checked, even if the host name resolves differently now."""

    def __init__(self, address: str, deadline: _Deadline) -> None:
        self._address, self._deadline = address, deadline
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        address, deadline = self._address, self._deadline

        def connect(connection: urllib3.connection.HTTPConnection) -> socket.socket:
            sock = socket.create_connection((address, connection.port), connection.timeout)
            deadline.register(sock)
            return sock

        class Plain(urllib3.connection.HTTPConnection):
            def _new_conn(self) -> socket.socket:
                return connect(self)

        class Secure(urllib3.connection.HTTPSConnection):
            def _new_conn(self) -> socket.socket:
                return connect(self)

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
