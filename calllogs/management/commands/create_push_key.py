"""`create_push_key NAME`: create a push key and print it once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError, transaction

from calllogs.models import PushKey
from ivrportal.audit import audit_log
from ivrportal.audit.audit_log import COMMAND_LINE, Action


class Command(BaseCommand):
    help = "Makes a push key and prints it. It is kept as a digest and cannot be shown again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what the key is for, e.g. the provider's name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with transaction.atomic():
                key = PushKey.make(options["name"])
                push_key = PushKey.objects.get(name=options["name"])
                audit_log.record(
                    Action.KEY_MADE,
                    person=COMMAND_LINE,
                    what=push_key.name,
                    subject=audit_log.subject_of(push_key),
                )
        except IntegrityError as error:
            raise CommandError("A key of this name exists. Choose another name.") from error
        self.stdout.write(key)
