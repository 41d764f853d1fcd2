"""The WSGI adapter behind the real web server: requests arrive complete, responses wait for a slow reader."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import closing, contextmanager

import psutil
import pytest

from ivrportal.devserver.embedded_broker import HOST, free_port
from ivrportal.devserver.granian_command import web_server
from ivrportal.web import wsgi_adapter
from tests.bench.databases import ROOT
from tests.settings_sync.simulator.provider_client import until

pytestmark = pytest.mark.whole


@contextmanager
def served(notes):
    port = free_port()
    command = web_server("tests.ivrportal.web.adapted_app:application", port, workers=1)
    env = os.environ | {"BRIDGE_NOTES": str(notes), "DJANGO_SETTINGS_MODULE": "ivrportal.settings"}
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        until(lambda: answers(port), seconds=30)
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def answers(port):
    try:
        send_request(port, "GET", "/")
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def notes(tmp_path_factory):
    return tmp_path_factory.mktemp("bridge") / "notes"


@pytest.fixture(scope="module")
def server(notes):
    with served(notes) as (port, process):
        yield port, process


@pytest.fixture
def port(server, notes):
    notes.write_text("")
    return server[0]


def send_request(port, method, path, *, body=None, headers=()):
    in_chunks = not isinstance(body, bytes | None)
    with closing(http.client.HTTPConnection(HOST, port, timeout=20)) as connection:
        connection.request(method, path, body=body, headers=dict(headers), encode_chunked=in_chunks)
        with connection.getresponse() as response:
            response.text = response.read()
            return response


def test_a_request_arrives_as_it_was_sent(port):
    path = "/caf%C3%A9/a%2Fb%20c?name=%E0%A4%A8&a=b+c"
    said = json.loads(send_request(port, "GET", path, headers={"X-One": "1", "Host": "portal.example"}).text)
    assert said["PATH_INFO"].encode("latin-1").decode() == "/café/a/b c"
    assert said["QUERY_STRING"] == "name=%E0%A4%A8&a=b+c"
    assert (said["REQUEST_METHOD"], said["HTTP_X_ONE"], said["HTTP_HOST"]) == ("GET", "1", "portal.example")
    assert (said["REMOTE_ADDR"], said["SERVER_NAME"], said["SERVER_PORT"]) == (HOST, HOST, str(port))
    assert (said["wsgi.url_scheme"], said["SERVER_PROTOCOL"]) == ("http", "HTTP/1.1")


def test_a_name_with_an_underscore_is_not_taken_for_one_with_a_dash(port):
    with socket.create_connection((HOST, port), timeout=10) as line:
        line.sendall(
            b"GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 9.9.9.9\r\nCookie: a=1\r\nCookie: b=2\r\nX-Two: 1\r\n"
            b"X-Two: 2\r\nConnection: close\r\n\r\n"
        )
        reply = b"".join(iter(lambda: line.recv(65536), b""))
    said = json.loads(reply.partition(b"\r\n\r\n")[2])
    assert "HTTP_X_FORWARDED_FOR" not in said
    assert (said["HTTP_COOKIE"], said["HTTP_X_TWO"]) == ("a=1; b=2", "1,2")


def test_a_body_arrives_whole_with_its_length_or_in_chunks(port):
    body = bytes(range(256)) * 1000  # more than is kept in memory
    for sent in (body, iter([body[:100_000], body[100_000:]])):
        headers = {"Content-Type": "application/octet-stream"}
        said = json.loads(send_request(port, "POST", "/", body=sent, headers=headers).text)
        assert said["body"].encode("latin-1") == body
        assert (said["CONTENT_LENGTH"], said["CONTENT_TYPE"]) == (str(len(body)), "application/octet-stream")


def test_a_body_that_is_too_large_is_refused_with_a_word(port):
    reply = None
    with socket.create_connection((HOST, port), timeout=20) as line:
        line.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\nConnection: close\r\n\r\n")
        try:
            for _ in range(20):
                line.sendall(b"x" * 1_000_000)
        except OSError:  # the reply comes before the whole body is sent
            reply = b""
        reply = b"".join(iter(lambda: line.recv(65536), b"")) if reply is None else line.recv(65536)
    assert reply.startswith(b"HTTP/1.1 413 ")
    assert reply.endswith(wsgi_adapter.TOO_LARGE)


def test_headers_leave_in_their_order_and_a_whole_body_has_no_chunks(port):
    response = send_request(port, "GET", "/")
    assert response.getheader("Set-Cookie") == "a=1, b=2"
    assert response.getheader("Transfer-Encoding") is None


def test_a_head_request_reads_no_piece_of_a_stream(port, notes):
    assert send_request(port, "HEAD", "/endless").status == 200
    until(lambda: "closed" in notes.read_text())
    assert "piece" not in notes.read_text()


def test_a_file_arrives_whole(port):
    response = send_request(port, "GET", "/file")
    assert (response.status, len(response.text), response.text[-3:]) == (206, 10 * 64 * 1024 + 3, b"end")


def test_a_stream_arrives_piece_by_piece(port):
    began = time.monotonic()
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    connection.request("GET", "/slowly")
    response = connection.getresponse()
    assert response.read(5) == b"slow "
    first = time.monotonic() - began
    assert response.read() == b"slow slow "
    connection.close()
    assert first < time.monotonic() - began - 0.15


@pytest.fixture
def new_notes(port, notes):
    """An empty notes file; streams of earlier tests have finished writing to it."""
    until(lambda: quiet(notes), seconds=20)
    notes.write_text("")
    return notes


def test_a_slow_reader_fills_no_memory_and_delays_no_other_request(server, port, new_notes):
    notes = new_notes
    worker = psutil.Process(server[1].pid).children()[0]
    before = worker.memory_info().rss
    with socket.create_connection((HOST, port), timeout=20) as line:
        line.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        assert line.recv(1000)
        until(lambda: quiet(notes), seconds=20)
        assert (
            len(notes.read_text().splitlines()) < 400
        )  # of 2,000; the rest waits until the reader continues
        assert worker.memory_info().rss - before < 40 * 1024 * 1024
        assert send_request(port, "GET", "/").status == 200
        assert "closed" not in notes.read_text()
    until(lambda: "closed" in notes.read_text(), seconds=20)  # the reader has disconnected


def quiet(notes):
    """No new piece for a while."""
    size = notes.stat().st_size
    time.sleep(0.5)
    return notes.stat().st_size == size


def test_who_leaves_ends_the_work_for_him(port, new_notes):
    notes = new_notes
    for _ in range(8):  # more than there are threads
        with socket.create_connection((HOST, port), timeout=20) as line:
            line.sendall(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            assert line.recv(1000)
    until(lambda: notes.read_text().count("closed") == 8, seconds=20)
    assert send_request(port, "GET", "/").status == 200


def test_a_broken_stream_is_not_taken_as_complete_and_is_closed(port, notes):
    with pytest.raises(http.client.IncompleteRead):
        send_request(port, "GET", "/breaks")
    until(lambda: "closed" in notes.read_text())
    assert send_request(port, "GET", "/").status == 200


def test_pages_are_worked_on_at_once(port):
    began = time.monotonic()
    threads = [threading.Thread(target=send_request, args=(port, "GET", "/wait")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 1.5  # sequentially it would take two seconds


def test_a_page_that_is_being_made_is_sent_before_the_server_ends(notes):
    with served(notes) as (port, process):
        connection = http.client.HTTPConnection(HOST, port, timeout=20)
        connection.request("GET", "/wait")
        time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert connection.getresponse().status == 200
        connection.close()
