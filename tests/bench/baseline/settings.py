"""The portal's settings with its middleware, and the URLs of one baseline."""

import os

from ivrportal.settings import *  # noqa: F403

ROOT_URLCONF = os.environ["BENCH_URLS"]
INSTALLED_APPS += ["rest_framework"] if ROOT_URLCONF.endswith(".drf") else []  # noqa: F405
BENCH_KEY = os.environ["BENCH_KEY"]
