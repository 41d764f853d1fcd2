"""The same days and times in Hindi as in English."""

from ivrportal.formats.en.formats import *  # noqa: F403
