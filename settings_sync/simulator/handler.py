"""HTTP handler of the simulator: the provider's endpoint, the state as JSON and as a page, and its controls."""

import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from settings_sync.simulator import replies, sample_audio, socket_faults
from settings_sync.simulator.faults import DOWN, Effect, Fault, InvalidFaultPlan
from settings_sync.simulator.replies import SimulatedReply, text_reply
from settings_sync.simulator.request_parser import SUCCESS, parse_request
from settings_sync.simulator.state import RequestLogEntry, SimulatedProvider
from settings_sync.simulator.status_page import CONTENT_SECURITY_POLICY, render_page

if TYPE_CHECKING:
    from settings_sync.simulator.server import Server

HANDLER = "/settings/handler.ashx"
_LONGEST_FORM = 64 * 1024
_REQUESTS_ON_PAGE = 50


class ProviderHandler(BaseHTTPRequestHandler):
    """Handles one connection. Writes no log, because a request line contains the key."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    @property
    def provider(self) -> SimulatedProvider:
        return self.server.provider

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        if path == HANDLER:
            self._handle_provider_request(query)
        elif path == "/state":
            self._send_json(self.provider.state(since=_number_from_query(query, "since", default=0)))
        elif path == "/":
            self._send_page()
        elif path.startswith(sample_audio.PATH):
            self._send(sample_audio.build_reply(path, query, self.headers.get("Range", "")))
        elif path == replies.REDIRECT_PATH:
            self.provider.follow_redirect()
            self._send(text_reply(SUCCESS))
        else:
            self._send(text_reply("Not Found", status=404))

    def do_POST(self) -> None:
        fields = self._read_form()
        if fields is None:
            return
        if not self._same_origin():
            self._send(text_reply("Only from this page", status=403))
            return
        try:
            is_known = self._apply_control(self.path.partition("?")[0], fields=fields)
        except InvalidFaultPlan as error:
            self._send(text_reply(str(error), status=400))
            return
        if not is_known:
            self._send(text_reply("Not Found", status=404))
        elif self._is_json():
            self._send_json(self.provider.state(limit=0))
        else:
            self._send(SimulatedReply(status=303, body=b"", headers=(("Location", "/"),)))

    def _handle_provider_request(self, query: str) -> None:
        server = self.server
        request = parse_request(query, api_key=server.api_key, cust_id=server.cust_id)
        entry, fault = self.provider.begin(
            request, hung_up=lambda: socket_faults.has_hung_up(self.connection)
        )
        try:
            socket_faults.wait(self.connection, seconds=server.latency_s, stop=server.stopping)
            if fault.effect is Effect.NOW:
                self.provider.act(entry)
            healthy = replies.documented_reply(request.reply, wrong_key_status=server.wrong_key_status)
            self._answer(replies.faulty_reply(healthy, fault=fault), fault=fault, entry=entry)
        except OSError:
            self.close_connection = True  # the client closed the connection
        finally:
            self.provider.end(entry)

    def _answer(self, reply: SimulatedReply, *, fault: Fault, entry: RequestLogEntry) -> None:
        connection, stop = self.connection, self.server.stopping

        def end_request() -> None:
            self.provider.end(entry, status=reply.status, reply=reply.summary)

        self.close_connection = self.close_connection or fault.kind in _CLOSING
        match fault.kind:
            case "late":
                _act_later(self.provider.act, entry, seconds=fault.seconds)
            case "drop_before" | "flap":
                socket_faults.reset(connection)
            case "drop_after":
                pass
            case "stall":
                socket_faults.wait(connection, seconds=fault.seconds, stop=stop)
            case "slow":
                self._answer_slowly(reply, fault=fault, entry=entry)
            case "drip" | "drip_head":
                self._drip(reply, fault=fault, end_request=end_request)
            case "huge":
                connection.sendall(replies.huge_head())
                socket_faults.flood(
                    connection, b"Success\n", total=replies.HUGE_BYTES, stop=stop, before_last=end_request
                )
            case _:
                end_request()
                self._send(reply)

    def _answer_slowly(self, reply: SimulatedReply, *, fault: Fault, entry: RequestLogEntry) -> None:
        # In a thread of its own, because the provider makes the change even if the client has hung up.
        action = _act_later(self.provider.act, entry, seconds=fault.seconds)
        if not socket_faults.wait(self.connection, seconds=fault.seconds, stop=self.server.stopping):
            self.close_connection = True
            return
        action.join()
        self.provider.end(entry, status=reply.status, reply=reply.summary)
        self._send(reply)

    def _drip(self, reply: SimulatedReply, *, fault: Fault, end_request: Callable[[], None]) -> None:
        length = int(fault.seconds / socket_faults.DRIP_EVERY_S)
        data = replies.to_bytes(replies.pad_body(reply, length=length), keep_alive=False)
        if fault.kind == "drip":
            head, blank, data = data.partition(b"\r\n\r\n")
            self.connection.sendall(head + blank)
        socket_faults.drip(
            self.connection, data, seconds=fault.seconds, stop=self.server.stopping, before_last=end_request
        )

    def _apply_control(self, path: str, *, fields: dict[str, str]) -> bool:
        """Apply a posted control; return False for an unknown path. Raises InvalidFaultPlan."""
        if path == "/faults":
            seed = fields.get("seed", "").strip()
            if seed and not (seed.isascii() and seed.lstrip("-").isdigit() and len(seed) < 19):
                raise InvalidFaultPlan("The seed is not a number.")
            self.server.set_faults(fields.get("spec", ""), seed=int(seed) if seed else None)
        elif path == "/daily":
            self.provider.daily_overwrites = fields.get("reading") != "separate"
        elif path == "/reset":
            self.provider.reset()
        else:
            return False
        return True

    def _read_form(self) -> dict[str, str] | None:
        """Return the posted form or JSON as a dict. Returns None after answering 400 or 413 to an invalid body."""
        length = self.headers.get("Content-Length", "0")
        if not (length.isascii() and length.isdigit() and int(length) <= _LONGEST_FORM):
            self.close_connection = True
            self._send(text_reply("Too long", status=413))
            return None
        text = self.rfile.read(int(length)).decode("utf-8", "replace")
        if not self._is_json():
            return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
        try:
            fields = json.loads(text or "{}")
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            self._send(text_reply("Not a JSON object", status=400))
            return None
        return {name: str(value) for name, value in fields.items() if value is not None}

    def _is_json(self) -> bool:
        return self.headers.get_content_type() == "application/json"

    def _same_origin(self) -> bool:
        """Whether the Origin, if sent, is this host. Other sites must not switch faults through a user's browser."""
        origin = self.headers.get("Origin")
        return origin is None or urlsplit(origin).netloc == self.headers.get("Host")

    def _send_page(self) -> None:
        page = render_page(self.provider.state(limit=_REQUESTS_ON_PAGE))
        headers = (
            ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
            ("X-Content-Type-Options", "nosniff"),
        )
        self._send(
            SimulatedReply(200, page.encode(), content_type="text/html; charset=utf-8", headers=headers)
        )

    def _send_json(self, data: object) -> None:
        self._send(SimulatedReply(200, json.dumps(data).encode(), content_type="application/json"))

    def _send(self, reply: SimulatedReply) -> None:
        try:
            self.connection.sendall(replies.to_bytes(reply, keep_alive=not self.close_connection))
        except OSError:
            self.close_connection = True

    def send_error(self, code: int, *_: str | None, **__: str | None) -> None:
        """Send the status phrase only: the stock reply repeats the request line, which contains the key."""
        self.close_connection = True
        self._send(text_reply(HTTPStatus(code).phrase, status=code))

    def log_message(self, format: str, *args: object) -> None:
        pass


_CLOSING = {"late", "drop_before", DOWN, "drop_after", "stall", "drip", "drip_head", "huge"}


def _act_later(
    act: Callable[[RequestLogEntry], None], entry: RequestLogEntry, *, seconds: float
) -> threading.Thread:
    timer = threading.Timer(seconds, act, args=(entry,))
    timer.daemon = True
    timer.start()
    return timer


def _number_from_query(query: str, name: str, *, default: int) -> int:
    """Return a number from the query string, or the default if it is missing or invalid."""
    text = parse_qs(query).get(name, [""])[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else default
