"""Fetching a recording: addresses that must not be reached, and servers that hang, lie, redirect or send no audio."""

import contextlib
import io
import logging
import re
import socket
import ssl
import threading
import time
from ipaddress import ip_network
from pathlib import Path

import pytest

from calllogs.recordings import url_policy
from calllogs.recordings.audio_types import detect_content_type
from calllogs.recordings.errors import Cause, NotAvailable, OutOfRange
from calllogs.recordings.fetch import FetchResult, Limits, fetch
from calllogs.recordings.http_ranges import ByteRange, parse_content_range, parse_range
from settings_sync.simulator.sample_audio import build_tone
from tests.settings_sync.delivery.raw_server import answer, hold, read_request, reset, saying, serving

LOOPBACK = [ip_network("127.0.0.0/8"), ip_network("::1/128")]
LIMITS = Limits(deadline_s=0.5, connect_s=0.3, allowed=LOOPBACK, max_bytes=1_000_000)
AUDIO_DATA = b"ID3" + bytes(range(256)) * 40
AUDIO_HEADER = "Content-Type: audio/mpeg\r\n"


def run_fetch(url, *, span=None, limits=LIMITS):
    into = io.BytesIO()
    result = fetch(url, into, limits=limits, span=span)
    return result, into.getvalue()


def cause(url, **rest):
    with pytest.raises(NotAvailable) as caught:
        run_fetch(url, **rest)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value.cause


# --- addresses ---------------------------------------------------------------------------------------------

PRIVATE_ADDRESSES = re.findall(
    r"\S+",
    """
127.0.0.1 127.1.2.3 0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1
100.127.255.255 100.100.100.200 169.254.169.254 169.254.0.1 192.0.0.1 192.0.0.170 192.0.0.192 192.0.2.1 192.88.99.1
198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1 233.252.0.1 239.255.255.250 240.0.0.1 255.255.255.255
168.63.129.16
:: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1 64:ff9b::808:808
64:ff9b:1::a00:1 2002:7f00:1:: 2002:a00:1:: 2002:808:808:: 2001:0:7f00:1:: 2001::1 2001:db8::1 2001:10::1 2001:20::1
3fff::1 100::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%lo fec0::1 feff::1 ff02::1 ff0e::1 5f00::1 4000::1
2600:1f00::5efe:7f00:1 2600:1f00::200:5efe:a00:1 2620:4f:8000::1
64:ff9b::a9fe:a9fe 64:ff9b:1:ffff::1 2002:a9fe:a9fe:: 2001:0:a9fe:a9fe::1 ::ffff:169.254.169.254 ::a9fe:a9fe fd00::1
fd12:3456:789a::1 ff01::1 ff05::2 192.0.0.8 192.0.0.255 198.18.255.1 0.255.255.255 255.0.0.1 192.175.48.1
""",
)
PUBLIC_ADDRESSES = re.findall(
    r"\S+",
    "8.8.8.8 1.1.1.1 172.15.0.1 172.32.0.1 100.63.0.1 192.0.1.1 198.17.0.1 223.255.255.254 2606:4700::1111 2a00::1",
)


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES)
def test_no_private_address_in_any_notation_is_fetched_from(address):
    host = f"[{address.partition('%')[0]}]" if ":" in address else address
    assert cause(f"http://{host}/a.mp3", limits=Limits(deadline_s=5)) == Cause.PRIVATE_ADDRESS


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_public_addresses_are_public(address):
    assert url_policy.is_public(url_policy.ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host",
    [
        "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0", "localhost", "LOCALHOST.", "127.0.0.1.", "0x7f.1",
        "017700000001", "0x7f.0x0.0x0.0x1", "127.0.1", "0000.0.0.0", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
        "127\u30020\u30020\u30021", "\uff11\uff12\uff17.0.0.1", "localhost\u3002", "\u2460\u2461\u2466.0.0.1",
        "127.0.0.1%00.example.com", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]",
    ],
)  # fmt: skip
def test_other_notations_of_loopback_are_refused(host):
    refused = {Cause.PRIVATE_ADDRESS, Cause.UNKNOWN_HOST, Cause.INVALID_URL}
    assert cause(f"http://{host}/", limits=Limits(deadline_s=5)) in refused


@pytest.mark.parametrize(
    "url",
    [
        "", "a.mp3", "//8.8.8.8/a", "ftp://8.8.8.8/a", "file:///etc/passwd", "javascript:alert(1)", "data:audio/wav,",
        "gopher://8.8.8.8/", "http://", "http:///a", "http://user@8.8.8.8/", "http://user:word@8.8.8.8/",
        "http://@8.8.8.8/", "http://8.8.8.8:25/", "http://8.8.8.8:22/", "http://8.8.8.8:0/", "http://8.8.8.8:99999/",
        "http://8.8.8.8:x/", "http://[::1/", "http://8.8.8.8\\@127.0.0.1/", "http://8.8.8.8/a b",
        "http://8.8.8.8/\r\nX: y",
        "http://8.8.8.8/" + "a" * 2000,
    ],
)  # fmt: skip
def test_urls_that_are_not_plain_http_are_refused(url):
    assert cause(url) == Cause.INVALID_URL


def fake_dns(monkeypatch, *found):
    """Every `.test` name resolves to these addresses, one list for each lookup."""
    answers, ask = iter(found), socket.getaddrinfo

    def look_up(host, port, *rest, **more):
        if not host.endswith(".test"):
            return ask(host, port, *rest, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in next(answers)]

    monkeypatch.setattr(url_policy.socket, "getaddrinfo", look_up)


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch):
    fake_dns(monkeypatch, ["8.8.8.8", "10.0.0.1"])
    assert cause("http://recordings.test/") == Cause.PRIVATE_ADDRESS


def test_a_name_is_resolved_once_and_the_connection_uses_that_address(monkeypatch):
    """A second lookup would return a loopback address."""
    connected = []
    monkeypatch.setattr(
        "calllogs.recordings.fetch.socket.create_connection",
        lambda address, *_: connected.append(address) or (_ for _ in ()).throw(OSError()),
    )
    fake_dns(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    assert cause("http://recordings.test/") == Cause.NO_CONNECTION
    assert connected == [("8.8.8.8", 80)]


def test_a_hanging_name_server_is_limited_by_the_deadline(monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(url_policy.socket, "getaddrinfo", lambda *_, **__: released.wait(5) and [])
    started = time.monotonic()
    assert cause("http://recordings.test/") == Cause.TOO_SLOW
    assert time.monotonic() - started < 1
    released.set()


def test_an_unknown_name_has_its_own_cause(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "no")

    monkeypatch.setattr(url_policy.socket, "getaddrinfo", unknown)
    assert cause("http://recordings.test/") == Cause.UNKNOWN_HOST


# --- TLS ---------------------------------------------------------------------------------------------------

CERTIFICATE = Path(__file__).parent / "certificates" / "recordings.test.pem"


def over_tls(seen_requests):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    context.sni_callback = lambda _sock, name, _context: seen_requests.append(name)

    def act(connection):
        with contextlib.suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as secure:
            seen_requests.append(read_request(secure))
            secure.sendall(answer(AUDIO_DATA, head=AUDIO_HEADER))

    return act


@pytest.mark.parametrize(
    ("host", "verify", "result"),
    [
        ("recordings.test", str(CERTIFICATE), "sound"),
        ("other.test", str(CERTIFICATE), Cause.NO_SECURE_CONNECTION),  # certificate of another name
        ("recordings.test", True, Cause.NO_SECURE_CONNECTION),  # not signed by a trusted authority
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_the_certificate_is_checked_against_the_name_though_the_address_is_pinned(
    monkeypatch, host, verify, result
):
    seen_requests = []
    limits = Limits(deadline_s=3, allowed=LOOPBACK, verify=verify)
    with serving(over_tls(seen_requests)) as url:
        port = int(url.rpartition(":")[2])
        fake_dns(monkeypatch, ["127.0.0.1"])
        address = f"https://{host}:{port}/a.mp3"
        if result == "sound":
            assert run_fetch(address, limits=limits)[1] == AUDIO_DATA
            assert f"Host: {host}:{port}".encode() in seen_requests[1]
        else:
            assert cause(address, limits=limits) == result
    assert seen_requests[0] == host


# --- servers -----------------------------------------------------------------------------------------------


def drip(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: 9000\r\n\r\nID3")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def drip_head(connection):
    read_request(connection)
    for byte in b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n" * 100:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


def drip_without_length(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nConnection: close\r\n\r\nID3")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


@pytest.mark.parametrize("act", [hold, drip, drip_head, drip_without_length])
def test_the_whole_fetch_has_one_deadline(act):
    with serving(act) as url:
        started = time.monotonic()
        assert cause(url) == Cause.TOO_SLOW
        assert time.monotonic() - started < LIMITS.deadline_s + 0.4


def response_with(head, body=b""):
    return saying(b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\n" + head + b"\r\n\r\n" + body)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (response_with(b"Content-Length: 20000", AUDIO_DATA), Cause.INCOMPLETE),
        (response_with(b"Content-Length: 5000000", AUDIO_DATA), Cause.TOO_BIG),
        (response_with(b"Content-Length: 0"), Cause.EMPTY),
        (response_with(b"Connection: close", b"ID3" + bytes(1_100_000)), Cause.TOO_BIG),
        (response_with(b"Transfer-Encoding: chunked", b"5\r\nID3ab\r\nzz\r\n"), Cause.INCOMPLETE),
        (response_with(b"Content-Encoding: gzip\r\nContent-Length: 3", b"ID3"), Cause.FAILED),
        (
            saying(answer(b"<!doctype html><title>Sign in</title>", head="Content-Type: text/html\r\n")),
            Cause.NOT_AUDIO,
        ),
        (saying(answer(b"\n <html>" + bytes(90), head=AUDIO_HEADER)), Cause.NOT_AUDIO),
        (
            saying(answer(b"MZ" + bytes(90), head="Content-Type: application/octet-stream\r\n")),
            Cause.NOT_AUDIO,
        ),
        (saying(answer(b"gone", status="404 Not Found")), Cause.GONE),
        (saying(answer(b"gone", status="410 Gone")), Cause.GONE),
        (saying(answer(b"no", status="403 Forbidden")), Cause.FORBIDDEN),
        (saying(answer(b"oh", status="500 Error")), Cause.FAILED),
        (saying(answer(b"", status="302 Found")), Cause.FAILED),
        (saying(b"no HTTP at all\r\n\r\n"), Cause.INCOMPLETE),
        (lambda connection: (read_request(connection), reset(connection)), Cause.INCOMPLETE),
    ],
)
def test_every_server_failure_is_one_of_the_causes(act, expected):
    with serving(act) as url:
        assert cause(url) == expected


def test_a_closed_port_has_its_own_cause():
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    assert cause(f"http://127.0.0.1:{port}/") == Cause.NO_CONNECTION


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("http://169.254.169.254/latest/meta-data/", Cause.PRIVATE_ADDRESS),
        ("http://[::ffff:10.0.0.1]/", Cause.PRIVATE_ADDRESS),
        ("file:///etc/passwd", Cause.INVALID_URL),
        ("http://user:word@8.8.8.8/", Cause.INVALID_URL),
        ("/again", Cause.REDIRECTS),
    ],
)
def test_every_redirect_is_checked_like_the_first_url(target, expected):
    seen_requests = []

    def act(connection):
        seen_requests.append(read_request(connection))
        connection.sendall(answer(b"", status="302 Found", head=f"Location: {target}\r\n"))

    with serving(act) as url:
        assert cause(url, limits=Limits(deadline_s=3, allowed=LOOPBACK)) == expected
    assert len(seen_requests) == (4 if expected == Cause.REDIRECTS else 1)


def test_a_redirect_to_a_public_address_is_followed_without_a_referer():
    seen_requests = []

    def act(connection):
        request = read_request(connection)
        seen_requests.append(request.lower())
        first = request.startswith(b"GET /first")
        reply = answer(b"", status="302 Found", head="Location: /second?a=1\r\nSet-Cookie: a=b\r\n")
        connection.sendall(reply if first else answer(AUDIO_DATA, head=AUDIO_HEADER))

    with serving(act) as url:
        assert run_fetch(f"{url}/first?token=secret#x")[1] == AUDIO_DATA
    assert seen_requests[1].startswith(b"get /second?a=1 ")
    assert not any(word in seen_requests[1] for word in (b"referer", b"cookie", b"secret", b"authorization"))


def test_neither_a_proxy_nor_a_netrc_of_the_environment_matters(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    seen_requests = []
    with serving(
        lambda each: (
            seen_requests.append(read_request(each)),
            each.sendall(answer(AUDIO_DATA, head=AUDIO_HEADER)),
        )
    ) as url:
        assert run_fetch(url)[1] == AUDIO_DATA
    assert b"authorization" not in seen_requests[0].lower()


def test_no_url_and_no_token_is_in_a_log_line(caplog):
    """Not even for an invalid header, about which urllib3 would warn with the whole URL."""
    broken = answer(AUDIO_DATA, head=AUDIO_HEADER + "a header: without\r\n: its name\r\n")
    with caplog.at_level(logging.DEBUG), serving(saying(broken)) as url, contextlib.suppress(NotAvailable):
        run_fetch(f"{url}/a.mp3?signature=canary")
    assert "canary" not in caplog.text


# --- ranges ------------------------------------------------------------------------------------------------


def serve_ranges(connection):
    request = read_request(connection).decode()
    first, last = request.partition("Range: bytes=")[2].partition("\r\n")[0].split("-")
    part = AUDIO_DATA[int(first) : int(last) + 1]
    content_range = f"Content-Range: bytes {first}-{int(first) + len(part) - 1}/{len(AUDIO_DATA)}\r\n"
    connection.sendall(answer(part, status="206 Partial Content", head=AUDIO_HEADER + content_range))


def test_a_range_is_requested_as_a_range():
    with serving(serve_ranges) as url:
        assert run_fetch(url, span=(100, 199)) == (
            FetchResult(100, 100, len(AUDIO_DATA), "audio/mpeg"),
            AUDIO_DATA[100:200],
        )
        whole, data = run_fetch(url, span=(0, 10**6))
    assert whole.is_whole
    assert data == AUDIO_DATA


def test_a_server_without_ranges_sends_the_whole():
    with serving(saying(answer(AUDIO_DATA, head=AUDIO_HEADER))) as url:
        assert run_fetch(url, span=(100, 199)) == (
            FetchResult(0, len(AUDIO_DATA), len(AUDIO_DATA), "audio/mpeg"),
            AUDIO_DATA,
        )


@pytest.mark.parametrize(
    "content_range", ["bytes 5-9/*", "bytes 0-4/100", "bytes 5-200/100", "pages 5-9/100", ""]
)
def test_an_invalid_content_range_is_not_used(content_range):
    """The whole file is fetched instead, without a range."""

    def act(connection):
        if b"Range:" in read_request(connection):
            head = AUDIO_HEADER + (f"Content-Range: {content_range}\r\n" if content_range else "")
            connection.sendall(answer(b"abcde", status="206 Partial Content", head=head))
        else:
            connection.sendall(answer(AUDIO_DATA, head=AUDIO_HEADER))

    with serving(act) as url:
        assert run_fetch(url, span=(5, 9))[1] == AUDIO_DATA


@pytest.mark.parametrize("length", [3, 9])
def test_a_range_of_another_length_than_declared_is_broken(length):
    content_range = f"{AUDIO_HEADER}Content-Range: bytes 5-9/100\r\n"
    with serving(saying(answer(b"x" * length, status="206 Partial Content", head=content_range))) as url:
        assert cause(url, span=(5, 9)) == Cause.INCOMPLETE


def test_a_range_beyond_the_end_is_out_of_range():
    reply = answer(b"", status="416 Range Not Satisfiable", head="Content-Range: bytes */500\r\n")
    with serving(saying(reply)) as url, pytest.raises(OutOfRange) as caught:
        run_fetch(url, span=(900, 999))
    assert caught.value.total == 500


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-", (0, 99)), ("bytes=0-0", (0, 0)), ("bytes=10-19", (10, 19)), ("bytes=90-500", (90, 99)),
        ("bytes=-5", (95, 99)), ("bytes=-500", (0, 99)), ("BYTES=1-2", (1, 2)),
        ("bytes=100-", None), ("bytes=-0", None),
    ],
)  # fmt: skip
def test_a_range_is_parsed(header, span):
    assert parse_range(header).resolve(100) == span


@pytest.mark.parametrize(
    "header",
    ["", "bytes", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes=1-2,4-5", "pages=1-2", "bytes=٣-٤",
     "bytes=1-" + "9" * 40],
)  # fmt: skip
def test_anything_but_a_single_range_means_the_whole_file(header):
    assert parse_range(header) is None


def test_an_invalid_content_range_is_rejected():
    assert parse_content_range("bytes 0-9/10") == (0, 9, 10)
    assert [
        parse_content_range(text) for text in ("bytes 0-10/10", "bytes 9-0/10", "bytes 0-9/*", "0-9/10")
    ] == [None] * 4
    assert ByteRange(3, None).resolve(3) is None


# --- audio types -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "beginning", "content_type"),
    [
        ("audio/x-wav; charset=utf-8", build_tone(1)[:64], "audio/wav"),
        ("application/octet-stream", build_tone(1)[:64], "audio/wav"),
        ("", b"OggS" + bytes(60), "audio/ogg"),
        ("binary/octet-stream", b"\xff\xfb\x90\x64" + bytes(60), "audio/mpeg"),
        ("application/octet-stream", b"\xff\xf1\x50\x80" + bytes(60), "audio/aac"),
        ("video/mp4", bytes(4) + b"ftypM4A " + bytes(52), "audio/mp4"),
        ("audio/vnd.provider", b"whatever it is", "audio/vnd.provider"),
        ("AUDIO/MPEG", None, "audio/mpeg"),
        ("application/octet-stream", None, ""),
    ],
)
def test_audio_is_detected_by_its_content_or_by_its_declared_type(declared, beginning, content_type):
    assert detect_content_type(declared, beginning) == content_type


@pytest.mark.parametrize(
    ("declared", "beginning"),
    [
        ("text/html", b"ID3"), ("image/png", b"ID3"), ("audio/<script>", b"ID3"), ("audio/mpeg", b"<?xml version"),
        ("audio/mpeg", b"\xef\xbb\xbf <!doctype"), ("application/octet-stream", b"PK\x03\x04"), ("", b""),
    ],
)  # fmt: skip
def test_other_content_is_refused_whatever_the_declared_type(declared, beginning):
    with pytest.raises(NotAvailable):
        detect_content_type(declared, beginning)
