"""`manage.py provider_simulator`: runs the provider simulator as a server."""

import os
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from settings_sync.simulator import InvalidFaultPlan, Simulator

DEFAULT_PORT = 9100


class Command(BaseCommand):
    help = "Runs a provider that speaks the documented API; GET / shows it to people, GET /state to programs."
    # Needs neither the database nor the portal's configuration.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, help="SIMULATOR_PORT, else 9100; 0 takes a free one")
        parser.add_argument("--faults", default="", help="e.g. ok=90,http500=10 or script:ok,drop_after")
        parser.add_argument("--seed", type=int, default=0, help="of the draw of faults")
        parser.add_argument("--api-key", help="accept only this key; IVR_API_KEY if left out")
        parser.add_argument("--cust-id", help="accept only this customer; IVR_CUST_ID if left out")
        parser.add_argument("--daily-separate", action="store_true", help="a day's own hours beat Daily")
        parser.add_argument("--latency", type=float, default=0.005, help="seconds before each reply")

    def handle(self, *args: Any, **options: Any) -> None:
        port = _default_port() if options["port"] is None else options["port"]
        simulator = _simulator(options, port=port)
        try:
            simulator.start()
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CommandError(
                f"The provider simulator cannot listen on {options['host']} port {port}: {reason}. "
                "Choose another with --port or SIMULATOR_PORT."
            ) from None
        stopped = _when_told_to_stop()
        self.stdout.write(f"Provider simulator: {simulator.url}/")
        self.stdout.flush()
        stopped.wait()
        simulator.stop()


def _simulator(options: dict[str, Any], *, port: int) -> Simulator:
    try:
        return Simulator(
            api_key=options["api_key"] or os.environ.get("IVR_API_KEY"),
            cust_id=options["cust_id"] or os.environ.get("IVR_CUST_ID"),
            faults=options["faults"],
            seed=options["seed"],
            daily_overwrites=not options["daily_separate"],
            latency_s=max(options["latency"], 0),
            host=options["host"],
            port=port,
        )
    except InvalidFaultPlan as error:
        raise CommandError(f"--faults: {error}") from None


def _default_port() -> int:
    text = os.environ.get("SIMULATOR_PORT") or str(DEFAULT_PORT)
    if not (text.isascii() and text.isdigit()):
        raise CommandError("SIMULATOR_PORT is not a number.")
    return int(text)


def _when_told_to_stop() -> threading.Event:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    return stopped
