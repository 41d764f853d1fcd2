"""How far a copy of something about calls is level with them (`calllogs.change_feed`)."""

from django.db import models


class FeedProgress(models.Model):
    """One row for each kind of copy; who writes the copy holds it locked.

    `gaps`: ids of pushes below `push_id` that were not there yet, as `[first, last, noticed]`: a transaction that
    began earlier may commit later.
    """

    ONLY = 1

    push_id = models.BigIntegerField(default=0)
    call_id = models.BigIntegerField(default=0)
    gaps = models.JSONField(default=list)
    read_at = models.DateTimeField(null=True, blank=True, help_text="When somebody last looked what came.")
    built_at = models.DateTimeField(null=True, blank=True)
    building_until = models.DateTimeField(null=True, blank=True)
    repaired = models.PositiveIntegerField(
        default=0, help_text="Rows that a rebuild had to mend; should stay 0."
    )

    class Meta:
        abstract = True
