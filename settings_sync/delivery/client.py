"""One request to the provider, and its answer. Plain Python; the errors name no address and no key.

    GET {base}/settings/handler.ashx?apikey=…&custid=…&action=…

`requests` counts its time-out for each read, so a server that drips a byte a second holds it for ever. The
exchange therefore runs in a thread of its own, and we stop waiting when our own clock says so.
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

MAX_BODY = 4096  # bytes; the longest answer that the document knows has twelve


@dataclass(frozen=True, slots=True)
class Account:
    """Where the provider is and who we are there. Shows neither in its repr."""

    base_url: str = field(repr=False)
    api_key: str = field(repr=False)
    cust_id: str = field(repr=False)


class ProviderError(Exception):
    """No usable answer. The text is for people and holds nothing secret."""


class NotSent(ProviderError):
    """No connection was made: the provider cannot have acted."""


class NoAnswer(ProviderError):
    """The request left, or may have left, and no whole answer came back: the provider may act or have acted."""


class Misconfigured(ProviderError):
    """TLS failed, or the address is none."""


def send(
    account: Account, parameters: Mapping[str, str], *, connect_s: float = 3.0, deadline_s: float = 8.0
) -> ProviderResponse:
    """Tell the provider one thing. Returns within `deadline_s`, or raises NotSent, NoAnswer, Misconfigured."""
    exchange = _Exchange()
    thread = threading.Thread(
        target=exchange.run, args=(account, parameters, connect_s, deadline_s), name="provider", daemon=True
    )
    thread.start()
    thread.join(deadline_s)
    if thread.is_alive():
        exchange.abandon()
    # Raised here, outside every `except`, so that no cause and no context carry the address along.
    if isinstance(exchange.result, ProviderResponse):
        return exchange.result
    raise exchange.result or NoAnswer(f"No whole answer within {deadline_s:g} seconds.")


_FOR_A_PERSON = (
    requests.exceptions.SSLError,
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
)


class _Exchange:
    """The thread's side: its result, and the socket that is cut when we stop waiting."""

    def __init__(self) -> None:
        self.result: ProviderResponse | ProviderError | None = None
        self._socket: socket.socket | None = None
        self._connected = self._abandoned = False
        self._lock = threading.Lock()

    def run(self, account: Account, parameters: Mapping[str, str], connect_s: float, read_s: float) -> None:
        try:
            result: ProviderResponse | ProviderError = self._exchange(account, parameters, connect_s, read_s)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            result = self._judge(error)
        with self._lock:
            if not self._abandoned:
                self.result = result

    def _judge(self, error: Exception) -> ProviderError:
        """Once connected, only a doubt is left, even if TLS broke: the request may have left before."""
        if self._connected:
            return NoAnswer("The connection broke before a whole answer came.")
        # A server that hangs up during the handshake is restarting or overloaded; that is nobody's mistake.
        if isinstance(error, _FOR_A_PERSON) and "EOF" not in str(error):
            return Misconfigured("The secure connection failed, or the provider's address is not valid.")
        return NotSent("No connection to the provider.")

    def _exchange(
        self, account: Account, parameters: Mapping[str, str], connect_s: float, read_s: float
    ) -> ProviderResponse:
        with requests.Session() as session:
            session.trust_env = False
            adapter = _Adapter(self)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            with session.get(
                _address(account, parameters), timeout=(connect_s, read_s), allow_redirects=False, stream=True
            ) as response:
                body = response.raw.read(MAX_BODY + 1, decode_content=True)
                return ProviderResponse(response.status_code, _text(body), _retry_after(response.headers))

    def opened(self, sock: socket.socket) -> None:
        """A connection stands; from now on the provider may have acted. Cut it if nobody waits any more."""
        with self._lock:
            if self._abandoned:
                raise OSError("nobody waits for this request")
            self._socket, self._connected = sock, True

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = self.result is None
            if self._socket is not None:
                with suppress(OSError):  # already closed: what we want
                    self._socket.shutdown(socket.SHUT_RDWR)


def _address(account: Account, parameters: Mapping[str, str]) -> str:
    """The whole URL. The one place where the key is written into a text; spaces go as `%20`."""
    query = {"apikey": account.api_key, "custid": account.cust_id, **parameters}
    return f"{account.base_url}{PATH}?{urlencode(query, quote_via=quote)}"


def _text(body: bytes) -> str:
    """As text whatever charset is claimed: the only answers we know are plain ASCII.

    A longer body ends in an ellipsis, so that its beginning is not taken for the whole.
    """
    text = body[:MAX_BODY].decode("utf-8", errors="replace")
    return text + "…" if len(body) > MAX_BODY else text


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) < 7 else None


class _Adapter(HTTPAdapter):
    """Tells the exchange when its connection stands. No retries: a retry is a decision of delivery."""

    def __init__(self, exchange: _Exchange) -> None:
        self._exchange = exchange
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        exchange = self._exchange

        class Plain(urllib3.connection.HTTPConnection):
            def connect(self) -> None:
                super().connect()
                exchange.opened(self.sock)

        class Secure(urllib3.connection.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                exchange.opened(self.sock)

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
