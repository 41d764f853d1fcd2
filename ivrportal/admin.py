"""Index of the admin screens of this app. Django imports it; each package registers its own screens."""

from ivrportal.accounts import admin as accounts_admin  # noqa: F401
