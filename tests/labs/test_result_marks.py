"""Stored results with a unit jump, as `results` prints them: in whatever order they came, and how it ends."""

from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.clock import database_now
from labs.models import Observation, Patient, Result
from labs.report import patient_results
from labs.services.manual import enter_result, verify_result
from tests.builders_labs import make_patient, make_sender, message, obr, obx, receive

_patients = count(2001)


@pytest.fixture
def patient(db: None) -> Patient:
    make_sender()
    return make_patient()


def send(
    value: str, day: int, *, status: str = "F", number: str = "1001", hour: int = 9, **more: str
) -> bytes:
    """Platelets drawn on a day of May, stated at an hour of it."""
    drawn, stated = f"202605{day:02}080000+0200", f"202605{day:02}{hour:02}0000+0200"
    return message(
        f"PID|1||{number}^^^CLINIC^MR||Müller^Maria||19610302|F",
        obr(f"F{day}", collected=drawn, changed=stated),
        obx(value, status=status, **more),
        control_id=f"D{number}-{day}-{status}-{hour}",
        at=stated,
    )


def shown(patient: Patient) -> list[tuple[Any, ...]]:
    """Value, marks and usability of every result, oldest first."""
    rows = patient_results(patient=patient)
    return [(row["value"], row["quality"], row["usable"]) for row in reversed(rows)]


def test_a_value_ten_times_lower_than_the_last_is_stored_as_sent_and_marked(patient: Patient) -> None:
    receive(send("250", 4), send("25", 11))
    assert shown(patient) == [("250", [], True), ("25", ["unit-jump"], False)]
    last = patient_results(patient=patient)[0]
    assert last["reason"] == (
        "It is about 10 times less than the last value (250 10*9/L, 2026-05-04), as if another unit were "
        "meant: it may hold and delay, and clears nothing. A correction, a new draw that fits, or the same "
        "value typed from the laboratory's report and verified by another person ends that."
    )
    # The mark belongs to the reading: what was sent is stored as it was.
    assert Observation.objects.get(value=25).quality == []


def test_an_earlier_specimen_that_arrives_late_marks_the_later_one(patient: Patient) -> None:
    receive(send("25", 11))
    assert shown(patient) == [("25", [], True)]
    receive(send("250", 4))
    assert shown(patient) == [("250", [], True), ("25", ["unit-jump"], False)]


def test_a_specimen_from_between_takes_the_mark_away_again(patient: Patient) -> None:
    receive(send("250", 4), send("25", 11), send("90", 8))
    assert shown(patient) == [("250", [], True), ("90", [], True), ("25", [], True)]


def test_a_withdrawn_value_is_compared_with_no_longer(patient: Patient) -> None:
    receive(send("250", 4), send("25", 11), send("", 4, status="W", hour=12))
    assert shown(patient) == [("25", [], True)]


def test_a_correction_by_the_laboratory_ends_the_mark(patient: Patient) -> None:
    receive(send("250", 4), send("25", 11), send("248", 11, status="C", hour=12))
    assert shown(patient) == [("250", [], True), ("248", [], True)]
    history = patient_results(patient=patient, history=True)
    assert [(row["value"], row["state"], row["quality"]) for row in history if row["value"] == "25"] == [
        ("25", "superseded", [])
    ]


def test_a_bound_is_no_number_that_jumped(patient: Patient) -> None:
    receive(send("250", 4), send("<25", 11, kind="ST"), send("26", 12))
    assert shown(patient) == [("250", [], True), ("25", [], True), ("26", ["unit-jump"], False)]


def test_an_unreliable_specimen_is_not_compared_with(patient: Patient) -> None:
    clotted = send("25", 8) + b"NTE|1||clotted\r"
    receive(clotted, send("26", 11))
    assert [row[2] for row in shown(patient)] == [False, True]


def test_a_preliminary_value_is_marked_beside_being_preliminary(patient: Patient) -> None:
    receive(send("250", 4), send("25", 11, status="P"))
    assert shown(patient)[-1] == ("25", ["unit-jump"], False)
    assert "preliminary" in patient_results(patient=patient)[0]["reason"]


def test_the_same_value_typed_and_verified_ends_the_mark(
    patient: Patient, person: Callable[..., User]
) -> None:
    receive(send("25", 4), send("250", 11))
    act = enter_result(
        patient=patient,
        by=person("nurse", username="nora"),
        entry=uuid4(),
        analyte="PLT",
        value="250",
        unit="10*9/L",
        ref_range="150-400",
        collected=datetime(2026, 5, 11, 8),  # noqa: DTZ001 - a local time of the clinic, as a form gives it
        source="report",
    )
    assert [quality for _value, quality, _usable in shown(patient)][1:] == [
        ["unverified", "unit-jump"],
        ["unit-jump"],
    ]
    verify_result(act=act, by=person("physician", username="pia"), authenticated_at=database_now())
    assert shown(patient) == [("25", [], True), ("250", [], True), ("250", [], True)]
    receive(send("245", 18))
    assert shown(patient)[-1] == ("245", [], True)


# Day, value and status of statements: a small world in which units jump, and corrections mend.
STATEMENTS = st.tuples(
    st.sampled_from([4, 8, 11, 15]),
    st.sampled_from(["25", "250", "90", "2500", "<25"]),
    st.sampled_from(["P", "F", "F", "C", "W"]),
    st.integers(9, 12),
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STATEMENTS, min_size=2, max_size=6), st.data())
def test_what_is_marked_depends_on_neither_order_nor_number_of_messages(
    patient: Patient, sent: list[tuple[int, str, str, int]], data: Any
) -> None:
    def final(order: list[tuple[int, str, str, int]]) -> list[tuple[Any, ...]]:
        number = str(next(_patients))
        person = make_patient(mrn=number)
        receive(
            *(
                send(value, day, status=status, number=number, hour=hour, kind="ST")
                for day, value, status, hour in order
            )
        )
        assert Result.objects.filter(patient=person).exists()
        return shown(person)

    again = data.draw(st.lists(st.sampled_from(sent), max_size=3))
    shuffled = data.draw(st.permutations([*sent, *again]))
    assert final(sent) == final(list(shuffled))
