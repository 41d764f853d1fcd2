"""The audit log's model: who did or saw what, when and from where. Only `ivrportal.audit.audit_log` writes it."""

from django.db import connection, models
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

SEARCH_WINDOW = 200_000  # newest entries whose scope is searched; more would take seconds


class AuditQuerySet(models.QuerySet["AuditEntry"]):
    def last_number(self) -> int:
        return self.order_by("-number").values_list("number", flat=True).first() or 0

    def by_person_or_subject(self, text: str) -> "AuditQuerySet":
        """Entries of this person or about this record. Uses an index."""
        return self.filter(Q(person=text) | Q(subject=text))

    def with_scope(self, text: str) -> "AuditQuerySet":
        """Entries whose scope contains the text, among the newest SEARCH_WINDOW of the whole log."""
        newest = AuditEntry.objects.last_number()
        return self.filter(number__gt=newest - SEARCH_WINDOW, what__icontains=text)

    def about_caller(self, digests: list[str]) -> "AuditQuerySet":
        """Entries about a caller, by the keyed digests of the number (`audit_log.caller_digests`)."""
        found = Q()
        for digest in digests:
            if connection.vendor == "sqlite":  # SQLite's JSONField has no contains lookup
                found |= Q(pk__in=RawSQL(_OF_CALLER_ON_SQLITE, [digest]))  # noqa: S611  (a constant)
            else:
                found |= Q(callers__contains=[digest])
        return self.filter(found) if digests else self.none()


_OF_CALLER_ON_SQLITE = """SELECT entry.number FROM settings_sync_auditentry AS entry, json_each(entry.callers) AS caller
    WHERE caller.value = %s"""


class AuditEntry(models.Model):
    """One thing that a person did or saw. Append-only; `digest` chains it to the previous entry.

    The person's name is copied, because a user may be deleted. `callers` holds keyed digests of callers' numbers, so
    that “who saw this number?” can be answered even after the number was erased.
    """

    class Action(models.TextChoices):
        SIGNED_IN = "SIGNED_IN", _("Signed in")
        SIGN_IN_FAILED = "SIGN_IN_FAILED", _("Sign-in failed")
        SIGNED_OUT = "SIGNED_OUT", _("Signed out")
        LOCKED = "LOCKED", _("Locked for a while")
        SECOND_FACTOR = "SECOND_FACTOR", _("Changed the second factor")
        PASSWORD = "PASSWORD", _("Changed a password")
        SAW_LIST = "SAW_LIST", _("Saw a list of callers")
        SAW_CALL = "SAW_CALL", _("Saw a call or caller")
        UNMASKED = "UNMASKED", _("Looked at a whole number")
        LISTENED = "LISTENED", _("Listened")
        DOWNLOADED = "DOWNLOADED", _("Downloaded a recording")
        EXPORTED = "EXPORTED", _("Exported")
        FETCHED = "FETCHED", _("Fetched the file of an export")
        ADDED = "ADDED", _("Added")
        CHANGED = "CHANGED", _("Changed")
        DELETED = "DELETED", _("Deleted")
        DESK = "DESK", _("Worked at the desk of missed callers")
        MENDED = "MENDED", _("Corrected a push")
        REPLAYED = "REPLAYED", _("Replayed pushes")
        KEY_MADE = "KEY_MADE", _("Made a push key")
        KEY_REVOKED = "KEY_REVOKED", _("Revoked a push key")
        ROLES = "ROLES", _("Changed roles or limits")
        STOPPED = "STOPPED", _("Stopped sending")
        STARTED = "STARTED", _("Started sending")
        SENT_AGAIN = "SENT_AGAIN", _("Had settings sent again")
        ERASED = "ERASED", _("Erased a caller")
        ASKED_WHO = "ASKED_WHO", _("Asked who saw a number")
        VERIFIED = "VERIFIED", _("Verified the audit trail")

    number = models.BigIntegerField(primary_key=True, help_text="Counts from 1 without a gap.")
    at = models.DateTimeField(_("when"))
    action = models.CharField(_("what"), max_length=14, choices=Action)
    person_id = models.BigIntegerField(null=True, blank=True)
    person = models.CharField(_("who"), max_length=150, blank=True)
    address = models.CharField(_("from"), max_length=45, blank=True)
    what = models.CharField(_("scope"), max_length=500, blank=True)
    subject = models.CharField(
        _("about"), max_length=120, blank=True, help_text="`app.model:key` of the record."
    )
    count = models.PositiveBigIntegerField(_("how many"), null=True, blank=True)
    changes = models.JSONField(_("changes"), default=dict, blank=True, help_text="`{field: [old, new]}`.")
    callers = models.JSONField(default=list, blank=True, help_text="Keyed digests of the callers' numbers.")
    digest = models.CharField(max_length=64, help_text="Keyed digest of this entry and the digest before.")

    objects = AuditQuerySet.as_manager()

    class Meta:
        # The migrations of settings_sync created the table.
        app_label = "settings_sync"
        verbose_name = _("entry of the audit trail")
        verbose_name_plural = _("entries of the audit trail")
        ordering = ["-number"]
        default_permissions = ("view",)
        permissions = [("export_auditentry", _("Can export the audit trail"))]
        indexes = [
            # Read by the screen's filters for a person, an action, a record.
            models.Index(fields=["person", "-number"], name="audit_person"),
            models.Index(fields=["action", "-number"], name="audit_action"),
            models.Index(fields=["subject", "-number"], name="audit_subject"),
            # Read by the screen's filter for days.
            models.Index(fields=["at"], name="audit_moment"),
            # PostgreSQL has one more (migration 0004): audit_callers, read by “who saw this number?”.
        ]

    def __str__(self) -> str:
        return f"{self.number}: {self.get_action_display()}, {timezone.localtime(self.at):%d %b %Y, %H:%M:%S}"
