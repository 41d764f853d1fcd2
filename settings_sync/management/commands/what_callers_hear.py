"""`what_callers_hear "2026-11-08 10:00"`: prints open, closed or holiday, the rule, and whether it is confirmed."""

import datetime as dt
import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from settings_sync import schedule


class Command(BaseCommand):
    help = "Says what callers hear at a moment in the portal's zone, as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("moment", nargs="?", help='e.g. "2026-11-08 10:00"; now, if left out')

    def handle(self, *args: Any, **options: Any) -> None:
        answer = schedule.answer_at(_moment(options["moment"]) if options["moment"] else timezone.now())
        self.stdout.write(
            json.dumps(
                {
                    "heard": answer.caller_hears,
                    "rule": answer.rule,
                    "setting": answer.address,
                    "in_force": answer.is_in_force,
                },
                ensure_ascii=False,
            )
        )


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f'{text!r} is no moment. Write it as "2026-11-08 10:00".') from error
    return moment if moment.tzinfo else timezone.make_aware(moment)
