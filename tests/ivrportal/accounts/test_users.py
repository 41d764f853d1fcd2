"""The user screens: roles, no permission beyond the editor's own, and one administrator always remains."""

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command

from calllogs.models import DepartmentLimit
from ivrportal.accounts import roles
from settings_sync.models import Agent, AuditEntry
from tests.conftest import make_user
from tests.ivrportal.accounts.signing_in import give_phone

pytestmark = pytest.mark.django_db
LIST = "/admin/auth/user/"
NEW = "five words are quite enough"


def page_of(person):
    return f"{LIST}{person.pk}/change/"


def typed(person, **changes):
    fields = {
        "username": person.username,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "email": person.email,
        "roles": roles.roles_of(person),
        "departments": [limit.department for limit in person.department_limits.all()],
    }
    if person.is_active:
        fields["is_active"] = "on"
    if person.is_superuser:
        fields["is_superuser"] = "on"
    return {name: value for name, value in (fields | changes).items() if value is not None}


@pytest.fixture
def admin(client_for):
    return client_for(roles.ADMINISTRATORS)


@pytest.fixture
def me(admin):
    return User.objects.get(username="administrators")


@pytest.fixture
def asha(db):
    Agent.objects.create(name="Ravi", number="+919800100001", department="Sales")
    Agent.objects.create(name="Uma", number="+919800100002", department="Billing")
    return make_user("asha", roles.SUPERVISORS)


def test_the_form_speaks_of_roles_and_not_of_permissions(admin, asha):
    page = admin.get(page_of(asha)).text
    for words in (
        *roles.PERMISSIONS,
        str(roles.DESCRIPTIONS[roles.AUDITORS]),
        "Sales",
        "Billing",
        "Not locked",
    ):
        assert words in page, words
    for words in ("user_permissions", "is_superuser", "is_staff", "Can add", "pbkdf2", "md5"):
        assert words not in page, words


def test_roles_and_departments_are_kept_and_on_record(admin, asha):
    own = Group.objects.create(name="Choir")
    asha.groups.add(own)
    answer = admin.post(page_of(asha), typed(asha, roles=[roles.AUDITORS], departments=["Sales"]))
    assert answer.status_code == 302, answer.context["errors"]
    asha.refresh_from_db()
    assert roles.roles_of(asha) == [roles.AUDITORS]
    assert own in asha.groups.all()
    assert list(DepartmentLimit.objects.values_list("person", "department")) == [(asha.pk, "Sales")]
    entry = AuditEntry.objects.get(action="ROLES")
    assert (entry.person, entry.what) == ("administrators", "asha")
    assert entry.changes == {
        "roles": ["Supervisors", "Auditors"],
        "departments": ["", "Sales"],
    }
    admin.post(page_of(asha), typed(asha))
    assert AuditEntry.objects.filter(action="ROLES").count() == 1
    admin.post(page_of(asha), typed(asha, is_active=None))
    assert AuditEntry.objects.filter(action="ROLES").first().changes == {"is_active": [True, False]}


def test_a_new_person_uses_the_portal_at_once(admin, client_for):
    answer = admin.post(
        f"{LIST}add/",
        {
            "username": "uma",
            "email": "uma@office.example",
            "password1": NEW,
            "password2": NEW,
            "roles": [roles.OFFICE_MANAGERS],
        },
    )
    assert answer.status_code == 302, answer.context["errors"]
    uma = User.objects.get(username="uma")
    assert uma.is_staff
    assert not uma.is_superuser
    assert roles.roles_of(uma) == [roles.OFFICE_MANAGERS]
    assert uma.check_password(NEW)
    assert AuditEntry.objects.get(action="ROLES").changes == {"roles": ["", "Office managers"]}


def test_nobody_makes_a_superuser_without_being_one(admin, me, asha, client_for):
    admin.post(page_of(asha), typed(asha, is_superuser="on"))
    asha.refresh_from_db()
    assert not asha.is_superuser
    boss = make_user("boss", None)
    for path in (page_of(boss), f"{LIST}{boss.pk}/password/", f"{LIST}{boss.pk}/delete/"):
        assert admin.post(path, typed(boss, is_active=None, password1=NEW, password2=NEW)).status_code == 403
    assert admin.get(page_of(boss)).status_code == 200
    real = client_for(None)
    assert real.post(page_of(asha), typed(asha, is_superuser="on")).status_code == 302
    asha.refresh_from_db()
    assert asha.is_superuser
    assert AuditEntry.objects.get(action="ROLES").changes == {"is_superuser": [False, True]}


def test_nobody_gives_a_role_that_is_more_than_their_own(client_for, asha):
    clerk = make_user("clerk", roles.OFFICE_MANAGERS)
    group = Group.objects.create(name="Front desk")
    from django.contrib.auth.models import Permission

    group.permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    clerk.groups.add(group)
    client = client_for(roles.OFFICE_MANAGERS)
    client.force_login(clerk)
    uma = make_user("uma", roles.OFFICE_MANAGERS)
    assert roles.ADMINISTRATORS not in client.get(page_of(uma)).text
    answer = client.post(page_of(uma), typed(uma, roles=[roles.OFFICE_MANAGERS, roles.SUPERVISORS]))
    assert answer.status_code == 200
    assert roles.roles_of(User.objects.get(pk=uma.pk)) == [roles.OFFICE_MANAGERS]
    assert client.post(page_of(asha), typed(asha)).status_code == 403, "she may more"


def test_who_is_limited_gives_no_wider_visibility(admin, me, asha):
    DepartmentLimit.objects.create(person=me, department="Sales")
    assert admin.post(page_of(asha), typed(asha)).status_code == 403, "she sees more"
    DepartmentLimit.objects.create(person=asha, department="Sales")
    assert "Billing" not in admin.get(page_of(asha)).text
    assert "choose among them" in admin.post(page_of(asha), typed(asha, departments=[])).text
    assert admin.post(page_of(asha), typed(asha, departments=["Billing"])).status_code == 200
    assert admin.post(page_of(asha), typed(asha, departments=["Sales"])).status_code == 302


@pytest.mark.parametrize("changes", [{"roles": []}, {"is_active": None}])
def test_nobody_takes_the_last_administrator_away_or_the_role_from_oneself(admin, me, client_for, changes):
    assert "ask another administrator" in admin.post(page_of(me), typed(me, **changes)).text
    other = make_user("other", roles.ADMINISTRATORS)
    assert admin.post(page_of(other), typed(other, **changes)).status_code == 302
    assert admin.post(f"{LIST}{me.pk}/delete/", {"post": "yes"}).status_code == 403
    me.refresh_from_db()
    assert me.is_active
    assert roles.roles_of(me) == [roles.ADMINISTRATORS]


def test_the_last_active_administrator_stays(client_for):
    boss_client = client_for(None)
    boss = User.objects.get(username="admin")
    other = make_user("other", roles.ADMINISTRATORS)
    User.objects.filter(pk=boss.pk).update(is_active=False)
    from ivrportal.accounts import role_rules

    assert role_rules.is_last_administrator(other)
    User.objects.filter(pk=boss.pk).update(is_active=True)
    assert not role_rules.is_last_administrator(other)
    assert "ask another" in boss_client.post(page_of(boss), typed(boss, is_superuser=None)).text


def test_an_auditor_reads_and_changes_nothing(client_for, asha):
    auditor = client_for(roles.AUDITORS)
    page = auditor.get(page_of(asha))
    assert page.status_code == 200
    assert "Supervisors" in page.text
    assert auditor.post(page_of(asha), typed(asha)).status_code == 403
    assert auditor.get(LIST).status_code == 200
    assert auditor.get(f"{LIST}add/").status_code == 403
    assert auditor.post(f"{LIST}{asha.pk}/password/", {}).status_code == 403


def test_the_list_counts_its_queries(admin, asha, django_assert_max_num_queries):
    for n in range(20):
        person = make_user(f"person{n}", roles.SUPERVISORS)
        DepartmentLimit.objects.create(person=person, department="Sales")
    give_phone(asha)
    admin.get(LIST)
    with django_assert_max_num_queries(12):
        page = admin.get(LIST).text
    assert "Set up" in page
    assert "person7" in page


def test_another_s_password_is_set_by_the_rules_and_on_record(admin, asha):
    path = f"{LIST}{asha.pk}/password/"
    assert admin.post(path, {"password1": "short", "password2": "short"}).status_code == 200
    assert (
        admin.post(path, {"password1": NEW, "password2": NEW, "usable_password": "true"}).status_code == 302
    )
    asha.refresh_from_db()
    assert asha.check_password(NEW)
    entry = AuditEntry.objects.get(action="PASSWORD")
    assert (entry.person, entry.what, entry.subject) == (
        "administrators",
        "user asha",
        f"auth.user:{asha.pk}",
    )


def test_roles_are_read_only_with_permission_labels(admin):
    group = Group.objects.get(name=roles.SUPERVISORS)
    page = admin.get(f"/admin/auth/group/{group.pk}/change/").text
    assert "listen to recordings" in page
    assert "see, add" in page
    assert "<select" not in page
    assert admin.post(f"/admin/auth/group/{group.pk}/change/", {"name": "x"}).status_code == 403
    assert admin.get("/admin/auth/group/add/").status_code == 403
    assert admin.post(f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}).status_code == 403


def test_your_account_says_who_you_are(client_for):
    page = client_for(roles.SUPERVISORS).get("/admin/account/").text
    assert "Supervisors" in page
    assert "Set it up" in page
    assert 'href="/admin/account/"' in page


@pytest.mark.django_db(transaction=True)
def test_migrate_keeps_the_roles():
    Group.objects.all().delete()
    call_command("migrate", verbosity=0)
    for name in roles.PERMISSIONS:
        assert Group.objects.get(name=name).permissions.exists()
    kept = Group.objects.get(name=roles.SUPERVISORS).permissions
    assert kept.filter(codename="listen_recording").exists(), "those of the last application too"
