"""How fast a save reaches the provider, and what it costs when the broker or the provider is out of order."""

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

from ivrportal.devserver.embedded_broker import answers, prepare_broker
from ivrportal.devserver.processes import end, start_tied
from settings_sync.delivery import client, wire_format
from settings_sync.simulator import Simulator
from tests.bench.databases import ROOT, environment, on_postgres
from tests.bench.report import Figure, Options, Section, table

KEY, CUSTOMER = "benchmark-key", "benchmark-customer"
AGENTS, SAVES_PER_S, PROVIDER_S, FRESH = 200, 10.0, 0.005, 3
P50_MS, P99_MS, RATE_SHARE = 100, 500, 1.05
BROKER_DOWN_S, BROKER_DOWN_FIRST_S = 0.3, 0.6
START_S = 60.0


@dataclass(frozen=True)
class Cost:
    """Seconds that a save takes: medians of a process's first and of its later ones, and the slowest later one."""

    first: float
    later: float
    slowest: float


@dataclass
class Saver:
    """The process that saves. Its answers come when it has done what it was told."""

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


class Portal:
    """Broker, Celery worker, beat-less sweep and provider; what production runs beside the web."""

    def __init__(self, stack: contextlib.ExitStack, directory: Path, database_url: str) -> None:
        self.stack, self.directory = stack, directory
        self.provider = stack.enter_context(Simulator(api_key=KEY, cust_id=CUSTOMER, latency_s=PROVIDER_S))
        broker = prepare_broker(directory / "broker")
        self.broker_url = broker.url
        self.log = stack.enter_context((directory / "log").open("ab"))
        self.broker = self._start(broker.command, {})
        while not answers(broker.url):
            time.sleep(0.05)
        self.env = {**environment(database_url, directory), "REDIS_URL": broker.url}
        self.env |= {"IVR_API_URL": self.provider.url, "IVR_API_KEY": KEY, "IVR_CUST_ID": CUSTOMER}
        self.env |= {"IVR_CONCURRENCY": "2", "IVR_RATE_PER_S": "200", "LOG_LEVEL": "WARNING"}

    def deliver(self, **env: str) -> list[subprocess.Popen[bytes]]:
        """The worker and the loop, until `stop`."""
        celery = ["-m", "celery", "--quiet", "--app", "ivrportal", "worker", "--concurrency", "2"]
        celery += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
        return [
            self._start([sys.executable, "-W", "ignore", *celery], self.env | env),
            self._start([sys.executable, "manage.py", "sync_run", "--loop"], self.env | env),
        ]

    def stop(self, processes: list[subprocess.Popen[bytes]]) -> None:
        for process in processes:
            end(process, within_s=5)

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
        self.stack.callback(end, process, within_s=3)
        return process


def run(options: Options) -> Section:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrportal-bench-")))
        directory.chmod(0o711)
        databases = stack.enter_context(on_postgres(directory))
        portal = Portal(stack, directory, databases.fresh("settings"))
        saver = portal.saver()
        workers = portal.deliver()
        saver.do("begin", agents=AGENTS)
        saver.wait_until_settled(START_S)
        rows = list(reach(portal, saver, saves=50 if options.quick else 300))
        portal.stop(workers)
        rows += in_bulk(portal, saver, rates=[10.0, 2.0] if options.full else [10.0])
        cost = list(what_a_save_costs(portal, saves=5 if options.quick else 20))
        rows += cost_figures(cost)
    intro = (
        f"From the commit of a save to its arrival at a provider that answers in {PROVIDER_S * 1000:g} ms: Celery"
        f" with two processes, `sync_run --loop`, the embedded broker, PostgreSQL with fsync. {SAVES_PER_S:g} saves/s."
    )
    head = ["state", "a process's first ms", "later ones ms", "slowest later one ms"]
    cells = [
        [name, *(f"{seconds * 1000:.1f}" for seconds in (took.first, took.later, took.slowest))]
        for name, took in cost
    ]
    return Section(
        "Settings: from a save to the provider", intro, rows, f"What one save takes:\n\n{table(head, cells)}"
    )


def reach(portal: Portal, saver: Saver, *, saves: int) -> Iterator[Figure]:
    """From commit to arrival. The baseline is the same request made by nothing but the client."""
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


def in_bulk(portal: Portal, saver: Saver, *, rates: list[float]) -> Iterator[Figure]:
    for rate in rates:
        workers = portal.deliver(IVR_RATE_PER_S=str(rate))
        time.sleep(5)  # until they are at work: what is measured is not their start
        since = portal.provider.state()["requests"]
        committed_at = saver.do("bulk")
        saver.wait_until_settled(2 * AGENTS / rate + START_S)
        took = max(entry["ended_at"] for entry in portal.received(since)) - committed_at
        portal.stop(workers)
        ideal = AGENTS / rate
        yield Figure(
            f"{AGENTS} agents switched at once, in step", took, "s", f"{ideal:g} s at {rate:g}/s", took / ideal,
            f"≤ {RATE_SHARE} ×", took <= RATE_SHARE * ideal,
        )  # fmt: skip


def what_a_save_costs(portal: Portal, *, saves: int) -> Iterator[tuple[str, Cost]]:
    yield "all is well", _cost(portal, saves)
    portal.provider.set_faults("stall")
    workers = portal.deliver()
    time.sleep(5)
    yield "the provider is stalled", _cost(portal, saves)
    portal.stop(workers)
    portal.provider.set_faults("")
    portal.broker.send_signal(signal.SIGSTOP)
    yield "the broker is stalled", _cost(portal, saves)
    portal.broker.send_signal(signal.SIGCONT)
    end(portal.broker, within_s=0, polite=signal.SIGKILL)
    yield "the broker is gone", _cost(portal, saves)


def _cost(portal: Portal, saves: int) -> Cost:
    """Several fresh processes one after the other, so that each one's first save is one that knows nothing yet."""
    first, later = [], []
    for _ in range(FRESH):
        saver = portal.saver()
        saver.do("is_settled")  # connected, as a web process is
        took = [save["took_s"] for save in saver.do("saves", count=saves, rate=SAVES_PER_S)]
        first.append(took[0])
        later += took[1:]
        saver.process.kill()
        saver.process.wait()
    return Cost(statistics.median(first), statistics.median(later), max(later))


def cost_figures(cost: list[tuple[str, Cost]]) -> Iterator[Figure]:
    (_, well), *bad = cost
    for name, took in bad:
        # With the provider stalled, "nothing more" allows for what the workers take of the same machine.
        first, later = (0.05, 0.05) if "provider" in name else (BROKER_DOWN_FIRST_S, BROKER_DOWN_S)
        for which, more, limit, base in (
            ("a process's first save", took.first - well.first, first, well.first),
            ("any later save", took.later - well.later, later, well.later),
        ):
            yield Figure(
                f"{name}: {which} takes more by", more * 1000, "ms", f"{base * 1000:.0f} ms when all is well", None,
                f"≤ {limit * 1000:g} ms", more <= limit,
            )  # fmt: skip


def _bare_request_s(provider: Simulator) -> float:
    account = client.Account(provider.url, KEY, CUSTOMER)
    started = time.time()
    since = provider.state(since=0)["requests"]
    client.send(account, wire_format.parameters("agent:9812340000", "OFF"))
    return provider.state(since=since)["log"][-1]["received_at"] - started


def _wait_ms(save: dict[str, Any], arrived: list[dict[str, Any]]) -> float:
    moments = [
        entry["received_at"]
        for entry in arrived
        if (entry["address"], entry["value"]) == (save["address"], save["value"])
        and entry["received_at"] >= save["committed_at"] - 0.001
    ]
    return (min(moments) - save["committed_at"]) * 1000 if moments else float("inf")
