"""Start a course from the guided form: tried and shown first, then done whole or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from courses.closed_days import closed_days
from courses.models import Course, CourseStart, PeritonealDisease, RecordKind
from courses.plan_state import PlanState, digest_of, plan_state
from courses.rules.derived_days import MovedDay
from courses.rules.evidence import Sample
from courses.rules.move_warnings import Judgement, NewDay, move_warnings
from courses.rules.start_questions import BadAnswer, warnings_of, words_of
from courses.services.assess import assess_at_gate
from courses.services.authority import BadFact, Refused, check_right, printed_name
from courses.services.baseline import baselines_of
from courses.services.course import GivenElsewhere, start_course
from courses.services.facts import append_fact
from courses.services.move_checks import plan_for_move
from courses.services.other_courses import too_close
from courses.services.reschedule import PLAN
from courses.start_answers import NOT_ANSWERED
from courses.start_library import start_questions
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.models import Patient
from labs.zones import clinic_zone

_MAY_NOT = "Only nurses and physicians start a course."
_DISEASE = {
    PeritonealDisease.YES: "Peritoneal or mesenteric disease: each cycle is given with corticosteroid cover, "
    "or with a physician's reason why not.",
    PeritonealDisease.UNKNOWN: "Whether there is peritoneal or mesenteric disease is not known: no cycle is "
    "signed until it is.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StartRequest:
    """Everything the form says."""

    patient: Patient
    protocol_id: str
    first_planned_on: date | None
    peritoneal_disease: PeritonealDisease
    dialysis: bool | None
    anticoagulated: bool | None
    nyha_class: int | None
    # Whether the patient was treated so before: mandatory, each as the fact's JSON without its day.
    prior: Sequence[Mapping[str, Any]]
    earlier: Sequence[GivenElsewhere] = ()
    imaging: Mapping[str, Any] | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPreview:
    """What starting the course would give: its days, its proposed baselines, and what is pointed out."""

    state: PlanState
    baselines: tuple[Sample, ...]
    warnings: tuple[str, ...]
    said: tuple[tuple[str, str], ...]

    @property
    def digest(self) -> str:
        """What whoever starts the course has seen."""
        shown = [
            (each.analyte, str(each.measurement.value), each.measurement.unit) for each in self.baselines
        ]
        return digest_of(self.state, shown, self.warnings, self.said)


class StaleStart(Exception):
    """What starting would give is no longer what was shown; `preview` is what it is now."""

    def __init__(self, preview: StartPreview) -> None:
        super().__init__("Something has changed since this was shown: read it again, then start the course.")
        self.preview = preview


class _Undo(Exception):
    def __init__(self, preview: StartPreview) -> None:
        self.preview = preview


def preview_start(wanted: StartRequest, *, by: User, now: datetime | None = None) -> StartPreview:
    """What starting the course would give; it is done, looked at and taken back.

    Raises NotAllowed, Refused, BadFact.
    """
    try:
        with transaction.atomic():
            _, preview = _start(wanted, by=by, now=now)
            raise _Undo(preview)
    except _Undo as tried:
        return tried.preview


def begin_course(wanted: StartRequest, *, by: User, seen: str, now: datetime | None = None) -> Course:
    """Start the course as it was shown (`seen`): all that the form says is recorded, or nothing.

    Raises NotAllowed, Refused, BadFact, StaleStart.
    """
    with transaction.atomic():
        course, preview = _start(wanted, by=by, now=now)
        if preview.digest != seen:
            raise StaleStart(preview)
    return course


def _start(wanted: StartRequest, *, by: User, now: datetime | None) -> tuple[Course, StartPreview]:
    """Everything in the caller's transaction."""
    check_right(by, PLAN, else_say=_MAY_NOT)
    now = now or database_now()
    today = clinic_day(now, clinic_zone())
    said, pointed_out = answers_in_words(wanted)
    _check(wanted, today=today)
    course = start_course(
        patient=wanted.patient,
        protocol_id=wanted.protocol_id,
        first_planned_on=wanted.first_planned_on,
        peritoneal_disease=wanted.peritoneal_disease,
        dialysis=wanted.dialysis,
        anticoagulated=wanted.anticoagulated,
        nyha_class=wanted.nyha_class,
        prior_treatment=wanted.prior,
        earlier=wanted.earlier,
        by=by,
        now=now,
    )
    if wanted.imaging is not None:
        append_fact(
            kind=RecordKind.SSTR_IMAGING,
            data=wanted.imaging,
            by=by,
            patient=course.patient,
            course=None,
            now=now,
        )
    assess_at_gate(course_id=course.pk, now=now)
    course = Course.objects.select_related("patient", "current_decision__cycle").get(pk=course.pk)
    state = plan_state(course)
    warnings = (*pointed_out, *_disease(wanted), *_plan_warnings(course, wanted, state=state, today=today))
    CourseStart.objects.create(
        course=course,
        answers=dict(said),
        warnings=list(warnings),
        questions_sha256=start_questions().sha256,
        answered_by=by,
        printed_name=printed_name(by),
        answered_at=now,
    )
    proposed = tuple(each.sample for each in baselines_of(course=course, today=today).values())
    return course, StartPreview(state=state, baselines=proposed, warnings=warnings, said=said)


def answers_in_words(wanted: StartRequest) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """The answers in words by question, and what they point out. Raises BadFact naming each question."""
    questions = start_questions().questions
    said, faults = [], []
    for question in questions:
        try:
            words = words_of(question, wanted.answers.get(question.id, ""))
            said.append((f"{question.id}: {question.text}", words or NOT_ANSWERED))
        except BadAnswer as bad:
            faults.append(f"{question.id}: {bad}")
    if faults:
        raise BadFact(*faults)
    return tuple(said), tuple(warnings_of(questions, wanted.answers))


def _check(wanted: StartRequest, *, today: date) -> None:
    faults = []
    if not wanted.prior:
        faults.append("prior: say whether the patient was treated so before; “not known” is an answer")
    first = wanted.first_planned_on
    if first is None and not wanted.earlier:
        faults.append("first_planned_on: name the planned day of the first cycle")
    if first is not None and first < today:
        faults.append("first_planned_on: lies in the past; name a day from today on")
    if faults:
        raise BadFact(*faults)


def _disease(wanted: StartRequest) -> tuple[str, ...]:
    words = _DISEASE.get(wanted.peritoneal_disease)
    return (words,) if words else ()


def _plan_warnings(course: Course, wanted: StartRequest, *, state: PlanState, today: date) -> tuple[str, ...]:
    """What the planned days break; a day too close to another course's cycle is refused. Raises Refused."""
    if state.cycles and (other := too_close(course, on=state.cycles[0][1])):
        raise Refused(other)
    closed = closed_days(on for _, on in state.cycles)
    previous = wanted.earlier[-1].on if wanted.earlier else None
    days: list[NewDay] = []
    for number, on in state.cycles:
        days.append(
            NewDay(
                number=number,
                on=on,
                previous_on=previous,
                previous_is_given=bool(wanted.earlier) and not days,
                closed=closed.get(on, ""),
            )
        )
        previous = on
    same = Judgement(action=state.action)
    return (
        *move_warnings(
            plan_for_move(course),
            days=tuple(days),
            moved=tuple(MovedDay(before=None, after=each) for each in state.days),
            before=same,
            after=same,
            today=today,
        ),
        # What is only still to be drawn or asked before the cycle is no warning yet.
        *(
            f"{rule}: {sentence}"
            for rule, action, sentence in state.reasons
            if action in ("reduce", "delay", "stop") or (action == "hold" and rule.startswith("ELIG-"))
        ),
    )
