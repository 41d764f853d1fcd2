"""A person's permissions, and the limits to departments, read at once: Django alone would ask three times."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import CharField, QuerySet, Value

from calllogs.access import visibility
from calllogs.models import DepartmentLimit


class SingleQueryBackend(ModelBackend):
    """Django's own backend, one query cheaper on every page. What it answers is the same."""

    def get_all_permissions(self: Any, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None or user_obj.is_superuser:
            return ModelBackend.get_all_permissions(self, user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):  # where Django's backend keeps it too
            own, of_groups = (
                rows.values_list("content_type__app_label", "codename").order_by()
                for rows in (self._get_user_permissions(user_obj), self._get_group_permissions(user_obj))
            )
            found = list(own.union(of_groups, _limits_of(user_obj)))
            user_obj._perm_cache = {f"{app}.{name}" for app, name in found if app}
            visibility.prefetch_limits(user_obj, [name for app, name in found if not app])
        return user_obj._perm_cache


def _limits_of(person: Any) -> QuerySet:
    """As permissions of no application: those have one."""
    mark = Value("", output_field=CharField(max_length=100))
    return DepartmentLimit.objects.filter(person=person).order_by().values_list(mark, "department")
