"""Plain functions that make what a test needs through the services: fixed values, no randomness."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count

from django.contrib.auth.models import User

from courses.models import Course, Cycle, Decision, PeritonealDisease, Signature
from courses.services.assess import assess_course
from courses.services.course import record_administration, start_course
from courses.services.sign import sign_decision
from labs.clinic_days import add_days
from labs.models import LabMessage, Patient, Sender
from labs.services.keep import keep_message
from labs.services.patients import record_weight, register_patient
from labs.services.read import read_waiting_messages
from labs.zones import clinic_zone

PROTOCOL = "lutathera_us_2024_04"
# Code, unit, low, high and a healthy value of each analyte that the US protocol asks for.
PANEL: Mapping[str, tuple[str, str, str, str, str]] = {
    "PLT": ("777-3", "10*9/L", "150", "400", "228"),
    "ANC": ("751-8", "10*9/L", "1.8", "7.5", "4.1"),
    "WBC": ("6690-2", "10*9/L", "4.0", "10.0", "6.3"),
    "LYMPH": ("731-0", "10*9/L", "1.0", "4.0", "1.6"),
    "HGB": ("718-7", "g/L", "120", "160", "134"),
    "CREAT": ("14682-9", "umol/L", "50", "104", "78"),
    "BILI": ("14631-6", "umol/L", "3", "21", "11"),
    "ALB": ("1751-7", "g/L", "35", "52", "41"),
    "ALT": ("1742-6", "U/L", "0", "45", "24"),
    "AST": ("1920-8", "U/L", "0", "40", "27"),
}
_numbers = count(1)


def clinic_time(day: date, hour: int = 9) -> datetime:
    """An instant on a clinic day, in UTC."""
    return datetime.combine(day, time(hour), tzinfo=clinic_zone()).astimezone(UTC)


def make_sender() -> Sender:
    """The laboratory that the messages of this module come from."""
    sender, _ = Sender.objects.get_or_create(
        name="testlab", defaults={"msh3": "TESTLIS", "msh4": "TESTLAB", "zone": "Europe/Berlin"}
    )
    return sender


def make_patient(*, mrn: str = "T-1", family: str = "Ahorn") -> Patient:
    """A synthetic woman of 65."""
    return register_patient(
        mrn=mrn,
        assigning_authority="TEST",
        family=family,
        given="Testa",
        birth_date=date(1961, 3, 2),
        sex="female",
    )


def panel_message(
    patient: Patient, *, drawn_at: datetime, status: str = "F", only: tuple[str, ...] = (), **values: str
) -> bytes:
    """An ORU^R01 with a healthy panel but for the values given by analyte name."""
    number = next(_numbers)
    drawn, sent = f"{drawn_at:%Y%m%d%H%M%S%z}", f"{drawn_at + timedelta(hours=2):%Y%m%d%H%M%S%z}"
    lines = [
        f"MSH|^~\\&|TESTLIS|TESTLAB|PRRT|CLINIC|{sent}||ORU^R01^ORU_R01|B{number}|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||{patient.mrn}^^^{patient.assigning_authority}^MR||{patient.family}^{patient.given}"
        f"||{patient.birth_date:%Y%m%d}|F",
        f"OBR|1||ORD{number}|PANEL^Blood panel^L|||{drawn}|||||||||||||||{sent}||LAB|{status}",
    ]
    chosen = only or tuple(PANEL)
    for position, analyte in enumerate(chosen, start=1):
        code, unit, low, high, healthy = PANEL[analyte]
        value = values.get(analyte, healthy)
        lines.append(
            f"OBX|{position}|NM|{code}^{analyte}^LN||{value}|{unit}^^UCUM|{low}-{high}||||{status}|||{drawn}"
        )
    return ("\r".join(lines) + "\r").encode()


def receive(body: bytes) -> None:
    """Take a message through the door and read it."""
    make_sender()
    keep_message(body=body, door=LabMessage.Door.MLLP, peer="test")
    read_waiting_messages()


def draw(patient: Patient, day: date, *, only: tuple[str, ...] = (), **values: str) -> None:
    """A panel of a day, received and read; the patient is weighed as well."""
    receive(panel_message(patient, drawn_at=clinic_time(day, 8), only=only, **values))
    record_weight(patient=patient, measured_on=day, kg=Decimal(72), recorded_by="nurse")


def make_course(patient: Patient, *, first_on: date, by: User, disease: str = "no") -> Course:
    """A course whose first cycle is planned on a day."""
    return start_course(
        patient=patient,
        protocol_id=PROTOCOL,
        first_planned_on=first_on,
        peritoneal_disease=PeritonealDisease(disease),
        by=by,
        now=clinic_time(add_days(first_on, -20)),
    )


def sign(decision: Decision, *, by: User, now: datetime, meaning: str = "") -> Signature:
    """Sign what a decision says, with a fresh password."""
    return sign_decision(
        decision_public_id=decision.public_id,
        evidence_sha256=decision.evidence_sha256,
        meaning=meaning or decision.action,
        signer=by,
        authenticated_at=now - timedelta(seconds=10),
        now=now,
    )


def give_cycle(cycle: Cycle, *, by: User) -> None:
    """Healthy bloods four days before, a signed decision, and the infusion on the planned day."""
    cycle.refresh_from_db()
    draw(cycle.course.patient, add_days(cycle.planned_on, -4))
    at = clinic_time(add_days(cycle.planned_on, -2))
    decision = assess_course(course_id=cycle.course_id, now=at)
    assert decision is not None
    sign(decision, by=by, now=at)
    decision.refresh_from_db()
    assert decision.activity_gbq is not None, decision.answer
    record_administration(
        cycle=cycle,
        administered_on=cycle.planned_on,
        administered_gbq=decision.activity_gbq,
        by=by,
        now=clinic_time(cycle.planned_on, 16),
    )
