"""One recording, or a part of it, from wherever a push says that it lies. Plain Python.

The host's name is asked for once and the connection goes to that very address, while `Host`, SNI and the check of
the certificate keep the name: between the check and the use nobody can give the name another address. Redirects are
followed by hand, and each is checked as the first. One clock of our own runs for everything, because `requests`
counts its time-out for each read.
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
from calllogs.recordings.http_ranges import content_range, total_of
from calllogs.recordings.url_policy import Network, RecordingUrl

MOST_REDIRECTS = 3
_REDIRECTS = {301, 302, 303, 307, 308}
_AT_ONCE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """`allowed`: inner networks that may be reached all the same. `verify`: as in requests."""

    deadline_s: float = 20.0
    connect_s: float = 5.0
    max_bytes: int = 100 * 1024 * 1024
    allowed: Sequence[Network] = ()
    verify: bool | str = True


@dataclass(frozen=True, slots=True)
class FetchResult:
    """What was written: `size` bytes from byte `start` of `total`; `kind` is a media type."""

    start: int
    size: int
    total: int
    kind: str

    @property
    def is_whole(self) -> bool:
        return self.size == self.total


class _NoParts(Exception):
    """This server's parts are of no use: fetch the whole."""


def fetch(url: str, into: BinaryIO, *, limits: Limits, span: tuple[int, int] | None = None) -> FetchResult:
    """Write the recording, or its bytes from `span[0]` to `span[1]`, to `into`.

    A server that knows no ranges sends the whole, and the whole is written. Raises NotAvailable, or OutOfRange.
    """
    with _Clock(limits.deadline_s) as clock:
        error: Exception | None = None
        try:
            try:
                return _fetch(url, into, limits=limits, span=span, clock=clock)
            except _NoParts:
                into.seek(0)
                into.truncate()
            return _fetch(url, into, limits=limits, span=None, clock=clock)
        except (NotAvailable, OutOfRange) as known:
            error = known
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as unknown:
            error = NotAvailable(_cause_of(unknown, clock))
    # Raised outside every `except`, so that no cause and no context carry the address along.
    raise error.with_traceback(None)


def _fetch(
    url: str, into: BinaryIO, *, limits: Limits, span: tuple[int, int] | None, clock: "_Clock"
) -> FetchResult:
    scheme = ""
    for _ in range(MOST_REDIRECTS + 1):
        place = url_policy.place_of(url)
        if scheme == "https" and place.scheme == "http":
            raise NotAvailable(Cause.UNTRUSTED)  # the way was secure so far, and the address may hold a token
        scheme = place.scheme
        address = url_policy.resolved(place, allowed=limits.allowed, within_s=clock.left())
        with requests.Session() as session:
            session.trust_env = False  # no proxy and no password file of the environment
            session.verify = limits.verify
            adapter = _Pinned(address, clock)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            headers = {
                "User-Agent": "ivr-portal",
                "Accept": "audio/*, */*;q=0.5",
                "Accept-Encoding": "identity",
            }
            if span is not None:
                headers["Range"] = f"bytes={span[0]}-{span[1]}"
            clock.is_connected = False
            with session.get(
                place.url,
                headers=headers,
                timeout=(min(limits.connect_s, clock.left()), clock.left()),
                allow_redirects=False,
                stream=True,
            ) as response:
                if response.status_code not in _REDIRECTS:
                    return _take(response, into, limits=limits, span=span, clock=clock)
                url = _next(place, response.headers.get("Location", ""))
    raise NotAvailable(Cause.REDIRECTS)


def _next(place: RecordingUrl, location: str) -> str:
    if not location:
        raise NotAvailable(Cause.FAILED)
    return urljoin(place.url, location)


def _take(
    response: requests.Response,
    into: BinaryIO,
    *,
    limits: Limits,
    span: tuple[int, int] | None,
    clock: "_Clock",
) -> FetchResult:
    first, last, total = _extent(response, limits=limits, span=span)
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise NotAvailable(Cause.FAILED)  # we asked for it as it is
    declared = response.headers.get("Content-Type", "")
    kind = audio_types.kind_of(declared, None)
    if first > 0 and not kind:
        raise _NoParts  # only its beginning can tell
    size, beginning = 0, b""
    for data in response.raw.stream(_AT_ONCE, decode_content=False):
        size += len(data)
        if size > last - first + 1:
            raise NotAvailable(Cause.BROKE_OFF if total else Cause.TOO_BIG)
        if first == 0 and len(beginning) < audio_types.ENOUGH:
            beginning += data[: audio_types.ENOUGH]
            if len(beginning) >= audio_types.ENOUGH:
                kind = audio_types.kind_of(declared, beginning)  # before more of it is read
        into.write(data)
    # A connection that we cut can look like one that ended.
    if clock.is_over:
        raise NotAvailable(Cause.TOO_SLOW)
    if size == 0:
        raise NotAvailable(Cause.EMPTY)
    if total and size != last - first + 1:
        raise NotAvailable(Cause.BROKE_OFF)
    if first == 0:
        kind = audio_types.kind_of(declared, beginning)
    return FetchResult(first, size, total or size, kind)


def _extent(
    response: requests.Response, *, limits: Limits, span: tuple[int, int] | None
) -> tuple[int, int, int | None]:
    """First and last byte that may come, and the bytes in all, None if the end will tell."""
    status = response.status_code
    if status == 206 and span is not None:
        told = content_range(response.headers.get("Content-Range", ""))
        if told is None or told[0] != span[0] or told[1] != min(span[1], told[2] - 1):
            raise _NoParts
        if told[2] > limits.max_bytes:
            raise NotAvailable(Cause.TOO_BIG)
        return told
    if status == 416 and span is not None:
        total = total_of(response.headers.get("Content-Range", ""))
        if total is not None and total <= span[0]:
            raise OutOfRange(total)
        raise _NoParts
    if status != 200:
        raise NotAvailable(_STATUS.get(status, Cause.FAILED))
    length = response.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and int(length[:16]) > limits.max_bytes:
        raise NotAvailable(Cause.TOO_BIG)
    return 0, limits.max_bytes - 1, None


_STATUS = {404: Cause.GONE, 410: Cause.GONE, 401: Cause.FORBIDDEN, 403: Cause.FORBIDDEN, 407: Cause.FORBIDDEN}


def _cause_of(error: Exception, clock: "_Clock") -> Cause:
    if clock.is_over or isinstance(error, (requests.exceptions.Timeout, TimeoutError)):
        return Cause.TOO_SLOW if clock.is_over or clock.is_connected else Cause.NO_CONNECTION
    if isinstance(error, (requests.exceptions.SSLError, urllib3.exceptions.SSLError)):
        return Cause.UNTRUSTED
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return Cause.NO_ADDRESS
    return Cause.BROKE_OFF if clock.is_connected else Cause.NO_CONNECTION


class _Clock:
    """The one deadline: when it is over, whatever connection stands is cut."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self.is_over = self.is_connected = False

    def left(self) -> float:
        """Seconds; raises NotAvailable if there are none."""
        left = self._ends_at - time.monotonic()
        if left <= 0 or self.is_over:
            self.is_over = True
            raise NotAvailable(Cause.TOO_SLOW)
        return left

    def opened(self, sock: socket.socket) -> None:
        """Holds a second handle of the connection: TLS takes the first one over."""
        with self._lock:
            if self.is_over:
                raise OSError("out of time")
            self._close()
            self._socket, self.is_connected = sock.dup(), True

    def _cut(self) -> None:
        with self._lock:
            self.is_over = True
            if self._socket is not None:
                with suppress(OSError):  # already closed: what we want
                    self._socket.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        with self._lock:
            self._close()


class _Pinned(HTTPAdapter):
    """Connects to the address that was checked, whatever the host's name would resolve to by now."""

    def __init__(self, address: str, clock: _Clock) -> None:
        self._address, self._clock = address, clock
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        address, clock = self._address, self._clock

        def connect(connection: urllib3.connection.HTTPConnection) -> socket.socket:
            sock = socket.create_connection((address, connection.port), connection.timeout)
            clock.opened(sock)
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
