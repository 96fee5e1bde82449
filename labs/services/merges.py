"""Two numbers of one person: propose a merge or its reversal, agree or refuse; no record is ever moved."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.contrib.auth.models import User
from django.db import transaction

from labs.clock import database_now
from labs.models import LabMessage, Patient, PatientMerge, PatientMergeReview, QuarantinedResult
from labs.same_person import read_people
from labs.signals import evidence_changed

RIGHT = "labs.merge_patient"
WAITS = "merge-proposed"


class MergeRefused(Exception):
    """A merge or its reversal that cannot be; the text says why and what to do."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A merge that waits for two people, and whether it was made just now."""

    merge: PatientMerge
    is_new: bool


def propose_merge(
    *,
    retired: Patient,
    survivor: Patient,
    reason: str,
    proposed_by: str,
    message: LabMessage | None = None,
    position: int = 0,
    now: datetime | None = None,
) -> Proposal:
    """Write down that two numbers are said to be one person; it changes nothing until two people agree.

    The same merge said again, waiting or in force, is no other. Raises MergeRefused.
    """
    with transaction.atomic():
        now = now or database_now()
        _lock(retired.pk, survivor.pk)
        standing = _same_merge(retired, survivor)
        if standing is not None:
            return Proposal(merge=standing, is_new=False)
        _check(retired, survivor)
        merge = PatientMerge.objects.create(
            retired=retired,
            survivor=survivor,
            message=message,
            position=position,
            reason=_stated(reason),
            proposed_by=proposed_by[:150],
            proposed_at=now,
        )
    return Proposal(merge=merge, is_new=True)


def propose_reversal(
    *, merge: PatientMerge, reason: str, by: User, now: datetime | None = None
) -> PatientMerge:
    """Ask that a merge in force be taken back; it stands until two people agree. Raises MergeRefused."""
    _check_right(by)
    with transaction.atomic():
        now = now or database_now()
        _lock(merge.retired_id, merge.survivor_id)
        in_force = {row.pk for row in PatientMerge.objects.in_force()}
        taken_back = merge.reversals.filter(pk__in=in_force).exists()
        if merge.reverses_id is not None or merge.pk not in in_force or taken_back:
            raise MergeRefused("not-in-force", "Only a merge that is in force can be taken back.")
        waiting = PatientMerge.objects.waiting().filter(reverses=merge).first()
        if waiting is not None:
            return waiting
        return PatientMerge.objects.create(
            retired_id=merge.retired_id,
            survivor_id=merge.survivor_id,
            reverses=merge,
            reason=_stated(reason),
            proposed_by=by.get_username(),
            proposed_at=now,
        )


def review_merge(
    *, merge: PatientMerge, by: User, agrees: bool, note: str = "", now: datetime | None = None
) -> bool:
    """Agree or refuse, once for each person; whether it came into force by this.

    1. right; 2. lock both numbers; 3. still waiting, and this person has not spoken; 4. append the review;
    5. with the second agreement, or a refusal, end its place in the queue; 6. in force: assess everybody
    concerned anew. Raises MergeRefused.
    """
    _check_right(by)
    with transaction.atomic():
        now = now or database_now()
        _lock(merge.retired_id, merge.survivor_id)
        if not PatientMerge.objects.waiting().filter(pk=merge.pk).exists():
            raise MergeRefused("decided", "This was decided already; reload the page.")
        if merge.reviews.filter(person=by).exists():
            raise MergeRefused(
                "same-person", "You have spoken already. A second, different person is needed."
            )
        if agrees and merge.reverses_id is None:
            _check(merge.retired, merge.survivor)
        before = _everybody(merge)
        PatientMergeReview.objects.create(merge=merge, person=by, agrees=agrees, note=note.strip(), at=now)
        in_force = PatientMerge.objects.in_force().filter(pk=merge.pk).exists()
        if in_force or not agrees:
            words = "Two people agreed." if in_force else "Refused: the numbers stay apart."
            _leave_queue(merge, by=by, words=words, now=now)
        if in_force:
            ids = sorted(before | _everybody(merge))
            tell = partial(evidence_changed.send_robust, sender=PatientMerge, patient_ids=ids)
            transaction.on_commit(tell, robust=True)
    return in_force


def _check(retired: Patient, survivor: Patient) -> None:
    """What cannot be merged. Raises MergeRefused."""
    people = read_people()
    if retired.pk == survivor.pk:
        raise MergeRefused("merge-with-itself", "A number cannot be merged with itself.")
    if people.survivor_of(survivor.pk) == retired.pk:
        raise MergeRefused(
            "merge-inverse",
            "The number to keep was retired into the other one before. Take that merge back first.",
        )
    if retired.pk in people.survivor:
        raise MergeRefused(
            "retired-before", "The number to retire is retired already, into another one. Look at that first."
        )


def _same_merge(retired: Patient, survivor: Patient) -> PatientMerge | None:
    """The very merge, where it waits or is in force."""
    rows = PatientMerge.objects.filter(retired=retired, survivor=survivor, reverses__isnull=True)
    waiting = PatientMerge.objects.waiting().filter(pk__in=rows.values("pk")).first()
    if waiting is not None or read_people().survivor.get(retired.pk) != survivor.pk:
        return waiting
    return rows.first()


def _lock(*patient_ids: int) -> None:
    """Both rows, in one order, so that opposite merges of two numbers meet one after the other."""
    ids = Patient.objects.select_for_update(no_key=True).filter(pk__in=patient_ids).order_by("pk")
    list(ids.values_list("pk", flat=True))


def _check_right(person: User) -> None:
    if not person.has_perm(RIGHT):
        raise MergeRefused("no-right", "Your role does not merge patients. Ask a nurse or a physician.")


def _stated(reason: str) -> str:
    if not reason.strip():
        raise MergeRefused("no-reason", "Say in a few words why.")
    return reason.strip()


def _everybody(merge: PatientMerge) -> frozenset[int]:
    people = read_people()
    return people.numbers_of(merge.retired_id) | people.numbers_of(merge.survivor_id)


def _leave_queue(merge: PatientMerge, *, by: User, words: str, now: datetime) -> None:
    QuarantinedResult.objects.filter(
        message=merge.message,
        position=merge.position,
        reason_code=WAITS,
        state=QuarantinedResult.State.OPEN,
        message__isnull=False,
    ).update(
        state=QuarantinedResult.State.RESOLVED,
        resolved_at=now,
        resolved_by=by.get_username(),
        resolution=words,
    )


def waiting_merges() -> Iterable[PatientMerge]:
    """What people have still to agree to or refuse."""
    return PatientMerge.objects.waiting().select_related("retired", "survivor")
