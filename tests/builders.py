"""Plain functions that make what a test needs through the services: fixed values, no randomness."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from django.contrib.auth.models import Group, User

from courses.models import ChartFact, Course, Cycle, Decision, PeritonealDisease, Signature
from courses.services.assess import assess_course
from courses.services.course import GivenElsewhere, record_administration, start_course
from courses.services.facts import confirm_fact, record_fact
from courses.services.protocols import approve_protocol, is_usable
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
# Drawn only where a test names it: the EU text wants it before the amino acids.
ONLY_ASKED_FOR = {"K": ("2823-3", "mmol/L", "3.5", "5.1", "4.2")}


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
        code, unit, low, high, healthy = {**PANEL, **ONLY_ASKED_FOR}[analyte]
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


def colleague(username: str, *roles: str) -> User:
    """A person of the clinic with roles of the matrix; the same one every time."""
    user, is_new = User.objects.get_or_create(username=username)
    if is_new:
        user.groups.set(Group.objects.filter(name__in=roles))
    return user


def approve(protocol_id: str = PROTOCOL) -> None:
    """Have two physicians approve a protocol version, so that courses may start under it."""
    if is_usable(protocol_id):
        return
    at = clinic_time(date(2025, 12, 1))
    for name in ("approver-1", "approver-2"):
        approve_protocol(
            protocol_id=protocol_id,
            by=colleague(name, "physician"),
            authenticated_at=at - timedelta(seconds=10),
            now=at,
        )


def state(patient: Patient, about: str, on: date, /, **data: Any) -> ChartFact:
    """A nurse records a plain fact of a day, on that day."""
    return record_fact(
        kind=about,
        data={"on": on.isoformat(), **data},
        by=colleague("fact-nurse", "nurse"),
        patient=patient,
        now=clinic_time(on),
    )


def judge(
    course: Course,
    about: str,
    /,
    *,
    at: datetime,
    by: User | None = None,
    second: User | None = None,
    **data: Any,
) -> ChartFact:
    """A physician records an act of judgement; with `second` another one confirms it."""
    fresh = at - timedelta(seconds=10)
    fact = record_fact(
        kind=about,
        data=data,
        by=by or colleague("judge-1", "physician"),
        course=course,
        reason="seen and judged",
        authenticated_at=fresh,
        now=at,
    )
    if second is not None:
        confirm_fact(fact=fact, by=second, authenticated_at=fresh, now=at)
    return fact


def record_lasting_facts(patient: Patient, on: date) -> None:
    """Receptor imaging with good uptake."""
    state(patient, "sstr_imaging", on, modality="pet", uptake=3)


def record_answers(patient: Patient, on: date) -> None:
    """What is asked before every cycle: no allergy, no earlier reaction, no somatostatin analogue."""
    state(patient, "allergy_review", on, finding="none")
    state(patient, "analogue_injections", on, kind="none")


def record_usual_facts(course: Course, on: date) -> None:
    """Everything a healthy woman of 65 needs beside her bloods for the next cycle."""
    record_lasting_facts(course.patient, on)
    record_answers(course.patient, on)


def draw(patient: Patient, day: date, *, only: tuple[str, ...] = (), **values: str) -> None:
    """A panel of a day, received and read; the patient is weighed and answers what each cycle asks."""
    receive(panel_message(patient, drawn_at=clinic_time(day, 8), only=only, **values))
    record_weight(patient=patient, measured_on=day, kg=Decimal(72), recorded_by="nurse")
    record_answers(patient, day)


def make_course(
    patient: Patient,
    *,
    first_on: date | None,
    by: User,
    disease: str = "no",
    protocol_id: str = PROTOCOL,
    earlier: Sequence[GivenElsewhere] = (),
    approved: bool = True,
    allow_research: bool = False,
    prior: Sequence[Mapping[str, Any]] | None = ({"answer": "none"},),
    now: datetime | None = None,
) -> Course:
    """A course whose first cycle here is planned on a day, with the lasting facts recorded."""
    if approved:
        approve(protocol_id)
    at = now or clinic_time(add_days(first_on or date(2026, 1, 1), -20))
    course = start_course(
        patient=patient,
        protocol_id=protocol_id,
        first_planned_on=first_on,
        peritoneal_disease=PeritonealDisease(disease),
        dialysis=False,
        anticoagulated=False,
        nyha_class=1,
        prior_treatment=prior,
        by=by,
        earlier=earlier,
        allow_research=allow_research,
        now=at,
    )
    record_lasting_facts(patient, at.date())
    return course


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
