"""The messages for users why a recording cannot be played or stored."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from calllogs.recordings.errors import Cause

MESSAGES: dict[Cause, Any] = {
    Cause.INVALID_URL: _("What the provider sent is not a web address that the portal may open."),
    Cause.PRIVATE_ADDRESS: _(
        "The recording's address points to an address inside a private network, which the portal does not open."
    ),
    Cause.UNKNOWN_HOST: _("The recording's server was not found: its name is not known."),
    Cause.NO_CONNECTION: _("The recording's server does not answer. Try again in a few minutes."),
    Cause.NO_SECURE_CONNECTION: _("No secure connection to the recording's server could be made."),
    Cause.TOO_SLOW: _("The recording's server took too long. Try again in a few minutes."),
    Cause.GONE: _("The recording's address answers that it is gone. Providers delete recordings after some weeks."),
    Cause.FORBIDDEN: _(
        "The recording's server asks for a permission that the portal does not have. The link may have run out."
    ),
    Cause.FAILED: _("The recording's server answers with an error. Try again later, or ask the provider."),
    Cause.REDIRECTS: _("The recording's address leads from one address to the next without an end."),
    Cause.NOT_AUDIO: _("What lies at the recording's address is not a sound file."),
    Cause.EMPTY: _("The recording is empty."),
    Cause.TOO_BIG: _("The recording is larger than the portal takes."),
    Cause.INCOMPLETE: _("The recording broke off before its end. Try again in a few minutes."),
    Cause.BUSY: _("The portal is fetching several recordings at this moment. Try again in a few seconds."),
    Cause.NOT_STORED: _("The portal's own storage did not take it."),
}  # fmt: skip


def message_for(cause: str) -> str:
    """Accepts unknown causes too, which a later version may have stored."""
    return str(MESSAGES[Cause(cause)] if cause in set(Cause) else _("It is not known why."))
