"""Server of the simulator: runs in a thread and stops at once, even with stalled connections."""

import contextlib
import socket
import socketserver
import sys
import threading
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from settings_sync.simulator.faults import FaultPlan
from settings_sync.simulator.handler import ProviderHandler
from settings_sync.simulator.state import SimulatedProvider


class Server(ThreadingHTTPServer):
    """Holds what the handler of a connection needs."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_port = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], *, simulator: "Simulator") -> None:
        self.provider = simulator.provider
        self.api_key, self.cust_id = simulator.api_key, simulator.cust_id
        self.latency_s, self.wrong_key_status = simulator.latency_s, simulator.wrong_key_status
        self.set_faults = simulator.set_faults
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__(address, ProviderHandler)

    def server_bind(self) -> None:
        # The stock method does a reverse DNS lookup, which can take seconds.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        self._open.discard(request)
        super().close_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnected. For other errors the stock message does not contain the request line."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        self.stopping.set()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Simulator:
    """A provider simulator in this process.

        with Simulator(api_key="k", cust_id="c", faults="script:http500,drop_after") as provider:
            ...  # send requests to provider.url
            assert provider.state()["agents"] == {"9812345678": "OFF"}

    `api_key` and `cust_id` are compared if given. `faults` is a fault plan (see `simulator.faults`). Port 0 takes a
    free port. `start` after `stop` uses the same port and state; between the two, connections are refused. Raises
    OSError if the port is in use.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        cust_id: str | None = None,
        faults: str = "",
        seed: int = 0,
        daily_overwrites: bool = True,
        latency_s: float = 0.005,
        host: str = "127.0.0.1",
        port: int = 0,
        wrong_key_status: int = 403,
    ) -> None:
        self.api_key, self.cust_id = api_key or None, cust_id or None
        self.latency_s, self.wrong_key_status = latency_s, wrong_key_status
        self.host, self.port = host, port
        self._seed = seed
        self.provider = SimulatedProvider(
            plan=FaultPlan(faults, seed=seed), daily_overwrites=daily_overwrites
        )
        self._server: Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Base URL without a trailing slash, as for IVR_API_URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        self._server = Server((self.host, self.port), simulator=self)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="provider", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close all connections. Pending late changes are still made: the provider is unreachable, not reset."""
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self._server = self._thread = None
        with contextlib.suppress(OSError):
            # Wakes the accepting thread, which would otherwise sleep until its poll interval ends.
            server.socket.shutdown(socket.SHUT_RDWR)
        server.shutdown()
        server.server_close()
        server.hang_up()
        thread.join()

    def state(self, *, since: int = 0) -> dict[str, Any]:
        """Return what `GET /state` returns."""
        return self.provider.state(since=since)

    def set_faults(self, spec: str, *, seed: int | None = None) -> None:
        """Start a new plan; without a seed, with the last one. Raises InvalidFaultPlan."""
        plan = FaultPlan(spec, seed=self._seed if seed is None else seed)
        self._seed = plan.seed
        self.provider.set_plan(plan)

    def reset(self) -> None:
        """Clear all state, restart the fault plan, and discard pending late changes."""
        self.provider.reset()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
