"""Many courses written straight into the tables, by plain arithmetic, for tests that count them."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import count

from courses.library import protocol_sha256
from courses.models import Administration, Course, Cycle
from labs.clinic_days import add_days
from labs.models import LabMessage, Observation, Patient, Result
from tests.builders import PANEL, PROTOCOL, clinic_time, colleague

FIRST = date(2025, 1, 6)
# What each patient's nadir may be, by place; the draw before a cycle is healthy.
NADIRS: Mapping[str, tuple[str, ...]] = {
    "PLT": ("228", "140", "70", "40", "20"),
    "LYMPH": ("1.6", "0.9", "0.6", "0.4"),
    "HGB": ("134", "110", "90"),
    "ANC": ("4.1", "1.6", "1.2"),
}
_numbers = count(1)


def nadir(person: int, cycle: int, analyte: str) -> str | None:
    """The value of one nadir draw; after some patients' last cycle there is none."""
    if person % 10 == 9 and cycle == 4:
        return None
    return NADIRS[analyte][(person + cycle) % len(NADIRS[analyte])]


def given_of(person: int) -> int:
    """How many cycles a patient of this place was given."""
    return person % 5


def make_cohort(people: int) -> list[Course]:
    """So many patients with a course of four cycles: the first ones were given, with draws around each."""
    start, by = next(_numbers) * 10_000, colleague("cohort-starter", "nurse")
    patients = Patient.objects.bulk_create(
        Patient(
            mrn=f"C{start + place}",
            assigning_authority="TEST",
            family=f"Sample-{place}",
            given="Testa",
            birth_date=date(1961, 3, 2),
            sex="female",
            registered_at=clinic_time(FIRST),
        )
        for place in range(people)
    )
    courses = Course.objects.bulk_create(
        Course(
            patient=patient,
            protocol_id=PROTOCOL,
            protocol_sha256=protocol_sha256(PROTOCOL),
            status="completed" if given_of(place) == 4 else "active" if given_of(place) else "planned",
            peritoneal_disease="no",
            started_at=clinic_time(add_days(FIRST, -20)),
            started_by=by,
        )
        for place, patient in enumerate(patients)
    )
    cycles = Cycle.objects.bulk_create(
        Cycle(course=course, number=number, planned_on=add_days(FIRST, 56 * (number - 1)))
        for course in courses
        for number in range(1, 5)
    )
    Administration.objects.bulk_create(
        Administration(
            cycle=cycle,
            administered_on=cycle.planned_on,
            administered_gbq=Decimal("7.4"),
            product="lutetium Lu 177 dotatate",
            recorded_at=clinic_time(cycle.planned_on, 16),
            recorded_by=by,
        )
        for place, _ in enumerate(courses)
        for cycle in cycles[4 * place : 4 * place + given_of(place)]
    )
    _draw(patients, start=start)
    return courses


def _draw(patients: list[Patient], *, start: int) -> None:
    """A healthy draw before each given cycle, and a nadir five weeks after it."""
    message = LabMessage.objects.create(
        door="mllp", sender="testlab", sha256=f"{start:064d}", body=b"", received_at=clinic_time(FIRST)
    )
    drawn = []
    for place, patient in enumerate(patients):
        for number in range(1, given_of(place) + 1):
            on = add_days(FIRST, 56 * (number - 1))
            for analyte in NADIRS:
                drawn.append((patient, add_days(on, -4), analyte, PANEL[analyte][4]))
                if (value := nadir(place, number, analyte)) is not None:
                    drawn.append((patient, add_days(on, 35), analyte, value))
    results = Result.objects.bulk_create(
        Result(
            patient=patient,
            sender="testlab",
            filler_order=f"O{start}-{place}",
            analyte=analyte,
            collected_at=clinic_time(day, 8),
        )
        for place, (patient, day, analyte, _) in enumerate(drawn)
    )
    versions = Observation.objects.bulk_create(
        Observation(
            result=result,
            version=1,
            position=place,
            patient=patient,
            message=message,
            analyte=analyte,
            loinc=PANEL[analyte][0],
            value=Decimal(value),
            unit=PANEL[analyte][1],
            ref_low=Decimal(PANEL[analyte][2]),
            ref_high=Decimal(PANEL[analyte][3]),
            collected_at=result.collected_at,
            time_precision="minute",
            status="final",
            ordered_at=result.collected_at + timedelta(hours=2),
            ordered_by="OBR-22",
            digest=f"{start + place:064d}",
            received_at=result.collected_at + timedelta(hours=2),
        )
        for place, (result, (patient, _, analyte, value)) in enumerate(zip(results, drawn, strict=True))
    )
    for result, version in zip(results, versions, strict=True):
        result.current = version
    Result.objects.bulk_update(results, ["current"], batch_size=500)
