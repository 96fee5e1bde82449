"""Hand out papers to patients: confirm their numbers, and keep each paper as it was printed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from courses.day_library import NoDayRules
from courses.models import Course, Cycle, PaperKind, PaperNumbersApproval, PrintedPaper
from courses.paper_facts import Facts, cycle_for, facts_of, holds, is_over
from courses.paper_library import paper_numbers, paper_words
from courses.services.authority import NotAllowed, Refused, check_fresh, check_right, printed_name
from courses.services.manifests import digest
from courses.services.protocols import PEOPLE_NEEDED
from courses.services.same_act import is_just_now
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

APPROVE, PRINT = "courses.approve_papers", "courses.hand_out_papers"
NOT_CONFIRMED = (
    "The numbers on patients' papers are not confirmed: two people of the clinic, a physician or physicist "
    "each, confirm this version of their file first. Until then a paper can be looked at as a draft only."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperLine:
    """One paper that was handed out, and whether it still tells what is so."""

    paper: PrintedPaper
    is_newest: bool
    is_old: bool
    is_over: bool

    @property
    def needs_a_new_one(self) -> bool:
        """Whether the patient holds something that is no longer true."""
        return self.is_newest and self.is_old and not self.is_over


def approve_numbers(
    *, by: User, authenticated_at: datetime, seen_sha256: str, now: datetime | None = None
) -> PaperNumbersApproval:
    """Confirm the present bytes of the numbers as one of the two people it takes. Raises NotAllowed."""
    now = now or database_now()
    check_right(by, APPROVE, else_say="Only physicians and physicists confirm the numbers on papers.")
    check_fresh(authenticated_at, now=now)
    pinned = paper_numbers()
    if seen_sha256 != pinned.sha256:
        raise NotAllowed("The file has changed since this page was opened. Read it again.")
    try:
        with transaction.atomic():
            return PaperNumbersApproval.objects.create(
                numbers_id=pinned.numbers.id,
                numbers_sha256=pinned.sha256,
                approved_by=by,
                printed_name=printed_name(by),
                authenticated_at=authenticated_at,
                approved_at=now,
            )
    except IntegrityError as error:
        raise NotAllowed("You have confirmed this version already; a second person is needed.") from error


def number_approvals() -> list[PaperNumbersApproval]:
    """Who confirmed the present bytes of the numbers, oldest first."""
    return list(PaperNumbersApproval.objects.filter(numbers_sha256=paper_numbers().sha256))


def are_confirmed() -> bool:
    """Whether two different people confirmed exactly these bytes."""
    return len(number_approvals()) >= PEOPLE_NEEDED


def print_paper(
    *, course: Course, kind: PaperKind, language: str, by: User, now: datetime | None = None
) -> PrintedPaper:
    """Keep a paper with every fact on it, as it is handed to the patient. Raises NotAllowed, Refused."""
    check_right(by, PRINT, else_say="Only nurses and physicians hand papers to patients.")
    words = paper_words().get(language)
    if words is None:
        raise Refused("There is no such language.")
    if not are_confirmed():
        raise Refused(NOT_CONFIRMED)
    with transaction.atomic():
        # Nothing of the course moves while its facts are read.
        locked = Course.objects.select_for_update().get(pk=course.pk)
        now = now or database_now()
        cycle = cycle_for(kind, locked)
        if kind is not PaperKind.SCHEDULE and cycle is None:
            raise Refused("There is nothing to print on this paper for this course now.")
        facts = facts_of(kind, locked, cycle=cycle, today=clinic_day(now, clinic_zone()))
        said = {
            "cycle": cycle,
            "kind": kind.value,
            "language": language,
            "facts_sha256": digest(facts),
            "numbers_sha256": paper_numbers().sha256,
            "words_sha256": words.sha256,
            "printed_by": by,
        }
        newest = PrintedPaper.objects.filter(course=locked, kind=kind.value).order_by("-pk").first()
        is_same = newest is not None and all(getattr(newest, key) == said[key] for key in said)
        if newest is not None and is_same and is_just_now(newest.printed_at, now=now):
            return newest  # the button pressed twice
        return PrintedPaper.objects.create(
            course=locked, facts=facts, printed_name=printed_name(by), printed_at=now, **said
        )


def papers_of(course: Course, *, today: date) -> list[PaperLine]:
    """Every paper handed out for a course, the newest first, each held against what is so today."""
    rows = list(
        PrintedPaper.objects.filter(course=course).select_related("cycle__administration").order_by("-pk")
    )
    newest = {row.kind: row.pk for row in reversed(rows)}
    present: dict[tuple[str, int | None], Facts] = {}
    for row in rows:
        key = (row.kind, row.cycle_id)
        if key not in present:
            try:
                present[key] = facts_of(PaperKind(row.kind), course, cycle=row.cycle, today=today)
            except NoDayRules:
                present[key] = {}  # nobody can tell any more what it would say
    return [
        PaperLine(
            paper=row,
            is_newest=newest[row.kind] == row.pk,
            is_old=not holds(row.facts, present[row.kind, row.cycle_id], today=today),
            is_over=is_over(PaperKind(row.kind), facts=row.facts, cycle=row.cycle, today=today),
        )
        for row in rows
    ]


def line_of(paper: PrintedPaper, *, today: date) -> PaperLine:
    """One of them."""
    return next(line for line in papers_of(paper.course, today=today) if line.paper.pk == paper.pk)


def outdated(lines: Iterable[PaperLine]) -> list[PaperLine]:
    """Those of which the patient holds something that is no longer true."""
    return [line for line in lines if line.needs_a_new_one]


def open_kinds(course: Course) -> list[tuple[PaperKind, Cycle | None]]:
    """What can be handed out now, each with the cycle it would be about."""
    found = [(kind, cycle_for(kind, course)) for kind in PaperKind]
    return [(kind, cycle) for kind, cycle in found if kind is PaperKind.SCHEDULE or cycle is not None]
