"""How far a derived table has read the change feed of calls (`calllogs.change_feed`)."""

from django.db import models


class FeedProgress(models.Model):
    """Abstract: one row per derived table, locked by the process that updates the table.

    `gaps`: ids of pushes below `push_id` that were not committed when it was read, as `[first, last, noticed_at]`.
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
