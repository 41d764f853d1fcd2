"""Common ways to export calls. `python -m tests.bench.baseline.exports EXPORTER ROWS` prints the timing as JSON.

Each exports the product's twelve columns of the newest calls, with the agent's name and the office's time, and discards
the output.
"""

import csv
import json
import os
import sys
import time
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")
django.setup()

import psycopg  # noqa: E402
from django.conf import settings  # noqa: E402
from django.utils.timezone import localtime  # noqa: E402
from xlsxwriter import Workbook  # noqa: E402

from calllogs.exports.columns import COLUMN_NAMES  # noqa: E402
from calllogs.models import CallLog  # noqa: E402
from settings_sync.models import Agent  # noqa: E402
from tests.bench.memory import peak_mb  # noqa: E402

COPY_SQL = """COPY (
    SELECT call_id, started_at, caller, virtual_number, call.department, agent.name, agent_number, status, ivr_seconds,
        talk_seconds, circle, recording_url
    FROM calllogs_calllog AS call LEFT JOIN settings_sync_agent AS agent ON agent.number = call.agent_number
    ORDER BY started_at DESC, call.id DESC LIMIT {rows}
) TO STDOUT WITH CSV"""


class NullFile:
    """A file that discards its data and records the time of the first byte."""

    def __init__(self) -> None:
        self.began, self.first_s, self.size = time.perf_counter(), 0.0, 0

    def write(self, data: Any) -> int:
        self.first_s = self.first_s or time.perf_counter() - self.began
        self.size += len(data)
        return len(data)


def copy(rows: int, out: NullFile) -> None:
    database = settings.DATABASES["default"]
    with psycopg.connect(
        host=database["HOST"], port=database["PORT"], user=database["USER"], password=database["PASSWORD"],
        dbname=database["NAME"],
    ) as connection, connection.cursor().copy(COPY_SQL.format(rows=rows)) as copied:  # fmt: skip
        for line in copied:
            out.write(line)


def iterator(rows: int, out: NullFile) -> None:
    writer = csv.writer(out)
    writer.writerow(COLUMN_NAMES)
    for row in _iterate_rows(rows):
        writer.writerow(row)


def import_export(rows: int, out: NullFile) -> None:
    from import_export import fields, resources

    names = dict(Agent.objects.values_list("number", "name"))

    class Calls(resources.ModelResource):
        agent = fields.Field()

        class Meta:
            model = CallLog
            fields = export_order = COLUMN_NAMES
            chunk_size = 2000

        def dehydrate_agent(self, call: CallLog) -> str:
            return names.get(call.agent_number, "")

    out.write(Calls().export(CallLog.objects.order_by("-started_at", "-id")[:rows]).csv)


def xlsxwriter(rows: int, out: NullFile) -> None:
    class File(NullFile):
        """The file methods that XlsxWriter requires."""

        def tell(self) -> int:
            raise OSError

        def flush(self) -> None: ...

    book = Workbook(File(), {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, COLUMN_NAMES)
    for line, row in enumerate(_iterate_rows(rows), start=1):
        sheet.write_row(line, 0, row)
    book.close()
    out.write(b"all")


def _iterate_rows(rows: int) -> Any:
    names = dict(Agent.objects.values_list("number", "name"))
    for call in CallLog.objects.order_by("-started_at", "-id")[:rows].iterator():
        yield [
            call.call_id, localtime(call.started_at).isoformat(), call.caller, call.virtual_number, call.department,
            names.get(call.agent_number, ""), call.agent_number, call.status, call.ivr_seconds, call.talk_seconds,
            call.circle, call.recording_url,
        ]  # fmt: skip


EXPORTERS = {exporter.__name__: exporter for exporter in (copy, iterator, import_export, xlsxwriter)}


def main() -> None:
    exporter, rows = EXPORTERS[sys.argv[1]], int(sys.argv[2])
    Agent.objects.count()  # connected, as a server is
    out = NullFile()
    exporter(rows, out)
    took = {
        "seconds": time.perf_counter() - out.began,
        "first_s": out.first_s,
        "peak_mb": peak_mb("self"),
    }
    print(json.dumps(took))


if __name__ == "__main__":
    main()
