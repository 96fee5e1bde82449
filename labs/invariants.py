"""What must hold of messages and results at every moment: each rule with its id, its sentence, its search."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from labs.formats.parsed import ParsedPatient, Rejected
from labs.models import LabMessage, LabReport, MessageOutcome, Observation, Patient, Result
from labs.models.resolution import QuarantineResolution, ResolutionKind
from labs.same_person import read_people
from labs.services.history import Found, History, Keys, Stated
from labs.services.identity import is_number_of
from labs.services.opening import open_message
from labs.services.site import Site

CHUNK = 200
# So long may a stage take to follow the one before it.
GRACE = timedelta(seconds=60)
# So long before a sign of life is withheld for it: what is being read or judged this moment is no failure.
LIVE_GRACE = timedelta(seconds=90)
# A look that is taken every few seconds asks so many messages, the newest; `verify` asks all of them.
_NEWEST_MESSAGES = 20_000
_HL7 = (LabMessage.Door.MLLP, LabMessage.Door.HL7_FILE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that is not as it must be: which row, by a name without a patient, and what is wrong."""

    about: str
    words: str


Seen = Callable[[], None]
Find = Callable[[datetime, Seen], Iterator[Violation]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """One rule that must hold. `find` yields what breaks it, and calls its second argument for each row read.

    `reads_every_row`: its cost grows with everything ever stored, so a quick look leaves it out.
    """

    id: str
    sentence: str
    of: str
    count: Callable[[], int]
    find: Find
    reads_every_row: bool = False


def unread_messages(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Acknowledged messages that nothing came of within a minute."""
    yield from _unread(LabMessage.objects.all(), before=now - GRACE)


def newest_unread(now: datetime, seen: Seen) -> Iterator[Violation]:
    """The same of the newest messages, for a look every few seconds; its cost ends at their number."""
    keys = LabMessage.objects.order_by("-pk").values_list("pk", flat=True)
    first = keys[_NEWEST_MESSAGES : _NEWEST_MESSAGES + 1]
    newest = LabMessage.objects.alias(first=Coalesce(Subquery(first), 0)).filter(pk__gt=F("first"))
    yield from _unread(newest, before=now - LIVE_GRACE)


def _unread(messages: QuerySet[LabMessage], *, before: datetime) -> Iterator[Violation]:
    waiting = messages.filter(outcome__isnull=True, received_at__lt=before).order_by("pk")
    for public_id, received_at in waiting.values_list("public_id", "received_at"):
        yield Violation(about=f"message {public_id}", words=f"is not read since {_at(received_at)}")


def changed_bytes(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Messages whose bytes are not those that were acknowledged."""
    rows = LabMessage.objects.order_by("pk").values_list("public_id", "body", "sha256")
    for public_id, body, sha256 in rows.iterator(chunk_size=CHUNK):
        seen()
        if hashlib.sha256(bytes(body)).hexdigest() != sha256:
            yield Violation(about=f"message {public_id}", words="no longer has the bytes of its digest")


def lost_results(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Messages of which fewer results are stored or kept apart than their outcome counted."""
    outcomes = MessageOutcome.objects.annotate(
        versions=Count("message__observations", distinct=True),
        kept=Count("message__quarantined", distinct=True),
    ).filter(Q(versions__lt=F("stored")) | Q(kept__lt=F("held")))
    for row in outcomes.select_related("message").defer("message__body").order_by("pk"):
        words = (
            f"counted {row.stored} stored and {row.held} kept apart; {row.versions} and {row.kept} are there"
        )
        yield Violation(about=f"message {row.message.public_id}", words=words)


def wrong_current_versions(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Results of which another version counts than their life cycle says, or a contradiction is not seen."""
    for result in Result.objects.exclude(current__isnull=True).exclude(current__result=F("pk")):
        yield Violation(about=f"result {result.pk}", words="counts a version of another result")
    several = Result.objects.annotate(number=Count("versions")).filter(number__gt=1).order_by("pk")
    batch: list[Result] = []
    for result in several.iterator(chunk_size=CHUNK):
        batch.append(result)
        if len(batch) == CHUNK:
            yield from _wrong_in(batch, seen)
            batch = []
    yield from _wrong_in(batch, seen)


def _wrong_in(results: list[Result], seen: Seen) -> Iterator[Violation]:
    """The same for one batch, in one query."""
    columns = ("result_id", *Stated._fields)
    versions: dict[int, list[Stated]] = defaultdict(list)
    rows = Observation.objects.filter(result__in=[result.pk for result in results]).order_by("version")
    for result_id, *stated in rows.values_list(*columns):
        versions[result_id].append(Stated(*stated))
    for result in results:
        seen()
        found = Found(*(getattr(result, name) for name in Found._fields))
        history = History(result=found, keys=Keys(0))
        for stated in versions[result.pk]:
            history.take(stated)
        standing = history.standing()
        counts = history.observations[standing.current.key].id
        if counts != result.current_id:
            words = f"counts version {_number(history, result.current_id)}, its life cycle says another one"
            yield Violation(about=f"result {result.pk}", words=words)
        elif standing.in_conflict and not result.in_conflict:
            words = "has versions that contradict each other and does not say so"
            yield Violation(about=f"result {result.pk}", words=words)


def _number(history: History, observation_id: int | None) -> str:
    found = (each.version for each in history.observations if each.id == observation_id)
    return str(next(found, "none"))


def misfiled_versions(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Versions filed under a person who is not that of their report or of their result."""
    people = read_people()
    rows = Observation.objects.filter(
        ~Q(patient=F("result__patient")) | (Q(report__isnull=False) & ~Q(patient=F("report__patient")))
    ).order_by("pk")
    for public_id, *owners in rows.values_list("public_id", "patient", "result__patient", "report__patient"):
        persons = {people.survivor_of(owner) for owner in owners if owner is not None}
        if len(persons) > 1:
            yield Violation(about=f"result version {public_id}", words="is filed under two people at once")


def strangers_reports(now: datetime, seen: Seen) -> Iterator[Violation]:
    """HL7 reports whose message, read again, names another person than they are filed under.

    Numbers and birth dates that the patient's record had earlier count; so does a match that two people made.
    """
    matched = set(
        QuarantineResolution.objects.filter(kind=ResolutionKind.MATCH, verdict__confirmed=True).values_list(
            "item__message", flat=True
        )
    )
    known, site = _known_identities(), Site()
    messages = LabMessage.objects.filter(door__in=_HL7).filter(
        Exists(LabReport.objects.filter(message=OuterRef("pk")))
    )
    for message in messages.order_by("pk").prefetch_related("reports").iterator(chunk_size=CHUNK):
        seen()
        opened = open_message(message, site=site)
        if message.pk in matched or isinstance(opened, Rejected):
            continue
        named = {report.position: report.patient for report in opened.parsed.reports}
        for report in message.reports.all():
            person = named.get(report.position)
            if person is not None and not _is_of(person, known[report.patient_id]):
                yield Violation(
                    about=f"message {message.public_id}",
                    words="is filed under a patient whose number or birth date it does not name",
                )


def _known_identities() -> dict[int, list[Patient]]:
    """What each patient's record says and ever said, under every number of the person."""
    people = read_people()
    by_person: dict[int, list[Patient]] = defaultdict(list)
    patients = list(Patient.objects.all())
    for patient in patients:
        by_person[people.survivor_of(patient.pk)].append(patient)
    for earlier in Patient.history.all():
        by_person[people.survivor_of(earlier.id)].append(earlier.instance)
    return {patient.pk: by_person[people.survivor_of(patient.pk)] for patient in patients}


def _is_of(person: ParsedPatient, rows: list[Patient]) -> bool:
    numbered = [
        row
        for row in rows
        if any(is_number_of(number, row, bare_number_ok=True) for number in person.numbers)
    ]
    return any(person.birth_date in (None, row.birth_date) for row in numbered)


def _at(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"


INVARIANTS = (
    Invariant(
        id="I-10",
        sentence="every acknowledged message was read within a minute",
        of="messages",
        count=LabMessage.objects.count,
        find=unread_messages,
    ),
    Invariant(
        id="I-10",
        sentence="every acknowledged message is there byte for byte",
        of="messages",
        count=LabMessage.objects.count,
        find=changed_bytes,
        reads_every_row=True,
    ),
    Invariant(
        id="I-10",
        sentence="every result of a message is stored as a version or kept apart for a person",
        of="messages read",
        count=MessageOutcome.objects.count,
        find=lost_results,
    ),
    Invariant(
        id="I-12",
        sentence="of each result the version counts that its life cycle says, and no earlier one",
        of="results",
        count=Result.objects.count,
        find=wrong_current_versions,
        reads_every_row=True,
    ),
    Invariant(
        id="I-14",
        sentence="every version is filed under one person, that of its result and its report",
        of="result versions",
        count=Observation.objects.count,
        find=misfiled_versions,
    ),
    Invariant(
        id="I-14",
        sentence="every HL7 report is filed under the person its message names, or two people matched it",
        of="HL7 messages",
        count=LabMessage.objects.filter(door__in=_HL7).count,
        find=strangers_reports,
        reads_every_row=True,
    ),
)
