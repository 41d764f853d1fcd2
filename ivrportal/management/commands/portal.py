"""`manage.py portal`: the whole portal under one parent, until Ctrl-C. `make run` calls it."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from ivrportal.demo import Refusal, run


class Command(BaseCommand):
    help = "Runs the whole portal for a demo: web, worker, beat, broker, provider simulator, sample data."
    requires_system_checks = []  # the parts check for themselves; twice would cost a second of every start

    def handle(self, *args: Any, **options: Any) -> None:
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        try:
            run()
        except Refusal as refusal:
            sys.exit(str(refusal))
