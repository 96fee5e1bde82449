"""Whatever happens in whatever order, an alert's state follows the one table, and the database agrees."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from alerts.models import Alert, ReadBack
from alerts.models.alert import EventKind
from alerts.rules import LEGAL_TRANSITIONS, NEEDS_SOMEBODY, Kind, State
from alerts.services.acknowledging import AlertHasChanged, acknowledge
from alerts.services.escalation import run_due_steps
from alerts.services.raising import IllegalTransition, Subject, close, move
from alerts.services.rearming import rearm_due
from alerts.services.settling import Condition, key_of, settle
from tests.builders_alerts import NOW, make_person

pytestmark = pytest.mark.django_db
KINDS = (Kind.FEED_SILENT, Kind.UNIT_DRIFT, Kind.RECALL_UNANSWERED)
# Which state each event leaves an alert in; the others leave it where it is.
AFTER = {
    EventKind.RAISED: State.OPEN,
    EventKind.WORSENED: State.OPEN,
    EventKind.REOPENED: State.OPEN,
    EventKind.REARMED: State.OPEN,
    EventKind.RETURNED: State.OPEN,
    EventKind.CLEARED: State.CLEARED_UNACKED,
    EventKind.ACKNOWLEDGED: State.ACKED,
    EventKind.CLOSED: State.CLOSED,
}


class AlertMachine(RuleBasedStateMachine):
    """Conditions come, go and get worse; people take over, forget, and time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.rolled_back = transaction.atomic()
        self.rolled_back.__enter__()
        self.now = NOW
        self.person = User.objects.get(username="taker")

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.rolled_back.__exit__(None, None, None)
        transaction.set_rollback(False)

    @rule(kinds=st.dictionaries(st.sampled_from(KINDS), st.booleans()))
    def look(self, kinds: dict[Kind, bool]) -> None:
        """These conditions hold now, some at their critical limit; the others do not."""
        self.now += timedelta(seconds=1)
        conditions = [
            Condition(kind=kind, key=key_of(kind, "x"), subject=Subject(), worse=worse)
            for kind, worse in kinds.items()
        ]
        settle(kinds=KINDS, conditions=conditions, now=self.now)

    @rule(kind=st.sampled_from(KINDS))
    def take_over(self, kind: Kind) -> None:
        """Somebody acknowledges what stands, as it stands; twice is once."""
        alert = Alert.objects.standing().filter(kind=kind).first()
        if alert is None:
            return
        last = alert.events.latest("pk").pk
        for _ in range(2):
            acknowledge(
                alert=alert, person=self.person, seen_severity=alert.severity, seen_event=last, now=self.now
            )

    @rule(kind=st.sampled_from(KINDS))
    def take_over_a_page_of_another_severity(self, kind: Kind) -> None:
        """A page that shows another severity takes nothing over."""
        alert = Alert.objects.needing_somebody().filter(kind=kind).first()
        if alert is not None:
            with pytest.raises(AlertHasChanged):
                acknowledge(alert=alert, person=self.person, seen_severity=9, seen_event=10**9, now=self.now)

    @rule(hours=st.integers(1, 40))
    def time_passes(self, hours: int) -> None:
        """Hours later the runners come round."""
        self.now += timedelta(hours=hours)
        overdue = set(
            Alert.objects.filter(state=State.ACKED, ack_due_at__lte=self.now).values_list("pk", flat=True)
        )
        rearm_due(now=self.now)
        run_due_steps(now=self.now)
        assert not Alert.objects.filter(pk__in=overdue, state=State.ACKED).exists()

    @precondition(lambda self: Alert.objects.filter(state=State.CLOSED).exists())
    @rule()
    def nothing_leads_out_of_closed(self) -> None:
        """A closed alert moves nowhere."""
        alert = Alert.objects.filter(state=State.CLOSED).first()
        assert alert is not None
        with pytest.raises(IllegalTransition):
            close(alert, why="again", now=self.now)
        with pytest.raises(AlertHasChanged):
            acknowledge(alert=alert, person=self.person, seen_severity=1, seen_event=10**9, now=self.now)

    @invariant()
    def every_alert_is_where_its_events_say_and_came_there_legally(self) -> None:
        """Replayed from the record, each state follows from the one before by the table."""
        for alert in Alert.objects.all():
            states = list(_states(alert))
            assert states[-1] == alert.state
            for before, after in pairwise(states):
                assert before == after or after in LEGAL_TRANSITIONS[before], (before, after)
            waits = alert.state in NEEDS_SOMEBODY
            assert waits == (alert.next_step_at is not None)
            if alert.state != State.CLOSED:
                assert (alert.state == State.ACKED) == (alert.ack_due_at is not None)
            if waits and alert.severity == 1:
                assert alert.next_step_at is not None
                assert alert.next_step_at <= self.now + timedelta(minutes=30)

    @invariant()
    def a_condition_has_one_standing_alert(self) -> None:
        """However often it came."""
        keys = list(Alert.objects.standing().values_list("condition_key", flat=True))
        assert len(keys) == len(set(keys))

    @invariant()
    def the_database_itself_refuses_what_is_not_whole(self) -> None:
        """Each state with the columns of another one."""
        alert = Alert.objects.order_by("-pk").first()
        if alert is None:
            return
        for state in State:
            columns = {"state": state, "next_step_at": None, "closed_at": None, "ack_due_at": None}
            with pytest.raises(IntegrityError), transaction.atomic():
                Alert.objects.filter(pk=alert.pk).update(**columns, acked_at=None, acked_by=None)


def _states(alert: Alert) -> Iterator[State]:
    for event in alert.events.all():
        if (after := AFTER.get(EventKind(event.kind))) is not None:
            yield after


@pytest.mark.hazard("HZ-68")
def test_an_alerts_states_follow_the_table_whatever_happens() -> None:
    make_person("taker", "on-call", "physician", "nurse", "administrator")
    run_state_machine_as_test(
        AlertMachine,
        settings=settings(
            max_examples=15,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
    assert not Alert.objects.exists()
    assert not ReadBack.objects.exists()


def test_every_pair_of_states_is_in_the_table_or_refused() -> None:
    for before in State:
        for after in State:
            alert = Alert(state=before.value)
            if after in LEGAL_TRANSITIONS[before]:
                move(alert, after)
                assert alert.state == after
            else:
                with pytest.raises(IllegalTransition):
                    move(alert, after)
                assert alert.state == before
