"""Check what was said of a call before anything of it is recorded: one line for each fault, by its field."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from courses.call_library import call_plans
from courses.fact_kinds import faults_of_texts
from courses.models import (
    CallBackBy,
    CallChannel,
    CallOutcome,
    ChartFact,
    Course,
    Cycle,
    PatientCall,
    RecordKind,
    SpokenWith,
)
from courses.rules.calls import OTHER, Anchor, Answer, CallPlan, CallQuestion, Concern, asked_of, concerns
from courses.rules.values import Sex
from courses.services.authority import stated
from courses.services.call_said import CallSaid, HoldAnswer
from labs.clinic_days import clinic_day
from labs.models import Patient
from labs.zones import clinic_zone

_LONGEST_NAME = 200
_LONGEST_WAIT = timedelta(days=366)
_TEXTS = ("spoken_by", "spoken_with_name", "note", "advice", "call_back_about", "hold_reason")
_HELD_AS = "hold: these answers speak against going on: {}. Say whether you hold the course"


def plan_of_call(occasion: str) -> CallPlan | None:
    """The planned call of an occasion; none for any other call or visit."""
    return call_plans().plans.calls.get(occasion)


def questions_for(occasion: str, patient: Patient) -> tuple[CallQuestion, ...]:
    """What this patient is asked on an occasion."""
    plan = plan_of_call(occasion)
    sex = Sex(patient.sex) if patient.sex in {each.value for each in Sex} else None
    return asked_of(plan, sex) if plan is not None else ()


def concerns_of(said: CallSaid, patient: Patient) -> list[Concern]:
    """What the answers point out; nothing where nobody was reached."""
    if said.outcome != CallOutcome.SPOKEN:
        return []
    return list(concerns(questions_for(said.occasion, patient), said.answers))


def standing_hold(course: Course) -> ChartFact | None:
    """The newest hold that a person placed on the course and nobody took back."""
    holds = ChartFact.objects.counting().filter(course=course, kind=RecordKind.PRECAUTIONARY_HOLD)
    return holds.order_by("pk").last()


def faults_of_call(
    said: CallSaid, *, course: Course, now: datetime, holds_already: bool = False
) -> Iterator[str]:
    """What cannot be so, or is missing; `holds_already`: a hold of this very call stands."""
    yield from faults_of_texts({key: getattr(said, key) for key in _TEXTS})
    yield from _faults_of_words(said)
    yield from _faults_of_time(said, course=course, now=now)
    yield from _faults_of_answers(said, course.patient)
    yield from _faults_of_call_back(said, course=course, now=now)
    yield from _faults_of_hold(said, course, holds_already=holds_already)


def _faults_of_words(said: CallSaid) -> Iterator[str]:
    if said.outcome not in (CallOutcome.SPOKEN, CallOutcome.NOT_REACHED):
        yield "outcome: say whether somebody was reached"
    if said.channel not in CallChannel.values:
        yield "channel: say how you spoke"
    if not stated(said.spoken_by):
        yield "spoken_by: say who of the clinic spoke"
    for key in ("spoken_by", "spoken_with_name", "call_back_about"):
        if len(getattr(said, key)) > _LONGEST_NAME:
            yield f"{key}: is longer than {_LONGEST_NAME} letters"
    if said.outcome == CallOutcome.SPOKEN:
        if said.spoken_with not in SpokenWith.values:
            yield "spoken_with: say with whom you spoke"
        elif said.spoken_with != SpokenWith.PATIENT and not stated(said.spoken_with_name):
            yield "spoken_with_name: name the person, and how they belong to the patient"
    elif said.answers or said.symptoms:
        yield (
            "outcome: nobody was reached, yet answers or complaints are entered; choose that you spoke, "
            "or open the form again"
        )


def _faults_of_time(said: CallSaid, *, course: Course, now: datetime) -> Iterator[str]:
    on = clinic_day(said.spoken_at, clinic_zone())
    if said.spoken_at > now:
        yield "spoken_at: lies ahead; enter when you spoke"
    if on < course.patient.birth_date:
        yield "spoken_at: lies before the patient's birth"
    plan = plan_of_call(said.occasion)
    if plan is None:
        if said.occasion != OTHER:
            yield "occasion: no such call is planned; open the form again from the list of calls"
        return
    numbers = Cycle.objects.filter(course=course).values_list("number", flat=True)
    if said.about_on is None or said.cycle not in numbers:
        yield "occasion: names no cycle of this course; open the form again from the list of calls"
    elif plan.anchor is Anchor.PLANNED and on > said.about_on:
        yield f"spoken_at: lies after the therapy of {said.about_on.isoformat()} that this call is about"
    elif plan.anchor is Anchor.GIVEN and on < said.about_on:
        yield f"spoken_at: lies before the therapy of {said.about_on.isoformat()} that this call is about"


def _faults_of_answers(said: CallSaid, patient: Patient) -> Iterator[str]:
    """Each question is answered, with not known where nobody knows; nothing else is."""
    asked = {question.id for question in questions_for(said.occasion, patient)}
    if said.outcome == CallOutcome.SPOKEN:
        known = [answer.value for answer in Answer]
        for key in sorted(asked):
            if said.answers.get(key) not in known:
                yield f"answer-{key}: choose yes, no or not known"
    for key in sorted(set(said.answers) - asked):
        yield f"answer-{key}: is not asked in this call"


def _faults_of_call_back(said: CallSaid, *, course: Course, now: datetime) -> Iterator[str]:
    if said.call_back_who and said.call_back_who not in CallBackBy.values:
        yield "call_back_who: choose who rings back"
    if said.call_back_who and said.call_back_by is None:
        yield "call_back_by: say by when"
    if said.call_back_by is not None:
        if not said.call_back_who:
            yield "call_back_who: say who rings back"
        if said.call_back_by <= said.spoken_at:
            yield "call_back_by: lies before the call itself"
        elif said.call_back_by > now + _LONGEST_WAIT:
            yield "call_back_by: lies more than a year ahead; check the day"
    if stated(said.call_back_about) and not said.call_back_who:
        yield "call_back_who: say who rings back, or leave out what about"
    if said.settles and said.outcome != CallOutcome.SPOKEN:
        yield "settles: nobody was reached, so nothing is settled"
    of_course = PatientCall.objects.filter(course=course, call_back_by__isnull=False)
    if set(said.settles) - set(of_course.values_list("public_id", flat=True)):
        yield "settles: is no call of this course after which somebody rings back; open the form again"


def _faults_of_hold(said: CallSaid, course: Course, *, holds_already: bool) -> Iterator[str]:
    """What speaks against going on is answered with a hold, or with why there is none.

    Somebody else's hold is no answer: it ends with its own cause, and this one would be held by nothing.
    """
    if said.hold not in list(HoldAnswer):
        yield "hold: say whether you hold the course"
        return
    grave = [each for each in concerns_of(said, course.patient) if each.question.asks_for_hold]
    if said.hold == HoldAnswer.HOLD:
        if not course.is_open:
            yield "hold: the course is over, so nothing can be held"
        elif not grave and not stated(said.hold_reason):
            yield "hold_reason: say in a few words why the course is held"
    elif said.hold == HoldAnswer.GO_ON:
        if not stated(said.hold_reason):
            yield "hold_reason: say in a few words why the course is not held"
    elif grave and course.is_open and not holds_already:
        yield _HELD_AS.format("; ".join(each.words for each in grave))
