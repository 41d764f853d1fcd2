"""The provider client: its deadline, its errors, and how it reads responses."""

import contextlib
import gc
import gzip
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from settings_sync.delivery import client, outcomes, wire_format
from settings_sync.delivery.client import Misconfigured, NoAnswer, NotSent, ProviderAccount, ProviderError
from settings_sync.delivery.outcomes import Outcome
from settings_sync.simulator import Simulator
from tests.settings_sync.delivery.raw_server import answer, hold, read_request, reset, saying, serving

KEY, CUSTOMER = "canary/key+31", "canary customer"
PARAMETERS = wire_format.build_parameters("hours:Monday", "09:30-18:30")
DEADLINE_S = 0.4
BUSY_S = 3.0  # tolerance for a busy machine; the faults last much longer


def account(url: str) -> ProviderAccount:
    return ProviderAccount(url, KEY, CUSTOMER)


def send(url: str, *, deadline_s: float = DEADLINE_S) -> outcomes.ProviderResponse:
    return client.send(account(url), PARAMETERS, connect_s=deadline_s / 2, deadline_s=deadline_s)


@pytest.fixture(scope="module")
def provider() -> Iterator[Simulator]:
    with Simulator(api_key=KEY, cust_id=CUSTOMER, latency_s=0) as simulator:
        yield simulator


@pytest.mark.parametrize("fault", ["drip", "drip_head", "stall", "slow:9"])
def test_the_whole_exchange_has_one_deadline(provider: Simulator, fault: str) -> None:
    provider.set_faults(f"script:{fault}")
    started = time.monotonic()
    with pytest.raises(NoAnswer):
        send(provider.url)
    assert DEADLINE_S * 0.9 <= time.monotonic() - started < DEADLINE_S + BUSY_S


def test_a_slow_answer_within_the_deadline_is_an_answer(provider: Simulator) -> None:
    provider.set_faults("script:slow:0.3")
    assert send(provider.url, deadline_s=3).body == "Success"


@pytest.mark.parametrize(
    ("name", "act", "error"),
    [
        ("closed before a word", lambda connection: read_request(connection), NoAnswer),
        (
            "reset after the request",
            lambda connection: (read_request(connection), reset(connection)),
            NoAnswer,
        ),
        ("reset at once", reset, (NoAnswer, NotSent)),  # depends on timing
        ("no HTTP at all", saying(b"Success\r\n\r\n"), NoAnswer),
        ("bytes", saying(bytes(range(256)) * 4), NoAnswer),
        ("a status that is none", saying(b"HTTP/1.1 abc OK\r\n\r\n"), NoAnswer),
        ("two lengths", saying(b"HTTP/1.1 200 OK\r\nContent-Length: 7, 9\r\n\r\nSuccess"), NoAnswer),
        (
            "bad chunks",
            saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nSuccess\r\n"),
            NoAnswer,
        ),
        ("no gzip", saying(answer(b"Success", head="Content-Encoding: gzip\r\n")), NoAnswer),
        ("an endless head", saying(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500), NoAnswer),
        (
            "a long line of the head",
            saying(b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 70_000 + b"\r\n\r\n"),
            NoAnswer,
        ),
    ],
)
def test_an_incomplete_answer_is_no_answer(name: str, act, error: type[ProviderError]) -> None:
    with serving(act) as url, pytest.raises(error):
        send(url)


@pytest.mark.parametrize("rest", [b"Content-Le", b"Content-Length: 20\r\n\r\nSuccess", b"\r\nSucces"])
def test_a_truncated_answer_is_never_a_success(rest: bytes) -> None:
    with serving(saying(b"HTTP/1.1 200 OK\r\n" + rest)) as url, contextlib.suppress(NoAnswer):
        assert outcomes.classify(send(url)) != Outcome.CONFIRMED


def test_no_connection_means_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with pytest.raises(NotSent):
        send(f"http://127.0.0.1:{port}")


def test_a_name_that_does_not_resolve_means_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(NotSent):
        send("http://provider.invalid")


def test_a_hanging_name_server_does_not_exceed_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def hangs(*_: object, **__: object) -> None:
        released.wait(9)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    started = time.monotonic()
    with pytest.raises(NoAnswer):
        send("http://provider.invalid")
    assert time.monotonic() - started < DEADLINE_S + BUSY_S
    released.set()


# urllib3 leaves the socket of a failed handshake to the garbage collector.
ends_in_a_handshake = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def collected() -> Iterator[None]:
    yield
    gc.collect()


def over_tls(connection: socket.socket) -> None:
    """Fail the handshake: a server without a certificate shares no cipher."""
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_socket(connection, server_side=True)


def in_plain_http(connection: socket.socket) -> None:
    connection.recv(10)
    connection.sendall(answer(b"Success"))


@ends_in_a_handshake
@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("act", [over_tls, in_plain_http])
def test_a_failed_tls_handshake_is_a_misconfiguration(act) -> None:
    with serving(act) as url, pytest.raises(Misconfigured):
        send(url.replace("http:", "https:"))


@ends_in_a_handshake
@pytest.mark.usefixtures("collected")
@pytest.mark.parametrize("act", [lambda connection: connection.recv(65536), reset], ids=["closed", "reset"])
def test_a_connection_closed_during_the_handshake_is_not_sent(act) -> None:
    """A restarting load balancer does this; it must not pause the account."""
    with serving(act) as url, pytest.raises(NotSent):
        send(url.replace("http:", "https:"))


@ends_in_a_handshake
@pytest.mark.usefixtures("collected")
def test_a_stalled_handshake_ends_at_the_deadline() -> None:
    started = time.monotonic()
    with serving(hold) as url, pytest.raises((NotSent, NoAnswer)):
        send(url.replace("http:", "https:"))
    assert time.monotonic() - started < DEADLINE_S + BUSY_S


def test_a_tls_error_after_the_request_is_no_answer(
    provider: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider may have acted before the connection broke, whatever the TLS error."""

    def broken(*_: object, **__: object) -> None:
        raise ssl.SSLError(1, "[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC] decryption failed")

    monkeypatch.setattr("http.client.HTTPResponse.begin", broken)
    with pytest.raises(NoAnswer):
        send(provider.url)


@pytest.mark.parametrize(
    "url", ["", "provider.example", "ftp://127.0.0.1", "http://", "http://[::1", "https:///x"]
)
def test_an_invalid_url_is_a_misconfiguration(url: str) -> None:
    with pytest.raises(Misconfigured):
        send(url)


def test_no_redirect_is_followed(provider: Simulator) -> None:
    before = provider.state()["redirects_followed"]
    provider.set_faults("script:redirect")
    assert outcomes.classify(send(provider.url)) == Outcome.CONFIG
    assert provider.state()["redirects_followed"] == before


def test_proxies_and_netrc_of_the_environment_are_ignored(
    provider: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    provider.set_faults("")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[bytes] = []

    def act(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(answer(b"Success"))

    with serving(act) as url:
        assert send(url).body == "Success"
    assert b"authorization" not in seen[0].lower()


def test_a_body_over_4_kib_is_cut_and_marked_as_cut(provider: Simulator) -> None:
    provider.set_faults("script:huge")
    started = time.monotonic()
    got = send(provider.url, deadline_s=9)
    assert len(got.body) == client.MAX_BODY + 1
    assert got.body.endswith("…")
    assert outcomes.classify(got) == Outcome.UNRECOGNISED
    assert time.monotonic() - started < 3


def test_a_compressed_flood_is_cut_as_well() -> None:
    packed = gzip.compress(b"Success" + b" " * 30_000_000)
    with serving(saying(answer(packed, head="Content-Encoding: gzip\r\n"))) as url:
        assert len(send(url, deadline_s=3).body) == client.MAX_BODY + 1


@pytest.mark.parametrize(
    ("body", "head", "outcome"),
    [
        (b"Success", "Content-Type: text/html; charset=klingon\r\n", Outcome.CONFIRMED),
        (gzip.compress(b"Success\r\n"), "Content-Encoding: gzip\r\n", Outcome.CONFIRMED),
        (b"Success" + b" " * 4089, "", Outcome.CONFIRMED),
        (b"Success" + b" " * 4090, "", Outcome.UNRECOGNISED),
        (b"\xef\xbb\xbfSuccess", "Content-Type: text/plain; charset=utf-8\r\n", Outcome.UNRECOGNISED),
        ("Success".encode("utf-16"), "Content-Type: text/plain; charset=utf-16\r\n", Outcome.UNRECOGNISED),
        (b"Succ\xe8s\xff", "", Outcome.UNRECOGNISED),
        (b"Success\x00", "", Outcome.UNRECOGNISED),
        (b"", "", Outcome.UNRECOGNISED),
    ],
)
def test_a_body_is_read_as_utf8_whatever_it_claims_to_be(body: bytes, head: str, outcome: Outcome) -> None:
    with serving(saying(answer(body, head=head))) as url:
        assert outcomes.classify(send(url)) == outcome


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("0", 0.0), ("999999", 999999.0), ("soon", None), ("-1", None), ("1e9", None), ("٣", None),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("9999999", None)],
)  # fmt: skip
def test_retry_after_is_a_number_of_seconds_or_nothing(text: str, seconds: float | None) -> None:
    reply = answer(b"", status="429 Busy").replace(
        b"Connection", f"Retry-After: {text}\r\nConnection".encode()
    )
    with serving(saying(reply)) as url:
        got = send(url)
    assert (got.status, got.retry_after_s) == (429, seconds)


def test_two_hundred_timeouts_leave_no_thread_and_no_socket() -> None:
    def opened() -> tuple[int, int]:
        return threading.active_count(), psutil.Process(os.getpid()).num_fds()

    with serving(hold) as url:
        with pytest.raises(NoAnswer):
            send(url, deadline_s=0.02)
        time.sleep(0.2)
        threads, files = opened()
        for _ in range(200):
            with pytest.raises((NoAnswer, NotSent)):
                send(url, deadline_s=0.02)
        until = time.monotonic() + 5
        while opened() > (threads, files) and time.monotonic() < until:
            time.sleep(0.05)
        assert opened()[0] <= threads + 1
        assert opened()[1] <= files + 2
