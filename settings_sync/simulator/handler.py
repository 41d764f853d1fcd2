"""One connection of the simulator: the provider's handler, its state as JSON and as a page, its switches."""

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from settings_sync.simulator import replies, sample_audio, socket_faults
from settings_sync.simulator.faults import DOWN, Acts, BadFaults, Fault
from settings_sync.simulator.replies import Reply, plain
from settings_sync.simulator.request_parser import SUCCESS, read_request
from settings_sync.simulator.state import Entry, Provider
from settings_sync.simulator.status_page import CONTENT_SECURITY_POLICY, render

if TYPE_CHECKING:
    from settings_sync.simulator.server import Server

HANDLER = "/settings/handler.ashx"
_LONGEST_FORM = 64 * 1024
_REQUESTS_ON_PAGE = 50


class ProviderHandler(BaseHTTPRequestHandler):
    """Writes no log: a request line holds the key."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    @property
    def provider(self) -> Provider:
        return self.server.provider

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == HANDLER:
            self._as_provider(query)
        elif path == "/state":
            self._send_json(self.provider.state(since=_number(query, "since", default=0)))
        elif path == "/":
            self._send_page()
        elif path.startswith(sample_audio.PATH):
            self._send(sample_audio.reply_to(path, query, self.headers.get("Range", "")))
        elif path == replies.ELSEWHERE:
            self.provider.follow_redirect()
            self._send(plain(SUCCESS))
        else:
            self._send(plain("Not Found", status=404))

    def do_POST(self) -> None:
        fields = self._read_form()
        if fields is None:
            return
        if not self._same_origin():
            self._send(plain("Only from this page", status=403))
            return
        try:
            known = self._switch(self.path.partition("?")[0], fields=fields)
        except BadFaults as error:
            self._send(plain(str(error), status=400))
            return
        if not known:
            self._send(plain("Not Found", status=404))
        elif self._is_json():
            self._send_json(self.provider.state(limit=0))
        else:
            self._send(Reply(status=303, body=b"", headers=(("Location", "/"),)))

    def _as_provider(self, query: str) -> None:
        server = self.server
        request = read_request(query, api_key=server.api_key, cust_id=server.cust_id)
        entry, fault = self.provider.begin(request, hung_up=lambda: socket_faults.hung_up(self.connection))
        try:
            socket_faults.wait(self.connection, seconds=server.latency_s, stop=server.stopping)
            if fault.acts is Acts.NOW:
                self.provider.act(entry)
            healthy = replies.documented(request.reply, wrong_key_status=server.wrong_key_status)
            self._answer(replies.instead_of(healthy, fault=fault), fault=fault, entry=entry)
        except OSError:
            # The client has gone, as it may.
            self.close_connection = True
        finally:
            self.provider.end(entry)

    def _answer(self, reply: Reply, *, fault: Fault, entry: Entry) -> None:
        connection, stop = self.connection, self.server.stopping

        def ended() -> None:
            self.provider.end(entry, status=reply.status, reply=reply.in_words)

        self.close_connection = self.close_connection or fault.kind in _CLOSING
        match fault.kind:
            case "late":
                _later(self.provider.act, entry, seconds=fault.seconds)
            case "drop_before" | "flap":
                socket_faults.reset(connection)
            case "drop_after":
                pass
            case "stall":
                socket_faults.wait(connection, seconds=fault.seconds, stop=stop)
            case "slow":
                self._answer_slowly(reply, fault=fault, entry=entry)
            case "drip" | "drip_head":
                self._drip(reply, fault=fault, ended=ended)
            case "huge":
                connection.sendall(replies.huge_head())
                socket_faults.flood(
                    connection, b"Success\n", total=replies.HUGE_BYTES, stop=stop, before_last=ended
                )
            case _:
                ended()
                self._send(reply)

    def _answer_slowly(self, reply: Reply, *, fault: Fault, entry: Entry) -> None:
        # On a thread of its own, since the provider acts even when its client has hung up.
        acted = _later(self.provider.act, entry, seconds=fault.seconds)
        if not socket_faults.wait(self.connection, seconds=fault.seconds, stop=self.server.stopping):
            self.close_connection = True
            return
        acted.join()
        self.provider.end(entry, status=reply.status, reply=reply.in_words)
        self._send(reply)

    def _drip(self, reply: Reply, *, fault: Fault, ended: Callable[[], None]) -> None:
        length = int(fault.seconds / socket_faults.DRIP_EVERY_S)
        data = replies.to_bytes(replies.padded(reply, length=length), keep_alive=False)
        if fault.kind == "drip":
            head, blank, data = data.partition(b"\r\n\r\n")
            self.connection.sendall(head + blank)
        socket_faults.drip(
            self.connection, data, seconds=fault.seconds, stop=self.server.stopping, before_last=ended
        )

    def _switch(self, path: str, *, fields: dict[str, str]) -> bool:
        """False for an unknown path. Raises BadFaults for a plan that is none."""
        if path == "/faults":
            seed = fields.get("seed", "").strip()
            if seed and not (seed.isascii() and seed.lstrip("-").isdigit() and len(seed) < 19):
                raise BadFaults("The seed is not a number.")
            self.server.set_faults(fields.get("spec", ""), seed=int(seed) if seed else None)
        elif path == "/daily":
            self.provider.daily_overwrites = fields.get("reading") != "separate"
        elif path == "/reset":
            self.provider.reset()
        else:
            return False
        return True

    def _read_form(self) -> dict[str, str] | None:
        """Form or JSON as a dict; None once it has answered that neither could be read."""
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit() and int(length) <= _LONGEST_FORM):
            self.close_connection = True
            self._send(plain("Too long", status=413))
            return None
        text = self.rfile.read(int(length)).decode("utf-8", "replace")
        if not self._is_json():
            return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
        try:
            fields = json.loads(text or "{}")
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            self._send(plain("Not a JSON object", status=400))
            return None
        return {name: str(value) for name, value in fields.items() if value is not None}

    def _is_json(self) -> bool:
        return self.headers.get_content_type() == "application/json"

    def _same_origin(self) -> bool:
        """A page elsewhere must not switch faults through somebody's browser."""
        origin = self.headers.get("Origin")
        return origin is None or urlsplit(origin).netloc == self.headers.get("Host")

    def _send_page(self) -> None:
        page = render(self.provider.state(limit=_REQUESTS_ON_PAGE))
        headers = (
            ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
            ("X-Content-Type-Options", "nosniff"),
        )
        self._send(Reply(200, page.encode(), content_type="text/html; charset=utf-8", headers=headers))

    def _send_json(self, data: object) -> None:
        self._send(Reply(200, json.dumps(data).encode(), content_type="application/json"))

    def _send(self, reply: Reply) -> None:
        try:
            self.connection.sendall(replies.to_bytes(reply, keep_alive=not self.close_connection))
        except OSError:
            self.close_connection = True

    def send_error(self, code: int, *_: str | None, **__: str | None) -> None:
        """The stock reply repeats the request line, and with it the key."""
        self.close_connection = True
        self._send(plain(HTTPStatus(code).phrase, status=code))

    def log_message(self, format: str, *args: object) -> None:
        pass


_CLOSING = {"late", "drop_before", DOWN, "drop_after", "stall", "drip", "drip_head", "huge"}


def _later(act: Callable[[Entry], None], entry: Entry, *, seconds: float) -> threading.Thread:
    timer = threading.Timer(seconds, act, args=(entry,))
    timer.daemon = True
    timer.start()
    return timer


def _number(query: str, name: str, *, default: int) -> int:
    """A number from the query string; the default for anything that is none."""
    text = parse_qs(query).get(name, [""])[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else default
