"""Push keys: the secrets that pushes carry in their query."""

import hashlib
import secrets

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def hash_push_key(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


class PushKeyQuerySet(models.QuerySet["PushKey"]):
    def live(self) -> "PushKeyQuerySet":
        return self.filter(revoked_at__isnull=True)

    def record_use(self, digests: list[str]) -> None:
        self.filter(digest__in=digests).update(last_used_at=timezone.now())


class PushKey(models.Model):
    """A push key. Only its digest is stored; the key itself is shown once, when it is made."""

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
        """Create a key and return its text, which cannot be recovered later."""
        key = key or secrets.token_urlsafe(24)
        cls.objects.create(name=name, digest=hash_push_key(key))
        return key
