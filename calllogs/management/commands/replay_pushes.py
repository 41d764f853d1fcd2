"""`replay_pushes`: parse the rejected pushes again with the current parser."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from calllogs.intake.replay import replay
from calllogs.models import Push
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import COMMAND_LINE, Action


class Command(BaseCommand):
    help = "Tries again the pushes that were not usable; after an upgrade of the parser, or of all corrected ones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", default="", help='only those with this reason, e.g. "not a date"')

    def handle(self, *args: Any, **options: Any) -> None:
        reason = options["reason"]
        # Recorded first, because a replay is not one transaction; a long transaction would delay pushes.
        audit_log.record(Action.REPLAYED, person=COMMAND_LINE, what=reason or "all")
        usable, unusable = replay(reason=reason)
        self.stdout.write(f"{usable} became calls, {unusable} still not usable")
        if reason and not usable + unusable:
            waiting = Push.objects.filter(outcome=Push.Outcome.REJECTED)
            reasons = sorted(set(waiting.values_list("reason", flat=True)))
            self.stdout.write("Reasons of those that wait: " + (", ".join(reasons) or "none wait"))
