"""One run of settings delivery: a database, a provider (two if the account changes), the processes, and the verdict."""

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
from tests.faults.settings_plan import RunPlan
from tests.faults.settings_verdict import Verdict, judge
from tests.plugins.demo import ROOT
from tests.plugins.postgres import Postgres

# The portal's times are shortened to match the provider's late actions, and nest as in production: the last late
# action happens well within the settle window.
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
    # Leases of killed workers count until they expire, so few slots would leave none free to send.
    "IVR_CONCURRENCY": "16",
}
# A window that ends before any late action, as if there were no settle rule.
WITHOUT_SETTLE_RULE = {"IVR_SETTLE_S": "0.001"}
KEY, CUSTOMER = "canary-key-out", "canary-customer-out"
# Runs beside the processes, e.g. a broker that dies. Receives their environment and is entered before they start.
Disturbance = Callable[[dict[str, str]], contextlib.AbstractContextManager[object]]


def run_plan(
    plan: RunPlan,
    database_url: str,
    *,
    env: dict[str, str] | None = None,
    disturbance: Disturbance | None = None,
    two_accounts: bool = False,
) -> Verdict:
    """Run the plan on a fresh database to its end and judge the outcome."""
    with contextlib.ExitStack() as stack:
        var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ivrportal-settings-")))
        providers = [stack.enter_context(_provider(plan.seed))]
        if two_accounts:
            providers.append(stack.enter_context(_provider(plan.seed)))
            plan = replace(plan, new_account=providers[-1].url)
        environment = _environment(database_url, providers[0].url, var, plan.seed) | (env or {})
        if disturbance:
            stack.enter_context(disturbance(environment))
        outcome = _run_processes(plan, environment)
        return judge(outcome, [provider.state() for provider in providers])


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
        "REDIS_URL": "redis://127.0.0.1:1/0",  # no broker there: delivery uses the database alone
        "IVR_API_URL": provider_url,
        "IVR_API_KEY": KEY,
        "IVR_CUST_ID": CUSTOMER,
        "IVR_SEND_DAILY": "true" if seed % 2 else "false",
        "LOG_LEVEL": "ERROR",
        **TIMES,
    }


def _run_processes(plan: RunPlan, env: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.settings_processes"],
        cwd=ROOT,
        env=env,
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=False,
        timeout=20 * plan.seconds + plan.settle_within_s + 60,  # the machine may be busy
    )
    if done.returncode:
        raise RuntimeError(f"the processes ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


@contextlib.contextmanager
def start_databases(kind: str, directory: Path | None = None) -> Iterator[tuple[Any, Postgres | None]]:
    """Fresh databases of that kind, and their server if there is one. Without fsync: only workers are killed."""
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
