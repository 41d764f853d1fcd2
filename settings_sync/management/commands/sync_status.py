"""`sync_status [--json]`: lists every setting with its desired and confirmed value."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from ivrportal.common.database_clock import database_now
from settings_sync.delivery import circuit
from settings_sync.models import Circuit, ProviderSetting


class Command(BaseCommand):
    help = "Shows every setting: desired, confirmed, state, attempts, next attempt, last reply."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="a JSON list instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        closed = circuit.closed_reason(Circuit.get_solo(), database_now())
        rows = [
            {
                "address": setting.address,
                "desired": setting.desired,
                "confirmed": setting.confirmed,
                "state": str(circuit.displayed_state(setting, closed)),
                "attempts": setting.attempts,
                "next_attempt_at": setting.next_attempt_at.isoformat() if setting.next_attempt_at else None,
                "last_reply": setting.last_reply,
            }
            for setting in ProviderSetting.objects.order_by("kind", "address")
        ]
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=1, ensure_ascii=False))
            return
        for row in rows:
            self.stdout.write(
                f"{row['address']:<24} {row['desired']:<13} {row['state']:<13} {row['attempts']:>3} {row['last_reply']}"
            )
        self.stdout.write(f"{len(rows)} settings")
