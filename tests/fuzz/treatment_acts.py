"""What people do to one course around its second treatment, as plain functions over one clinic."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import get_resolver

from alerts.services import escalation, triage, watch_treatment
from courses.models import (
    AminoAcidBag,
    ChartFact,
    Course,
    Cycle,
    Decision,
    DispensedUnit,
    Infusion,
    InfusionEnd,
    Order,
    TherapyDay,
    TherapyStep,
)
from courses.services import (
    assay_direction,
    assess,
    day_end,
    ending,
    follow_up,
    infusion_corrections,
    infusions,
    judgements,
    pharmacy,
    recalls,
    reschedule,
    rescind,
    sign,
    start,
    therapy_day,
)
from courses.services.authority import BadFact, NotAllowed, Refused
from courses.services.day_infusion import infused_on
from courses.services.day_state import day_state, standing_of
from courses.services.dispensing import BagMade, UnitMade
from courses.services.facts import confirm_fact, record_fact, withdraw_fact
from courses.services.handling import StaleOrder
from courses.services.vials import receive_vial
from labs.clinic_days import add_days, clinic_day
from labs.models import Patient, PatientMerge
from labs.services import MergeRefused, propose_merge, propose_reversal, review_merge
from labs.services.patients import record_weight
from labs.zones import clinic_zone
from tests.builders import PANEL, colleague, make_patient, receive, record_answers
from tests.builders_pharmacy import CODE, MORNING, label, signed_course

# Refusals in words; whatever else an act raises is a fault of the product.
OURS = (
    NotAllowed,
    Refused,
    BadFact,
    sign.StaleDecision,
    StaleOrder,
    reschedule.StalePlan,
    therapy_day.BadStep,
    MergeRefused,
    start.StartRefused,
    day_end.ReleaseRefused,
)
REASON = "Splenic sequestration, stable for years."
_specimens = count(1)


@dataclass(slots=True, kw_only=True)
class Specimen:
    """One result as the laboratory knows it; `value` is None once it was withdrawn."""

    order: str
    analyte: str
    drawn_at: datetime
    value: str | None
    is_final: bool
    patient: Patient


@dataclass(slots=True, kw_only=True)
class Page:
    """A decision as somebody saw it."""

    decision: Decision
    evidence: str


@dataclass(slots=True, kw_only=True)
class Bed:
    """Another patient's course as it was left, with the page that lies open and what the laboratory sent."""

    course: Course
    page: Page | None = None
    specimens: list[Specimen] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Clinic:
    """One course, the instant it is, the page that lies open, and what the laboratory sent.

    `neighbour` is another person's course, signed for the same day. Under `second_number` somebody without a
    course is registered, who may turn out to be the first course's patient.
    """

    course: Course
    now: datetime
    neighbour: Bed
    second_number: Patient
    page: Page | None = None
    specimens: list[Specimen] = field(default_factory=list)
    is_behind: bool = False
    last: dict[str, int] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)

    @property
    def cycle(self) -> Cycle:
        """The cycle that is treated."""
        return self.course.cycles.get(number=2)

    @property
    def today(self) -> Any:
        """The clinic's day."""
        return clinic_day(self.now, clinic_zone())

    def fresh(self) -> datetime:
        """When the password was given."""
        return self.now - timedelta(seconds=5)


def physician() -> User:
    """An authorised user."""
    return colleague("au-physician", "physician", "authorised-user")


def second_physician() -> User:
    """Another physician and authorised user."""
    return colleague("au-physician-2", "physician", "authorised-user")


def nurse() -> User:
    """Who runs the day."""
    return colleague("machine-nurse", "nurse")


def second_nurse() -> User:
    """The second person."""
    return colleague("machine-nurse-2", "nurse")


def pharmacist() -> User:
    """Who handles orders and measures."""
    return colleague("machine-pharmacist", "pharmacist")


def open_clinic() -> Clinic:
    """Cycle 1 given, cycle 2 signed for today, eight in the morning."""
    course, beside = signed_course(), signed_course(mrn="T-8", family="Birke")
    for person in (physician, second_physician, nurse, second_nurse, pharmacist):
        person()
    return Clinic(
        course=course,
        now=MORNING + timedelta(hours=1),
        neighbour=Bed(course=beside),
        second_number=make_patient(mrn="T-9"),
    )


def let_stand(patch: pytest.MonkeyPatch, clinic: Callable[[], Clinic]) -> None:
    """Every service's clock shows the clinic's instant."""
    assert get_resolver().url_patterns
    for name, module in list(sys.modules.items()):
        ours = name.startswith(("labs.", "courses.", "alerts.")) and name != "labs.clock"
        if ours and hasattr(module, "database_now"):
            patch.setattr(module, "database_now", lambda: clinic().now)


def perform(clinic: Clinic, act: Callable[..., Any], **given: Any) -> str:
    """Do one act; what was refused comes back in words, and everything else that it raises is a fault."""
    said = ""
    clinic.is_behind = False
    with transaction.atomic():
        try:
            act(clinic, **given)
        except OURS as refusal:
            said = f"{type(refusal).__name__}: {refusal}"
    clinic.told.append(f"{act.__name__} {given or ''}{' - ' + said if said else ''}")
    return said


def settle(clinic: Clinic) -> None:
    """The workers follow: the course is assessed, and alerts are raised and taken further."""
    if clinic.is_behind:
        clinic.now += timedelta(seconds=10)
        return
    assess.assess_course(course_id=clinic.course.pk, now=clinic.now)
    triage.triage()
    watch_treatment.watch_recalls(now=clinic.now)
    watch_treatment.watch_deviations(now=clinic.now)
    watch_treatment.watch_incidents(now=clinic.now)
    escalation.run_due_steps(now=clinic.now)
    clinic.now += timedelta(seconds=70)


# ------------------------------------------------------------------------------------------- laboratory


def _message(clinic: Clinic, specimen: Specimen, *, status: str, value: str) -> bytes:
    patient = specimen.patient
    code, unit, low, high, _healthy = PANEL[specimen.analyte]
    drawn, sent = (f"{at:%Y%m%d%H%M%S%z}" for at in (specimen.drawn_at, clinic.now))
    number = next(_specimens)
    lines = [
        f"MSH|^~\\&|TESTLIS|TESTLAB|PRRT|CLINIC|{sent}||ORU^R01^ORU_R01|M{number}|P|2.5.1||||||UNICODE UTF-8",
        f"PID|1||{patient.mrn}^^^{patient.assigning_authority}^MR||{patient.family}^{patient.given}"
        f"||{patient.birth_date:%Y%m%d}|F",
        f"OBR|1||{specimen.order}|PANEL^Blood panel^L|||{drawn}|||||||||||||||{sent}||LAB|{status}",
        f"OBX|1|NM|{code}^{specimen.analyte}^LN||{value}|{unit}^^UCUM|{low}-{high}||||{status}|||{drawn}",
    ]
    return ("\r".join(lines) + "\r").encode()


def report(
    clinic: Clinic,
    *,
    analyte: str = "PLT",
    value: str,
    status: str = "F",
    unread: bool = False,
    second_number: bool = False,
) -> None:
    """A result of a specimen drawn a few minutes ago; `unread`: no worker has judged it yet."""
    drawn_at = clinic.now - timedelta(minutes=2)
    specimen = Specimen(
        order=f"MACH{next(_specimens)}",
        analyte=analyte,
        drawn_at=drawn_at,
        value=value,
        is_final=status == "F",
        patient=clinic.second_number if second_number else clinic.course.patient,
    )
    receive(_message(clinic, specimen, status=status, value=value))
    clinic.specimens.append(specimen)
    clinic.is_behind = unread


def correct(clinic: Clinic, *, place: int, value: str) -> None:
    """The laboratory corrects one of the results it sent."""
    if clinic.specimens:
        specimen = clinic.specimens[place % len(clinic.specimens)]
        receive(_message(clinic, specimen, status="C", value=value))
        specimen.value, specimen.is_final = value, True


def withdraw(clinic: Clinic, *, place: int) -> None:
    """The laboratory withdraws one of the results it sent."""
    if clinic.specimens:
        specimen = clinic.specimens[place % len(clinic.specimens)]
        receive(_message(clinic, specimen, status="D", value=specimen.value or "1"))
        specimen.value = None


def draw_panel(clinic: Clinic, **values: str) -> None:
    """A whole panel of a specimen drawn now, and the weight."""
    for analyte, row in PANEL.items():
        report(clinic, analyte=analyte, value=values.get(analyte, row[4]))
    weigh(clinic, kg="72")
    record_answers(clinic.course.patient, clinic.today)


def weigh(clinic: Clinic, *, kg: str) -> None:
    """The patient is weighed."""
    record_weight(
        patient=clinic.course.patient, measured_on=clinic.today, kg=Decimal(kg), recorded_by="nurse"
    )


def wait(clinic: Clinic, *, minutes: int = 0, days: int = 0) -> None:
    """Time passes; whole days end at eight in the morning."""
    clinic.now += timedelta(minutes=minutes, days=days)


# --------------------------------------------------------------------------------------- who is who


def change_beds(clinic: Clinic) -> None:
    """Turn to the other patient; the first one stays as they are."""
    left = Bed(course=clinic.course, page=clinic.page, specimens=clinic.specimens)
    came, clinic.neighbour = clinic.neighbour, left
    clinic.course, clinic.page, clinic.specimens = came.course, came.page, came.specimens


def merge_of(clinic: Clinic) -> PatientMerge | None:
    """The merge of the second number that is in force, and not taken back."""
    in_force = PatientMerge.objects.in_force().filter(retired=clinic.second_number, reverses=None)
    undone = PatientMerge.objects.in_force().filter(reverses__isnull=False).values("reverses")
    return in_force.exclude(pk__in=undone).order_by("-pk").first()


def one_person(clinic: Clinic) -> frozenset[int]:
    """The rows of the person who is treated here."""
    merge = merge_of(clinic)
    ours = {clinic.course.patient_id}
    if merge is not None and merge.survivor_id in ours:
        ours.add(clinic.second_number.pk)
    return frozenset(ours)


def merge_number(clinic: Clinic) -> None:
    """Two people find that the second number is this patient's."""
    said = propose_merge(
        retired=clinic.second_number,
        survivor=clinic.course.patient,
        reason="Registered twice.",
        proposed_by="clerk",
        now=clinic.now,
    )
    _agree(said.merge, clinic)


def part_numbers(clinic: Clinic) -> None:
    """They were two people after all."""
    if merge := merge_of(clinic):
        waiting = propose_reversal(merge=merge, reason="Two people after all.", by=nurse(), now=clinic.now)
        _agree(waiting, clinic)


def _agree(merge: PatientMerge, clinic: Clinic) -> None:
    for person in (nurse(), physician()):
        review_merge(merge=merge, by=person, agrees=True, now=clinic.now)


# ------------------------------------------------------------------------------------------- physicians


def look(clinic: Clinic) -> None:
    """Open the decision page; it lies open until the next look."""
    decision = assess.assess_course(course_id=clinic.course.pk, now=clinic.now)
    if decision is not None:
        clinic.page = Page(decision=decision, evidence=decision.evidence_sha256)


def sign_page(clinic: Clinic, *, old_password: bool = False) -> None:
    """Sign what the open page says."""
    if clinic.page is None:
        look(clinic)
    if clinic.page is not None:
        sign.sign_decision(
            decision_public_id=clinic.page.decision.public_id,
            evidence_sha256=clinic.page.evidence,
            meaning=clinic.page.decision.action,
            signer=physician(),
            authenticated_at=clinic.now - timedelta(hours=2) if old_password else clinic.fresh(),
            now=clinic.now,
        )


def hold(clinic: Clinic) -> None:
    """A nurse holds the course."""
    record_fact(
        kind="precautionary_holds",
        data={},
        by=nurse(),
        course=clinic.course,
        reason="She feels unwell today.",
        now=clinic.now,
    )


def _standing(clinic: Clinic, kind: str) -> ChartFact | None:
    return ChartFact.objects.standing().filter(course=clinic.course, kind=kind).order_by("pk").first()


def end_hold(clinic: Clinic) -> None:
    """Whoever held the course lets it go on."""
    if fact := _standing(clinic, "precautionary_holds"):
        withdraw_fact(fact=fact, by=nurse(), reason="She is well again.", now=clinic.now)


def override(clinic: Clinic, *, rule: str = "DM-PLT") -> None:
    """A physician overrides a rule of the cycle."""
    record_fact(
        kind="overrides",
        data={"rule": rule, "code": "long_standing_finding"},
        by=physician(),
        course=clinic.course,
        reason=REASON,
        authenticated_at=clinic.fresh(),
        now=clinic.now,
    )


def confirm_override(clinic: Clinic, *, alone: bool = False) -> None:
    """Another physician confirms the override that waits; `alone`: the same one tries."""
    fact = ChartFact.objects.waiting().filter(course=clinic.course, kind="overrides").order_by("-pk").first()
    if fact is not None:
        by = physician() if alone else second_physician()
        confirm_fact(fact=fact, by=by, authenticated_at=clinic.fresh(), now=clinic.now)


def confirm_occurrence(clinic: Clinic, *, rule: str = "DM-PLT", counts: bool = True) -> None:
    """A physician says that what was seen only between two cycles counts, or that it does not."""
    decision = Course.objects.select_related("current_decision").get(pk=clinic.course.pk).current_decision
    for asked in decision.answer.get("to_confirm", []) if decision else []:
        if asked.get("rule", rule) == rule:
            record_fact(
                kind="occurrence_reviews",
                data={"rule": rule, "onset": asked["onset"], "counts": counts},
                by=physician(),
                course=clinic.course,
                reason=REASON,
                authenticated_at=clinic.fresh(),
                now=clinic.now,
            )


def stop_for_good(clinic: Clinic) -> None:
    """A physician records what ends treatment for good: an allergic reaction of grade 4."""
    record_fact(
        kind="adverse_event",
        data={
            "term": "Allergic reaction",
            "grade": 4,
            "from": add_days(clinic.today, -1).isoformat(),
        },
        by=physician(),
        patient=clinic.course.patient,
        authenticated_at=clinic.fresh(),
        now=clinic.now,
    )


def ask_rescission(clinic: Clinic) -> None:
    """A physician asks for the stop to be lifted."""
    rescind.request_rescission(
        course=clinic.course,
        by=physician(),
        reason="The stop rested on a mix-up.",
        authenticated_at=clinic.fresh(),
        now=clinic.now,
    )


def confirm_rescission(clinic: Clinic, *, alone: bool = False) -> None:
    """Another physician confirms it; `alone`: the same one tries."""
    rescind.confirm_rescission(
        course=clinic.course,
        by=physician() if alone else second_physician(),
        authenticated_at=clinic.fresh(),
        now=clinic.now,
    )


# --------------------------------------------------------------------------------------------- pharmacy


def newest_order(clinic: Clinic, kind: str = "radiopharmaceutical") -> Order | None:
    """The newest order of a kind; none before the first."""
    rows = Order.objects.filter(cycle=clinic.cycle, kind=kind).select_related("cycle", "directive")
    return rows.order_by("-pk").first()


def accept(clinic: Clinic, *, kind: str = "radiopharmaceutical") -> None:
    """Pharmacy takes an order on."""
    if order := newest_order(clinic, kind):
        pharmacy.accept_order(order=order, by=pharmacist(), now=clinic.now)


def prepare(clinic: Clinic, *, kind: str = "radiopharmaceutical") -> None:
    """Pharmacy has prepared it."""
    if order := newest_order(clinic, kind):
        pharmacy.prepare_order(order=order, by=pharmacist(), now=clinic.now)


def cancel(clinic: Clinic) -> None:
    """Pharmacy calls the radioactive order off."""
    if order := newest_order(clinic):
        pharmacy.cancel_order(order=order, by=pharmacist(), reason="The vial broke.", now=clinic.now)


def direct_assay(clinic: Clinic, *, gbq: str) -> None:
    """The authorised user directs a unit far from the directive in writing, for a measurement of now."""
    if order := newest_order(clinic):
        assay_direction.direct_assay(
            order=order,
            activity=f"{gbq} GBq",
            measured_at=clinic.now,
            reason=REASON,
            by=physician(),
            authenticated_at=clinic.fresh(),
            now=clinic.now,
        )


def hand_out(
    clinic: Clinic,
    *,
    gbq: str = "",
    code: str = CODE,
    expired: bool = False,
    verified: str = "Q. Control",
    same_vial: bool = False,
) -> None:
    """Hand the radioactive order out as a whole vial, taken in for it, or from the vial before."""
    order = newest_order(clinic)
    if order is None:
        return
    directed = order.directive.activity_gbq if order.directive else Decimal("7.4")
    unit = DispensedUnit.objects.filter(order__cycle=clinic.cycle).order_by("-pk").first()
    if same_vial and unit is not None:
        vial = unit.vial
    else:
        vial = receive_vial(
            cycle=clinic.cycle,
            label=label(
                calibrated=f"{directed.normalize():f} GBq",
                calibrated_at=clinic.now - timedelta(hours=12),
                received_at=clinic.now - timedelta(minutes=2),
                expires_at=clinic.now + (timedelta(minutes=1) if expired else timedelta(hours=48)),
            ),
            by=pharmacist(),
            now=clinic.now,
        )
    if expired:
        clinic.now = vial.expires_at + timedelta(minutes=1)
    pharmacy.dispense_order(
        order=order,
        by=pharmacist(),
        made=UnitMade(
            vial=vial.public_id,
            form="vial",
            product_code=code,
            lot=vial.lot,
            activity=f"{gbq or f'{directed.normalize():f}'} GBq",
            measured_at=clinic.now,
            volume_ml=vial.volume_ml,
            prepared_name="P. Pharma",
            verified_name=verified,
        ),
        now=clinic.now,
    )


def hand_out_bag(clinic: Clinic) -> None:
    """Hand the amino acids out."""
    if order := newest_order(clinic, "amino_acids"):
        pharmacy.dispense_order(
            order=order,
            by=pharmacist(),
            made=BagMade(
                lot="AA-1",
                lysine_g=Decimal(25),
                arginine_g=Decimal(25),
                volume_ml=Decimal(1000),
                expires_at=clinic.now + timedelta(hours=24),
                prepared_name="P. Pharma",
                verified_name="Q. Control",
            ),
            now=clinic.now,
        )


def answer_recall(clinic: Clinic, *, outcome: str = "secured") -> None:
    """Pharmacy says where the called-back unit is."""
    order = Order.objects.filter(cycle=clinic.cycle, recalls__isnull=False).order_by("-pk").first()
    if order is not None:
        recalls.acknowledge_recall(order=order, outcome=outcome, by=pharmacist(), now=clinic.now)


# --------------------------------------------------------------------------------------- day of therapy


def newest_day(clinic: Clinic) -> TherapyDay | None:
    """The newest day of the cycle; none before the first."""
    return (
        TherapyDay.objects.select_related("cycle__course").filter(cycle=clinic.cycle).order_by("-pk").first()
    )


def open_day(clinic: Clinic) -> None:
    """A nurse opens the day."""
    therapy_day.open_day(cycle=clinic.cycle, by=nurse(), now=clinic.now)


def step_data(clinic: Clinic, kind: str) -> dict[str, str]:
    """What is recorded of a step when all is well."""
    patient = clinic.course.patient
    bag = AminoAcidBag.objects.filter(order__cycle=clinic.cycle).order_by("-pk").first()
    unit = DispensedUnit.objects.filter(order__cycle=clinic.cycle).order_by("-pk").first()
    known = {
        "identity": {"number": patient.mrn, "birth_date": patient.birth_date.isoformat()},
        "pregnancy": {"finding": "not_possible"},
        "analogue": {"short_acting": "none", "long_acting": "none"},
        "allergy": {"finding": "none"},
        "antiemetic": {"medicine": "granisetron", "amount": "1 mg"},
        "amino_start": {"bag": bag.label if bag else "none"},
        "unit_scanned": {"label": unit.label if unit else "none", "product_code": CODE},
        "start_check": {"line": "patent", "rescue_ready": "yes", "crisis_risk": "usual"},
        "line_check": {"finding": "good"},
        "infusion_end": {"how": "complete"},
        "residual": {"activity": "0.1 GBq", "what": "vial"},
        "observation": {"finding": "well"},
        "release_survey": {"microsievert_per_hour": "12", "metres": "1"},
    }
    return known.get(kind, {})


def record(
    clinic: Clinic,
    *,
    kind: str,
    by: Callable[[], User] | None = None,
    alone: bool = False,
    ago: int = 0,
    **data: str,
) -> None:
    """One step of the day as it happens; `alone`: the second person is the first one again."""
    day = newest_day(clinic)
    if day is None:
        return
    usual = {"start_check": second_nurse, "residual": pharmacist, "assay": pharmacist}
    person = (by or usual.get(kind, nurse))()
    second = None
    if kind == "identity":
        second = person if alone else second_nurse()
    therapy_day.record_step(
        day=day,
        kind=kind,
        data=step_data(clinic, kind) | data,
        by=person,
        happened_at=clinic.now - timedelta(minutes=ago),
        second=second,
        authenticated_at=clinic.fresh(),
        now=clinic.now,
    )


def take_back(clinic: Clinic, *, kind: str) -> None:
    """The newest entry of a kind was a mistake."""
    rows = TherapyStep.objects.filter(therapy_day__cycle=clinic.cycle, kind=kind, corrected_by__isnull=True)
    step = rows.filter(taken_back=False).select_related("therapy_day__cycle__course").order_by("-pk").first()
    if step is not None:
        therapy_day.correct_step(
            step=step,
            reason="Entered by mistake.",
            by=nurse(),
            second=second_nurse(),
            authenticated_at=clinic.fresh(),
            take_back=True,
            now=clinic.now,
        )


def authorise(clinic: Clinic, *, by: Callable[[], User] = physician) -> None:
    """A physician authorises the start."""
    if day := newest_day(clinic):
        start.authorise_start(day=day, by=by(), authenticated_at=clinic.fresh(), now=clinic.now)


def write_infusion(clinic: Clinic) -> None:
    """A nurse writes down what the steps of the day say of the infusion."""
    day = newest_day(clinic)
    if day is None:
        return
    decision = Course.objects.select_related("current_decision").get(pk=clinic.course.pk).current_decision
    state = day_state(day, decision=decision, now=clinic.now)
    infused = infused_on(day, state=state)
    infusions.record_infusion(cycle=clinic.cycle, day=day, infused=infused, by=nurse(), now=clinic.now)


def write_what_happened(
    clinic: Clinic, *, gbq: str = "7.4", how: str = "complete", on_the_day: bool = False, ago: int = 35
) -> None:
    """An infusion that took place whatever was allowed; with or without its day."""
    unit = DispensedUnit.objects.filter(order__cycle=clinic.cycle).order_by("-pk").first()
    infusions.record_infusion(
        cycle=clinic.cycle,
        day=newest_day(clinic) if on_the_day else None,
        infused=infusions.Infused(
            started_at=clinic.now - timedelta(minutes=ago),
            ended_at=clinic.now - timedelta(minutes=1),
            ended_how=InfusionEnd(how),
            unit=unit,
            delivered_gbq=Decimal(gbq),
        ),
        by=nurse(),
        now=clinic.now,
    )


def correct_infusion(clinic: Clinic, *, gbq: str) -> None:
    """What was delivered was written down wrongly."""
    row = Infusion.objects.effective().filter(cycle=clinic.cycle).order_by("-pk").first()
    if row is not None:
        infusion_corrections.correct_infusion(
            infusion=row,
            infused=infusions.Infused(
                started_at=row.started_at,
                ended_at=row.ended_at,
                ended_how=InfusionEnd(row.ended_how),
                unit=row.unit,
                delivered_gbq=Decimal(gbq),
            ),
            reason="The meter was read wrongly.",
            by=nurse(),
            second=second_nurse(),
            now=clinic.now,
        )


def judge(clinic: Clinic, *, counts: bool, remainder: str = "") -> None:
    """A physician says what the newest part counts for."""
    row = Infusion.objects.effective().filter(cycle=clinic.cycle).order_by("-pk").first()
    if row is not None:
        judgements.judge_cycle(
            infusion=row,
            counts=counts,
            reason="Seen with the physicist.",
            signer=physician(),
            authenticated_at=clinic.fresh(),
            remainder_gbq=Decimal(remainder) if remainder else None,
            now=clinic.now,
        )


def end_not_given(clinic: Clinic, *, reason: str = "unwell", rebook_in: int | None = None) -> None:
    """Nothing was given today; the cycle is planned anew, or not yet."""
    if day := newest_day(clinic):
        unit = standing_of(clinic.cycle, decision=None).unit
        day_end.end_not_given(
            day=day,
            reason=reason,
            note="",
            by=nurse(),
            vial="wasted" if unit is not None else "",
            rebook_on=None if rebook_in is None else add_days(clinic.today, rebook_in),
            now=clinic.now,
        )


def rebook(clinic: Clinic, *, in_days: int) -> None:
    """The cycle of a day on which nothing was given is planned for another one."""
    if day := newest_day(clinic):
        day_end.rebook(day=day, on=add_days(clinic.today, in_days), by=nurse(), now=clinic.now)


def release(clinic: Clinic, *, left_against: str = "") -> None:
    """The patient goes home."""
    if day := newest_day(clinic):
        day_end.release(day=day, by=nurse(), left_against=left_against, now=clinic.now)


# ----------------------------------------------------------------------------- plans, ends and follow-up


def move_cycle(clinic: Clinic, *, in_days: int, cause: str = "capacity") -> None:
    """A nurse plans the cycle for another day, once she has seen what that changes."""
    said: dict[str, Any] = {
        "cycle": clinic.cycle,
        "to": add_days(clinic.today, in_days),
        "cause": cause,
        "reason": "No room that day.",
        "by": nurse(),
        "now": clinic.now,
    }
    reschedule.reschedule(seen=reschedule.preview_move(**said).digest, **said)


def end_course(clinic: Clinic, *, cause: str = "other") -> None:
    """A physician ends the course."""
    ending.end_course(
        course=clinic.course,
        cause=cause,
        reason="She goes on at another hospital.",
        ended_on=clinic.today,
        by=physician(),
        authenticated_at=clinic.fresh(),
        now=clinic.now,
    )


def ask_undo_end(clinic: Clinic) -> None:
    """A physician asks for a wrong end to be undone."""
    ending.ask_undo(
        course=clinic.course,
        reason="The letter was about somebody else.",
        by=physician(),
        authenticated_at=clinic.fresh(),
        now=clinic.now,
    )


def confirm_undo_end(clinic: Clinic, *, alone: bool = False) -> None:
    """Another physician confirms it; `alone`: the same one tries."""
    by = physician() if alone else second_physician()
    ending.confirm_undo(course=clinic.course, by=by, authenticated_at=clinic.fresh(), now=clinic.now)


def see_afterwards(clinic: Clinic, *, visit: str = "nadir", outcome: str = "done") -> None:
    """A nurse writes down what became of a visit after the last cycle."""
    follow_up.record_visit(
        course=clinic.course,
        visit=visit,
        outcome=outcome,
        on=clinic.today,
        note="Seen by the family doctor.",
        by=nurse(),
        now=clinic.now,
    )


def close_follow_up(clinic: Clinic, *, closed: bool = True) -> None:
    """A physician signs the follow-up closed, or opens it again."""
    follow_up.set_follow_up(
        course=clinic.course,
        closed=closed,
        reason="Followed up elsewhere.",
        by=physician(),
        authenticated_at=clinic.fresh(),
        now=clinic.now,
    )
