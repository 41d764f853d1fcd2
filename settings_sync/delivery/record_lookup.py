"""From the addresses of settings back to the records behind them, for names and links."""

from collections import defaultdict
from collections.abc import Iterable

from django.db.models import Model
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from settings_sync import setting_address
from settings_sync.delivery import wire_format
from settings_sync.models import Agent, Holiday, OfficeHours, ProviderSetting


def by_address(addresses: Iterable[str]) -> dict[str, Model]:
    """The records of these addresses that are still there; a query for each kind among them, three at most."""
    names: dict[str, list[str]] = defaultdict(list)
    for address in addresses:
        names[setting_address.kind_of(address)].append(address.partition(":")[2])
    found: dict[str, Model] = {}
    if numbers := names[setting_address.AGENT]:
        e164 = [name if name.startswith("+") else f"+91{name}" for name in numbers]
        found |= {
            setting_address.agent_address(agent.number): agent
            for agent in Agent.objects.filter(number__in=e164)
        }
    if dates := names[setting_address.HOLIDAY]:
        found |= {
            setting_address.holiday_address(day.date): day for day in Holiday.objects.filter(date__in=dates)
        }
    if days := names[setting_address.HOURS]:
        found |= {
            setting_address.hours_address(day.day): day for day in OfficeHours.objects.filter(day__in=days)
        }
    return found


def name_of(record: Model | None) -> str:
    """What a person calls the record beyond what its address says: an agent's or a holiday's name."""
    return str(getattr(record, "name", ""))


def link_to(record: Model) -> str:
    return reverse(f"admin:settings_sync_{record._meta.model_name}_change", args=[record.pk])


def describe(address: str, value: str) -> str:
    """What the provider is told, in words; also where nothing is wanted any more, so that there is no value."""
    if value or setting_address.kind_of(address) == setting_address.HOLIDAY:
        return capfirst(wire_format.describe(address, value))
    return _("Nothing for %(what)s") % {"what": address.partition(":")[2]}


def title_of(setting: ProviderSetting) -> str:
    return describe(setting.address, setting.desired or setting.confirmed)
