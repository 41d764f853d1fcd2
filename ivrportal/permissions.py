"""The authentication backend under its name of release 0.1, which old sessions and pending logins refer to."""

from typing import Any

from ivrportal.accounts.auth_backend import SingleQueryBackend


class PermissionsAtOnce(SingleQueryBackend):
    """Loads the user of an old session. It authenticates nobody; `SingleQueryBackend` does."""

    def authenticate(self, *args: Any, **credentials: Any) -> None:
        return None
