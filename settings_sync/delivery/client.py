"""HTTP client for the provider: one request and its response. Plain Python; errors name no URL and no key.

    GET {base}/settings/handler.ashx?apikey=…&custid=…&action=…

`requests` applies its timeout to each read, so a server that drips one byte per second would hold it permanently.
The exchange therefore runs in its own thread with one deadline for the whole exchange.
"""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import requests
import urllib3
from requests.adapters import HTTPAdapter

from settings_sync.delivery.outcomes import ProviderResponse
from settings_sync.delivery.wire_format import PATH

MAX_BODY = 4096  # bytes; the longest documented answer has twelve


@dataclass(frozen=True, slots=True)
class ProviderAccount:
    """Base URL and credentials of the account. Its repr shows none of them."""

    base_url: str = field(repr=False)
    api_key: str = field(repr=False)
    cust_id: str = field(repr=False)


class ProviderError(Exception):
    """No usable answer. The message is shown to users and contains no secret."""


class NotSent(ProviderError):
    """No connection was made, so the provider cannot have acted."""


class NoAnswer(ProviderError):
    """The request may have been sent, and no complete answer came: the provider may have acted or may still act."""


class Misconfigured(ProviderError):
    """TLS failed, or the configured URL is invalid."""


def send(
    account: ProviderAccount,
    parameters: Mapping[str, str],
    *,
    connect_s: float = 3.0,
    deadline_s: float = 8.0,
) -> ProviderResponse:
    """Send one request. Returns within `deadline_s` seconds. Raises NotSent, NoAnswer or Misconfigured."""
    exchange = _Exchange()
    thread = threading.Thread(
        target=exchange.run, args=(account, parameters, connect_s, deadline_s), name="provider", daemon=True
    )
    thread.start()
    thread.join(deadline_s)
    if thread.is_alive():
        exchange.abandon()
    # Raised outside every `except`, so that no `__cause__` or `__context__` carries the URL.
    if isinstance(exchange.result, ProviderResponse):
        return exchange.result
    raise exchange.result or NoAnswer(f"No whole answer within {deadline_s:g} seconds.")


_CONFIGURATION_ERRORS = (
    requests.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class _Exchange:
    """State shared with the exchange's thread: its result, and the socket to close at the deadline."""

    def __init__(self) -> None:
        self.result: ProviderResponse | ProviderError | None = None
        self._socket: socket.socket | None = None
        self._connected = self._abandoned = False
        self._lock = threading.Lock()

    def run(
        self, account: ProviderAccount, parameters: Mapping[str, str], connect_s: float, read_s: float
    ) -> None:
        try:
            result: ProviderResponse | ProviderError = self._exchange(account, parameters, connect_s, read_s)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            result = self._to_provider_error(error)
        with self._lock:
            if not self._abandoned:
                self.result = result

    def _to_provider_error(self, error: Exception) -> ProviderError:
        """Every error after connecting is a NoAnswer, even a TLS failure: the request may have left before it."""
        if self._connected:
            return NoAnswer("The connection broke before a whole answer came.")
        # A server that closes during the handshake is restarting or overloaded; that is no configuration error.
        if isinstance(error, _CONFIGURATION_ERRORS) and "EOF" not in str(error):
            return Misconfigured("The secure connection failed, or the provider's address is not valid.")
        return NotSent("No connection to the provider.")

    def _exchange(
        self, account: ProviderAccount, parameters: Mapping[str, str], connect_s: float, read_s: float
    ) -> ProviderResponse:
        with requests.Session() as session:
            session.trust_env = False
            adapter = _Adapter(self)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            with session.get(
                _build_url(account, parameters),
                timeout=(connect_s, read_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                body = response.raw.read(MAX_BODY + 1, decode_content=True)
                return ProviderResponse(
                    response.status_code, _decode_body(body), _parse_retry_after(response.headers)
                )

    def connection_opened(self, sock: socket.socket) -> None:
        """Remember the socket: from now on the provider may have acted. Raises OSError after the deadline."""
        with self._lock:
            if self._abandoned:
                raise OSError("this request was abandoned")
            self._socket, self._connected = sock, True

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = self.result is None
            if self._socket is not None:
                with suppress(OSError):  # already closed
                    self._socket.shutdown(socket.SHUT_RDWR)


def _build_url(account: ProviderAccount, parameters: Mapping[str, str]) -> str:
    """Return the whole URL, with spaces as `%20`. The key is written into a string only here."""
    query = {"apikey": account.api_key, "custid": account.cust_id, **parameters}
    return f"{account.base_url}{PATH}?{urlencode(query, quote_via=quote)}"


def _decode_body(body: bytes) -> str:
    """Decode as UTF-8 whatever charset is declared: the documented answers are plain ASCII.

    A body over MAX_BODY ends in an ellipsis, so that its beginning is not taken for a complete answer.
    """
    text = body[:MAX_BODY].decode("utf-8", errors="replace")
    return text + "…" if len(body) > MAX_BODY else text


def _parse_retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) < 7 else None


class _Adapter(HTTPAdapter):
    """Reports an opened connection to the exchange. Does not retry: the worker decides about retries."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        exchange = self._exchange

        class HttpConnection(urllib3.connection.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                exchange.connection_opened(self.sock)

        class HttpsConnection(urllib3.connection.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                exchange.connection_opened(self.sock)

        class HttpPool(urllib3.HTTPConnectionPool):
            ConnectionCls = HttpConnection

        class HttpsPool(urllib3.HTTPSConnectionPool):
            ConnectionCls = HttpsConnection

        self.poolmanager.pool_classes_by_scheme = {"http": HttpPool, "https": HttpsPool}
