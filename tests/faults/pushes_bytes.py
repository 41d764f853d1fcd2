"""Arbitrary bytes from a sender: never a 5xx, and identical calls and pushes on both databases."""

import contextlib
import socket
from collections import Counter
from types import TracebackType
from typing import Any
from urllib.parse import quote_from_bytes

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from calllogs.provider_fields import FIELD_NAMES
from ivrportal.devserver.embedded_broker import HOST
from tests.bench.databases import ROOT
from tests.faults.checker import to_comparable
from tests.faults.push_portal import PortalServer
from tests.faults.pushes_clients import OPTIONAL

AT_ONCE = 1000  # examples for each hypothesis run, which keeps all tried examples in memory
# Bytes that would split the request line, so that the rest would be a second request.
_LINE_BREAKERS = bytes.maketrans(b" \r\n", b"+++")
_PATH = b"/api/PostCallLogs"

_KEYS = st.sampled_from(
    [name.encode() for names in FIELD_NAMES.values() for name in names] + [b"key", b"x", b""]
)
_EDGE_VALUES = [
    b"2026-11-08", b"08/11/2026", b"2026-02-31", b"10:15", b"10:15:59", b"24:00", b"9812345678", b"+919812345678",
    b" 919812345678", b"XXXX", b"<callnumber>", b"{date}", b"-", b"null", b"75", b"1:15", b"99999999999", b"1_0",
    b"ANSWER", b"voicemail", b"A", b"B", b"Jammu & Kashmir", b"%00", b"%ff%fe", b"%ED%A0%80", b"%F0%9F%93%9E", b"'",
    b"http://a/?b=1&c=2", b"https%3A%2F%2Fa%2Fb%3Fc%3Dd", b"\\", b'"', b"%22%5C", b"\xd9\xa1\xd9\xa2", b"%E2%80%AE",
    b"x" * 300, b"%", b"%2", b"\x00", b"\t", b"1" * 50, b"C" * 129, b"2026-11-08T10:15:00+05:30",
]  # fmt: skip
_VALUES = st.sampled_from(_EDGE_VALUES) | st.binary(max_size=30) | st.text(max_size=20).map(str.encode)
_FIELDS = st.tuples(_KEYS, _VALUES).map(b"=".join)
_VALID_START = st.integers(0, 60).map(b"calllogid=C%d&date=2026-11-08&time=10:15:00".__mod__)
_PAYLOADS = [path.read_bytes() for path in sorted((ROOT / "tests" / "pushes").glob("*.query"))]


@st.composite
def _mutated_payloads(draw: st.DrawFn) -> bytes:
    """A recorded push with a few bytes changed."""
    payload = bytearray(draw(st.sampled_from(_PAYLOADS)))
    for _ in range(draw(st.integers(1, 4))):
        payload[draw(st.integers(0, len(payload) - 1))] = draw(st.integers(0, 255))
    return bytes(payload)


_QUERIES = st.one_of(
    st.binary(max_size=300),
    st.lists(_FIELDS, max_size=15).map(b"&".join),
    st.tuples(_VALID_START, st.lists(_FIELDS, max_size=10).map(b"&".join)).map(b"&".join),
    st.tuples(_VALID_START, st.lists(_FIELDS, max_size=3).map(b"&".join)).map(b"&".join),
    _mutated_payloads(),
)
_ENCODINGS = st.sampled_from(["as it is", "encoded", "form"])


def push_anything(one: PortalServer, other: PortalServer, *, examples: int, start: int) -> str:
    """Send every example to both portals, then compare their databases. Returns a line of figures."""
    statuses: Counter[int] = Counter()
    with RawConnection(one) as first, RawConnection(other) as second:

        def push(query: bytes, way: str) -> None:
            mine, theirs = (connection.push(query, way) for connection in (first, second))
            statuses[mine[0]] += 1
            assert mine == theirs, f"two databases, two answers: {mine} and {theirs}"
            assert mine[0] in {200, 400, 414}, f"answered {mine}"
            # The server itself rejects what no request line can hold; its body differs from ours.
            assert mine[1] in {b"Successful", b"Invalid Data"} or way == "as it is", f"answered {mine}"

        for first_seed in range(start, start + -(-examples // AT_ONCE)):
            quiet = settings(
                max_examples=min(AT_ONCE, examples),
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            seed(first_seed)(quiet(given(_QUERIES, _ENCODINGS)(push)))()
    calls = _compare_databases(one, other)
    counts = ", ".join(f"{number:,} × {status}" for status, number in sorted(statuses.items()))
    return f"{sum(statuses.values()):,} pushes to both databases: {counts}; {calls:,} calls alike"


def _compare_databases(one: PortalServer, other: PortalServer) -> int:
    columns = ", ".join(["call_id", "started_at", *OPTIONAL, "call_type", "has_conflict"])
    mine, theirs = (
        sorted(
            tuple(to_comparable(value) for value in row)
            for row in portal.rows(f"SELECT {columns} FROM calllogs_calllog")
        )
        for portal in (one, other)
    )
    assert mine == theirs, f"calls differ: {_first_difference(mine, theirs)}"
    query = "SELECT raw_query, outcome, reason, field, flags FROM calllogs_push ORDER BY id"
    pushes, others = one.rows(query), other.rows(query)
    assert pushes == others, f"pushes differ: {_first_difference(pushes, others)}"
    return len(mine)


def _first_difference(mine: list[Any], theirs: list[Any]) -> Any:
    differing = (pair for pair in zip(mine, theirs, strict=False) if pair[0] != pair[1])
    return next(differing, f"{len(mine)} and {len(theirs)} rows")


class RawConnection:
    """A raw socket to a portal's web server. It sends bytes that no HTTP library would."""

    def __init__(self, portal: PortalServer) -> None:
        self.port, self.key = portal.port, portal.databases.key.encode()
        self._socket: socket.socket | None = None

    def __enter__(self) -> "RawConnection":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def push(self, query: bytes, way: str) -> tuple[int, bytes]:
        """Status and body."""
        target, body = _PATH + b"?key=" + self.key, b""
        if way == "as it is":
            target += b"&" + query.translate(_LINE_BREAKERS)
        elif way == "encoded":
            target += (
                b"&" + quote_from_bytes(query, safe=b"!#$%&'()*+,/:;=?@[]~").replace("#", "%23").encode()
            )
        else:
            body = query
        method = b"POST" if way == "form" else b"GET"
        head = b"%s %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (method, target, len(body))
        for last_try in (False, True):
            try:
                return self._exchange(head + body)
            except ConnectionError:  # the server closes connections after a malformed request
                self._close()
                if last_try:
                    raise
        raise AssertionError

    def _exchange(self, request: bytes) -> tuple[int, bytes]:
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self.port), timeout=30)
        self._socket.sendall(request)
        reply = b""
        while b"\r\n\r\n" not in reply:
            reply += self._more()
        head, _, body = reply.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        length = int(lengths[0].partition(b":")[2]) if lengths else 0
        while len(body) < length:
            body += self._more()
        if b"connection: close" in head.lower():
            self._close()
        return int(head.split()[1]), body

    def _more(self) -> bytes:
        assert self._socket is not None
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError("the server has closed the connection")
        return data

    def _close(self) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
            self._socket = None
