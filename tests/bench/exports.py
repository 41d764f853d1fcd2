"""A million calls as CSV and XLSX: exported by the portal's view in its own server, and by common alternatives."""

import http.client
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psycopg

from ivrportal.devserver.embedded_broker import HOST
from ivrportal.devserver.granian_command import PORTAL
from tests.bench.databases import ROOT, environment, manage, on_postgres
from tests.bench.memory import peak_mb
from tests.bench.report import Figure, Options, Section, format_table
from tests.bench.serving import Server, ServerShape

ROWS, QUICK_ROWS = 1_000_000, 50_000
ROUNDS = 3
FIRST_S, PEAK_MB = 0.5, 120
PAGE = "/admin/calllogs/calllog/export/"
TOKEN = "a" * 32  # the CSRF cookie and header only have to match
SIGN_IN_SCRIPT = """
from importlib import import_module
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
user = User.objects.create_superuser("bench")
session = import_module(settings.SESSION_ENGINE).SessionStore()
session[SESSION_KEY], session[HASH_SESSION_KEY] = str(user.pk), user.get_session_auth_hash()
session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
session.create()
print("session", session.session_key)
"""
EXPORTERS = {
    "csv": "CSV by the portal",
    "copy": "bare COPY … WITH CSV, read and discarded",
    "iterator": "queryset.iterator() and csv",
    "import_export": "django-import-export, CSV",
    "xlsx": "XLSX by the portal",
    "xlsxwriter": "XlsxWriter, constant_memory",
}


@dataclass(frozen=True, slots=True)
class ExportTiming:
    """The measurement of one export of `rows` rows."""

    seconds: float
    first_s: float
    peak_mb: float
    rows: int

    @property
    def rate(self) -> float:
        return self.rows / self.seconds


def run(options: Options) -> Section:
    rows, rounds = (QUICK_ROWS, 1) if options.quick else (ROWS, ROUNDS)
    with tempfile.TemporaryDirectory(prefix="ivrportal-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # PostgreSQL may run as another user below it
        with on_postgres(directory) as databases:
            url = databases.fresh("exports")
            manage(url, directory / "var", "load_sample_data", "--calls", str(rows), "--verbosity", "0")
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")  # as autovacuum does a minute later
            took = Bench(url, directory, rows).measure(rounds)
    best = {exporter: _take_medians(runs) for exporter, runs in took.items()}
    intro = (
        f"{rows:,} calls, twelve columns each, newest first, with the agent's name and the office's time. The"
        " portal's exports are sent by its view, through a fresh server of one process, to a client on the same"
        " machine; the other exporters run alone and discard their output. Medians of"
        f" {rounds} rounds for all but the slowest."
    )
    head = ["exporter", "seconds", "rows/s", "first byte s", "peak MiB of the process"]
    cells = [
        [
            EXPORTERS[exporter],
            f"{one.seconds:.1f}",
            f"{one.rate:,.0f}",
            f"{one.first_s:.2f}",
            f"{one.peak_mb:.0f}",
        ]
        for exporter, one in best.items()
    ]
    return Section("Exports", intro, build_figures(best), format_table(head, cells))


def build_figures(took: dict[str, ExportTiming]) -> list[Figure]:
    rows = []
    for ours, other, least in (
        ("csv", "import_export", 20),
        ("csv", "iterator", 5),
        ("csv", "copy", 0.5),
        ("xlsx", "xlsxwriter", 8),
    ):
        ratio = took[ours].rate / took[other].rate
        base = f"{took[other].rows / took[other].rate:.1f} s, {EXPORTERS[other]}"
        rows.append(
            Figure(EXPORTERS[ours], took[ours].seconds, "s", base, ratio, f"≥ {least} ×", ratio >= least)
        )
    for ours in ("csv", "xlsx"):
        first, peak = took[ours].first_s, took[ours].peak_mb
        rows += [
            Figure(
                f"{EXPORTERS[ours]}: first byte", first, "s", "", None, f"≤ {FIRST_S} s", first <= FIRST_S
            ),
            Figure(
                f"{EXPORTERS[ours]}: peak memory", peak, "MiB", "", None, f"< {PEAK_MB} MiB", peak < PEAK_MB
            ),
        ]
    return rows


class Bench:
    """Runs all exporters on one database of calls."""

    def __init__(self, url: str, directory: Path, rows: int) -> None:
        self.directory, self.rows = directory, rows
        self.env = {**environment(url, directory / "var"), "TRUSTED_PROXIES": HOST}
        self.env["SECOND_FACTOR_ROLES"] = ""  # this client has no second factor
        self.env["EXPORT_STREAM_ROWS"] = str(2 * rows)  # always streamed, never a background job
        self.session = manage(url, directory / "var", "shell", "-c", SIGN_IN_SCRIPT).split()[-1]

    def measure(self, rounds: int) -> dict[str, list[ExportTiming]]:
        took: dict[str, list[ExportTiming]] = {exporter: [] for exporter in EXPORTERS}
        for number in range(rounds):
            for exporter in EXPORTERS:
                if number == 0 or exporter not in {"import_export", "xlsxwriter"}:  # these take minutes
                    one = (
                        self.measure_served(exporter)
                        if exporter in {"csv", "xlsx"}
                        else self.measure_alone(exporter)
                    )
                    took[exporter].append(one)
                    self.log(
                        f"{EXPORTERS[exporter]}: {one.seconds:.2f} s, first byte {one.first_s:.3f} s,"
                        f" {one.peak_mb:.0f} MiB"
                    )
        return took

    def measure_alone(self, exporter: str) -> ExportTiming:
        command = [sys.executable, "-m", "tests.bench.baseline.exports", exporter, str(self.rows)]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{exporter} failed:\n{done.stderr[-3000:]}")
        return ExportTiming(rows=self.rows, **json.loads(done.stdout.splitlines()[-1]))

    def measure_served(self, file_format: str) -> ExportTiming:
        """One export requested from a fresh server as by a browser. Asserts the number of rows."""
        log = self.directory / "web.log"
        with Server(PORTAL, ServerShape(1), env=self.env, log=log) as server:
            connection = http.client.HTTPConnection(HOST, server.port, timeout=600)
            connection.request(
                "GET", PAGE, headers=self._headers(server.port)
            )  # warm-up: the page with the form
            connection.getresponse().read()
            began = time.perf_counter()
            connection.request("POST", PAGE, urlencode({"format": file_format}), self._headers(server.port))
            response = connection.getresponse()
            assert response.status == http.client.OK, f"{response.status} {response.headers}"
            chunks = [response.read1(1 << 16)]
            first_s = time.perf_counter() - began
            while chunk := response.read1(1 << 20):
                chunks.append(chunk)
            seconds = time.perf_counter() - began
            peak = max(peak_mb(process.pid) for process in server.processes())
            connection.close()
        assert int(response.headers["X-Export-Rows"]) == self.rows
        assert _count_rows(b"".join(chunks), file_format) == self.rows
        return ExportTiming(seconds, first_s, peak, self.rows)

    def log(self, text: str) -> None:
        print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)

    def _headers(self, port: int) -> dict[str, str]:
        return {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"__Host-session={self.session}; __Host-csrf={TOKEN}",
            "X-CSRFToken": TOKEN,
            "X-Forwarded-Proto": "https",
            "Referer": f"https://{HOST}:{port}/",
        }


def _take_medians(runs: list[ExportTiming]) -> ExportTiming:
    """The median times and the maximum memory."""
    return ExportTiming(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.first_s for run in runs),
        max(run.peak_mb for run in runs),
        runs[0].rows,
    )


def _count_rows(content: bytes, file_format: str) -> int:
    if file_format == "csv":
        return content.count(b"\r\n") - 1
    # The data of the first sheet follows its name.
    start = content.index(b"xl/worksheets/sheet1.xml") + len(b"xl/worksheets/sheet1.xml")
    unpacked = zlib.decompressobj(-zlib.MAX_WBITS)
    return len(re.findall(rb"<row>", unpacked.decompress(content[start:])))
