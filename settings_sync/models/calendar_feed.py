"""Secret URLs from which calendar apps read the holidays."""

import hashlib
import secrets
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


def hash_token(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class CalendarFeedQuerySet(models.QuerySet["CalendarFeed"]):
    def active(self) -> "CalendarFeedQuerySet":
        return self.filter(revoked_at__isnull=True)

    def with_token(self, token: str) -> "CalendarFeedQuerySet":
        return self.active().filter(digest=hash_token(token))


class CalendarFeed(models.Model):
    """A calendar URL. Its random token is shown once; only the token's digest is stored."""

    digest = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("made by"),
    )
    made_at = models.DateTimeField(_("made at"), auto_now_add=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)

    objects = CalendarFeedQuerySet.as_manager()

    class Meta:
        verbose_name = _("calendar address")
        verbose_name_plural = _("calendar addresses")
        ordering = ["-made_at"]

    def __str__(self) -> str:
        return f"{self.made_at:%d %b %Y}"

    @classmethod
    def create_for(cls, user: Any) -> tuple["CalendarFeed", str]:
        """Create a feed; return it with its token, which cannot be read again."""
        token = secrets.token_urlsafe(32)
        return cls.objects.create(digest=hash_token(token), made_by=user), token
