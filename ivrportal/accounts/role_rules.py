"""Who may change whom: nobody gives what they do not have, and somebody is always left to give it."""

from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Q, QuerySet

from calllogs.access.visibility import visibility_for
from ivrportal.accounts import roles


def may_manage(editor: Any, person: User | None) -> bool:
    """Does the editor have every right that the person has, and see what the person sees?"""
    if editor.is_superuser or person is None:
        return True
    if person.is_superuser:
        return False
    theirs, mine = visibility_for(person).departments, visibility_for(editor).departments
    if mine is not None and (theirs is None or not theirs <= mine):
        return False
    return bool(person.get_all_permissions() <= editor.get_all_permissions())


def givable_roles(editor: Any) -> list[str]:
    """The roles of which the editor has every permission."""
    if editor.is_superuser:
        return list(roles.PERMISSIONS)
    mine = editor.get_all_permissions()
    groups = Group.objects.filter(name__in=roles.PERMISSIONS).prefetch_related("permissions__content_type")
    needed = {
        group.name: {f"{each.content_type.app_label}.{each.codename}" for each in group.permissions.all()}
        for group in groups
    }
    return [name for name in roles.PERMISSIONS if name in needed and needed[name] <= mine]


def administrators() -> QuerySet[User]:
    return User.objects.filter(
        Q(is_superuser=True) | Q(groups__name=roles.ADMINISTRATORS), is_active=True
    ).distinct()


def is_last_administrator(person: User) -> bool:
    """For use in a transaction: two who take the role from each other at the same moment take turns here."""
    Group.objects.select_for_update().filter(name=roles.ADMINISTRATORS).first()
    others = administrators().exclude(pk=person.pk)
    return administrators().filter(pk=person.pk).exists() and not others.exists()
