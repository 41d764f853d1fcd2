"""One scene of the way out: a database, a provider (two if the account changes), a cast; and the verdict on them."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from settings_sync.simulator import Simulator
from tests.bench.databases import OnPostgres, OnSqlite
from tests.faults.settings_part import Part
from tests.faults.settings_verdict import Verdict, judge
from tests.plugins.demo import ROOT
from tests.plugins.postgres import Postgres

# The provider that other ways were measured with. Our own times are cut down to its late deeds, and nest as in
# production: the last of them comes well within the settle window.
FAULTS = "ok=55,http500=10,drop_before=10,drop_after=10,late=15:1-3"
TIMES = {
    "IVR_CONNECT_S": "0.4",
    "IVR_DEADLINE_S": "0.8",
    "IVR_LEASE_S": "2.0",
    "IVR_SETTLE_S": "4.0",
    "IVR_SWEEP_S": "0.1",
    "IVR_BACKOFF_BASE_S": "0.05",
    "IVR_BACKOFF_CAP_S": "0.4",
    "IVR_BREAKER_FAILURES": "8",
    "IVR_BREAKER_OPEN_S": "0.2",
    "IVR_RATE_PER_S": "400",
    # The leases of the killed count until they run out: with few slots nobody would be left to send.
    "IVR_CONCURRENCY": "16",
}
# A window that ends before any late deed: as if there were no rule.
WITHOUT_SETTLING = {"IVR_SETTLE_S": "0.001"}
KEY, CUSTOMER = "canary-key-out", "canary-customer-out"
# What else there is while a cast plays, e.g. a broker that dies: given the cast's environment, entered before it.
Beside = Callable[[dict[str, str]], contextlib.AbstractContextManager[object]]


def play(
    part: Part,
    database_url: str,
    *,
    env: dict[str, str] | None = None,
    beside: Beside | None = None,
    two_accounts: bool = False,
) -> Verdict:
    """One cast on a fresh database, to its end."""
    with contextlib.ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrportal-settings-")))
        providers = [stack.enter_context(_provider(part.seed))]
        if two_accounts:
            providers.append(stack.enter_context(_provider(part.seed)))
            part = replace(part, new_account=providers[-1].url)
        environment = _environment(database_url, providers[0].url, var, part.seed) | (env or {})
        if beside:
            stack.enter_context(beside(environment))
        told = _run_cast(part, environment)
        return judge(told, [provider.state() for provider in providers])


def _provider(seed: int) -> Simulator:
    return Simulator(
        api_key=KEY,
        cust_id=CUSTOMER,
        faults=FAULTS,
        seed=seed,
        daily_overwrites=seed // 2 % 2 == 0,
        latency_s=0.002,
    )


def _environment(database_url: str, provider_url: str, var: Path, seed: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "PORTAL_MODE": "demo",
        "VAR_DIR": str(var),
        "SECRET_KEY": "only for fault runs",
        "DATABASE_URL": database_url,
        "REDIS_URL": "redis://127.0.0.1:1/0",  # nobody answers there: the database alone delivers
        "IVR_API_URL": provider_url,
        "IVR_API_KEY": KEY,
        "IVR_CUST_ID": CUSTOMER,
        "IVR_SEND_DAILY": "true" if seed % 2 else "false",
        "LOG_LEVEL": "ERROR",
        **TIMES,
    }


def _run_cast(part: Part, env: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.settings_cast"],
        cwd=ROOT,
        env=env,
        input=json.dumps(asdict(part)),
        capture_output=True,
        text=True,
        check=False,
        timeout=20 * part.seconds + part.settle_within_s + 60,  # other people use the machine too
    )
    if done.returncode:
        raise RuntimeError(f"the cast ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def databases_on(kind: str, directory: Path | None = None) -> Iterator[tuple[Any, Postgres | None]]:
    """Fresh databases of that kind, and the server behind them if there is one. Durable enough for kills of workers."""
    with contextlib.ExitStack() as stack:
        if directory is None:
            directory = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrportal-settings-db-"))
            )
            directory.chmod(0o711)
        if kind == "sqlite":
            yield OnSqlite(directory), None
            return
        server = Postgres(directory / "postgres", fsync=False)
        server.start()
        stack.callback(server.stop)
        yield OnPostgres(directory, server), server
