"""Calls counted by hour and by day. Derived from the calls; only `calllogs.statistics` writes it."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from calllogs.models.feed_progress import FeedProgress


class Rollup(models.Model):
    """The calls of one hour or day of the portal's time zone: all calls, or those with one value of a dimension.

    `starts_at` is the time at which the hour began, so an hour that the clocks repeat counts as two hours. Day rows are
    sums of hour rows; reading ninety days from them is 24 times as fast. Hours and days without calls have no row.
    Seconds are sums over the calls that reported them; talk seconds include answered calls only.
    """

    class Unit(models.TextChoices):
        HOUR = "hour", _("Hour")
        DAY = "day", _("Day")

    class Dimension(models.TextChoices):
        TOTAL = "total", _("All calls")
        AGENT = "agent", _("Agent")
        DEPARTMENT = "department", _("Department")
        VIRTUAL_NUMBER = "virtual_number", _("Virtual number")
        CIRCLE = "circle", _("Circle")

    # The key's index is read by every report: the days or the hours of one dimension.
    pk = models.CompositePrimaryKey("unit", "dimension", "starts_at", "value")
    unit = models.CharField(max_length=4, choices=Unit)
    dimension = models.CharField(max_length=14, choices=Dimension)
    starts_at = models.DateTimeField()
    value = models.CharField(max_length=100, blank=True)
    answered = models.PositiveIntegerField()
    missed = models.PositiveIntegerField()
    dropped = models.PositiveIntegerField()
    other = models.PositiveIntegerField()
    ivr_seconds = models.PositiveBigIntegerField()
    ivr_calls = models.PositiveIntegerField()
    talk_seconds = models.PositiveBigIntegerField()
    talk_calls = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("hour's count")
        verbose_name_plural = _("hours' counts")
        indexes = [
            # read by the recount of an hour or day, and by retention
            models.Index(fields=["unit", "starts_at"], name="rollup_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.starts_at:%d %b %Y, %H:%M}"


class RollupRecheck(models.Model):
    """Times whose hours must be counted again. Added by code that changes calls in another way than by a new push."""

    at = models.DateTimeField()

    class Meta:
        verbose_name = _("hour to count again")
        verbose_name_plural = _("hours to count again")

    def __str__(self) -> str:
        return f"{self.at:%d %b %Y, %H:%M}"


class RollupProgress(FeedProgress):
    """Up to which call and push the counts are up to date, and the time zone of their hours."""

    zone = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("progress of the counting")
        verbose_name_plural = _("progress of the counting")

    def __str__(self) -> str:
        return "progress of the counting"
