"""`verify_audit [--expect NUMBER:DIGEST …]`: verifies the chain of the audit log."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import COMMAND_LINE, Action


class Command(BaseCommand):
    help = (
        "Verifies that no entry of the audit trail was changed or taken out. Keep what it prints elsewhere, and give it"
        " to the next run: only so a trail whose end was cut off shows."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--expect",
            nargs="+",
            action="extend",
            default=[],
            metavar="NUMBER:DIGEST",
            help="as a former run printed it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Records every run with its result, so that the screen can show the last one."""
        number, digest, broken = audit_log.verify(expected=dict(map(_expected, options["expect"])))
        if broken is not None:
            result = f"entry {broken.number} does not hold: {broken.reason}"
            audit_log.record(Action.VERIFIED, person=COMMAND_LINE, what=result, count=number)
            raise CommandError(f"{result[0].upper()}{result[1:]}. The {number} entries before it hold.")
        audit_log.record(Action.VERIFIED, person=COMMAND_LINE, count=number)
        self.stdout.write(f"{number} entries hold; keep this elsewhere: {number}:{digest}")


def _expected(text: str) -> tuple[int, str]:
    number, _colon, digest = text.partition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19 and digest):
        raise CommandError("--expect takes NUMBER:DIGEST, as a former run printed it.")
    return int(number), digest
