"""Any sequence of saves and deliveries ends with the provider in sync: a state machine plays users and workers.

The long run is part of `make faults`. Its steps are counted, so that the promised number is really run.
"""

import datetime as dt
import random
import time
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ivrportal.common.database_clock import database_now
from settings_sync import setting_address
from settings_sync.delivery import reconcile, service, worker
from settings_sync.models import Agent, Attempt, Circuit, Holiday, OfficeHours, ProviderSetting
from settings_sync.models.provider_setting import State

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_broker")]
SHORT_STEPS, LONG_STEPS, STEPS_EACH = 300, 5_000, 50
# The provider acts at most LATE_S late; the settle window and the timeout at the end are longer.
LATE_S, DEADLINE_S, LEASE_S, SETTLE_S, TIMEOUT_S = 0.12, 0.15, 0.2, 0.3, 20.0
FAULTS = [
    "ok", "ok", "ok", "http500", "http500_after", "drop_before", "drop_after", f"late:{LATE_S}", f"late:{LATE_S / 3}",
    "http429:0", "empty", "html", "slow:0.05",
]  # fmt: skip
NUMBERS = [f"+91981234567{last}" for last in range(6)]
DATES = [dt.date.today() + dt.timedelta(days=ahead) for ahead in (30, 31, 60)]
numbers, dates, days = (
    st.sampled_from(NUMBERS),
    st.sampled_from(DATES),
    st.sampled_from(setting_address.WEEKDAYS),
)
opens = st.sampled_from([dt.time(8), dt.time(9, 30)])


class Office(RuleBasedStateMachine):
    """Users, the portal and the provider. The test sets `simulator`, `django` and `steps`."""

    simulator: Any
    django: Any
    steps: list[int]

    @initialize(daily=st.booleans(), overwrites=st.booleans())
    def begin(self, daily: bool, overwrites: bool) -> None:
        for model in (Attempt, ProviderSetting, Agent, Holiday, OfficeHours, Circuit):
            model.objects.all().delete()
        self.simulator.reset()
        self.simulator.set_faults("")
        self.simulator.provider.daily_overwrites = overwrites
        self.django.IVR_SEND_DAILY = daily

    @invariant()
    def count(self) -> None:
        self.steps[0] += 1

    # --- users ---

    @rule(number=numbers, is_on=st.booleans())
    def save_agent(self, number: str, is_on: bool) -> None:
        with Save() as touched:
            Agent.objects.update_or_create(
                number=number, defaults={"name": "A", "availability": "AVAIL" if is_on else "OFF"}
            )
            touched.append(setting_address.agent_address(number))

    @rule(old=numbers, new=numbers)
    def rename_agent(self, old: str, new: str) -> None:
        """Repeated, this gives chains of renames. A number in use is rejected, as by the form."""
        try:
            with Save() as touched:
                if Agent.objects.filter(number=old).update(number=new):
                    touched += [setting_address.agent_address(old), setting_address.agent_address(new)]
        except IntegrityError:
            return

    @rule(one=numbers, other=numbers)
    def swap_agents(self, one: str, other: str) -> None:
        """Three saves in one transaction, because two agents never have the same number."""
        with Save() as touched:
            first, second = (Agent.objects.filter(number=number).first() for number in (one, other))
            if first and second and first != second:
                for agent, number in ((first, "+919000000000"), (second, one), (first, other)):
                    Agent.objects.filter(pk=agent.pk).update(number=number)
                    touched.append(setting_address.agent_address(number))

    @rule(number=numbers)
    def delete_agent(self, number: str) -> None:
        with Save() as touched:
            Agent.objects.filter(number=number).delete()
            touched.append(setting_address.agent_address(number))

    @rule(is_on=st.booleans())
    def switch_all(self, is_on: bool) -> None:
        with Save() as touched:
            touched += map(setting_address.agent_address, Agent.objects.values_list("number", flat=True))
            Agent.objects.update(availability="AVAIL" if is_on else "OFF")

    @rule(date=dates)
    def add_or_delete_holiday(self, date: dt.date) -> None:
        with Save() as touched:
            if not Holiday.objects.filter(date=date).delete()[0]:
                Holiday.objects.create(date=date)
            touched.append(setting_address.holiday_address(date))

    @rule(old=dates, new=dates)
    def move_holiday(self, old: dt.date, new: dt.date) -> None:
        try:
            with Save() as touched:
                Holiday.objects.filter(date=old).update(date=new)
                touched += [setting_address.holiday_address(old), setting_address.holiday_address(new)]
        except IntegrityError:
            return

    @rule(some=st.lists(days, min_size=1, max_size=3, unique=True), opens_at=opens)
    def save_hours(self, some: list[str], opens_at: dt.time) -> None:
        self._save_hours(some, opens_at)

    @rule(opens_at=opens)
    def save_week(self, opens_at: dt.time) -> None:
        self._save_hours(list(setting_address.WEEKDAYS), opens_at)

    @rule(number=numbers)
    def bypass(self, number: str) -> None:
        """A table is edited without the service; reconcile finds it."""
        Agent.objects.filter(number=number).update(availability="OFF")
        reconcile.repair()

    @rule()
    def send_everything_again(self) -> None:
        service.resend_all()

    # --- workers and the provider ---

    @rule(faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=4))
    def deliver(self, faults: list[str]) -> None:
        self.simulator.set_faults("script:" + ",".join(faults))
        for _ in faults:
            claimed = worker.claim()
            if isinstance(claimed, worker.Claim):
                worker.record_result(claimed, worker.send_request(claimed))

    @rule(is_sent=st.booleans(), fault=st.sampled_from(FAULTS))
    def die(self, is_sent: bool, fault: str) -> None:
        """A worker is killed after its claim, before or after its request."""
        self.simulator.set_faults(f"script:{fault}")
        claimed = worker.claim()
        if isinstance(claimed, worker.Claim) and is_sent:
            worker.send_request(claimed)

    @rule(seconds=st.sampled_from([0.02, LATE_S, LEASE_S]))
    def time_passes(self, seconds: float) -> None:
        time.sleep(seconds)

    @rule()
    def forget_retired(self) -> None:
        reconcile.delete_retired_agents()

    # --- in the end ---

    def teardown(self) -> None:
        self.simulator.set_faults("")
        until = time.monotonic() + TIMEOUT_S
        while ProviderSetting.objects.pending().exists() or self.simulator.state()["pending"]:
            assert time.monotonic() < until, (
                f"not settled: {list(ProviderSetting.objects.pending().values())}"
            )
            # NEEDS_PERSON is retried after the longest back-off; the test does not wait for that.
            slow = ProviderSetting.objects.filter(
                state=State.NEEDS_PERSON, next_attempt_at__gt=database_now()
            )
            slow.update(next_attempt_at=database_now())
            worker.deliver_due(budget_s=0.1)
            time.sleep(0.01)
        self.assert_in_sync()

    def assert_in_sync(self) -> None:
        state, rows = self.simulator.state(), ProviderSetting.objects.all()
        desired = {setting_address.agent_address(a.number)[6:]: a.availability for a in Agent.objects.all()}
        assert {**dict.fromkeys(state["agents"], "OFF"), **desired} == state["agents"]
        hours = {
            each.day: [each.opens_at.strftime("%I:%M %p"), each.closes_at.strftime("%I:%M %p")]
            for each in OfficeHours.objects.all()
        }
        assert {day: list(state["hours"].get(day, [])) for day in hours} == hours
        holidays = {date.isoformat() for date in Holiday.objects.values_list("date", flat=True)}
        withdrawn = {row.address[8:] for row in rows if row.state == State.WITHDRAWN}
        assert holidays <= set(state["holidays"]) <= holidays | withdrawn
        assert not withdrawn & holidays
        assert {row.state for row in rows} <= {State.IN_FORCE, State.WITHDRAWN}
        assert state["overlaps"] == []
        assert state["redirects_followed"] == 0

    def _save_hours(self, some: list[str], opens_at: dt.time) -> None:
        with Save() as touched:
            for day in some:
                values = {"opens_at": opens_at, "closes_at": dt.time(18)}
                OfficeHours.objects.update_or_create(day=day, defaults=values)
            touched += map(setting_address.hours_address, some)


class Save:
    """One save of a page: records and settings in one transaction. The test fills the list of touched addresses."""

    def __enter__(self) -> list[str]:
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.touched: list[str] = []
        return self.touched

    def __exit__(self, *error: Any) -> None:
        try:
            if error[0] is None:
                service.reconcile_and_enqueue(self.touched)
        except BaseException as failure:
            self.atomic.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self.atomic.__exit__(*error)


@pytest.fixture
def office(simulator: Any, settings: Any) -> type[Office]:
    settings.IVR_CONNECT_S, settings.IVR_DEADLINE_S, settings.IVR_LEASE_S = (
        0.1,
        DEADLINE_S,
        LEASE_S + DEADLINE_S,
    )
    settings.IVR_SETTLE_S, settings.IVR_BACKOFF_BASE_S, settings.IVR_BACKOFF_CAP_S = SETTLE_S, 0.01, 0.1
    settings.IVR_BREAKER_FAILURES, settings.IVR_BREAKER_OPEN_S = 4, 0.05
    simulator.latency_s = 0
    Office.simulator, Office.django, Office.steps = simulator, settings, [0]
    random.seed(0)
    return Office


def play(office: type[Office], steps: int) -> None:
    """Run one example after the other until `steps` are done; an example may end early."""
    while office.steps[0] < steps:
        run_state_machine_as_test(
            office,
            settings=settings(
                max_examples=(steps - office.steps[0]) // STEPS_EACH + 1,
                stateful_step_count=STEPS_EACH,
                deadline=None,
                database=None,
                derandomize=False,
                phases=[Phase.generate],  # the clock is real: a repeated example is not the same
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )


@pytest.mark.timeout(300)
def test_three_hundred_steps_end_in_sync(office: type[Office]) -> None:
    play(office, SHORT_STEPS)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_five_thousand_steps_end_in_sync(office: type[Office]) -> None:
    play(office, LONG_STEPS)
