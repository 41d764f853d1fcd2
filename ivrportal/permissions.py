"""The authentication backend under its name of release 0.1: sessions and pending sign-ins of that time name it."""

from typing import Any

from ivrportal.accounts.auth_backend import SingleQueryBackend


class PermissionsAtOnce(SingleQueryBackend):
    """Loads the user of an old session. New sign-ins go through `SingleQueryBackend`."""

    def authenticate(self, *args: Any, **credentials: Any) -> None:
        return None
