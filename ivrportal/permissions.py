"""A person's permissions, read at once: Django asks for a person's own and for those of the groups one by one."""

from typing import Any

from django.contrib.auth.backends import ModelBackend


class PermissionsAtOnce(ModelBackend):
    """Django's own backend, one query cheaper on every page. What it answers is the same."""

    def get_all_permissions(self: Any, user_obj: Any, obj: Any = None) -> set[str]:
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None or user_obj.is_superuser:
            return ModelBackend.get_all_permissions(self, user_obj, obj)
        if not hasattr(user_obj, "_perm_cache"):  # where Django's backend keeps it too
            own, of_groups = (
                rows.values_list("content_type__app_label", "codename").order_by()
                for rows in (self._get_user_permissions(user_obj), self._get_group_permissions(user_obj))
            )
            user_obj._perm_cache = {f"{app}.{name}" for app, name in own.union(of_groups)}
        return user_obj._perm_cache
