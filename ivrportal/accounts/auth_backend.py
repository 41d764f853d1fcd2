"""An authentication backend that loads a user's permissions and department limits in one query instead of three."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import CharField, QuerySet, Value

from calllogs.access import visibility
from calllogs.models import DepartmentLimit


class SingleQueryBackend(ModelBackend):
    """Django's ModelBackend with fewer queries and the same results."""

    def get_all_permissions(self: Any, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None or user_obj.is_superuser:
            return ModelBackend.get_all_permissions(self, user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):  # ModelBackend uses the same attribute
            own, of_groups = (
                rows.values_list("content_type__app_label", "codename").order_by()
                for rows in (self._get_user_permissions(user_obj), self._get_group_permissions(user_obj))
            )
            found = list(own.union(of_groups, _department_limits(user_obj)))
            user_obj._perm_cache = {f"{app}.{name}" for app, name in found if app}
            visibility.prefetch_limits(user_obj, [name for app, name in found if not app])
        return user_obj._perm_cache


def _department_limits(person: Any) -> QuerySet:
    """The limits as rows of the permission query, marked by an empty app label, which permissions never have."""
    mark = Value("", output_field=CharField(max_length=100))
    return DepartmentLimit.objects.filter(person=person).order_by().values_list(mark, "department")
