"""`python -m tests.faults [NAME …] [--seed N] [--times N]`: the long fault runs, each with one line of figures.

NAME is a group (a module of this package that defines `RUNS`) or a single run such as `pushes.terminate`.
"""

import argparse
import importlib
import importlib.util
import secrets
import sys
import time
import traceback
from collections.abc import Callable, Iterator

GROUPS = ("pushes", "settings", "soak")


def main() -> None:
    runs = dict(_load_runs())
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Long fault runs.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"a group or a run; of {', '.join(runs)}")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**6), help="the random seed of all runs"
    )
    parser.add_argument(
        "--times", type=int, default=0, help="how often each fault is injected; 0: the default"
    )
    arguments = parser.parse_args()
    names = [run for run in runs if not arguments.names or _is_selected(run, arguments.names)]
    unknown = [name for name in arguments.names if not any(_is_selected(run, [name]) for run in runs)]
    if unknown:
        parser.error(f"no such run: {', '.join(unknown)}")
    failed = [
        name for name in names if not _run_and_report(name, runs[name], arguments.seed, arguments.times)
    ]
    print(f"{len(names) - len(failed)} of {len(names)} runs passed", *failed, sep="\n  failed: ", flush=True)
    sys.exit(1 if failed else 0)


def _load_runs() -> Iterator[tuple[str, Callable[[], str]]]:
    """Yields `group.run` and a function of (seed, times) that executes it."""
    for group in GROUPS:
        if importlib.util.find_spec(f"tests.faults.{group}") is None:
            continue
        module = importlib.import_module(f"tests.faults.{group}")
        for name, run in module.RUNS.items():
            yield (
                f"{group}.{name}",
                lambda seed, times, run=run, module=module: run(module.Options(seed, times)),
            )


def _is_selected(run: str, names: list[str]) -> bool:
    return any(name in {run, run.partition(".")[0]} for name in names)


def _run_and_report(name: str, run: Callable[[int, int], str], seed: int, times: int) -> bool:
    start = time.monotonic()
    try:
        figures, passed = run(seed, times), True
    except Exception as error:
        # Any exception fails this run; the other runs continue.
        if not isinstance(error, AssertionError):
            traceback.print_exc()
        figures, passed = f"FAILED: {error}", False
    print(f"{name} (seed {seed}, {time.monotonic() - start:.0f} s): {figures}", flush=True)
    return passed


if __name__ == "__main__":
    main()
