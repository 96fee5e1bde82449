"""What must hold of whatever people signed: its record, the password, the roles, the people."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import Permission
from django.db.models import F

from courses.models import (
    CourseEnd,
    CourseEndUndone,
    FactConfirmation,
    FollowUpAct,
    Signature,
    StartAuthorisation,
)
from courses.rules.action_words import GO
from courses.services.manifests import manifest_holds
from labs.invariants import CHUNK, Seen, Violation

_CLOCKS_DIFFER = timedelta(minutes=1)
_SIGN, _DIRECT, _END = "courses.sign_decision", "courses.sign_directive", "courses.end_course"
_START = "courses.authorise_start"
_Held = Callable[[list[str] | None, Iterable[str]], str]


def broken_signatures(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Signatures that are not of their record, came without a fresh password, or from somebody without the
    role; and acts of two people that one person did alone."""
    held = _reader_of_roles()
    for about, words in (*_signatures(held, seen), *_starts(held, seen), *_ends(held, seen), *_alone()):
        yield Violation(about=about, words=words)


def _signatures(held: _Held, seen: Seen) -> Iterator[tuple[str, str]]:
    rows = Signature.objects.select_related("decision").defer("decision__situation", "decision__answer")
    for row in rows.order_by("pk").iterator(chunk_size=CHUNK):
        seen()
        about = f"signature {row.pk} on decision {row.decision.public_id}"
        rights = (_SIGN, _DIRECT) if row.meaning in GO else (_SIGN,)
        roles = held(row.signer_roles, rights)
        yield from _faults(row, about, at=row.signed_at, password=row.authenticated_at, roles=[roles])


def _starts(held: _Held, seen: Seen) -> Iterator[tuple[str, str]]:
    rows = StartAuthorisation.objects.select_related("therapy_day", "decision", "directive", "unit")
    for row in rows.order_by("pk").iterator(chunk_size=CHUNK):
        seen()
        about = f"start authorisation {row.public_id}"
        roles = [held(row.authorised_roles, (_START, _SIGN)), held(row.checked_roles, (_START,))]
        yield from _faults(row, about, at=row.authorised_at, password=row.authenticated_at, roles=roles)


def _ends(held: _Held, seen: Seen) -> Iterator[tuple[str, str]]:
    acts: list[CourseEnd | FollowUpAct] = [
        *CourseEnd.objects.select_related("course").order_by("pk"),
        *FollowUpAct.objects.select_related("course").order_by("pk"),
    ]
    for act in acts:
        seen()
        about = f"end or follow-up of course {act.course.public_id}"
        roles = [held(act.signer_roles, (_END,))]
        yield from _faults(act, about, at=act.signed_at, password=act.authenticated_at, roles=roles)


def _faults(
    row: Signature | StartAuthorisation | CourseEnd | FollowUpAct,
    about: str,
    *,
    at: datetime,
    password: datetime,
    roles: Iterable[str],
) -> Iterator[tuple[str, str]]:
    if not manifest_holds(row):
        yield about, "does not fit the record it was put under"
    if not -_CLOCKS_DIFFER <= at - password <= timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT):
        yield about, "was given without a fresh password"
    yield from ((about, words) for words in roles if words)


def _reader_of_roles() -> _Held:
    """What is wrong with the roles that somebody held, in words; nothing of a record that names none yet."""
    gives: dict[str, set[str]] = {}
    columns = ("group__name", "content_type__app_label", "codename")
    for role, app, codename in Permission.objects.filter(group__isnull=False).values_list(*columns):
        gives.setdefault(role, set()).add(f"{app}.{codename}")

    def held(roles: list[str] | None, rights: Iterable[str]) -> str:
        if roles is None:
            return ""
        has = set().union(*(gives.get(role, set()) for role in roles))
        lacking = [right for right in rights if right not in has]
        whose = f"held {', '.join(roles)}" if roles else "held no role"
        return f"came from somebody who {whose}: without {' and '.join(lacking)}" if lacking else ""

    return held


def _alone() -> Iterator[tuple[str, str]]:
    """Acts of two people that one person did alone."""
    undone = CourseEndUndone.objects.filter(confirmed_by=F("undo__asked_by"))
    for lone in undone.select_related("undo__end__course").order_by("pk"):
        yield f"end of course {lone.undo.end.course.public_id}", "was undone by one person alone"
    confirmed = FactConfirmation.objects.filter(confirmed_by=F("fact__recorded_by")).select_related("fact")
    for each in confirmed.order_by("pk"):
        yield f"fact {each.fact.public_id}", "was confirmed by the one who recorded it"
