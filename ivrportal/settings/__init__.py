"""The portal's settings, one module per section. `.env.example` lists what an operator can set.

The star imports keep the reading order: of several invalid values, the first one is reported.
"""

# isort: off
from ivrportal.settings.environment import *
from ivrportal.settings.base import *
from ivrportal.settings.theme import *
from ivrportal.settings.database import *
from ivrportal.settings.celery import *
from ivrportal.settings.provider import *
from ivrportal.settings.calls import *
from ivrportal.settings.celery_beat import *
from ivrportal.settings.recordings import *
from ivrportal.settings.storage import *
from ivrportal.settings.mail import *
from ivrportal.settings.accounts import *
from ivrportal.settings.security import *
from ivrportal.settings.observability import *
