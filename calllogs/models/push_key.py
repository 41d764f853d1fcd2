"""The keys that a push must carry."""

import hashlib
import secrets

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def digest_of(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class PushKeyQuerySet(models.QuerySet["PushKey"]):
    def live(self) -> "PushKeyQuerySet":
        return self.filter(revoked_at__isnull=True)

    def note_use(self, digests: list[str]) -> None:
        self.filter(digest__in=digests).update(last_used_at=timezone.now())


class PushKey(models.Model):
    """A key is shown once, when it is made; what is kept is its digest."""

    name = models.CharField(_("name"), max_length=100, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(_("made at"), auto_now_add=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True)

    objects = PushKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("push key")
        verbose_name_plural = _("push keys")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def make(cls, name: str, *, key: str = "") -> str:
        """Make a key; returns its text, which nobody can read again."""
        key = key or secrets.token_urlsafe(24)
        cls.objects.create(name=name, digest=digest_of(key))
        return key
