"""Rules for managing users: editors grant only what they have themselves, and one administrator always remains."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet

from calllogs.access.visibility import visibility_for
from ivrportal.accounts import roles


def can_manage(editor: Any, person: User | None) -> bool:
    """True if the editor has every permission and all the visibility of the person."""
    if editor.is_superuser or person is None:
        return True
    if person.is_superuser:
        return False
    theirs, mine = visibility_for(person).departments, visibility_for(editor).departments
    if mine is not None and (theirs is None or not theirs <= mine):
        return False
    return bool(person.get_all_permissions() <= editor.get_all_permissions())


def assignable_roles(editor: Any) -> list[str]:
    """The roles whose permissions the editor has."""
    if editor.is_superuser:
        return list(roles.PERMISSIONS)
    own_permissions = editor.get_all_permissions()
    groups = Group.objects.filter(name__in=roles.PERMISSIONS).prefetch_related("permissions__content_type")
    needed = {
        group.name: {f"{each.content_type.app_label}.{each.codename}" for each in group.permissions.all()}
        for group in groups
    }
    return [name for name in roles.PERMISSIONS if name in needed and needed[name] <= own_permissions]


def administrators() -> QuerySet[User]:
    return User.objects.filter(
        Q(is_superuser=True) | Q(groups__name=roles.ADMINISTRATORS), is_active=True
    ).distinct()


def is_last_administrator(person: User) -> bool:
    """Call in a transaction. It locks the group's row, so that two administrators cannot remove each other at once."""
    Group.objects.select_for_update().filter(name=roles.ADMINISTRATORS).first()
    others = administrators().exclude(pk=person.pk)
    return administrators().filter(pk=person.pk).exists() and not others.exists()
