"""Whole days of therapy, from the signature to the patient who goes home, through the service's doors alone.

Orders, vials, the sheet of the day and its end go through the API; what physicians sign goes through their
pages. After every act but an entry on the sheet the rules of `manage.py verify` find nothing, and at the end
of a day all of them are asked.
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from courses.ledger import ledger_of
from courses.models import Administration, Infusion, Recall, TherapyDay
from prrt_clinic.invariants import INVARIANTS
from tests.fuzz import treatment_acts as act
from tests.fuzz import treatment_doors as doors
from tests.fuzz.treatment_acts import Clinic, perform
from tests.fuzz.treatment_walks import (
    BEDSIDE,
    COMPLETE,
    DISPENSED,
    LOW,
    PART,
    PREPARED,
    READY,
    do,
)

pytestmark = pytest.mark.django_db
RUNNING = [
    partial(act.authorise),
    partial(act.record, kind="infusion_start"),
    partial(act.record, kind="line_check"),
]
GOES_HOME = [
    *COMPLETE,
    partial(act.wait, minutes=130),
    partial(act.record, kind="observation"),
    partial(act.record, kind="release_survey"),
    partial(act.release),
]
A_DAY = [*DISPENSED, *BEDSIDE, *RUNNING, *GOES_HOME]


@pytest.fixture
def clinic(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    """Cycle 2 is signed, and nobody has a browser open."""
    made = act.open_clinic()
    doors.let_in()
    doors.close_browsers()
    act.let_stand(monkeypatch, lambda: made)
    doors.let_pass(monkeypatch, lambda: made)
    yield made
    doors.close_browsers()


def play(clinic: Clinic, *acts: partial[Any]) -> list[str]:
    """The acts one after the other, each through its door; what was refused, in words."""
    said = []
    for each in acts:
        name = each.func.__name__
        through = doors.THROUGH.get(name, each.func)
        if each.func is act.record:
            refusal = perform(clinic, through, **each.keywords)
            clinic.now += timedelta(seconds=70)
        else:
            refusal = do(clinic, through, **each.keywords)
        if refusal:
            said.append(f"{name}: {refusal}")
    return said


def check_all(clinic: Clinic) -> None:
    """Every rule of `manage.py verify`, but whom an alert reached: nobody sits at the telephone here."""
    found = [
        f"{rule.id} {violation.about}: {violation.words}"
        for rule in INVARIANTS
        if rule.of != "alerts"
        for violation in rule.find(clinic.now, lambda: None)
    ]
    assert not found, found


def given(clinic: Clinic, *, deviation: str = "") -> Administration:
    """What the cycle comes to, that the deviation is marked, if any, and that the patient has gone home."""
    check_all(clinic)
    newest = TherapyDay.objects.filter(cycle=clinic.cycle).latest("pk")
    assert newest.outcome == "released"
    found = Administration.objects.get(cycle=clinic.cycle)
    assert found.deviation.endswith(deviation) if deviation else found.deviation == ""
    return found


def test_a_usual_day(clinic: Clinic) -> None:
    before = ledger_of(clinic.course.patient_id).totals.total_gbq
    assert play(clinic, *A_DAY) == []
    came = given(clinic).administered_gbq
    assert ledger_of(clinic.course.patient_id).totals.total_gbq == before + came


def test_a_day_on_which_the_patient_is_unwell_and_another_one_two_days_later(clinic: Clinic) -> None:
    unwell = partial(act.end_not_given, reason="unwell", rebook_in=2)
    assert play(clinic, *DISPENSED, *BEDSIDE, unwell) == []
    assert not Infusion.objects.filter(cycle=clinic.cycle).exists()
    again = [partial(act.wait, days=2), partial(act.draw_panel), *READY, *A_DAY]
    assert play(clinic, *again) == []
    given(clinic)


def test_a_day_whose_vial_comes_late_and_the_next_one(clinic: Clinic) -> None:
    bag = [*PREPARED, partial(act.hand_out_bag)]
    waiting = [each for each in BEDSIDE if each.keywords.get("kind") not in ("unit_scanned", "start_check")]
    (refused,) = play(clinic, *bag, *waiting, partial(act.authorise))
    assert "start-refused" in refused
    assert play(clinic, partial(act.end_not_given, reason="vial_late", rebook_in=1)) == []
    assert play(clinic, partial(act.wait, days=1), *READY, *A_DAY) == []
    given(clinic)


def test_a_day_with_half_the_activity(clinic: Clinic) -> None:
    moved = [partial(act.end_not_given, rebook_in=1), partial(act.wait, days=1)]
    assert play(clinic, partial(act.open_day), partial(act.report, value=LOW), *moved) == []
    rise = [partial(act.report, value="160"), partial(act.confirm_occurrence)]
    assert play(clinic, *rise, *READY, *A_DAY) == []
    came = given(clinic).administered_gbq
    assert Decimal("3.4") < came < Decimal("3.7")


def test_a_day_whose_first_part_leaks_and_whose_remainder_is_given(clinic: Clinic) -> None:
    assert play(clinic, *DISPENSED, *BEDSIDE, *RUNNING, *PART) == []
    rest = partial(act.judge, counts=True, remainder="2")
    assert play(clinic, rest, *READY, *PREPARED[:1], partial(act.prepare), partial(act.hand_out)) == []
    scanned = [each for each in BEDSIDE if each.keywords.get("kind") in ("unit_scanned", "start_check")]
    assert play(clinic, *scanned, *RUNNING, *GOES_HOME) == []
    came = given(clinic, deviation="the directive says 7.4 GBq (200 mCi)").administered_gbq
    parts = Infusion.objects.effective().filter(cycle=clinic.cycle).values_list("delivered_gbq", flat=True)
    assert came == sum(parts)
    assert len(parts) == 2


def test_a_day_with_a_late_result_that_changes_only_a_note(clinic: Clinic) -> None:
    note = partial(act.report, value="140")
    assert play(clinic, *DISPENSED, *BEDSIDE, note, *RUNNING, *GOES_HOME) == []
    assert not Recall.objects.exists()
    given(clinic)
