"""What a person may see of calls: of which departments, and whether whole numbers of callers.

Every page, file and search about calls asks this one value; there is no other way to decide it. Numbers of agents and
of the office are no secret within the office; callers' are.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet

from calllogs.access import redaction
from calllogs.models import CallLog, DepartmentLimit
from ivrportal.common.phone import format_national, mask_partially

NUMBERS = "calllogs.see_numbers"
_KEPT, _LIMITS = "_calllogs_sight", "_calllogs_limits"


@dataclass(frozen=True, slots=True)
class CallVisibility:
    """`departments`: None is all of them. Who is limited sees no call that has no department."""

    sees_numbers: bool
    departments: frozenset[str] | None = None

    @property
    def is_limited(self) -> bool:
        return self.departments is not None

    def number(self, number: str) -> str:
        """A caller's number as this person may read it: `98123 45678`, or `98••• ••678`; empty stays empty."""
        return format_national(number) if self.sees_numbers else mask_partially(number)

    def text(self, text: str, *callers: str, known: Iterable[str] = ()) -> str:
        """What somebody wrote, without whole numbers: of these callers, or of anybody but the office (`known`)."""
        return text if self.sees_numbers else redaction.in_text(text, callers=callers, known=tuple(known))

    def call_id(self, call_id: str, caller: str) -> str:
        """The id of a call, which the provider may have made of the caller's number."""
        return call_id if self.sees_numbers else redaction.in_call_id(call_id, caller)

    def condition(self, field: str = "department") -> Q:
        """For `filter`: what of the rows with this field the person may see."""
        return Q() if self.departments is None else Q((f"{field}__in", sorted(self.departments)))

    def calls(self) -> QuerySet[CallLog]:
        return CallLog.objects.filter(self.condition())

    def covers(self, department: str) -> bool:
        return self.departments is None or department in self.departments

    def among(self, departments: Iterable[str]) -> list[str]:
        """Those of the departments that the person may see, in their order."""
        return [department for department in departments if self.covers(department)]


EVERYTHING = CallVisibility(sees_numbers=True)


def visibility_for(user: Any) -> CallVisibility:
    """A query at most, once for each request: it is kept with the user."""
    kept = getattr(user, _KEPT, None)
    if kept is None:
        kept = _read(user)
        setattr(user, _KEPT, kept)
    return kept


def prefetch_limits(user: Any, departments: list[str]) -> None:
    """For who has read the limits of this person already, with something else."""
    setattr(user, _LIMITS, departments)


def require_unlimited(user: Any) -> None:
    """For pages that tell of the whole office. Raises PermissionDenied."""
    if visibility_for(user).is_limited:
        raise PermissionDenied


def _read(user: Any) -> CallVisibility:
    if user.is_active and user.is_superuser:
        return EVERYTHING
    # First: who reads the permissions may have read the limits with them.
    sees_numbers = user.has_perm(NUMBERS)
    limits = getattr(user, _LIMITS, None)
    if limits is None:
        rows = DepartmentLimit.objects.filter(person_id=user.pk).order_by()
        limits = list(rows.values_list("department", flat=True))
    # A limit to what is no name (a dash stands for none, `filters.NOTHING`) is a limit still, and lets nothing through.
    return CallVisibility(sees_numbers, frozenset(limits) - {"", "-"} if limits else None)
