"""Finds the records behind setting addresses, for names and links."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Model
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from settings_sync import setting_address
from settings_sync.delivery import wire_format
from settings_sync.models import Agent, Holiday, OfficeHours, ProviderSetting


def load_records(addresses: Iterable[str]) -> dict[str, Model]:
    """Return the existing records of these addresses; one query per kind, at most three."""
    names: dict[str, list[str]] = defaultdict(list)
    for address in addresses:
        names[setting_address.kind_of(address)].append(address.partition(":")[2])
    records: dict[str, Model] = {}
    if numbers := names[setting_address.AGENT]:
        e164 = [name if name.startswith("+") else f"+91{name}" for name in numbers]
        records |= {
            setting_address.agent_address(agent.number): agent
            for agent in Agent.objects.filter(number__in=e164)
        }
    if dates := names[setting_address.HOLIDAY]:
        records |= {
            setting_address.holiday_address(day.date): day for day in Holiday.objects.filter(date__in=dates)
        }
    if days := names[setting_address.HOURS]:
        records |= {
            setting_address.hours_address(day.day): day for day in OfficeHours.objects.filter(day__in=days)
        }
    return records


def get_name(record: Model | None) -> str:
    """Return an agent's or holiday's name; empty for other records and for None."""
    return str(getattr(record, "name", ""))


def build_admin_url(record: Model) -> str:
    return reverse(f"admin:settings_sync_{record._meta.model_name}_change", args=[record.pk])


def describe(address: str, value: str) -> str:
    """Describe a setting's value, also one without a value because nothing is desired any more."""
    if value or setting_address.kind_of(address) == setting_address.HOLIDAY:
        return capfirst(wire_format.describe(address, value))
    return _("Nothing for %(what)s") % {"what": address.partition(":")[2]}


def format_title(setting: ProviderSetting) -> str:
    return describe(setting.address, setting.desired or setting.confirmed)
