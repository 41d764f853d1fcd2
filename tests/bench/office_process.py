"""`python -m tests.bench.office_process REPEATS`: measures the office's pages; prints JSON.

The environment names the database.
"""

import json
import os
import sys

import django
from django.conf import settings
from django.test import Client

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ivrportal.settings")
django.setup()

# Imported after django.setup(), which loads the apps.
from django.contrib.auth.models import Group, User  # noqa: E402
from simple_history.utils import bulk_update_with_history  # noqa: E402

from ivrportal.accounts import roles  # noqa: E402
from settings_sync.models import Agent, Holiday, OfficeHours  # noqa: E402
from tests.bench.page_timing import measure_page  # noqa: E402
from tests.settings_sync.agents.large_office import large_office  # noqa: E402

PAGES = {
    "Home": "/admin/",
    "Agents, the board": "/admin/settings_sync/agent/",
    "Agents, a poll of the board": "/admin/settings_sync/agent/board/look/",
    "Agents, the list": "/admin/settings_sync/agent/list/",
    "Office hours": "/admin/settings_sync/officehours/",
    "What callers hear": "/admin/heard/",
    "Holidays": "/admin/settings_sync/holiday/",
    "Changes": "/admin/changes/",
    "Changes, the last page": "/admin/changes/?page=200",
    "The provider's screen": "/admin/settings_sync/providersetting/",
}
CHANGES = 20_000


def main() -> None:
    repeats = int(sys.argv[1])
    settings.ALLOWED_HOSTS = ["testserver"]
    for model in (Agent, Holiday, OfficeHours):
        model.objects.all().delete()
    large_office()
    agents = list(Agent.objects.all())
    for turn in range(CHANGES // len(agents)):
        for agent in agents:
            agent.availability = "AVAIL" if turn % 2 else "OFF"
        bulk_update_with_history(agents, Agent, ["availability"])
    roles.sync_groups()
    user = User.objects.create(username="bench-of-the-office", is_staff=True)
    user.groups.set([Group.objects.get(name=roles.OFFICE_MANAGERS)])
    client = Client()
    client.force_login(user)
    print(json.dumps({name: measure_page(client, url, repeats) for name, url in PAGES.items()}))


if __name__ == "__main__":
    main()
