"""`reset_second_factor`: for an administrator who has lost phone and recovery codes and whom nobody else can reset."""

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
        was_removed = second_factor.remove(None, person, why="reset on the command line")
        self.stdout.write("Reset." if was_removed else "There was none.")
