"""What a user may see of calls: which departments, and whether whole numbers of callers.

Every page, file and search about calls uses this one rule. Only callers' numbers are restricted; numbers of agents and
virtual numbers are not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet

from calllogs.access import redaction
from calllogs.models import CallLog, DepartmentLimit
from ivrportal.common.phone import format_national, mask_partially

SEE_NUMBERS = "calllogs.see_numbers"
_VISIBILITY_ATTRIBUTE, _LIMITS_ATTRIBUTE = "_calllogs_visibility", "_calllogs_limits"


@dataclass(frozen=True, slots=True)
class CallVisibility:
    """`departments`: None means all. A limited user sees no calls without a department."""

    sees_numbers: bool
    departments: frozenset[str] | None = None

    @property
    def is_limited(self) -> bool:
        return self.departments is not None

    def format_number(self, number: str) -> str:
        """A caller's number for display: `98123 45678`, or masked `98••• ••678`; empty stays empty."""
        return format_national(number) if self.sees_numbers else mask_partially(number)

    def mask_text(self, text: str, *callers: str, known: Iterable[str] = ()) -> str:
        """A text for display, with all numbers masked except those of the office (`known`)."""
        return text if self.sees_numbers else redaction.redact_text(text, callers=callers, known=tuple(known))

    def mask_call_id(self, call_id: str, caller: str) -> str:
        """A call id for display; the caller's number inside it is masked."""
        return call_id if self.sees_numbers else redaction.redact_call_id(call_id, caller)

    def condition(self, field: str = "department") -> Q:
        """Q object for rows whose `field` is a visible department."""
        return Q() if self.departments is None else Q((f"{field}__in", sorted(self.departments)))

    def calls(self) -> QuerySet[CallLog]:
        return CallLog.objects.filter(self.condition())

    def covers(self, department: str) -> bool:
        return self.departments is None or department in self.departments

    def filter_departments(self, departments: Iterable[str]) -> list[str]:
        """The visible ones of these departments, in the same order."""
        return [department for department in departments if self.covers(department)]


EVERYTHING = CallVisibility(sees_numbers=True)


def visibility_for(user: Any) -> CallVisibility:
    """Return the user's visibility. It is cached on the user object, so it costs at most one query per request."""
    visibility = getattr(user, _VISIBILITY_ATTRIBUTE, None)
    if visibility is None:
        visibility = _load_visibility(user)
        setattr(user, _VISIBILITY_ATTRIBUTE, visibility)
    return visibility


def prefetch_limits(user: Any, departments: list[str]) -> None:
    """Store limits that the caller has already queried, which saves the query in `visibility_for`."""
    setattr(user, _LIMITS_ATTRIBUTE, departments)


def require_unlimited(user: Any) -> None:
    """Raise PermissionDenied for users limited to departments; for pages about the whole office."""
    if visibility_for(user).is_limited:
        raise PermissionDenied


def _load_visibility(user: Any) -> CallVisibility:
    if user.is_active and user.is_superuser:
        return EVERYTHING
    # Check the permission first: the auth backend loads the limits together with the permissions.
    sees_numbers = user.has_perm(SEE_NUMBERS)
    limits = getattr(user, _LIMITS_ATTRIBUTE, None)
    if limits is None:
        rows = DepartmentLimit.objects.filter(person_id=user.pk).order_by()
        limits = list(rows.values_list("department", flat=True))
    # "" and "-" (`filters.NO_VALUE`) are no department names. A user limited to only these is limited and sees nothing.
    return CallVisibility(sees_numbers, frozenset(limits) - {"", "-"} if limits else None)
