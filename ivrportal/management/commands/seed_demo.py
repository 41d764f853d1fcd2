"""`seed_demo`: creates the demo's users, its push key and, at the first start, sample data."""

import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from calllogs.models import CallLog, PushKey
from calllogs.models.push_key import hash_push_key
from ivrportal.accounts import roles
from settings_sync.models import Agent

LOGINS = {"admin": None, "manager": roles.OFFICE_MANAGERS, "supervisor": roles.SUPERVISORS}


class Command(BaseCommand):
    help = "Fills the demo with logins, a push key and sample data; says how to get in."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("Demo data is for the demo: set PORTAL_MODE=demo.")
        with transaction.atomic():
            roles.sync_groups()
            password = _ensure_logins()
            key = _ensure_push_key()
        if not Agent.objects.exists() and not CallLog.objects.exists():
            call_command(
                "load_sample_data",
                calls=int(os.environ.get("DEMO_CALLS", "5000")),
                recordings=f"{settings.SIMULATOR_URL}/recordings",
                verbosity=0,
            )
        self.stdout.write(f"Logins: {', '.join(LOGINS)} — password of all three: {password}")
        self.stdout.write(f"Push URL: http://127.0.0.1:{settings.PORT}/api/PostCallLogs?key={key}")
        self.stdout.write(f"Provider: {settings.IVR_API_URL}/")


def _load_or_create_secret(path: Path, *, given: str) -> tuple[str, bool]:
    """The secret, and whether it has changed: `given`, else the file's content, else a random one. Updates the file."""
    stored = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    value = given or stored or secrets.token_urlsafe(12)
    if value != stored:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(value + "\n", encoding="utf-8")
    return value, value != stored


def _ensure_logins() -> str:
    path = settings.VAR_DIR / "demo-logins.txt"
    password, is_new = _load_or_create_secret(path, given=os.environ.get("DEMO_PASSWORD", ""))
    for name, role in LOGINS.items():
        user, is_created = User.objects.get_or_create(
            username=name,
            defaults={"is_staff": True, "is_superuser": role is None, "email": f"{name}@portal.example"},
        )
        if is_created or is_new:
            user.set_password(password)
            user.save(update_fields=["password"])
        user.groups.set(Group.objects.filter(name=role) if role else [])
    return password


def _ensure_push_key() -> str:
    key, _ = _load_or_create_secret(
        settings.VAR_DIR / "demo-push-key.txt", given=os.environ.get("DEMO_PUSH_KEY", "")
    )
    if not PushKey.objects.filter(digest=hash_push_key(key)).exists():
        PushKey.make(f"Demo {PushKey.objects.count() + 1}", key=key)
    return key
