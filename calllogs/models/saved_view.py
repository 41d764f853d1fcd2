"""Saved views of the call list."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def visible_to(self, user: Any) -> "SavedViewQuerySet":
        """The user's own views and the views shared by others."""
        return self.filter(Q(owner=user) | Q(shared=True)).select_related("owner")


class SavedView(models.Model):
    """A named filter with its columns. `query` is the query string of the call list's URL."""

    name = models.CharField(_("name"), max_length=60)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("owner"),
        # A shared view outlives its owner's account, because others use it.
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    shared = models.BooleanField(_("shared"), default=False)
    query = models.TextField(_("filter and columns"), blank=True)
    changed_at = models.DateTimeField(_("changed at"), auto_now=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "name"], name="one_view_for_a_name_of_an_owner")
        ]

    def __str__(self) -> str:
        return self.name
