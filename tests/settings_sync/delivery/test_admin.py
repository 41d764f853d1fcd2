"""The admin of provider settings, the control views and the banner, through Django's test client."""

import datetime as dt

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from ivrportal.accounts.roles import OFFICE_MANAGERS, SUPERVISORS
from settings_sync import setting_address
from settings_sync.delivery import reconcile, service, worker
from settings_sync.models import Agent, Attempt, Circuit, Holiday, ProviderSetting
from settings_sync.models.provider_setting import State

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]

LIST_URL = "/admin/settings_sync/providersetting/"
NOW = dt.datetime.now(dt.UTC)


@pytest.fixture
def manager(client_for):
    return client_for(OFFICE_MANAGERS)


@pytest.fixture
def asha():
    agent = Agent.objects.create(name="Asha", number="+919812345678")
    reconcile.repair()
    return agent


def setting():
    return ProviderSetting.objects.get()


def sent_and_deleted_holiday(simulator, *, days):
    date = timezone.localdate() + dt.timedelta(days=days)
    Holiday.objects.create(date=date)
    reconcile.repair()
    worker.deliver_due(budget_s=5)
    Holiday.objects.all().delete()
    reconcile.repair()
    return ProviderSetting.objects.get(address=setting_address.holiday_address(date))


def test_the_list_shows_desired_and_confirmed_values(manager, simulator, asha):
    page = manager.get(LIST_URL).text
    assert "98123 45678 takes calls" in page
    assert "Asha" in page
    assert "nothing yet" in page
    assert "0 of 1 settings are in force" in page
    worker.deliver_due(budget_s=5)
    page = manager.get(LIST_URL).text
    assert "The one setting is in force at the provider." in page
    assert "Success" in page


def test_tiles_count_displayed_states_and_filter_by_them(manager, simulator, asha):
    page = manager.get(LIST_URL)
    assert {tile["label"]: tile["count"] for tile in page.context["tiles"]} == {
        "All": 1, "In force": 0, "Waiting": 1,
    }  # fmt: skip
    assert "98123 45678" in manager.get(f"{LIST_URL}?standing=WAITING").text
    service.stop_sending("anita")
    assert manager.get(f"{LIST_URL}?standing=PAUSED").context["cl"].result_count == 1
    assert manager.get(f"{LIST_URL}?standing=WAITING").context["cl"].result_count == 0
    assert manager.get(f"{LIST_URL}?standing=nonsense").status_code == 200


def test_stop_asks_first_acts_on_post_is_logged_and_shows_on_every_page(manager, simulator, asha):
    assert "Stop sending?" in manager.get(f"{LIST_URL}stop/").text
    assert Circuit.get_solo().stopped_by == ""
    manager.post(f"{LIST_URL}stop/")
    assert Circuit.get_solo().stopped_by == "office-managers"
    for path in ("", "calllogs/calllog/", "settings_sync/agent/", "settings_sync/agent/add/", LIST_URL[7:]):
        assert "Sending was stopped by office-managers at" in manager.get(f"/admin/{path}").text
    assert "Paused: sending is stopped" in manager.get("/admin/settings_sync/agent/").text
    manager.post(f"{LIST_URL}start/")
    assert "Sending was stopped" not in manager.get("/admin/").text
    assert list(LogEntry.objects.order_by("id").values_list("user__username", "change_message")) == [
        ("office-managers", "Stopped sending."),
        ("office-managers", "Started sending."),
    ]


def test_stopping_needs_its_own_permission(manager, simulator, asha):
    stopping = Permission.objects.get(codename="stop_sending")
    Group.objects.get(name=OFFICE_MANAGERS).permissions.remove(stopping)
    page = manager.get(LIST_URL).text
    assert "Stop sending" not in page
    assert "Send everything again" in page
    for path in ("stop/", "start/"):
        assert manager.get(f"{LIST_URL}{path}").status_code == 403
        assert manager.post(f"{LIST_URL}{path}").status_code == 403
    assert Circuit.get_solo().stopped_by == ""


def test_a_refused_account_is_shown_with_the_providers_reply(manager, simulator, asha):
    Circuit.objects.update(paused_reason="Invalid API key", paused_at=NOW)
    page = manager.get("/admin/").text
    assert "The provider refuses our account" in page
    assert "“Invalid API key”" in page
    assert "press Start sending" in page
    manager.post(f"{LIST_URL}start/")
    worker.deliver_due(budget_s=5)
    assert setting().state == State.IN_FORCE


def test_a_wrong_url_is_not_shown_as_a_refused_account(manager, simulator, asha):
    simulator.set_faults("script:redirect")
    worker.deliver_due(budget_s=5)
    assert (
        "The provider's address does not work" in manager.get("/admin/").context["provider_notices"][0].text
    )


def test_an_open_breaker_shows_since_when_and_the_next_attempt(manager, simulator, asha):
    ProviderSetting.objects.update(first_failed_at=NOW - dt.timedelta(minutes=3), state=State.RETRYING)
    Circuit.objects.update(opened_until=dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60), failures=5)
    page = manager.get("/admin/").text
    assert "Provider down since" in page
    assert "trying again at" in page
    assert "Paused: provider down" in manager.get("/admin/settings_sync/agent/").text


def test_the_banner_shows_that_no_provider_is_set_up(manager, settings):
    settings.IVR_API_KEY = ""
    assert "No provider is set up" in manager.get("/admin/").text


def test_the_banner_warns_of_plain_http_except_on_loopback(manager, settings):
    settings.IVR_IS_PLAIN_HTTP, settings.IVR_IS_LOOPBACK = True, True
    assert "plain HTTP" not in manager.get("/admin/").text
    settings.IVR_IS_LOOPBACK = False
    assert "plain HTTP" in manager.get("/admin/").text


def test_the_banner_takes_one_query(django_assert_num_queries):
    from settings_sync.delivery import account_status, banner

    Circuit.objects.create(
        pk=Circuit.ONLY, stopped_by="anita", stopped_at=NOW, paused_reason="x", opened_until=NOW
    )
    with django_assert_num_queries(1):
        banner.build_notices(account_status.load())


def test_an_anonymous_visitor_sees_no_banner(client, settings):
    settings.IVR_API_KEY = ""
    assert "No provider is set up" not in client.get("/admin/login/", headers={"host": "127.0.0.1"}).text


def test_send_now_sends_a_refused_setting_again_and_logs_the_user(manager, simulator, asha):
    simulator.set_faults("script:invalid_time")
    worker.deliver_due(budget_s=5)
    page = manager.get(f"{LIST_URL}{setting().pk}/change/").text
    assert "The provider refused it and said: “Invalid Time”" in page
    assert manager.get(f"{LIST_URL}{setting().pk}/send-now/").status_code == 405
    response = manager.post(
        f"{LIST_URL}{setting().pk}/send-now/", headers={"referer": "https://evil.example/"}
    )
    assert response.url == LIST_URL
    worker.deliver_due(budget_s=5)
    assert setting().state == State.IN_FORCE
    assert LogEntry.objects.get().change_message == "Sent now."


def test_send_now_of_a_missing_setting_is_404(manager):
    assert manager.post(f"{LIST_URL}999/send-now/").status_code == 404


def test_everything_is_sent_again_only_when_confirmed_and_not_twice_in_ten_minutes(manager, simulator, asha):
    worker.deliver_due(budget_s=5)
    assert "1 setting is sent again" in manager.get(f"{LIST_URL}send-everything-again/").text
    assert "Tick the box first." in manager.post(f"{LIST_URL}send-everything-again/").text
    assert not ProviderSetting.objects.pending().exists()
    manager.post(f"{LIST_URL}send-everything-again/", {"sure": "1"})
    worker.deliver_due(budget_s=5)
    assert Attempt.objects.count() == 2
    answer = manager.post(f"{LIST_URL}send-everything-again/", {"sure": "1"}, follow=True).text
    assert "office-managers sent everything again at" in answer
    assert not ProviderSetting.objects.pending().exists()
    LogEntry.objects.update(action_time=timezone.now() - dt.timedelta(minutes=11))
    manager.post(f"{LIST_URL}send-everything-again/", {"sure": "1"})
    assert ProviderSetting.objects.pending().exists()


def test_a_settings_page_shows_its_attempts(manager, simulator, asha, settings):
    settings.IVR_SETTLE_S = 60.0
    simulator.set_faults("script:http500")
    worker.record_result(claimed := worker.claim(), worker.send_request(claimed))
    page = manager.get(f"{LIST_URL}{setting().pk}/change/").text
    assert "No clear answer: it may have arrived" in page
    assert "the regular check" in page
    assert "It was sent, but it is not certain that the provider has done it." in page


def test_a_withdrawn_holiday_is_explained_and_closed_by_a_user(manager, simulator, settings):
    row = sent_and_deleted_holiday(simulator, days=20)
    page = manager.get(f"{LIST_URL}{row.pk}/change/").text
    assert "Callers will hear the holiday message in 20 days" in page
    assert f"hdate={setting_address.holiday_date(row.address).isoformat()}" in page
    assert "Our customer id: ____________________" in page
    assert "canary" not in page
    assert "Has the provider removed it?" in manager.get(f"{LIST_URL}{row.pk}/removed/").text
    assert ProviderSetting.objects.exists()
    manager.post(f"{LIST_URL}{row.pk}/removed/")
    assert not ProviderSetting.objects.exists()
    assert LogEntry.objects.get().change_message == "Confirmed that the provider has removed it."


@pytest.mark.parametrize(("days", "reminds"), [(0, True), (1, True), (7, True), (8, False)])
def test_every_page_reminds_from_seven_days_before_a_withdrawn_holiday(manager, simulator, days, reminds):
    sent_and_deleted_holiday(simulator, days=days)
    assert ("was deleted here, but the provider" in manager.get("/admin/").text) is reminds


def test_only_a_withdrawn_setting_can_be_closed(manager, simulator, asha):
    manager.post(f"{LIST_URL}{setting().pk}/removed/")
    assert ProviderSetting.objects.exists()


def test_a_supervisor_sees_the_list_and_controls_nothing(client_for, simulator, asha):
    supervisor = client_for(SUPERVISORS)
    page = supervisor.get(LIST_URL).text
    assert "98123 45678 takes calls" in page
    assert "Stop sending" not in page
    assert "Send now" not in page
    for path in (
        "stop/",
        "start/",
        "send-everything-again/",
        f"{setting().pk}/send-now/",
        f"{setting().pk}/removed/",
    ):
        assert supervisor.post(f"{LIST_URL}{path}", {"sure": "1"}).status_code == 403
    assert supervisor.get(f"{LIST_URL}live/?settings={setting().pk}").status_code == 200


def test_polling_returns_badges_and_the_delay_until_the_next_poll(manager, simulator, asha):
    url = f"{LIST_URL}live/?settings={setting().pk}&head=1"
    before = manager.get(url).json()
    assert "Waiting" in before["badges"][str(setting().pk)]
    assert before["again_s"] == 2
    worker.deliver_due(budget_s=5)
    after = manager.get(url).json()
    assert "In force" in after["badges"][str(setting().pk)]
    assert "The one setting is in force" in after["parts"]["head"]
    assert after["again_s"] is None


def test_polling_stops_while_sending_is_stopped(manager, simulator, asha):
    service.stop_sending("anita")
    answer = manager.get(f"{LIST_URL}live/?settings={setting().pk}&head=1").json()
    assert answer["again_s"] is None
    assert "stopped by anita" in answer["parts"]["banner"]


@pytest.mark.parametrize("ids", ["", "x", "1,,2", "²", "9" * 40, "-1", "1;DROP"])
def test_polling_accepts_any_list_of_ids(manager, ids):
    assert manager.get(f"{LIST_URL}live/", {"settings": ids}).json()["badges"] == {}


def test_with_500_settings_every_page_takes_few_queries(manager, simulator, django_assert_max_num_queries):
    Agent.objects.bulk_create(Agent(name=f"Agent {n}", number=f"+91981234{n:04d}") for n in range(500))
    reconcile.repair()
    row = ProviderSetting.objects.first()
    for path in ("", "?standing=WAITING", f"{row.pk}/change/", "send-everything-again/",
                 f"live/?settings={','.join(map(str, range(row.pk, row.pk + 50)))}&head=1"):  # fmt: skip
        with django_assert_max_num_queries(15):
            assert manager.get(f"{LIST_URL}{path}").status_code == 200
    with django_assert_max_num_queries(15):
        assert manager.get("/admin/settings_sync/agent/").status_code == 200
