"""`reset_second_factor`: for the last administrator who has lost the phone and the recovery codes."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ivrportal.accounts import second_factor


class Command(BaseCommand):
    help = "Removes a person's second factor and recovery codes; the next sign-in sets up a new one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(username=options["username"]).first()
        if person is None:
            raise CommandError(f"Nobody has the login {options['username']!r}.")
        was_there = second_factor.remove(None, person, why="reset on the command line")
        self.stdout.write("Reset." if was_there else "There was none.")
