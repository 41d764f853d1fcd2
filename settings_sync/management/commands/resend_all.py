"""`resend_all`: sends every setting again."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import COMMAND_LINE, Action
from settings_sync.delivery import service


class Command(BaseCommand):
    help = "Asserts every setting again, whatever the provider has confirmed."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            count = service.resend_all()
            audit_log.record(
                Action.SENT_AGAIN, person=COMMAND_LINE, what="every setting, by resend_all", count=count
            )
        self.stdout.write(f"{count} settings will be sent again.")
