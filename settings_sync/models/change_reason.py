"""Values of simple-history's `history_change_reason`."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ChangeReason(TextChoices):
    """Why a record was changed. The column is empty for a change that a user made in a form."""

    SHIFT = "shift", _("by itself: shift")
    PAUSE_OVER = "the pause is over", _("by itself: the pause is over")
    UNDO = "put back"
    SAMPLE_DATA = "sample data", _("sample data")
