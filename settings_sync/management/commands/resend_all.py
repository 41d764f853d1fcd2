"""`resend_all`: assert every setting again."""

from typing import Any

from django.core.management.base import BaseCommand

from settings_sync import intent


class Command(BaseCommand):
    help = "Asserts every setting again, whatever the provider has confirmed."

    def handle(self, *args: Any, **options: Any) -> None:
        count = intent.resend_everything()
        self.stdout.write(f"{count} settings will be sent again.")
