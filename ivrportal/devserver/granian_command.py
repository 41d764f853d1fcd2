"""How the web server is started: one line, for the demo, the fault runs and the benchmarks. `deploy/` says the same."""

import sys
from collections.abc import Sequence

from ivrportal.devserver.embedded_broker import HOST

PORTAL = "ivrportal.asgi:application"
# The longest request line that we promise is 16 KiB; headers share this buffer. The server answers 414 beyond 64 KiB.
REQUEST_HEAD_BYTES = 64 * 1024
# No lifespan: the portal starts with its import.
ASGI = ("asginl",)


def web_server(
    application: str, port: int, *, workers: int, interface: Sequence[str] = ASGI, more: Sequence[str] = ()
) -> list[str]:
    """Granian's command. `interface`: its name, and options that it alone has."""
    return [
        *(sys.executable, "-m", "granian", "--interface", *interface, "--http", "1", "--no-ws"),
        # No access log: it would hold the push key.
        *("--host", HOST, "--port", str(port), "--no-access-log", "--log-level", "warning"),
        *("--workers", str(workers), "--http1-buffer-size", str(REQUEST_HEAD_BYTES)),
        # A worker that is told to stop while it still starts would never hear of it.
        *("--workers-kill-timeout", "8", *more, application),
    ]
