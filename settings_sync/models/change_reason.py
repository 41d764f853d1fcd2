"""Why a record was changed, as simple-history keeps it in `history_change_reason`."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class ChangeReason(TextChoices):
    """Empty for a change that a person made in a form."""

    SHIFT = "shift", _("by itself: shift")
    PAUSE_OVER = "the pause is over", _("by itself: the pause is over")
    UNDO = "put back"
    SAMPLE_DATA = "sample data", _("sample data")
