"""State of the provider account for pages: why nothing is sent, since when, and what to do. Loaded in one query."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, CharField, DateTimeField, QuerySet, Subquery, Value, When
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from ivrportal.common.invisible_characters import make_visible
from settings_sync import setting_address
from settings_sync.delivery import circuit
from settings_sync.delivery.circuit import GateClosed
from settings_sync.delivery.outcomes import Outcome
from settings_sync.models import Attempt, Circuit, ProviderSetting
from settings_sync.models.provider_setting import State

REMIND_DAYS = 7


@dataclass(frozen=True, slots=True)
class AccountStatus:
    circuit: Circuit
    now: dt.datetime
    closed_reason: GateClosed | None
    down_since: dt.datetime | None = None
    pause_outcome: str = ""
    reminder_id: int | None = None
    reminder_date: dt.date | None = None  # date of the next withdrawn holiday within REMIND_DAYS


def load() -> AccountStatus:
    """Return the account row with everything the banner needs. `now` is the database's clock."""
    row: Any = (
        Circuit.objects.filter(pk=Circuit.ONLY)
        .annotate(
            now=Now(),
            down_since=Case(
                When(opened_until=None, then=Value(None)),
                default=Subquery(_failing_settings().values("first_failed_at")[:1]),
                output_field=DateTimeField(),
            ),
            # Nothing is sent while the account is paused, so the newest account attempt is the one that paused it.
            pause_outcome=Case(
                When(paused_reason="", then=Value("")),
                default=Subquery(_account_attempts().values("outcome")[:1]),
                output_field=CharField(),
            ),
            reminder_id=Subquery(_upcoming_withdrawn_holidays().values("pk")[:1]),
            reminder_address=Subquery(_upcoming_withdrawn_holidays().values("address")[:1]),
        )
        .first()
    )
    if row is None:  # the row is created by the first save
        now = timezone.now()
        return AccountStatus(
            Circuit(pk=Circuit.ONLY), now, circuit.closed_reason(Circuit(pk=Circuit.ONLY), now)
        )
    return AccountStatus(
        row,
        row.now,
        circuit.closed_reason(row, row.now),
        down_since=row.down_since,
        pause_outcome=row.pause_outcome or "",
        reminder_id=row.reminder_id,
        reminder_date=setting_address.holiday_date(row.reminder_address) if row.reminder_address else None,
    )


def _failing_settings() -> QuerySet:
    """Return the settings that are failing now, longest failing first."""
    failing = ProviderSetting.objects.pending().filter(first_failed_at__isnull=False)
    return failing.exclude(state=State.NEEDS_PERSON).order_by("first_failed_at")


def _account_attempts() -> QuerySet:
    return Attempt.objects.filter(outcome__in=[Outcome.ACCOUNT, Outcome.CONFIG]).order_by(
        "-started_at", "-id"
    )


def _upcoming_withdrawn_holidays() -> QuerySet:
    today = timezone.localdate()
    until = today + dt.timedelta(days=REMIND_DAYS)
    return ProviderSetting.objects.filter(
        state=State.WITHDRAWN,
        kind=setting_address.HOLIDAY,
        address__gte=setting_address.holiday_address(today),
        address__lte=setting_address.holiday_address(until),
    ).order_by("address")


def format_moment(moment: dt.datetime | None) -> str:
    """Format as `14:02` if today, else as `8 Nov, 14:02`, in the portal's time zone. Empty for None."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    if local.date() == timezone.localdate():
        return time_format(local, "H:i")
    return date_format(local, "j M, H:i")


def format_closed_reason(account: AccountStatus) -> str:
    """Return one or two sentences on why nothing is sent and what to do. Empty while sending is on."""
    row = account.circuit
    if account.closed_reason is None:
        return ""
    if account.closed_reason.code == "unconfigured":
        return _(
            "No provider is set up, so nothing is sent. "
            "Ask whoever runs the portal to set the provider's address, key and customer id."
        )
    if account.closed_reason.code == "stopped":
        return _(
            "Sending was stopped by %(who)s at %(time)s. Changes are kept, and reach the provider once somebody "
            "presses Start sending."
        ) % {"who": row.stopped_by, "time": format_moment(row.stopped_at)}
    if account.closed_reason.code == "account":
        return _format_account_pause(account)
    if account.down_since is None:
        return _(
            "The provider is down, trying again at %(next)s. Changes are kept, there is nothing to do."
        ) % {"next": format_moment(row.opened_until)}
    return _(
        "Provider down since %(since)s, trying again at %(next)s. Changes are kept, there is nothing to do."
    ) % {
        "since": format_moment(account.down_since),
        "next": format_moment(row.opened_until),
    }


def _format_account_pause(account: AccountStatus) -> str:
    reason, since = account.circuit.paused_reason, format_moment(account.circuit.paused_at)
    if account.pause_outcome == Outcome.CONFIG:
        reply = "" if reason == Outcome.CONFIG else f" “{reason}”"
        return _(
            "The provider's address does not work since %(time)s.%(said)s Have the address checked, "
            "then press Start sending."
        ) % {"time": since, "said": reply}
    if reason == Outcome.ACCOUNT:
        return _(
            "The provider refuses our account since %(time)s. Have the key and the customer id checked, "
            "then press Start sending."
        ) % {"time": since}
    return _(
        "The provider refuses our account since %(time)s: “%(reply)s”. Have the key and the customer id checked, "
        "then press Start sending."
    ) % {"time": since, "reply": make_visible(reason)}
