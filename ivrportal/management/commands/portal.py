"""`portal`: runs the demo until Ctrl-C. `make run` calls it."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError

from ivrportal.devserver.demo import StartupError, run


class Command(BaseCommand):
    help = "Runs the whole portal for a demo: web, worker, beat, broker, provider simulator, sample data."
    requires_system_checks = []  # the parts run them; running them here too would delay every start by a second

    def handle(self, *args: Any, **options: Any) -> None:
        for stream in filter(None, (sys.stdout, sys.stderr)):  # None if the caller closed it
            stream.reconfigure(line_buffering=True, errors="replace")
        try:
            run()
        except StartupError as error:
            sys.exit(str(error))
        except OSError as error:  # a full disk, or a directory that belongs to another user
            sys.exit(f"{settings.VAR_DIR} cannot be used ({error.strerror}). Choose another with VAR_DIR.")
        except DatabaseError as error:
            reason = str(error).strip().splitlines()[0]
            sys.exit(f"The database cannot be used: {reason}")
