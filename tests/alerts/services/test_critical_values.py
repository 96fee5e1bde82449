"""A critical value wakes at once, whatever it is worth, and ends with nothing but a person's read-back."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts.history import standing_after
from alerts.models import Alert, CriticalFinding, Notification, ReadBack
from alerts.rules import Kind, State
from alerts.services.acknowledging import AlertHasChanged, MayNotAcknowledge, acknowledge
from alerts.services.critical_values import JudgingFailed, judge_critical_values
from alerts.services.raising import IllegalTransition, close
from alerts.services.read_back import BadReadBack, record_readback
from alerts.services.rearming import rearm_due
from alerts.services.triage import triage
from alerts.services.watching import EVERY_TIME
from labs.clock import database_now
from labs.models import Observation, Patient, QuarantinedResult
from tests.builders_alerts import make_alert, make_person
from tests.builders_labs import make_patient, make_sender, message, obr, obx, receive

pytestmark = pytest.mark.django_db
NIGHT = datetime(2026, 5, 5, 1, 0, tzinfo=UTC)  # 03:00 in Berlin
HGB = "718-7^Haemoglobin^LN"
_numbers = count(1)


@pytest.fixture(autouse=True)
def clinic() -> None:
    """A laboratory, a patient of ours, and those who are told."""
    make_sender()
    make_patient()
    make_person("oncall1", "on-call")
    make_person("physician1", "physician")


def drawn(
    value: str,
    *,
    order: str = "",
    status: str = "F",
    day: int = 4,
    stamp: datetime | None = None,
    **obx_facts: Any,
) -> None:
    """One platelet count, drawn on a day of May or at the moment given."""
    number = next(_numbers)
    collected = f"{stamp:%Y%m%d%H%M%S}+0000" if stamp else f"202605{day:02}080000+0200"
    body = message(
        obr(order or f"ORD{number}", collected=collected),
        obx(value, status=status, **obx_facts),
        control_id=f"CV{number}",
        at=collected if stamp else f"202605{day:02}10{number // 60 % 60:02}{number % 60:02}+0200",
    )
    receive(body)


def judged(now: datetime = NIGHT) -> int:
    return judge_critical_values(now=now)


def only() -> Alert:
    return Alert.objects.get(kind=Kind.CRITICAL_VALUE)


def seen(alert: Alert) -> dict[str, Any]:
    return {"seen_severity": alert.severity, "seen_event": alert.events.latest("pk").pk}


def taken_over(alert: Alert, *, now: datetime = NIGHT) -> None:
    acknowledge(
        alert=alert, person=make_person(f"taker{next(_numbers)}", "on-call", email=""), now=now, **seen(alert)
    )


def read_back(alert: Alert, outcome: str = "read-back", **facts: Any) -> ReadBack:
    given: dict[str, Any] = {
        "person": facts.pop("person", None) or make_person(f"caller{next(_numbers)}", "on-call", email=""),
        "reached": "Dr Ahorn, ward 3",
        "seen_event": alert.events.latest("pk").pk,
        "now": NIGHT + timedelta(minutes=10),
    }
    return record_readback(alert=alert, outcome=outcome, **(given | facts))


@pytest.mark.hazard("HZ-68")
def test_a_critical_count_wakes_in_the_night_though_no_course_asks_for_anything() -> None:
    drawn("24")
    assert judged() == 1
    alert = only()
    assert (alert.severity, alert.state, alert.technical) == (1, "open", False)
    assert [mail.person.username for mail in alert.notifications.all()] == ["oncall1"]
    assert alert.next_step_at == NIGHT + timedelta(minutes=15)
    assert alert.about == {"analyte": "PLT", "side": "low", "level": 1, "doubtful": False}
    assert judged() == 0
    assert judge_critical_values in EVERY_TIME


@pytest.mark.parametrize("value", ["25", "26", "210"])
def test_a_count_at_or_above_the_bound_wakes_nobody(value: str) -> None:
    drawn(value)
    assert judged() == 0
    assert not Alert.objects.exists()


@pytest.mark.parametrize(("value", "status", "kind"), [("24", "P", "NM"), ("<^30", "F", "SN")])
def test_a_preliminary_value_and_one_told_as_a_bound_count_and_are_called_doubtful(
    value: str, status: str, kind: str
) -> None:
    drawn(value, status=status, kind=kind)
    assert judged() == 1
    assert only().about["doubtful"] is True


@pytest.mark.parametrize(("value", "level"), [("0.5", 2), ("5000", 0)])
def test_a_value_kept_apart_for_a_person_is_judged_once_where_its_patient_is_known(
    value: str, level: int
) -> None:
    drawn(value)
    held = QuarantinedResult.objects.get()
    assert (held.reason_code, held.patient) == ("implausible", Patient.objects.get())
    assert judged() == (1 if level else 0)
    finding = CriticalFinding.objects.get()
    assert (finding.held, finding.level, finding.doubtful) == (held, level, True)
    assert Alert.objects.filter(kind=Kind.CRITICAL_VALUE).count() == (1 if level else 0)
    with CaptureQueriesContext(connection) as run:
        assert judged() == 0
    assert len(run) <= 3


def test_a_held_value_that_was_rejected_goes_on_in_a_lower_tone() -> None:
    drawn("0.5")
    judged()
    QuarantinedResult.objects.update(
        state="resolved", resolved_at=NIGHT, resolved_by="nurse", resolution="a slip of the laboratory"
    )
    assert judged() == 1
    assert only().state == "cleared_unacked"


def test_what_the_triage_is_nudged_for_tells_critical_values_too() -> None:
    now = database_now().astimezone(UTC)
    drawn("24", stamp=now - timedelta(hours=1))
    triage(ids=[])
    assert only().state == "open"


@pytest.mark.hazard("HZ-67")
def test_a_repeat_of_the_same_grade_does_not_open_it_again_and_a_worse_one_does() -> None:
    drawn("24", day=3)
    judged()
    taken_over(only())
    drawn("22", day=4)
    assert judged() == 1
    assert (only().state, only().loop, only().about["level"]) == ("acked", 1, 1)
    assert Notification.objects.count() == 1
    drawn("9", day=4)
    assert judged() == 1
    alert = only()
    assert (alert.state, alert.loop, alert.step, alert.about["level"]) == ("open", 2, 1, 2)
    worsened = alert.events.get(kind="worsened")
    assert (worsened.detail["from_level"], worsened.detail["to_level"]) == (1, 2)
    drawn("23", day=4)
    judged()
    assert only().about["level"] == 2


def test_an_old_value_is_history_and_the_decisions_matter() -> None:
    drawn("24", day=4)
    assert judged(NIGHT + timedelta(days=8)) == 0


def test_a_value_that_was_corrected_goes_on_in_a_lower_tone_until_a_person_ends_it() -> None:
    drawn("24", order="ORD-A")
    judged()
    drawn("240", order="ORD-A", status="C")
    assert Observation.objects.count() == 2
    assert judged() == 1
    alert = only()
    assert (alert.state, alert.severity) == ("cleared_unacked", 2)
    assert judged() == 0
    read_back(alert)
    assert only().state == State.CLOSED


@pytest.mark.parametrize("outcome", ["read-back", "reached"])
def test_who_reached_somebody_ends_it_and_nothing_else_does(outcome: str) -> None:
    drawn("24")
    judged()
    alert = only()
    with pytest.raises(IllegalTransition, match="read-back"), transaction.atomic():
        close(alert, why="test", now=NIGHT)
    made = read_back(alert, outcome)
    alert.refresh_from_db()
    assert (alert.state, made.outcome, made.reached) == ("closed", outcome, "Dr Ahorn, ward 3")
    assert alert.events.latest("pk").actor == made.person
    assert not alert.notifications.filter(state="pending").exists()


@pytest.mark.hazard("HZ-68")
@pytest.mark.parametrize("acknowledged", [False, True])
def test_not_reached_tells_the_next_people_at_once(acknowledged: bool) -> None:
    drawn("24")
    judged()
    alert = only()
    if acknowledged:
        taken_over(alert)
    before = set(alert.notifications.values_list("pk", flat=True))
    read_back(alert, "not-reached", reached="")
    alert.refresh_from_db()
    assert (alert.state, alert.step, alert.acked_by) == ("open", 2, None)
    assert alert.loop == (2 if acknowledged else 1)
    told = {mail.person.username for mail in alert.notifications.exclude(pk__in=before)}
    assert "physician1" in told
    # Who took it over knows already; the record says that it is nobody's again.
    assert standing_after(alert.events.all()).state == State.OPEN


@pytest.mark.hazard("HZ-68")
def test_a_critical_value_that_was_acknowledged_and_not_read_back_opens_again() -> None:
    drawn("24")
    judged()
    taken_over(only())
    assert rearm_due(now=NIGHT + timedelta(hours=4)) == 1
    assert only().state == "open"


def test_a_button_pressed_twice_counts_once_and_the_second_person_learns_that_it_ended() -> None:
    drawn("24")
    judged()
    alert = only()
    shown = alert.events.latest("pk").pk
    person = make_person("caller", "on-call", email="")
    first = read_back(alert, person=person, seen_event=shown)
    assert read_back(alert, person=person, seen_event=shown) == first
    with pytest.raises(AlertHasChanged):
        read_back(alert, seen_event=shown)
    assert ReadBack.objects.count() == 1


def test_a_page_that_did_not_show_the_worse_value_cannot_end_it() -> None:
    drawn("24", day=3)
    judged()
    shown = only().events.latest("pk").pk
    drawn("9", day=4)
    judged()
    with pytest.raises(AlertHasChanged):
        read_back(only(), seen_event=shown)
    assert only().state == "open"


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"outcome": "phoned"}, "outcome"),
        ({"outcome": "reached", "reached": "  "}, "reached"),
        ({"outcome": "read-back", "reached": "x" * 201}, "reached"),
    ],
)
def test_an_entry_that_is_not_whole_is_refused_with_its_field_and_changes_nothing(
    facts: dict[str, str], field: str
) -> None:
    drawn("24")
    judged()
    with pytest.raises(BadReadBack) as refused:
        read_back(only(), **facts)
    assert refused.value.field == field
    assert refused.value.remedy
    assert not ReadBack.objects.exists()


def test_only_a_critical_value_is_read_back_and_only_by_those_who_may() -> None:
    with pytest.raises(BadReadBack, match="only a critical value"):
        read_back(make_alert())
    drawn("24")
    judged()
    with pytest.raises(MayNotAcknowledge):
        read_back(only(), person=make_person("pharma", "pharmacist"))


def test_after_it_ended_the_next_critical_value_is_an_alert_of_its_own() -> None:
    drawn("24", day=3)
    judged()
    read_back(only())
    drawn("24", day=4)
    assert judged() == 1
    assert Alert.objects.filter(kind=Kind.CRITICAL_VALUE).count() == 2


@pytest.mark.hazard("HZ-67")
def test_the_final_of_a_preliminary_value_that_was_read_back_wakes_nobody_again() -> None:
    drawn("20", order="ORD-A", status="P")
    judged()
    first = only()
    read_back(first)
    drawn("20", order="ORD-A", status="F")
    assert Observation.objects.filter(analyte="PLT").count() == 2
    assert judged(NIGHT + timedelta(minutes=40)) == 1
    first.refresh_from_db()
    assert (only(), first.state) == (first, "closed")
    assert first.critical_findings.count() == 2
    newest = first.events.latest("pk")
    assert (newest.kind, newest.at) == ("seen-again", NIGHT + timedelta(minutes=40))
    assert not first.notifications.filter(state="pending").exists()
    assert judged(NIGHT + timedelta(minutes=41)) == 0


@pytest.mark.hazard("HZ-68")
@pytest.mark.parametrize(
    ("final", "passed_on", "other"),
    [
        ("9", "read-back", False),  # beyond a further bound
        ("19", "read-back", False),  # the same bound, and another number than was passed on
        ("20", "not-reached", False),  # nobody has the first value
        ("20", "", False),
        ("20", "read-back", True),  # another specimen
    ],
)
def test_a_worse_final_one_nobody_has_and_another_specimen_wake(
    final: str, passed_on: str, other: bool
) -> None:
    drawn("20", order="ORD-A", status="P")
    judged()
    if passed_on:
        read_back(only(), passed_on, reached="" if passed_on == "not-reached" else "Dr Ahorn")
    drawn(final, order="ORD-B" if other else "ORD-A", status="F")
    judged(NIGHT + timedelta(minutes=40))
    newest = Alert.objects.filter(kind=Kind.CRITICAL_VALUE).latest("pk")
    assert newest.state == "open"
    assert newest.critical_findings.latest("pk").observation == Observation.objects.latest("pk")
    assert Alert.objects.count() == (2 if passed_on == "read-back" else 1)


def test_a_final_less_far_beyond_the_bound_than_was_passed_on_wakes_nobody() -> None:
    drawn("9", order="ORD-A", status="P")
    judged()
    read_back(only())
    drawn("23", order="ORD-A", status="F")
    judged()
    assert only().critical_findings.count() == 2


@pytest.mark.hazard("HZ-76")
def test_one_value_that_fails_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn("24")
    drawn("60", code=HGB, unit="g/L", limits="")
    broken = Observation.objects.get(analyte="PLT")
    with transaction.atomic():
        taken = make_alert()
        Alert.objects.filter(pk=taken.pk).update(
            condition_key=f"critical-value:patient-{broken.patient_id}:PLT:low", about={}
        )
    with pytest.raises(JudgingFailed, match="1 values"):
        judged()
    assert Alert.objects.filter(kind=Kind.CRITICAL_VALUE).count() == 1


def test_looking_costs_the_same_whatever_was_found_before() -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as run:
            judged()
        return len(run)

    drawn("24", day=3)
    judged()
    before = queries()
    for day in (1, 2, 3, 4):
        drawn("24", day=day)
    judged()
    assert queries() == before


def test_findings_and_read_backs_are_written_once() -> None:
    drawn("24")
    judged()
    read_back(only())
    for rows, change in ((CriticalFinding.objects, {"found_at": NIGHT}), (ReadBack.objects, {"at": NIGHT})):
        with pytest.raises(Exception, match="append-only"), transaction.atomic():
            rows.update(**change)
        with pytest.raises(Exception, match="append-only"), transaction.atomic():
            rows.all().delete()
