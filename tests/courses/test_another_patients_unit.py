"""What was in hand is what is recorded: another patient's unit, an unknown label, a wrong wristband."""

from decimal import Decimal

import pytest

from courses.fhir_given import infusion_shape
from courses.fhir_shapes import Viewer
from courses.ledger import ledger_of
from courses.models import DispensedUnit, Incident, Infusion, TherapyDay
from courses.services.day_infusion import entries_about, infused_on
from courses.services.infusion_corrections import as_recorded, entries_differ
from courses.services.infusions import record_infusion
from courses.services.therapy_day import BadStep, correct_step
from tests.builders_therapy_day import (
    at,
    authorise,
    dispense,
    infuse,
    nurse,
    opened,
    ready_cycle,
    second_nurse,
    state_of,
    step,
    until_start,
)

pytestmark = pytest.mark.django_db
CODE = "69488-003-01"


@pytest.fixture
def others() -> DispensedUnit:
    """The unit of another patient, of the same product, measured at 9 o'clock."""
    return dispense(ready_cycle(mrn="T-2"), label="U-2", bag="BAG-2", gbq="7.2")


@pytest.fixture
def day(others: DispensedUnit) -> TherapyDay:
    """The day of the first patient, everything done until noon and authorised at noon."""
    cycle = ready_cycle()
    dispense(cycle)
    day = opened(cycle)
    until_start(day)
    authorise(day)
    return day


def incidents() -> list[str]:
    return sorted(Incident.objects.values_list("kind", flat=True))


def scan(day: TherapyDay, label: str, *, code: str = CODE) -> None:
    step(day, "unit_scanned", at(12, 2), label=label, product_code=code)


@pytest.mark.hazard("HZ-62")
@pytest.mark.hazard("HZ-51")
def test_another_patients_unit_that_is_given_is_recorded_as_that_unit_and_reviewed(
    day: TherapyDay, others: DispensedUnit
) -> None:
    scan(day, "U-2")
    infusion = infuse(day, start=at(12, 5))
    assert (infusion.unit, infusion.authorisation) == (others, None)
    # 7.2 GBq of 9:00 are 7.10418 at 12:05, and 0.1 GBq of 12:50 were 0.10033 then.
    assert (infusion.assay_gbq, infusion.delivered_gbq) == (Decimal("7.2"), Decimal("7.0039"))
    assert incidents() == ["patient", "unauthorised"]
    incident = Incident.objects.get(kind="patient")
    assert incident.infusion == infusion
    assert "U-2" in incident.sentence
    assert incident.notify_by is not None
    assert ledger_of(day.cycle.course.patient_id).totals.total_gbq == infusion.delivered_gbq
    assert ledger_of(others.order.cycle.course.patient_id).totals.total_gbq == 0


@pytest.mark.hazard("HZ-62")
def test_the_record_of_one_patient_names_no_other(day: TherapyDay, others: DispensedUnit) -> None:
    scan(day, "U-2")
    infusion = infuse(day, start=at(12, 5))
    patient = others.order.cycle.course.patient
    for said in (infusion.deviation, *Incident.objects.values_list("sentence", flat=True)):
        assert patient.mrn not in said
        assert patient.family not in said
    shape = str(infusion_shape(infusion, Viewer(names=True, administrations=True, decisions=True)))
    assert str(others.order.public_id) not in shape


@pytest.mark.hazard("HZ-62")
def test_what_was_measured_before_the_other_unit_was_scanned_is_not_its_activity(day: TherapyDay) -> None:
    step(day, "assay", at(12, 1), activity="7.4 GBq")
    scan(day, "U-2")
    assert infused_assay(day) == (Decimal("7.2"), at(9))
    step(day, "assay", at(12, 3), activity="7.1 GBq")
    assert infused_assay(day) == (Decimal("7.1"), at(12, 3))


def infused_assay(day: TherapyDay) -> tuple[Decimal, object] | None:
    if not day.steps.filter(kind="infusion_end").exists():
        step(day, "infusion_start", at(12, 5))
        step(day, "infusion_end", at(12, 40), how="complete")
    state = state_of(day, now=at(12, 45))
    assay = infused_on(state.day, state=state).assay
    return (assay.gbq, assay.at) if assay is not None else None


@pytest.mark.hazard("HZ-62")
@pytest.mark.hazard("HZ-51")
@pytest.mark.parametrize(
    ("code", "product", "kinds"),
    [
        (CODE, "lutetium Lu 177 dotatate", ["unauthorised"]),
        ("12345-678-90", "unknown: product code 12345-678-90", ["product", "unauthorised"]),
    ],
)
def test_of_an_unknown_label_nothing_is_taken_from_the_unit_ordered(
    day: TherapyDay, code: str, product: str, kinds: list[str]
) -> None:
    scan(day, "U-UNKNOWN", code=code)
    assert infused_assay(day) is None
    state = state_of(day, now=at(12, 45))
    silent = infused_on(state.day, state=state)
    with pytest.raises(BadStep, match="delivered_gbq: nothing was measured"):
        record_infusion(cycle=state.day.cycle, day=state.day, infused=silent, by=nurse(), now=at(12, 45))
    told = infused_on(state.day, state=state, delivered_gbq=Decimal("7.1"))
    infusion = record_infusion(cycle=state.day.cycle, day=state.day, infused=told, by=nurse(), now=at(12, 45))
    assert (infusion.unit, infusion.product, infusion.delivered_gbq) == (None, product, Decimal("7.1"))
    assert incidents() == kinds


@pytest.mark.hazard("HZ-62")
@pytest.mark.hazard("HZ-42")
@pytest.mark.parametrize(("number", "birth_date"), [("T-2", "1961-03-02"), ("T-1", "1970-01-01")])
def test_a_wristband_of_somebody_else_before_the_start_is_reviewed_as_another_patient(
    day: TherapyDay, number: str, birth_date: str
) -> None:
    step(day, "identity", at(12, 2), number=number, birth_date=birth_date)
    infusion = infuse(day, start=at(12, 5))
    assert incidents() == ["patient", "unauthorised"]
    assert "not this patient's" in Incident.objects.get(kind="patient").sentence
    assert infusion.unit is not None


def test_the_units_of_the_patient_alone_are_no_other_patients(day: TherapyDay) -> None:
    scan(day, "U-1")
    step(
        day,
        "start_check",
        at(12, 3),
        by=second_nurse(),
        line="patent",
        rescue_ready="yes",
        crisis_risk="usual",
    )
    infusion = infuse(day, start=at(12, 5))
    assert (infusion.deviation, incidents()) == ("", [])


@pytest.mark.hazard("HZ-62")
def test_a_label_corrected_after_the_record_asks_for_a_corrected_record(day: TherapyDay) -> None:
    infusion: Infusion = infuse(day, start=at(12, 1))
    before = entries_about(infusion, state=state_of(day, now=at(13)))
    assert before == as_recorded(infusion)
    row = day.steps.get(kind="unit_scanned")
    right = {"label": "U-2", "product_code": CODE}
    correct_step(step=row, reason="the label was misread", by=nurse(), data=right, now=at(13))
    entries = entries_about(infusion, state=state_of(day, now=at(13, 5)))
    assert entries is not None
    assert entries_differ(infusion, entries)
    assert incidents() == ["unauthorised"]
