"""What needs doing today: reads the open courses into short lists for people, and writes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.db.models.functions import Coalesce

from courses.models import (
    Course,
    CourseQuerySet,
    Cycle,
    Decision,
    Directive,
    Infusion,
    Order,
    Recall,
    Signature,
    TherapyDay,
)
from courses.rules.order_states import OrderKind, OrderState
from courses.stops import WithdrawnBasis, withdrawn_bases
from labs.clinic_days import add_days
from labs.library import by_loinc
from labs.models import Patient

SHOWN = 50  # rows of one list; more are counted in words and stand on the full list
DAYS_AHEAD = 7
GO = ("proceed", "reduce")
_PART_GIVEN = "A part of this cycle was given and waits for a physician's judgement."
_JUDGE_FIRST = "A physician judges the part on the day's page; until then nothing is signed for this cycle."


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One course on a list: who, which cycle, what was decided, why, and what comes next."""

    course: Course
    patient: Patient
    cycle: Cycle | None
    decision: Decision | None
    action: str
    why: str
    next_step: str
    signed: bool = False
    orders: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One list of the first page, and whether more stand behind it."""

    lines: tuple[Line, ...]
    more: bool

    def __len__(self) -> int:
        return len(self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worklist:
    """The lists of the first page, in the order in which they want attention."""

    held: Section
    stopped: Section
    to_sign: Section
    therapies: Section
    waiting: Section
    withdrawn_bases: tuple[WithdrawnBasis, ...]


def worklist(*, today: date) -> Worklist:
    """Every list of the first page; the number of queries does not depend on the number of patients."""
    courses = _open_courses()
    decided = courses.filter(current_decision__isnull=False)
    unsigned = decided.filter(~signature_stands())
    held = Q(current_decision__isnull=True) | Q(
        current_decision__action__in=["hold", "delay"], current_decision__awaiting_labs=False
    )
    by_day = ("current_decision__cycle__planned_on", "pk")
    return Worklist(
        # What was going ahead and has been stopped comes first: somebody is counting on it.
        held=_section(courses.filter(held).order_by(_was_stopped().desc(), *by_day), _held_line),
        stopped=_section(
            unsigned.filter(current_decision__action="stop").order_by(*by_day),
            _stopped_line,
        ),
        to_sign=_section(
            unsigned.filter(current_decision__action__in=GO).order_by(*by_day),
            _to_sign_line,
        ),
        therapies=_section(_therapies(today), _therapy_line),
        waiting=_section(
            decided.filter(current_decision__awaiting_labs=True).order_by("current_decision__labs_due", "pk"),
            _waiting_line,
        ),
        withdrawn_bases=withdrawn_bases(),
    )


def _was_stopped() -> Exists:
    """Whether orders of the cycle stand suspended."""
    return Exists(
        Order.objects.filter(
            cycle_id=OuterRef("current_decision__cycle_id"), state=OrderState.SUSPENDED.value
        )
    )


def _given_in_part() -> Exists:
    """Whether a part of the cycle was given and waits for a physician's judgement."""
    return Exists(Infusion.objects.waiting().filter(cycle_id=OuterRef("current_decision__cycle_id")))


def signature_stands() -> Exists:
    """Whether the course's current verdict carries a signature, also one given before it was confirmed."""
    origin = Coalesce(OuterRef("current_decision__confirms_id"), OuterRef("current_decision_id"))
    return Exists(Signature.objects.filter(Q(decision_id=origin) | Q(decision__confirms_id=origin)))


def pharmacy_orders() -> QuerySet[Order]:
    """Live radiopharmaceutical orders, the soonest planned day first, and which of them are called back."""
    return (
        Order.objects.live()
        .filter(kind=OrderKind.RADIOPHARMACEUTICAL.value, cycle__course__patient__is_canary=False)
        .select_related("cycle__course__patient", "directive__signature")
        .annotate(is_recalled=Exists(Recall.objects.unanswered().filter(order_id=OuterRef("pk"))))
        .order_by("cycle__planned_on", "pk")
    )


def open_days() -> list[TherapyDay]:
    """Days of therapy that have begun and not ended, the oldest first; a stay may last several days."""
    days = TherapyDay.objects.open().filter(cycle__course__patient__is_canary=False)
    return list(days.select_related("cycle__course__patient").order_by("opened_at", "pk")[:SHOWN])


def leading_reason(answer: dict[str, Any]) -> str:
    """The first sentence that explains the action; for a hold without one, the first thing missing."""
    action = answer.get("action")
    for reason in answer.get("reasons", []):
        if reason.get("action") == action:
            return str(reason.get("sentence", ""))
    missing = answer.get("missing", [])
    return str(missing[0].get("why", "")) if missing else ""


def what_ends_it(answer: dict[str, Any]) -> str:
    """What would end a hold or delay, as far as the decision knows it; like steps are told once."""
    alike: dict[str, list[str]] = {}
    for gap in answer.get("missing", []):
        name = _name(str(gap.get("code", "")))
        step = str(gap.get("resolve", ""))
        alike.setdefault(step.replace(name, "{}", 1) if name else step, []).append(name)
    return " ".join(_step(step, names) for step, names in alike.items() if step)


def _step(step: str, names: list[str]) -> str:
    """One thing to do as a sentence; from the third name on, how many instead of which."""
    which = " and ".join(names) if len(names) < 3 else f"these {len(names)} results"
    told = step.replace("{}", which, 1)
    return f"{told[:1].upper()}{told[1:]}" + ("" if told.endswith(".") else ".")


def _name(code: str) -> str:
    analyte = by_loinc(code)
    return analyte.name if analyte else ""


def _open_courses() -> CourseQuerySet:
    live = Order.objects.live().order_by("pk")
    return (
        Course.objects.open()
        .real()
        .select_related("patient", "current_decision__cycle")
        .prefetch_related(
            Prefetch("current_decision__cycle__orders", queryset=live, to_attr="live_orders"),
        )
        .annotate(is_signed=signature_stands(), is_given_in_part=_given_in_part())
    )


def _therapies(today: date) -> CourseQuerySet:
    """Courses whose next cycle is planned within the week; also those whose day passed without a reason."""
    soon = Q(current_decision__cycle__planned_on__range=(today, add_days(today, DAYS_AHEAD)))
    passed = Q(current_decision__cycle__planned_on__lt=today, current_decision__action__in=GO)
    directives = Directive.objects.select_related("voided", "signature").order_by("-revision")
    return (
        _open_courses()
        .filter(soon | passed)
        .prefetch_related(
            Prefetch("current_decision__cycle__directives", queryset=directives, to_attr="all_directives")
        )
        .order_by("current_decision__cycle__planned_on", "pk")
    )


def _section(courses: CourseQuerySet, line: Callable[[Course], Line]) -> Section:
    found = list(courses[: SHOWN + 1])
    return Section(lines=tuple(line(course) for course in found[:SHOWN]), more=len(found) > SHOWN)


def _line(course: Course, *, action: str, why: str, next_step: str, states: tuple[str, ...] = ()) -> Line:
    decision = course.current_decision
    cycle = decision.cycle if decision else None
    return Line(
        course=course,
        patient=course.patient,
        cycle=cycle,
        decision=decision,
        action=action,
        why=why,
        next_step=next_step,
        signed=getattr(course, "is_signed", False),
        orders=tuple(each for each in getattr(cycle, "live_orders", ()) if each.state in states),
    )


def _held_line(course: Course) -> Line:
    decision = course.current_decision
    if decision is None:
        return _line(
            course,
            action="none",
            why="This course has not been assessed yet, so nothing may be given.",
            next_step="It is assessed within a minute; if this line stays, tell whoever runs the system.",
        )
    next_step = what_ends_it(decision.answer)
    if not next_step and decision.action == "delay":
        next_step = "It ends when the value has recovered; a new result is judged as soon as it arrives."
    return _line(
        course,
        action=decision.action,
        why=leading_reason(decision.answer),
        next_step=next_step,
        states=(OrderState.SUSPENDED.value,),
    )


def _stopped_line(course: Course) -> Line:
    decision = course.current_decision
    assert decision is not None
    return _line(
        course,
        action="stop",
        why=leading_reason(decision.answer),
        next_step=_first_confirm(decision.answer) or "A physician reviews the basis and signs the stop.",
    )


def _to_sign_line(course: Course) -> Line:
    decision = course.current_decision
    assert decision is not None
    if getattr(course, "is_given_in_part", False):
        return _line(course, action=decision.action, why=_PART_GIVEN, next_step=_JUDGE_FIRST)
    return _line(
        course,
        action=decision.action,
        why=leading_reason(decision.answer) or "No rule of the protocol speaks against it.",
        next_step=_first_confirm(decision.answer)
        or "A physician reviews the basis and signs, or leaves it unsigned.",
    )


def _first_confirm(answer: Mapping[str, Any]) -> str:
    """What comes before a signature where the decision rests on an occurrence seen only between cycles."""
    if not answer.get("to_confirm"):
        return ""
    return (
        "A physician first says whether an occurrence seen only between cycles counts; then it can be signed."
    )


def _waiting_line(course: Course) -> Line:
    return _line(course, action="waiting", why="", next_step="")


def _therapy_line(course: Course) -> Line:
    decision = course.current_decision
    assert decision is not None
    is_part = getattr(course, "is_given_in_part", False)
    return _line(
        course,
        action="waiting" if decision.awaiting_labs else decision.action,
        why="" if decision.action in GO else leading_reason(decision.answer),
        next_step=_PART_GIVEN if is_part else _readiness(course, decision),
        states=tuple(state.value for state in OrderState),
    )


_HANDLED = {
    OrderState.ACTIVE.value: "Pharmacy accepts the order.",
    OrderState.ACCEPTED.value: "Pharmacy prepares it.",
    OrderState.PREPARED.value: "Pharmacy dispenses it.",
    OrderState.DISPENSED.value: "Dispensed: ready to be given.",
}


def _readiness(course: Course, decision: Decision) -> str:
    """The one thing that stands between this cycle and its administration."""
    if decision.awaiting_labs:
        return "Waits for its laboratory results."
    if decision.action not in GO:
        return "Must not go ahead."
    if not getattr(course, "is_signed", False):
        return "Waits for a physician's signature."
    valid = [each for each in getattr(decision.cycle, "all_directives", ()) if not hasattr(each, "voided")]
    if not valid:
        return "Waits for its written directive."
    states = {
        order.state
        for order in getattr(decision.cycle, "live_orders", ())
        if order.kind == OrderKind.RADIOPHARMACEUTICAL.value
    }
    for state, words in _HANDLED.items():
        if state in states:
            return words
    return "Has no active radiopharmaceutical order; ask the pharmacy."
