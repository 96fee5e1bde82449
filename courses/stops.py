"""Signed stops as pages show them: who signed, who asks to lift it, and whether its evidence still stands."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q

from courses.models import ChartFact, Course, CourseStatus, RecordKind, Signature
from courses.services.rescind import standing_stop, waiting_rescission
from labs.models import Observation, Patient, Result
from labs.models.result import WITHDRAWN
from labs.same_person import ever_merged
from labs.templatetags.clinic_text import analyte_name, day, number, unit

_FACT = "fact-"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOfPage:
    """What a course's page says of its stops."""

    standing: Signature | None
    waiting: ChartFact | None
    lifted: tuple[ChartFact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawnBasis:
    """A signed stop whose evidence no longer stands as it was, and what two physicians do about it."""

    course: Course
    patient: Patient
    sentence: str


def stop_of_page(course: Course) -> StopOfPage:
    """The stop that stands, the rescission that waits, and those that were confirmed."""
    lifted = (
        ChartFact.objects.counting()
        .filter(course=course, kind=RecordKind.STOP_RESCISSION)
        .select_related("confirmation")
    )
    return StopOfPage(
        standing=standing_stop(course),
        waiting=waiting_rescission(course) if course.status == CourseStatus.STOPPED else None,
        lifted=tuple(lifted),
    )


def withdrawn_bases() -> tuple[WithdrawnBasis, ...]:
    """Every signed stop that rests on evidence which was withdrawn or corrected since.

    Four queries, whatever the number of courses; only those are read whose patient had anything changed.
    """
    stops = Signature.objects.filter(meaning="stop").select_related("decision").order_by("-pk")
    courses = list(
        Course.objects.real()
        .filter(_anything_changed(), status=CourseStatus.STOPPED)
        .select_related("patient")
        .prefetch_related(Prefetch("decisions__signatures", queryset=stops, to_attr="stops"))
        .order_by("pk")
    )
    signed = [(course, stop) for course in courses if (stop := _newest_stop(course)) is not None]
    changed = _changed({ref for _, stop in signed for ref in _refs(stop)})
    return tuple(
        WithdrawnBasis(course=course, patient=course.patient, sentence=_sentence(stop, told))
        for course, stop in signed
        if (told := [changed[ref] for ref in _refs(stop) if ref in changed])
    )


def _anything_changed() -> Q:
    """Patients of whom a result has a later version, or a fact was taken back."""
    mine = {"patient": OuterRef("patient")}
    return (
        Q(Exists(Observation.objects.filter(version__gt=1, **mine)))
        | Q(Exists(ChartFact.objects.filter(withdraws__isnull=False, **mine)))
        # Of a person with two numbers, it may stand under either; they are few.
        | ever_merged()
    )


def _newest_stop(course: Course) -> Signature | None:
    found: list[Signature] = [stop for decision in course.decisions.all() for stop in decision.stops]  # type: ignore[attr-defined]  # made by the prefetch
    return max(found, key=lambda stop: stop.pk, default=None)


def _refs(stop: Signature) -> list[str]:
    """What the reasons to stop rest on, each once."""
    reasons: Iterable[Any] = stop.decision.answer.get("reasons", [])
    stopping = (reason for reason in reasons if reason.get("action") == "stop")
    return list(dict.fromkeys(e["ref"] for reason in stopping for e in reason["evidence"] if e.get("ref")))


def _changed(refs: set[str]) -> dict[str, str]:
    """What became of the evidence that no longer stands, in words, by its reference."""
    facts = [ref.removeprefix(_FACT) for ref in refs if ref.startswith(_FACT)]
    return dict((*_changed_results(filter(_is_id, refs)), *_changed_facts(filter(_is_id, facts))))


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _changed_results(versions: Iterable[str]) -> Iterator[tuple[str, str]]:
    rows = Observation.objects.filter(public_id__in=list(versions)).select_related("result__current")
    for row in rows:
        result: Result = row.result
        now = result.current
        told = f"{analyte_name(row.analyte)} {row.comparator}{number(row.value)} {unit(row.unit)}".rstrip()
        when = day(row.collected_at.date())
        if now is None or now.status in WITHDRAWN:
            yield str(row.public_id), f"{told} of {when}, which the laboratory withdrew"
        elif (now.value, now.comparator, now.unit) != (row.value, row.comparator, row.unit):
            corrected = f"{now.comparator}{number(now.value)} {unit(now.unit)}".rstrip()
            yield str(row.public_id), f"{told} of {when}, which was corrected to {corrected}"


def _changed_facts(facts: Iterable[str]) -> Iterator[tuple[str, str]]:
    rows = ChartFact.objects.filter(public_id__in=list(facts), withdrawn_by__isnull=False)
    for row in rows.select_related("withdrawn_by"):
        what = "changed" if row.withdrawn_by.data else "taken back"
        yield row.ref, f"a recorded {row.get_kind_display()}, which was {what}"


def _sentence(stop: Signature, changed: list[str]) -> str:
    return (
        f"The stop that {stop.printed_name} signed on {day(stop.signed_at.date())} rests on "
        f"{'; '.join(changed)}. Two physicians decide whether it is rescinded; until then it stands."
    )
