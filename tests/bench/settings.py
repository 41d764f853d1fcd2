"""The time from a save to the provider, and the cost of a save while the broker or the provider is down."""

import contextlib
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivrportal.devserver.embedded_broker import is_answering, prepare_broker
from ivrportal.devserver.processes import start_tied, stop_process
from settings_sync.delivery import client, wire_format
from settings_sync.simulator import Simulator
from tests.bench.databases import ROOT, environment, on_postgres
from tests.bench.report import Figure, Options, Section, format_table

KEY, CUSTOMER = "benchmark-key", "benchmark-customer"
AGENTS, SAVES_PER_S, PROVIDER_S, FRESH = 200, 10.0, 0.005, 3
P50_MS, P99_MS, RATE_SHARE = 100, 500, 1.05
BROKER_DOWN_S, BROKER_DOWN_FIRST_S = 0.3, 0.6
START_S = 60.0


@dataclass(frozen=True)
class SaveTiming:
    """Seconds of a save: medians of a process's first and of its later saves, and the slowest later one."""

    first: float
    later: float
    slowest: float


@dataclass
class Saver:
    """The saving process. It answers each command when it is done."""

    process: subprocess.Popen[str]

    def do(self, name: str, **arguments: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": name, **arguments}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def wait_until_settled(self, within_s: float) -> None:
        until = time.monotonic() + within_s
        while not self.do("is_settled"):
            if time.monotonic() > until:
                raise RuntimeError("the settings do not settle")
            time.sleep(0.1)


class PortalProcesses:
    """Broker, Celery worker, `sync_run` loop and provider: what production runs beside the web server."""

    def __init__(self, stack: contextlib.ExitStack, directory: Path, database_url: str) -> None:
        self.stack, self.directory = stack, directory
        self.provider = stack.enter_context(Simulator(api_key=KEY, cust_id=CUSTOMER, latency_s=PROVIDER_S))
        broker = prepare_broker(directory / "broker")
        self.broker_url = broker.url
        self.log = stack.enter_context((directory / "log").open("ab"))
        self.broker = self._start(broker.command, {})
        while not is_answering(broker.url):
            time.sleep(0.05)
        self.env = {**environment(database_url, directory), "REDIS_URL": broker.url}
        self.env |= {"IVR_API_URL": self.provider.url, "IVR_API_KEY": KEY, "IVR_CUST_ID": CUSTOMER}
        self.env |= {"IVR_CONCURRENCY": "2", "IVR_RATE_PER_S": "200", "LOG_LEVEL": "WARNING"}

    def deliver(self, **env: str) -> list[subprocess.Popen[bytes]]:
        """Start the worker and the loop; they run until `stop`."""
        celery = ["-m", "celery", "--quiet", "--app", "ivrportal", "worker", "--concurrency", "2"]
        celery += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        return [
            self._start([sys.executable, "-W", "ignore", *celery], self.env | env),
            self._start([sys.executable, "manage.py", "sync_run", "--loop"], self.env | env),
        ]

    def stop(self, processes: list[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            stop_process(process, within_s=5)

    def saver(self) -> Saver:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.settings_saver"],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.stack.callback(process.kill)
        return Saver(process)

    def received(self, since: int) -> list[dict[str, Any]]:
        return self.provider.state(since=since)["log"]

    def _start(self, command: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
        process = start_tied(command, env=env or None, cwd=ROOT, output=self.log)
        self.stack.callback(stop_process, process, within_s=3)
        return process


def run(options: Options) -> Section:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrportal-bench-")))
        directory.chmod(0o711)
        databases = stack.enter_context(on_postgres(directory))
        portal = PortalProcesses(stack, directory, databases.fresh("settings"))
        saver = portal.saver()
        workers = portal.deliver()
        saver.do("begin", agents=AGENTS)
        saver.wait_until_settled(START_S)
        rows = list(measure_delivery(portal, saver, saves=50 if options.quick else 300))
        portal.stop(workers)
        rows += measure_bulk(portal, saver, rates=[10.0, 2.0] if options.full else [10.0])
        cost = list(measure_save_cost(portal, saves=5 if options.quick else 20))
        rows += build_cost_figures(cost)
    intro = (
        f"Time from the commit of a save to its arrival at a provider that answers in {PROVIDER_S * 1000:g} ms: Celery"
        f" with two processes, `sync_run --loop`, the embedded broker, PostgreSQL with fsync. {SAVES_PER_S:g} saves/s."
    )
    head = ["state", "first save of a process ms", "later saves ms", "slowest later save ms"]
    cells = [
        [name, *(f"{seconds * 1000:.1f}" for seconds in (took.first, took.later, took.slowest))]
        for name, took in cost
    ]
    return Section(
        "Settings: from a save to the provider",
        intro,
        rows,
        f"Duration of one save:\n\n{format_table(head, cells)}",
    )


def measure_delivery(portal: PortalProcesses, saver: Saver, *, saves: int) -> Iterator[Figure]:
    """From commit to arrival. The baseline is the same request made by the client alone."""
    bare = [_bare_request_s(portal.provider) * 1000 for _ in range(50)]
    since = portal.provider.state()["requests"]
    saver.do("saves", count=5, rate=SAVES_PER_S)  # warm-up
    saver.wait_until_settled(START_S)
    since = portal.provider.state()["requests"]
    done = saver.do("saves", count=saves, rate=SAVES_PER_S)
    saver.wait_until_settled(START_S)
    arrived = portal.received(since)
    waits = sorted(_wait_ms(save, arrived) for save in done)
    for name, share, target in (("p50", 0.5, P50_MS), ("p99", 0.99, P99_MS)):
        value = waits[min(len(waits) - 1, round(share * len(waits)))]
        base = statistics.median(bare)
        yield Figure(
            f"save to provider, {name} of {saves}", value, "ms", f"{base:.1f} ms, a bare request", value / base,
            f"< {target} ms", value < target,
        )  # fmt: skip


def measure_bulk(portal: PortalProcesses, saver: Saver, *, rates: list[float]) -> Iterator[Figure]:
    for rate in rates:
        workers = portal.deliver(IVR_RATE_PER_S=str(rate))
        time.sleep(5)  # until they run, so that their start is not measured
        since = portal.provider.state()["requests"]
        committed_at = saver.do("bulk")
        saver.wait_until_settled(2 * AGENTS / rate + START_S)
        took = max(entry["ended_at"] for entry in portal.received(since)) - committed_at
        portal.stop(workers)
        ideal = AGENTS / rate
        yield Figure(
            f"{AGENTS} agents switched at once, all in force", took, "s", f"{ideal:g} s at {rate:g}/s", took / ideal,
            f"≤ {RATE_SHARE} ×", took <= RATE_SHARE * ideal,
        )  # fmt: skip


def measure_save_cost(portal: PortalProcesses, *, saves: int) -> Iterator[tuple[str, SaveTiming]]:
    yield "normal", _time_saves(portal, saves)
    portal.provider.set_faults("stall")
    workers = portal.deliver()
    time.sleep(5)
    yield "the provider is stalled", _time_saves(portal, saves)
    portal.stop(workers)
    portal.provider.set_faults("")
    portal.broker.send_signal(signal.SIGSTOP)
    yield "the broker is stalled", _time_saves(portal, saves)
    portal.broker.send_signal(signal.SIGCONT)
    stop_process(portal.broker, within_s=0, first_signal=signal.SIGKILL)
    yield "the broker is down", _time_saves(portal, saves)


def _time_saves(portal: PortalProcesses, saves: int) -> SaveTiming:
    """Save from several fresh processes, one after the other, because each has only one first save."""
    first, later = [], []
    for _ in range(FRESH):
        saver = portal.saver()
        saver.do("is_settled")  # connected, as a web process is
        took = [save["took_s"] for save in saver.do("saves", count=saves, rate=SAVES_PER_S)]
        first.append(took[0])
        later += took[1:]
        saver.process.kill()
        saver.process.wait()
    return SaveTiming(statistics.median(first), statistics.median(later), max(later))


def build_cost_figures(cost: list[tuple[str, SaveTiming]]) -> Iterator[Figure]:
    (_, normal), *faulty = cost
    for name, took in faulty:
        # With a stalled provider the limit only allows for the workers' load on the same machine.
        first, later = (0.05, 0.05) if "provider" in name else (BROKER_DOWN_FIRST_S, BROKER_DOWN_S)
        for which, more, limit, base in (
            ("a process's first save", took.first - normal.first, first, normal.first),
            ("any later save", took.later - normal.later, later, normal.later),
        ):
            yield Figure(
                f"{name}: {which} takes longer by", more * 1000, "ms", f"{base * 1000:.0f} ms normally", None,
                f"≤ {limit * 1000:g} ms", more <= limit,
            )  # fmt: skip


def _bare_request_s(provider: Simulator) -> float:
    account = client.ProviderAccount(provider.url, KEY, CUSTOMER)
    started = time.time()
    since = provider.state(since=0)["requests"]
    client.send(account, wire_format.build_parameters("agent:9812340000", "OFF"))
    return provider.state(since=since)["log"][-1]["received_at"] - started


def _wait_ms(save: dict[str, Any], arrived: list[dict[str, Any]]) -> float:
    moments = [
        entry["received_at"]
        for entry in arrived
        if (entry["address"], entry["value"]) == (save["address"], save["value"])
        and entry["received_at"] >= save["committed_at"] - 0.001
    ]
    return (min(moments) - save["committed_at"]) * 1000 if moments else float("inf")
