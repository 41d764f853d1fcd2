"""`python -m tests.bench [MODULE …] [--quick | --full]`: runs benchmarks, writes docs/benchmarks.md."""

import argparse
import importlib
import tempfile
from pathlib import Path

from tests.bench import machine, report

MODULES = ("pushes", "settings", "calls", "callbacks", "exports", "home", "office")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Benchmarks with their baselines."
    )
    parser.add_argument(
        "modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}; all if left out"
    )
    length = parser.add_mutually_exclusive_group()
    length.add_argument(
        "--quick",
        action="store_true",
        help="short runs that write nothing, to check that the benchmarks work",
    )
    length.add_argument(
        "--full", action="store_true", help="with the long runs, e.g. memory over many pushes"
    )
    arguments = parser.parse_args()
    unknown = set(arguments.modules) - set(MODULES)
    if unknown:
        parser.error(f"no such module: {', '.join(sorted(unknown))}")
    options = report.Options(quick=arguments.quick, full=arguments.full)
    machine_line = machine.describe_machine(Path(tempfile.gettempdir()))
    print(machine_line, flush=True)
    for name in arguments.modules or MODULES:
        section = importlib.import_module(f"tests.bench.{name}").run(options)
        print(
            f"\n{section.title}",
            *(f"  {row.line()}" for row in section.rows),
            section.text,
            sep="\n",
            flush=True,
        )
        if not options.quick:
            report.write_section(name, section, machine=machine_line)


if __name__ == "__main__":
    main()
