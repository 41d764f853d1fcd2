"""Calls counted by the hour and by the day. Copies of what the calls say, written by `calllogs.statistics` alone."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from calllogs.models.feed_progress import FeedProgress


class Rollup(models.Model):
    """The calls of one hour or day of the portal's zone: all of them, or those with one value of a dimension.

    `starts_at` is the moment at which the hour began, so that an hour that the clocks strike twice is two hours. Days
    are sums of hours, kept because ninety of them are read 24 times as fast. No row stands for no calls. Seconds are
    sums over the calls that told them; talk is that of answered calls.
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

    # The key is read by every report: the days of one dimension, or its hours.
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
            # read by whoever counts an hour or a day again, and by retention
            models.Index(fields=["unit", "starts_at"], name="rollup_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.dimension} {self.starts_at:%d %b %Y, %H:%M}"


class RollupRecheck(models.Model):
    """Moments whose hours are to be counted again, noted by what changes calls in another way than by a new push."""

    at = models.DateTimeField()

    class Meta:
        verbose_name = _("hour to count again")
        verbose_name_plural = _("hours to count again")

    def __str__(self) -> str:
        return f"{self.at:%d %b %Y, %H:%M}"


class RollupProgress(FeedProgress):
    """How far the hours are level with the calls, and of which zone they are."""

    zone = models.CharField(max_length=64, blank=True)

    class Meta:
        verbose_name = _("progress of the counting")
        verbose_name_plural = _("progress of the counting")

    def __str__(self) -> str:
        return "progress of the counting"
