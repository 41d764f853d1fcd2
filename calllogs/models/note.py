"""Notes and tags that users add to a call, each with its author."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

LONGEST_NOTE, LONGEST_TAG = 2000, 40


class AuthoredModel(models.Model):
    """Author and time. The name is kept when the account is deleted."""

    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("author"),
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
    )
    author_name = models.CharField(_("author's name"), max_length=150)
    at = models.DateTimeField(_("at"), auto_now_add=True)

    class Meta:
        abstract = True


class CallNote(AuthoredModel):
    call = models.ForeignKey("calllogs.CallLog", verbose_name=_("call"), on_delete=models.CASCADE)
    text = models.TextField(_("note"), max_length=LONGEST_NOTE)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.author_name}, {self.at:%d %b %Y}"


class CallTagQuerySet(models.QuerySet["CallTag"]):
    def suggestions(self, beginning: str, *, most: int) -> list[str]:
        """Up to `most` tags that start with `beginning`, newest first, from the newest 500 matches."""
        newest = self.filter(word__istartswith=beginning).order_by("-id").values_list("word", flat=True)
        return list({word.casefold(): word for word in reversed(newest[:500])}.values())[::-1][:most]


class CallTag(AuthoredModel):
    """A free-text tag; unique per call, ignoring case."""

    call = models.ForeignKey("calllogs.CallLog", verbose_name=_("call"), on_delete=models.CASCADE)
    word = models.CharField(_("tag"), max_length=LONGEST_TAG)

    objects = CallTagQuerySet.as_manager()

    class Meta:
        verbose_name = _("tag")
        verbose_name_plural = _("tags")
        ordering = ["at", "id"]
        constraints = [models.UniqueConstraint("call", Lower("word"), name="one_tag_of_a_word_for_a_call")]

    def __str__(self) -> str:
        return self.word


def author_fields(user: Any) -> dict[str, Any]:
    """The author fields for `create`."""
    return {"author": user, "author_name": user.get_username()[:150]}
