"""What needs doing today: reads the open courses into short lists for people, and writes nothing."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from courses.bloods import BloodLine, bloods_due
from courses.decision_words import first_confirm, leading_reason, what_ends_it
from courses.models import Course, CourseQuerySet, Cycle, Decision, Order, Recall, TherapyDay
from courses.rules.action_words import GO, HELD
from courses.rules.order_states import OrderKind, OrderState
from courses.stops import WithdrawnBasis, withdrawn_bases
from courses.therapies import SHOWN, given_in_part, signature_stands
from courses.therapy_state import PART_GIVEN
from labs.models import Patient
from labs.similar_names import similar_to_each_other

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
    # A part that was given waits for a physician's word: that is signed on the day's page.
    is_to_judge: bool = False
    orders: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One list of the first page, and whether more stand behind it.

    `alike` are the keys of those on it whose name may be taken for somebody else's on it.
    """

    lines: tuple[Line, ...]
    more: bool
    alike: frozenset[int]

    def __len__(self) -> int:
        return len(self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Worklist:
    """The lists of the first page, in the order in which they want attention."""

    held: Section
    stopped: Section
    to_sign: Section
    bloods: tuple[BloodLine, ...]
    more_bloods: bool
    bloods_alike: frozenset[int]
    waiting: Section
    withdrawn_bases: tuple[WithdrawnBasis, ...]


def worklist(*, today: date) -> Worklist:
    """Every list of the first page; the number of queries does not depend on the number of patients."""
    courses = _open_courses()
    decided = courses.filter(current_decision__isnull=False)
    unsigned = decided.filter(~signature_stands())
    held = Q(current_decision__isnull=True) | Q(
        current_decision__action__in=HELD, current_decision__awaiting_labs=False
    )
    going = Q(current_decision__action__in=GO)
    # Also between cycles: a record that was corrected to a part waits for a physician all the same.
    to_judge = Q(given_in_part()) & (going | Q(current_decision__awaiting_labs=True))
    by_day = ("current_decision__cycle__planned_on", "pk")
    due = bloods_due(today=today, most=SHOWN + 1)
    return Worklist(
        # What was going ahead and has been stopped comes first: somebody is counting on it.
        held=_section(courses.filter(held).order_by(_was_stopped().desc(), *by_day), _held_line),
        stopped=_section(
            unsigned.filter(current_decision__action="stop").order_by(*by_day),
            _stopped_line,
        ),
        to_sign=_section(
            decided.filter(to_judge | (going & ~Q(signature_stands()))).order_by(*by_day),
            _to_sign_line,
        ),
        waiting=_section(
            decided.filter(~given_in_part(), current_decision__awaiting_labs=True).order_by(
                "current_decision__labs_due", "pk"
            ),
            _waiting_line,
        ),
        bloods=due[:SHOWN],
        more_bloods=len(due) > SHOWN,
        bloods_alike=frozenset(similar_to_each_other([each.patient for each in due[:SHOWN]])),
        withdrawn_bases=withdrawn_bases(),
    )


def _was_stopped() -> Exists:
    """Whether orders of the cycle stand suspended."""
    return Exists(
        Order.objects.filter(
            cycle_id=OuterRef("current_decision__cycle_id"), state=OrderState.SUSPENDED.value
        )
    )


def pharmacy_orders() -> QuerySet[Order]:
    """Live radiopharmaceutical orders, the soonest planned day first, and which of them are called back."""
    return (
        Order.objects.live()
        .filter(kind=OrderKind.RADIOPHARMACEUTICAL.value, cycle__course__patient__is_canary=False)
        .select_related(
            "cycle__course__patient", "cycle__course__current_decision", "decision", "directive__signature"
        )
        .annotate(is_recalled=Exists(Recall.objects.unanswered().filter(order_id=OuterRef("pk"))))
        .order_by("cycle__planned_on", "pk")
    )


def open_days() -> list[TherapyDay]:
    """Days of therapy that have begun and not ended, the oldest first; a stay may last several days."""
    days = TherapyDay.objects.open().filter(cycle__course__patient__is_canary=False)
    return list(days.select_related("cycle__course__patient").order_by("opened_at", "pk")[:SHOWN])


def _open_courses() -> CourseQuerySet:
    live = Order.objects.live().order_by("pk")
    return (
        Course.objects.open()
        .real()
        .select_related("patient", "current_decision__cycle")
        .prefetch_related(
            Prefetch("current_decision__cycle__orders", queryset=live, to_attr="live_orders"),
        )
        .annotate(is_signed=signature_stands(), is_given_in_part=given_in_part())
    )


def _section(courses: CourseQuerySet, line: Callable[[Course], Line]) -> Section:
    found = list(courses[: SHOWN + 1])
    shown = found[:SHOWN]
    return Section(
        lines=tuple(line(course) for course in shown),
        more=len(found) > SHOWN,
        alike=frozenset(similar_to_each_other([course.patient for course in shown])),
    )


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
        next_step=first_confirm(decision.answer) or "A physician reviews the basis and signs the stop.",
    )


def _to_sign_line(course: Course) -> Line:
    decision = course.current_decision
    assert decision is not None
    if getattr(course, "is_given_in_part", False):
        action = "waiting" if decision.awaiting_labs else decision.action
        line = _line(course, action=action, why=PART_GIVEN, next_step=_JUDGE_FIRST)
        return replace(line, is_to_judge=True)
    return _line(
        course,
        action=decision.action,
        why=leading_reason(decision.answer) or "No rule of the protocol speaks against it.",
        next_step=first_confirm(decision.answer)
        or "A physician reviews the basis and signs, or leaves it unsigned.",
    )


def _waiting_line(course: Course) -> Line:
    return _line(course, action="waiting", why="", next_step="")
