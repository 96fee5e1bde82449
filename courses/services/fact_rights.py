"""Who records a fact, who takes it back, and whose word only a physician ends."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User

from courses.models import ChartFact, RecordKind
from courses.models.fact import OF_PHYSICIANS
from courses.services.authority import check_fresh, check_right

JUDGE = "courses.judge_fact"
RELEASE = "courses.release_hold"
# The kinds of plain facts that can stop or delay a cycle, with the answers that cannot.
_HARMLESS: Mapping[RecordKind, tuple[tuple[str, object], ...]] = {
    RecordKind.ADVERSE_EVENT: (),
    RecordKind.INTERRUPTIONS: (),
    RecordKind.PREGNANCY: (("finding", "negative"), ("finding", "not_possible")),
    RecordKind.ALLERGY_REVIEW: (("finding", "none"), ("finding", "premedicate")),
    # An answer of no; class 1 is no heart failure.
    RecordKind.DISEASE_FLAGS: (("value", False), ("value", 1), ("flag", "anticoagulated")),
    RecordKind.PRIOR_TREATMENT: (("answer", "none"),),
}
FOR_PHYSICIANS = "Only a physician grades, attributes, reviews, or changes what a result counts for."
_FOR_AUTHORISED = "Only a physician marked as authorised user overrides a rule: a directive will rest on it."


def is_physicians_act(kind: str) -> bool:
    """Whether recording this kind takes a physician, a reason and a fresh password."""
    return kind in OF_PHYSICIANS


def check_may_record(
    kind: RecordKind,
    *,
    by: User,
    authenticated_at: datetime | None,
    now: datetime,
    takes_back: bool = False,
) -> None:
    """Who records what: nurses and physicians plain facts, physicians with a fresh password the rest.

    Anyone clinical holds a course, at once; an authorised user overrides, since a directive rests on it, and
    any physician takes an override back.
    """
    if kind is RecordKind.PRECAUTIONARY_HOLD:
        check_right(by, "courses.hold_course", else_say="Your role does not hold courses; tell the nurse.")
    elif kind in OF_PHYSICIANS:
        check_right(by, JUDGE, else_say=FOR_PHYSICIANS)
        if kind is RecordKind.OVERRIDE and not takes_back:
            check_right(by, "courses.sign_directive", else_say=_FOR_AUTHORISED)
        check_fresh(authenticated_at, now=now)
    else:
        check_right(
            by, "courses.record_fact", else_say="Only nurses and physicians record facts of a patient."
        )


def ends_a_physicians_word(fact: ChartFact, *, by: User) -> bool:
    """Whether ending this fact undoes what another physician recorded and what can stop or delay a cycle."""
    harmless = _HARMLESS.get(RecordKind(fact.kind))
    if harmless is None or by.pk == fact.recorded_by_id or not fact.recorded_by.has_perm(JUDGE):
        return False
    data = fact.data or {}
    return not any(data.get(key) == value and type(data.get(key)) is type(value) for key, value in harmless)


def check_may_end(fact: ChartFact, *, by: User, authenticated_at: datetime | None, now: datetime) -> None:
    """What another physician recorded is ended by a physician with a fresh password. Raises NotAllowed.

    A hold is ended by whoever placed it, or by a physician; it lets nothing be given without a new signature.
    The duty alone of being on call places a hold and does not end one: those who know the course do.
    """
    if fact.kind == RecordKind.PRECAUTIONARY_HOLD and by.pk != fact.recorded_by_id:
        author = fact.printed_name
        check_right(by, JUDGE, else_say=f"Only {author}, who placed this hold, or a physician takes it back.")
    elif fact.kind == RecordKind.PRECAUTIONARY_HOLD:
        check_right(by, RELEASE, else_say="Who is on call holds a course; a physician takes the hold back.")
    if ends_a_physicians_word(fact, by=by):
        check_right(
            by, JUDGE, else_say="A physician recorded this; only a physician takes it back or changes it."
        )
        check_fresh(authenticated_at, now=now)
