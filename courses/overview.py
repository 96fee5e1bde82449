"""One course or one decision, read whole for the page that shows it; nothing is judged or written here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Prefetch, Q, QuerySet, Subquery

from courses.models import (
    BaselineLock,
    Course,
    Cycle,
    Decision,
    Directive,
    Order,
    OrderEvent,
    Signature,
)
from courses.rules.evidence import Sample
from courses.services.baseline import baselines_of
from labs.library import analytes
from labs.models import BodyWeight, Observation, Result
from labs.models.result import VERIFIED
from labs.result_marks import marked_results
from labs.same_person import numbers_of

HISTORY = 50  # decisions shown below a course; older ones stand on the full list

Lab = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabLine:
    """The newest result of one analyte, with its grade where the current decision gave one."""

    analyte: str
    name: str
    result: Result
    observation: Observation
    grade: str
    term: str
    # The mark that puts it in doubt beside the other results, and why; empty where nothing does.
    mark: str = ""
    doubt: str = ""

    @property
    def is_usable(self) -> bool:
        """Whether people may judge it: final, and contradicted by no other version."""
        return not self.result.in_conflict and self.observation.status in VERIFIED


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineLine:
    """The baseline of one analyte: proposed, or locked; no sample where a locked result counts no longer."""

    name: str
    sample: Sample | None
    locked_at: datetime | None
    is_declared: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What lies between two decisions: what is said, and the evidence that came, went or changed."""

    verdict_changed: bool
    arrived: tuple[Lab, ...]
    gone: tuple[Lab, ...]
    changed: tuple[tuple[Lab, Lab], ...]

    @property
    def evidence_changed(self) -> bool:
        """Whether any laboratory result differs."""
        return bool(self.arrived or self.gone or self.changed)


def course_for_page(course_id: int) -> Course | None:
    """A course with what every part of its page reads."""
    return Course.objects.select_related("patient", "current_decision__cycle").filter(pk=course_id).first()


def cycles_of(course: Course) -> list[Cycle]:
    """The cycles with their administration, valid and void directives, and orders."""
    directives = Directive.objects.select_related("signature", "voided").order_by("-revision")
    events = OrderEvent.objects.select_related("actor").order_by("pk")
    orders = Order.objects.select_related("directive").prefetch_related(Prefetch("events", queryset=events))
    return list(
        Cycle.objects.filter(course=course)
        .select_related("administration")
        .prefetch_related(
            Prefetch("directives", queryset=directives), Prefetch("orders", queryset=orders.order_by("-pk"))
        )
        .order_by("number")
    )


def decision_for_page(public_id: UUID) -> Decision | None:
    """A decision with what its page reads."""
    return (
        Decision.objects.select_related("course__patient", "course__current_decision", "cycle", "confirms")
        .filter(public_id=public_id)
        .first()
    )


def signatures_on_verdict(decision: Decision) -> QuerySet[Signature]:
    """Signatures on this decision's verdict, also those given before it was confirmed by newer evidence."""
    origin = decision.verdict_origin_id
    # Among the decisions both halves have an index; asked of the signatures it would read them all.
    same = Decision.objects.filter(Q(pk=origin) | Q(confirms_id=origin))
    return Signature.objects.filter(decision__in=same).order_by("pk")


def history_of(course: Course) -> list[Decision]:
    """The newest decisions of a course, each with its signatures."""
    signatures = Signature.objects.order_by("pk")
    return list(
        Decision.objects.filter(course=course)
        .select_related("cycle")
        .prefetch_related(Prefetch("signatures", queryset=signatures))
        .order_by("-pk")[:HISTORY]
    )


def decision_before(decision: Decision) -> Decision | None:
    """The decision of the same course that was recorded before this one."""
    earlier = Decision.objects.filter(course=decision.course_id, pk__lt=decision.pk)
    return earlier.select_related("cycle").order_by("-pk").first()


def latest_labs(course: Course) -> list[LabLine]:
    """The newest result of each analyte, in the library's order, beside its grade."""
    numbers = numbers_of(course.patient_id)
    newest = Result.objects.filter(patient__in=numbers, analyte=OuterRef("analyte")).order_by(
        "-collected_at", "-pk"
    )
    results = Result.objects.filter(
        patient__in=numbers, current__isnull=False, pk=Subquery(newest.values("pk")[:1])
    ).select_related("current")
    found = {result.analyte: result for result in results}
    grades = _grades(course.current_decision)
    marks = {each.result.pk: each.marks for each in marked_results(numbers)}
    lines = []
    for short, analyte in analytes().items():
        result = found.get(short)
        if result is None or result.current is None:
            continue
        grade, term = grades.get(short, ("", ""))
        mark, doubt = next(iter(marks.get(result.pk, ())), ("", ""))
        lines.append(
            LabLine(
                analyte=short,
                name=analyte.name,
                result=result,
                observation=result.current,
                grade=grade,
                term=term,
                mark=mark,
                doubt=doubt,
            )
        )
    return lines


def latest_weight(course: Course) -> BodyWeight | None:
    """The newest body weight."""
    return (
        BodyWeight.objects.filter(patient__in=numbers_of(course.patient_id))
        .order_by("-measured_on", "-recorded_at", "-pk")
        .first()
    )


def baseline_lines(course: Course, *, today: date) -> list[BaselineLine]:
    """The baseline of each analyte that has or had one, by name. Raises Fault where data cannot be read."""
    found = baselines_of(course=course, today=today)
    known = analytes()
    lines = [
        BaselineLine(
            name=known[short].name,
            sample=baseline.sample,
            locked_at=baseline.locked_at,
            is_declared=baseline.sample.measurement.result.startswith("fact-"),
        )
        for short, baseline in found.items()
    ]
    locks = BaselineLock.objects.current().filter(course=course).exclude(analyte__in=list(found))
    lost = [
        BaselineLine(name=known[lock.analyte].name, sample=None, locked_at=lock.locked_at, is_declared=False)
        for lock in locks
    ]
    return sorted([*lines, *lost], key=lambda line: line.name)


def _grades(decision: Decision | None) -> dict[str, tuple[str, str]]:
    """By analyte: the worst grade of its terms as words, and the term."""
    found: dict[str, tuple[int, str, str]] = {}
    for line in decision.answer.get("grades", []) if decision else []:
        grade, short = line.get("grade"), line.get("analyte", "")
        # An ungradable term is shown before a graded one: not knowing is what a reader must see.
        weight = 99 if grade is None else int(grade)
        text = f"not gradable: {line.get('ungradable', '')}" if grade is None else f"grade {grade}"
        if short not in found or weight > found[short][0]:
            found[short] = (weight, text, str(line.get("term", "")))
    return {short: (text, term) for short, (_, text, term) in found.items()}


def difference(*, before: Decision, after: Decision) -> Difference:
    """What changed between the decision a form was made from and the one that stands now."""
    old, new = _labs(before.situation), _labs(after.situation)
    return Difference(
        verdict_changed=before.verdict != after.verdict,
        arrived=tuple(new[key] for key in new if key not in old),
        gone=tuple(old[key] for key in old if key not in new),
        changed=tuple((old[key], new[key]) for key in new if key in old and old[key] != new[key]),
    )


def _labs(situation: Mapping[str, Any]) -> dict[tuple[str, str], Lab]:
    return {(str(lab.get("code")), str(lab.get("collected_at"))): lab for lab in situation.get("labs", [])}
