"""A value that jumped as a unit would, as a course sees it: it holds or delays at once, it clears nothing."""

import io
import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.models import Alert
from alerts.services.critical_values import judge_critical_values
from alerts.services.triage import triage_decisions
from courses.chart import CONTRADICTED, as_stated, read_chart
from courses.library import protocol
from courses.models import Course, Decision, Order
from courses.rules.evidence import read_history
from courses.rules.recommend import recommend_or_hold
from courses.rules.values import Action
from courses.services.assess import assess_course, recommend_for
from labs.clock import database_now
from labs.formats.mllp_frames import framed
from labs.services.manual import enter_result, verify_result
from labs.services.meaning import IMPLAUSIBLE
from labs.services.read import read_waiting_messages
from labs.unit_jumps import UNIT_JUMP
from tests import builders
from tests.builders import clinic_time, draw, give_cycle, make_course, make_patient, panel_message, sign
from tests.running_listener import acks, connect, listening
from tests.strategies import chart as chart_with
from tests.strategies import measurement

FIRST, THIRD = date(2026, 1, 12), date(2026, 5, 4)
PLT = ("PLT",)
_patients = count(1)


@pytest.fixture
def physician(person: Callable[..., User]) -> User:
    return person("physician", "authorised-user")


@pytest.fixture
def course(db: None, physician: User) -> Course:
    return third_signed(physician)


def third_signed(physician: User) -> Course:
    """Two cycles given, the third of 4 May signed on healthy bloods of 27 April."""
    course = make_course(make_patient(), first_on=FIRST, by=physician)
    for number in (1, 2):
        give_cycle(course.cycles.get(number=number), by=physician)
    draw(course.patient, date(2026, 4, 27))
    at = clinic_time(date(2026, 4, 28))
    sign(decided(course, at), by=physician, now=at)
    return course


def decided(course: Course, at: datetime) -> Decision:
    found = assess_course(course_id=course.pk, now=at)
    assert found is not None
    return found


def platelets(course: Course, day: date, value: str) -> None:
    builders.receive(panel_message(course.patient, drawn_at=clinic_time(day, 8), only=PLT, PLT=value))


def order_state(course: Course) -> str:
    return Order.objects.get(cycle=course.cycles.get(number=3), kind="radiopharmaceutical").state


def test_a_true_fall_of_platelets_to_a_tenth_delays_suspends_and_alarms_at_once(course: Course) -> None:
    platelets(course, date(2026, 4, 30), "22.8")
    at = clinic_time(date(2026, 4, 30), 12)
    found = decided(course, at)
    assert (found.action, found.answer["reasons"][0]["rule"]) == ("delay", "DM-PLT")
    assert order_state(course) == "suspended"
    triage_decisions(now=at)
    judge_critical_values(now=at)
    told = set(Alert.objects.filter(course=course).values_list("kind", "severity"))
    assert ("critical-value", 1) in told
    assert "delay" in {kind for kind, _ in told}


def test_a_confirmed_fall_is_an_occurrence_that_reduces_the_cycle_after_recovery(course: Course) -> None:
    platelets(course, date(2026, 4, 30), "22.8")
    platelets(course, date(2026, 5, 3), "23.5")  # a jump from 228 as well: marks must not lose the nadir
    draw(course.patient, date(2026, 5, 20), PLT="180")
    assert decided(course, clinic_time(date(2026, 5, 20), 12)).action == "reduce"


def test_a_rise_to_the_tenfold_clears_nothing(course: Course) -> None:
    platelets(course, date(2026, 4, 29), "48")
    draw(course.patient, date(2026, 5, 2), PLT="480")
    found = decided(course, clinic_time(date(2026, 5, 2), 12))
    assert (found.action, found.answer["reasons"][0]["rule"]) == ("delay", "DM-PLT")
    newest = max(
        (lab for lab in found.situation["labs"] if lab["code"] == "777-3"),
        key=lambda lab: lab["collected_at"],
    )
    assert (newest["value"], newest["quality"]) == ("480", ["unit-jump"])


def test_a_value_that_is_needed_and_jumped_holds_until_a_draw_fits(course: Course) -> None:
    draw(course.patient, date(2026, 5, 18), HGB="83.2")  # 134 before; above 80, so no toxicity by itself
    at = clinic_time(date(2026, 5, 20))
    found = decided(course, at)
    # The draw of 27 April is older than 14 days by then; without the mark 83.2 would have let the cycle go.
    assert found.action == "hold"
    assert "as the same number in another unit would" in json.dumps(found.answer["reasons"])
    draw(course.patient, date(2026, 5, 19), HGB="115")
    assert decided(course, at).action == "proceed"


def test_the_same_value_typed_from_the_report_and_verified_lets_it_count(
    course: Course, person: Callable[..., User]
) -> None:
    draw(course.patient, date(2026, 5, 18), HGB="83.2")
    at = clinic_time(date(2026, 5, 20))
    assert decided(course, at).action == "hold"
    act = enter_result(
        patient=course.patient,
        by=person("nurse", username="nora"),
        entry=uuid4(),
        analyte="HGB",
        value="83.2",
        unit="g/L",
        ref_range="120-160",
        collected=datetime(2026, 5, 18, 8),  # noqa: DTZ001 - a local time of the clinic, as a form gives it
        source="report",
    )
    assert decided(course, at).action == "hold"
    verify_result(act=act, by=person("physician", username="pia"), authenticated_at=database_now())
    assert decided(course, at).action == "proceed"


def test_a_jump_is_no_baseline(db: None, physician: User) -> None:
    course = make_course(make_patient(), first_on=FIRST, by=physician)
    draw(course.patient, date(2026, 1, 2), CREAT="60")
    draw(course.patient, date(2026, 1, 6), only=("CREAT",), CREAT="600")
    chart = read_chart(course=course, planned_on=FIRST, today=date(2026, 1, 7))
    assert [m.quality for m in chart.measurements if m.analyte == "CREAT"] == [(), ("unit-jump",)]
    assert as_stated(chart) != chart
    assert decided(course, clinic_time(date(2026, 1, 7))).action in {"hold", "delay"}


def test_without_a_jump_the_chart_is_judged_once_and_as_before(course: Course) -> None:
    chart = read_chart(course=course, planned_on=THIRD, today=date(2026, 4, 28))
    assert as_stated(chart) == chart
    assert decided(course, clinic_time(date(2026, 4, 28))).action == "proceed"


def test_a_stored_decision_on_a_jump_replays_without_difference(course: Course) -> None:
    platelets(course, date(2026, 4, 30), "22.8")
    decided(course, clinic_time(date(2026, 4, 30), 12))
    draw(course.patient, date(2026, 5, 2), HGB="83.2", PLT="228")
    decided(course, clinic_time(date(2026, 5, 2), 12))
    out = io.StringIO()
    call_command("replay_decisions", stdout=out)
    assert "0 differ" in out.getvalue()


SERIES = st.lists(
    st.tuples(
        st.sampled_from(["PLT", "HGB", "CREAT", "ALT"]),
        st.integers(1, 12),
        st.sampled_from(["0.1", "0.62", "1", "1.611", "8.842", "10", "17.1", "60"]),
    ),
    min_size=1,
    max_size=5,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(SERIES)
def test_a_mark_never_makes_a_recommendation_milder(
    course: Course, series: list[tuple[str, int, str]]
) -> None:
    """At least as severe as either reading alone: the mark never hides, the value never clears."""
    patient = builders.make_patient(mrn=f"J-{next(_patients)}")
    own = make_course(patient, first_on=FIRST, by=course.started_by)
    draw(patient, date(2026, 1, 2))
    for short, day, factor in series:
        value = Decimal(builders.PANEL[short][4]) * Decimal(factor)
        body = panel_message(
            patient,
            drawn_at=clinic_time(date(2026, 1, 2 + day), 8 + day),
            only=(short,),
            **{short: f"{value:f}"},
        )
        builders.receive(body)
    cycle, today = own.cycles.get(number=1), date(2026, 1, 15)
    marked = read_chart(course=own, planned_on=cycle.planned_on, today=today)
    plan = protocol(own.protocol_id)
    _chart, found = recommend_for(course=own, cycle=cycle, protocol_id=own.protocol_id, today=today)
    for chart in (marked, as_stated(marked)):
        assert found.action >= recommend_or_hold(chart=chart, protocol=plan, today=today).action
    assert isinstance(found.action, Action)


def test_through_the_listeners_door_the_fall_is_marked_in_results_and_delays(
    real_commits: str, django_user_model: type[User]
) -> None:
    physician = builders.colleague("door-physician", "physician", "authorised-user")
    course = third_signed(physician)
    drawn = clinic_time(date(2026, 4, 30), 8)
    with listening(real_commits) as (port, _process), connect(port) as line:
        line.sendall(framed(panel_message(course.patient, drawn_at=drawn, only=PLT, PLT="22.8")))
        assert acks(line, 1)[0].startswith("AA")
    read_waiting_messages()
    out = io.StringIO()
    call_command("results", "--mrn", course.patient.mrn, stdout=out)
    printed: list[dict[str, Any]] = [row for row in json.loads(out.getvalue()) if row["analyte"] == "PLT"]
    newest = printed[0]
    assert (newest["value"], newest["status"]) == ("22.8", "final")
    assert (newest["quality"], newest["usable"]) == (["unit-jump"], False)
    assert printed[1]["usable"] is True
    found = decided(course, drawn + timedelta(hours=3))
    assert found.action == "delay"
    assert order_state(course) == "suspended"


def test_the_course_page_says_why_the_value_is_doubted(
    course: Course, client: Client, physician: User
) -> None:
    draw(course.patient, date(2026, 5, 2), HGB="83.2")
    client.force_login(physician)
    page = client.get(reverse("admin:courses_course_change", args=[course.pk])).content.decode()
    assert "<strong>unit-jump</strong>: It is about 1.611 times less than the last value (134 g/L" in page


def test_the_second_person_is_told_to_compare_the_unit(
    course: Course, client: Client, person: Callable[..., User]
) -> None:
    act = enter_result(
        patient=course.patient,
        by=person("nurse", username="nora"),
        entry=uuid4(),
        analyte="PLT",
        value="22.8",
        unit="10*9/L",
        ref_range="150-400",
        collected=datetime(2026, 5, 2, 8),  # noqa: DTZ001 - a local time of the clinic, as a form gives it
        source="report",
    )
    client.force_login(person("nurse", username="otto"))
    address = reverse("labs:result_entry", args=[course.patient.public_id, act.entry])
    assert "Compare the unit with the source as well." in client.get(address).content.decode()


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (UNIT_JUMP, "as the same number in another unit"),
        (IMPLAUSIBLE, "unlikely value"),
        (CONTRADICTED, "contradict each other"),
    ],
)
def test_a_decision_says_what_a_mark_means_and_does_not_blame_the_specimen(mark: str, words: str) -> None:
    marked = measurement("PLT", "6.1", date(2026, 4, 27), quality=(mark,))
    (sample,) = read_history(chart_with(draws=(marked,))).doubtful
    assert words in sample.why
    assert "specimen" not in sample.why
