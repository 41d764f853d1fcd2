"""The single-query backend gives the same permissions as Django's ModelBackend."""

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Group, Permission, User

from calllogs.access.visibility import visibility_for
from calllogs.models import DepartmentLimit
from ivrportal.accounts import roles
from ivrportal.accounts.auth_backend import SingleQueryBackend

pytestmark = pytest.mark.django_db


def user_of(name, **facts):
    return User.objects.create_user(name, **facts)


@pytest.fixture
def people():
    roles.sync_groups()
    codes = ["view_agent", "view_calllog", "add_holiday"]
    own = Permission.objects.filter(codename__in=codes)
    both = user_of("both")
    both.user_permissions.set(own)
    both.groups.set(Group.objects.filter(name__in=[roles.SUPERVISORS, roles.AUDITORS]))
    only_own, only_group = user_of("own"), user_of("group")
    only_own.user_permissions.set(own)
    only_group.groups.set(Group.objects.filter(name=roles.OFFICE_MANAGERS))
    gone = user_of("gone", is_active=False)
    gone.user_permissions.set(own)
    return [both, only_own, only_group, gone, user_of("none"), user_of("root", is_superuser=True),
            user_of("gone-root", is_superuser=True, is_active=False), AnonymousUser()]  # fmt: skip


def test_everybody_has_what_django_would_give(people):
    asked = ["settings_sync.view_agent", "calllogs.view_calllog", "auth.delete_user", "nonsense", ""]
    for person in people:
        told = {}
        for backend in (ModelBackend(), SingleQueryBackend()):
            for name in [name for name in vars(person) if name.endswith("_perm_cache")]:
                delattr(person, name)
            told[type(backend)] = (
                backend.get_all_permissions(person),
                [backend.has_perm(person, name) for name in asked],
                [backend.has_module_perms(person, app) for app in ("auth", "calllogs", "settings_sync", "x")],
                backend.get_all_permissions(person, obj=object()),
                backend.get_user_permissions(person),
                backend.get_group_permissions(person),
            )
        assert told[ModelBackend] == told[SingleQueryBackend], person


def test_they_are_one_query_once_for_each_request(people, django_assert_num_queries):
    person = User.objects.get(username="both")
    with django_assert_num_queries(1):
        assert person.has_perm("settings_sync.view_agent")
        assert person.has_perm("calllogs.listen_recording")
        assert not person.has_perm("auth.delete_user")
        assert person.has_module_perms("calllogs")
        assert visibility_for(person).departments is None


def test_the_departments_come_with_them(people, django_assert_num_queries):
    person = User.objects.get(username="both")
    DepartmentLimit.objects.create(person=person, department="Sales")
    with django_assert_num_queries(1):
        assert visibility_for(person).departments == {"Sales"}
    assert "Sales" not in str(person.get_all_permissions())


def test_a_password_opens_as_it_did(rf):
    person = user_of("asha", password="a good long password")
    backend, request = SingleQueryBackend(), rf.post("/")
    assert backend.authenticate(request, username="asha", password="a good long password") == person
    assert backend.authenticate(request, username="asha", password="another") is None
