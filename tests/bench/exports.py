"""A million calls as CSV and as a workbook: through the portal's view in its own server, beside the ordinary ways."""

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
from tests.bench.report import Figure, Options, Section, table
from tests.bench.serving import Server, Shape

ROWS, QUICK_ROWS = 1_000_000, 50_000
ROUNDS = 3
FIRST_S, PEAK_MB = 0.5, 120
PAGE = "/admin/calllogs/calllog/export/"
TOKEN = "a" * 32  # the browser's half and ours need only be the same
SIGN_IN = """
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
WAYS = {
    "csv": "CSV by the portal",
    "copy": "bare COPY … WITH CSV, read and thrown away",
    "iterator": "queryset.iterator() and csv",
    "import_export": "django-import-export, CSV",
    "xlsx": "XLSX by the portal",
    "xlsxwriter": "XlsxWriter, constant_memory",
}


@dataclass(frozen=True, slots=True)
class Took:
    """One export; `rows` is how many it was of, when those of the full run would take too long."""

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
                connection.execute("VACUUM ANALYZE")  # as the server does by itself, a minute later
            took = Bench(url, directory, rows).measure(rounds)
    best = {way: _typical(runs) for way, runs in took.items()}
    intro = (
        f"{rows:,} calls, twelve columns each, newest first, with the agent's name and the office's time. The portal's"
        " are sent by its view, through a fresh server of one process, to a client on the same machine; the other ways"
        f" run by themselves and throw away what they wrote. Medians of {rounds} turns for all but the slowest."
    )
    head = ["way", "seconds", "rows/s", "first byte s", "peak MiB of the process"]
    cells = [
        [WAYS[way], f"{one.seconds:.1f}", f"{one.rate:,.0f}", f"{one.first_s:.2f}", f"{one.peak_mb:.0f}"]
        for way, one in best.items()
    ]
    return Section("Exports", intro, figures(best), table(head, cells))


def figures(took: dict[str, Took]) -> list[Figure]:
    rows = []
    for ours, other, least in (
        ("csv", "import_export", 20),
        ("csv", "iterator", 5),
        ("csv", "copy", 0.5),
        ("xlsx", "xlsxwriter", 8),
    ):
        ratio = took[ours].rate / took[other].rate
        base = f"{took[other].rows / took[other].rate:.1f} s, {WAYS[other]}"
        rows.append(Figure(WAYS[ours], took[ours].seconds, "s", base, ratio, f"≥ {least} ×", ratio >= least))
    for ours in ("csv", "xlsx"):
        first, peak = took[ours].first_s, took[ours].peak_mb
        rows += [
            Figure(f"{WAYS[ours]}: first byte", first, "s", "", None, f"≤ {FIRST_S} s", first <= FIRST_S),
            Figure(f"{WAYS[ours]}: peak memory", peak, "MiB", "", None, f"< {PEAK_MB} MiB", peak < PEAK_MB),
        ]
    return rows


class Bench:
    """The runs on one database of calls."""

    def __init__(self, url: str, directory: Path, rows: int) -> None:
        self.directory, self.rows = directory, rows
        self.env = {**environment(url, directory / "var"), "TRUSTED_PROXIES": HOST}
        self.env["SECOND_FACTOR_ROLES"] = ""  # this browser has no phone
        self.env["EXPORT_STREAM_ROWS"] = str(2 * rows)  # sent at once, whatever its size
        self.session = manage(url, directory / "var", "shell", "-c", SIGN_IN).split()[-1]

    def measure(self, rounds: int) -> dict[str, list[Took]]:
        took: dict[str, list[Took]] = {way: [] for way in WAYS}
        for number in range(rounds):
            for way in WAYS:
                if number == 0 or way not in {"import_export", "xlsxwriter"}:  # these take minutes
                    one = self.served(way) if way in {"csv", "xlsx"} else self.alone(way)
                    took[way].append(one)
                    self.say(
                        f"{WAYS[way]}: {one.seconds:.2f} s, first byte {one.first_s:.3f} s, {one.peak_mb:.0f} MiB"
                    )
        return took

    def alone(self, way: str) -> Took:
        command = [sys.executable, "-m", "tests.bench.baseline.exports", way, str(self.rows)]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{way} failed:\n{done.stderr[-3000:]}")
        return Took(rows=self.rows, **json.loads(done.stdout.splitlines()[-1]))

    def served(self, file_format: str) -> Took:
        """One export by a fresh server, as a browser asks for it; all its rows are counted."""
        log = self.directory / "web.log"
        with Server(PORTAL, Shape(1), env=self.env, log=log) as server:
            connection = http.client.HTTPConnection(HOST, server.port, timeout=600)
            connection.request("GET", PAGE, headers=self._headers(server.port))  # what a person sees first
            connection.getresponse().read()
            began = time.perf_counter()
            connection.request("POST", PAGE, urlencode({"format": file_format}), self._headers(server.port))
            response = connection.getresponse()
            assert response.status == http.client.OK, f"{response.status} {response.headers}"
            pieces = [response.read1(1 << 16)]
            first_s = time.perf_counter() - began
            while piece := response.read1(1 << 20):
                pieces.append(piece)
            seconds = time.perf_counter() - began
            peak = max(peak_mb(process.pid) for process in server.processes())
            connection.close()
        assert int(response.headers["X-Export-Rows"]) == self.rows
        assert _rows_of(b"".join(pieces), file_format) == self.rows
        return Took(seconds, first_s, peak, self.rows)

    def say(self, text: str) -> None:
        print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)

    def _headers(self, port: int) -> dict[str, str]:
        return {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"__Host-session={self.session}; __Host-csrf={TOKEN}",
            "X-CSRFToken": TOKEN,
            "X-Forwarded-Proto": "https",
            "Referer": f"https://{HOST}:{port}/",
        }


def _typical(runs: list[Took]) -> Took:
    """The medians; of the memory, the most."""
    return Took(
        statistics.median(run.seconds for run in runs),
        statistics.median(run.first_s for run in runs),
        max(run.peak_mb for run in runs),
        runs[0].rows,
    )


def _rows_of(content: bytes, file_format: str) -> int:
    if file_format == "csv":
        return content.count(b"\r\n") - 1
    # The first sheet is packed as it comes: what follows its name is its own.
    start = content.index(b"xl/worksheets/sheet1.xml") + len(b"xl/worksheets/sheet1.xml")
    unpacked = zlib.decompressobj(-zlib.MAX_WBITS)
    return len(re.findall(rb"<row>", unpacked.decompress(content[start:])))
