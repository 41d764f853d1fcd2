"""The web server's command line, for the demo, the fault runs and the benchmarks. `deploy/` uses the same options."""

import sys
from collections.abc import Sequence

from ivrportal.devserver.embedded_broker import HOST

PORTAL = "ivrportal.asgi:application"
# We accept request lines of up to 16 KiB; headers share this buffer. Beyond 64 KiB the server replies 414.
REQUEST_HEAD_BYTES = 64 * 1024
# Without lifespan events: importing the application is all of its start-up.
ASGI = ("asginl",)


def web_server(
    application: str, port: int, *, workers: int, interface: Sequence[str] = ASGI, more: Sequence[str] = ()
) -> list[str]:
    """Granian's command. `interface` is the interface's name, followed by options that only it has."""
    return [
        *(sys.executable, "-m", "granian", "--interface", *interface, "--http", "1", "--no-ws"),
        # No access log: it would contain the push key.
        *("--host", HOST, "--port", str(port), "--no-access-log", "--log-level", "warning"),
        *("--workers", str(workers), "--http1-buffer-size", str(REQUEST_HEAD_BYTES)),
        # A worker misses a stop signal that arrives while it is starting, so it is killed after 8 s.
        *("--workers-kill-timeout", "8", *more, application),
    ]
