"""Settings of the provider, the attempts to send them, and the account's gate."""

import datetime as dt

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ivrportal.common.database_clock import database_now
from settings_sync import setting_address


class State(models.TextChoices):
    WAITING = "WAITING", _("Waiting")
    SENDING = "SENDING", _("Sending")
    IN_FORCE = "IN_FORCE", _("In force")
    RETRYING = "RETRYING", _("Retrying")
    UNSURE = "UNSURE", _("Not sure, checking")
    REFUSED = "REFUSED", _("Refused")
    PAUSED = "PAUSED", _("Paused")
    NEEDS_PERSON = "NEEDS_PERSON", _("Needs a person")
    WITHDRAWN = "WITHDRAWN", _("Withdrawn, still live at the provider")


# (badge colour of the theme, icon) of each state.
STATE_STYLES: dict[str, tuple[str, str]] = {
    State.WAITING: ("info", "schedule"),
    State.SENDING: ("info", "sync"),
    State.IN_FORCE: ("success", "check_circle"),
    State.RETRYING: ("warning", "replay"),
    State.UNSURE: ("warning", "help"),
    State.REFUSED: ("danger", "block"),
    State.PAUSED: ("warning", "pause_circle"),
    State.NEEDS_PERSON: ("danger", "person_alert"),
    State.WITHDRAWN: ("danger", "event_busy"),
}


USER_TRIGGERS = ("save", "delete", "manual")  # single saves of a user; sent before bulk changes and imports


class ProviderSettingQuerySet(models.QuerySet["ProviderSetting"]):
    def leased(self, now: dt.datetime) -> "ProviderSettingQuerySet":
        """Settings with a request in flight, as far as this database knows."""
        return self.filter(lease_token__isnull=False, lease_until__gt=now)

    def due(self, now: dt.datetime) -> "ProviderSettingQuerySet":
        """Settings to send now: due, not past, and with no request in flight in their lane.

        Ordered by what a user has just saved, then the longest waiting.
        """
        in_lane = ProviderSetting.objects.leased(now).filter(lane=OuterRef("lane"))
        return (
            self.not_past()
            .filter(~Exists(in_lane), next_attempt_at__lte=now)
            .order_by(
                models.Case(models.When(trigger__in=USER_TRIGGERS, then=0), default=1),
                "next_attempt_at",
                "id",
            )
        )

    def not_past(self) -> "ProviderSettingQuerySet":
        """Excludes holidays in the past: nothing is sent for them."""
        return self.exclude(
            kind=setting_address.HOLIDAY, address__lt=setting_address.holiday_address(timezone.localdate())
        )

    def pending(self) -> "ProviderSettingQuerySet":
        """Settings that delivery will send or send again without a user's help."""
        return self.filter(next_attempt_at__isnull=False)

    def oldest_due_age_s(self) -> float | None:
        oldest = self.pending().aggregate(oldest=models.Min("changed_at"))["oldest"]
        return round((database_now() - oldest).total_seconds(), 1) if oldest else None


class ProviderSetting(models.Model):
    """One setting of the provider. Many saves coalesce in one row; only the newest value is sent.

    `generation` counts the changes of `desired`; `confirmed_generation` is the one that the provider last answered with
    `Success`. `next_attempt_at` is NULL if there is nothing to send. `reassert_after` is set while an earlier request
    may still act at the provider: the value is sent again after that time.
    """

    address = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=10)
    lane = models.CharField(max_length=80)
    desired = models.CharField(max_length=40)
    generation = models.PositiveIntegerField(default=1)
    confirmed = models.CharField(max_length=40, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    confirmed_generation = models.PositiveIntegerField(null=True, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    changed_at = models.DateTimeField(help_text="When the desired value was last changed.")
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0, help_text="Since the last success.")
    lease_token = models.CharField(max_length=32, null=True, blank=True)  # noqa: DJ001  (NULL: not leased)
    lease_until = models.DateTimeField(null=True, blank=True)
    reassert_after = models.DateTimeField(null=True, blank=True)
    first_sent_at = models.DateTimeField(null=True, blank=True)
    first_failed_at = models.DateTimeField(null=True, blank=True)
    last_reply = models.CharField(max_length=300, blank=True)
    trigger = models.CharField(max_length=12, default="save")

    objects = ProviderSettingQuerySet.as_manager()

    class Meta:
        verbose_name = _("setting at the provider")
        verbose_name_plural = _("settings at the provider")
        ordering = ["kind", "address"]
        permissions = [("stop_sending", _("Can stop and start sending to the provider"))]
        indexes = [
            # read by delivery and the sweep: which settings are due
            models.Index(
                fields=["next_attempt_at"], name="setting_due", condition=Q(next_attempt_at__isnull=False)
            ),
            # read by every claim: whether the lane is occupied, and how many requests are in flight
            models.Index(fields=["lane"], name="setting_leased", condition=Q(lease_token__isnull=False)),
        ]
        constraints = [
            # Enforces guarantee P3 in the database; claims never violate it.
            models.UniqueConstraint(
                fields=["lane"], condition=Q(lease_token__isnull=False), name="one_request_in_a_lane"
            ),
        ]

    def __str__(self) -> str:
        return self.address


class Attempt(models.Model):
    """One request to the provider. Inserted before it is sent, updated when its outcome is known."""

    setting = models.ForeignKey(
        ProviderSetting, on_delete=models.SET_NULL, null=True, related_name="attempt_set"
    )
    address = models.CharField(max_length=80)
    value = models.CharField(max_length=40)
    generation = models.PositiveIntegerField()
    trigger = models.CharField(max_length=12)
    token = models.CharField(max_length=32)
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    outcome = models.CharField(max_length=14, blank=True, help_text="Empty while the request is in flight.")
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)
    reply = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["-started_at", "-id"]
        indexes = [
            # read by the list of attempts, newest first, and by retention
            models.Index(fields=["-started_at", "-id"], name="attempt_newest"),
            # read by delivery when it completes its own attempt
            models.Index(fields=["token"], name="attempt_token"),
        ]

    def __str__(self) -> str:
        return f"{self.address} {self.value}"


class Circuit(models.Model):
    """The account's gate, a single row: rate limit, circuit breaker, pause and stop.

    `lock` serialises transactions with an UPDATE of this row, which works the same on PostgreSQL and SQLite.
    """

    ONLY = 1

    next_slot_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(
        default=0, help_text="In a row: no answer, or none that we could read."
    )
    opened_until = models.DateTimeField(null=True, blank=True)
    paused_reason = models.CharField(
        max_length=300, blank=True, help_text="Why the provider refuses the account."
    )
    paused_at = models.DateTimeField(null=True, blank=True)
    stopped_by = models.CharField(max_length=150, blank=True, help_text="Who pressed “Stop sending”.")
    stopped_at = models.DateTimeField(null=True, blank=True)
    credentials = models.CharField(
        max_length=64, blank=True, help_text="A fingerprint of address, key and customer."
    )
    repaired = models.PositiveIntegerField(
        default=0, help_text="Settings that a sweep had to mend; should stay 0."
    )

    class Meta:
        verbose_name = _("provider account")

    def __str__(self) -> str:
        return "provider account"

    @classmethod
    def lock(cls) -> None:
        """Lock the row until the current transaction ends.

        Every transaction that reconciles or claims settings calls this before it touches a setting's row. So each sees
        the complete work of the others, and they cannot deadlock.
        """
        if not cls.objects.filter(pk=cls.ONLY).update(failures=models.F("failures")):
            cls.objects.get_or_create(pk=cls.ONLY)

    @classmethod
    def get_solo(cls) -> "Circuit":
        """Return the row, or an unsaved instance if there is none yet."""
        return cls.objects.filter(pk=cls.ONLY).first() or cls(pk=cls.ONLY)
