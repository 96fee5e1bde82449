"""Record, change and take back the facts that a call stands for, through the services of every other fact."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from courses.models import CallFact, ChartFact, Course, PatientCall, RecordKind
from courses.models.fact import OF_COURSE
from courses.services.authority import BadFact, NotAllowed, stated
from courses.services.call_checks import concerns_of
from courses.services.call_said import CallSaid, HoldAnswer, Symptom
from courses.services.fact_rights import ends_a_physicians_word
from courses.services.facts import record_fact, withdraw_fact
from labs.same_person import numbers_of

_PHYSICIANS_WORD = "A physician has recorded {} since; a physician changes it or takes it back."
_GONE = "is not recorded any more; open the form again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who records, and when; `authenticated_at` where a physician's word is undone."""

    course: Course
    by: User
    now: datetime
    reason: str = ""
    authenticated_at: datetime | None = None


def newest_of(fact: ChartFact) -> ChartFact | None:
    """What stands of a fact today: itself, or what took its place; none where it was taken back."""
    while (later := getattr(fact, "withdrawn_by", None)) is not None:
        fact = later
    return fact if fact.data is not None else None


def facts_of(call: PatientCall) -> list[ChartFact]:
    """What stands today of the facts that this version of a call names, in the order of their recording."""
    links = CallFact.objects.filter(call=call).select_related("fact__withdrawn_by", "fact__recorded_by")
    standing = (newest_of(link.fact) for link in links.order_by("pk"))
    return [fact for fact in standing if fact is not None]


def symptoms_of(facts: Iterable[ChartFact]) -> list[ChartFact]:
    """Of the facts of a call those that the patient reported."""
    return [fact for fact in facts if fact.kind == RecordKind.ADVERSE_EVENT]


def holds_course(facts: Iterable[ChartFact]) -> bool:
    """Whether one of the facts of a call is a hold that stands."""
    return any(fact.kind == RecordKind.PRECAUTIONARY_HOLD for fact in facts)


def lasting_symptoms(course: Course) -> list[ChartFact]:
    """The adverse events of the person that nobody has said are over, the oldest first."""
    events = ChartFact.objects.standing().filter(
        kind=RecordKind.ADVERSE_EVENT, patient__in=numbers_of(course.patient_id)
    )
    rows = events.select_related("recorded_by").order_by("pk")
    return [fact for fact in rows if not (fact.data or {}).get("to")]


def write_symptoms(said: CallSaid, *, known: list[ChartFact], writer: Writer) -> Iterator[ChartFact]:
    """Record what is new, change what changed; yields every fact that the call then stands for.

    `known` are the facts that the form's rows may be about. Raises BadFact naming the row, NotAllowed.
    """
    by_id = {str(fact.public_id): fact for fact in known}
    for place, row in enumerate(said.symptoms):
        try:
            if not row.fact:
                yield _record(row, replaces=None, writer=writer)
                continue
            if row.is_mistake or _is_untouched(row, writer.course):
                continue
            if row.fact not in by_id:
                raise BadFact(f"term: {row.term} {_GONE}")
            yield _record(row, replaces=by_id[row.fact], writer=writer)
        except BadFact as bad:
            raise BadFact(*(f"symptom-{place}-{fault}" for fault in bad.faults)) from bad


def _is_untouched(row: Symptom, course: Course) -> bool:
    """Whether a row says what the record said as the form was made, whatever became of that since."""
    mine = numbers_of(course.patient_id)
    shown = ChartFact.objects.filter(public_id=row.fact, patient__in=mine).first()
    return shown is not None and row.says_the_same(shown.data or {})


def _record(row: Symptom, *, replaces: ChartFact | None, writer: Writer) -> ChartFact:
    if replaces is not None and ends_a_physicians_word(replaces, by=writer.by):
        raise NotAllowed(_PHYSICIANS_WORD.format((replaces.data or {}).get("term", "this")))
    return record_fact(
        kind=RecordKind.ADVERSE_EVENT,
        data=row.data() | _cause(row, replaces),
        by=writer.by,
        course=writer.course,
        reason=writer.reason if replaces is not None else "",
        replaces=replaces,
        now=writer.now,
    )


def _cause(row: Symptom, replaces: ChartFact | None) -> dict[str, object]:
    """What was said of the cause stands while the event is the same and no worse; else it is open again."""
    before = (replaces.data or {}) if replaces is not None else {}
    same = before.get("term") == row.term and row.grade <= int(before.get("grade", 0))
    return {"related": before.get("related")} if same else {}


def place_hold(said: CallSaid, *, writer: Writer) -> Iterator[ChartFact]:
    """Hold the course where whoever rang says so; the answers are the reason where no other is given."""
    if said.hold != HoldAnswer.HOLD:
        return
    grave = [each.words for each in concerns_of(said, writer.course.patient) if each.question.asks_for_hold]
    reason = ". ".join(part for part in (stated(said.hold_reason), "; ".join(grave)) if part)
    yield record_fact(
        kind=RecordKind.PRECAUTIONARY_HOLD,
        data={},
        by=writer.by,
        course=writer.course,
        reason=reason,
        now=writer.now,
    )


def undo(fact: ChartFact, *, call: PatientCall, writer: Writer) -> ChartFact | None:
    """Take back what a call recorded; what it had taken the place of stands again, so that nothing is lost.

    A hold of a course that is over holds nothing and stays on record. Raises NotAllowed, BadFact.
    """
    if fact.kind in OF_COURSE and not writer.course.is_open:
        return None
    undoes = ends_a_physicians_word(fact, by=writer.by)
    if undoes and writer.authenticated_at is None:
        raise NotAllowed(_PHYSICIANS_WORD.format((fact.data or {}).get("term", "this")))
    before = _before(fact, call=call)
    if before is None:
        return withdraw_fact(
            fact=fact,
            by=writer.by,
            reason=writer.reason,
            authenticated_at=writer.authenticated_at,
            now=writer.now,
        )
    return record_fact(
        kind=fact.kind,
        data=before.data or {},
        by=writer.by,
        patient=fact.patient,
        course=fact.course,
        reason=writer.reason,
        authenticated_at=writer.authenticated_at,
        replaces=fact,
        now=writer.now,
    )


def _before(fact: ChartFact, *, call: PatientCall) -> ChartFact | None:
    """What stood before a call first touched this fact; none where the call itself began it."""
    ours = set(CallFact.objects.filter(call__public_id=call.public_id).values_list("fact", flat=True))
    chain = [fact]
    while chain[-1].withdraws is not None:
        chain.append(chain[-1].withdraws)
    first = max((place for place, each in enumerate(chain) if each.pk in ours), default=None)
    if first is None or first + 1 >= len(chain):
        return None
    return chain[first + 1]
