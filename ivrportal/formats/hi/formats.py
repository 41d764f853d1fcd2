"""Hindi uses the English formats."""

from ivrportal.formats.en.formats import *  # noqa: F403
