"""Read a merge message (ADT^A40) into proposals for people; what is uncertain waits like any other doubt."""

from datetime import datetime
from zoneinfo import ZoneInfo

from labs.formats.hl7_merge import ParsedMerge, parse_merges
from labs.formats.parsed import ParsedPatient, Problem, Rejected, SenderProfile
from labs.models import LabMessage, Patient, QuarantinedResult, Sender
from labs.same_person import People, read_people
from labs.services.identity import Trust, is_number_of, match_patients, patients_with
from labs.services.merges import WAITS, MergeRefused, propose_merge
from labs.services.record import Tally

_WAITING = (
    "The laboratory says that {retired} is the same person as {survivor}. Until two people agree, results of"
    " both numbers stay apart."
)
_UNKNOWN = Problem(code="unknown-retired", reason="No patient of ours has the number that is to be retired.")
_SHOWN = 4000


def read_merge_message(
    message: LabMessage, *, sender: Sender, now: datetime
) -> tuple[Tally, list[str]] | Rejected:
    """Propose every merge of a message, and say what waits."""
    profile = SenderProfile(zone=ZoneInfo(sender.zone), charset=sender.default_charset)
    parsed = parse_merges(bytes(message.body), profile=profile)
    if isinstance(parsed, Rejected):
        return parsed
    tally, people = Tally(), read_people()
    for merge in parsed.merges:
        for problem in _propose(merge, message, sender=sender, people=people, now=now):
            tally.first_problem = tally.first_problem or problem
            tally.held += 1
            _hold(message, merge, problem, now=now)
        tally.unchanged += 1
    tally.unchanged -= min(tally.held, tally.unchanged)
    return tally, list(parsed.notes)


def _propose(
    merge: ParsedMerge, message: LabMessage, *, sender: Sender, people: People, now: datetime
) -> list[Problem]:
    """What a person must look at: the proposals made, or why one could not be."""
    retired = _retired(merge, bare_number_ok=sender.bare_mrn_ok)
    if not retired:
        return [_UNKNOWN]
    kept = tuple(number for number in merge.survivor.numbers if number not in merge.retired)
    asked = ParsedPatient(
        numbers=kept or merge.survivor.numbers,
        family=merge.survivor.family,
        given=merge.survivor.given,
        birth_date=merge.survivor.birth_date,
        sex=merge.survivor.sex,
    )
    survivor = match_patients([asked], trust=Trust(sender.bare_mrn_ok), merged=people)[asked]
    if isinstance(survivor, Problem):
        return [survivor]
    problems = []
    for patient in retired:
        try:
            proposal = propose_merge(
                retired=patient,
                survivor=survivor,
                reason=f"{sender.name} sent a merge of the two numbers (ADT^A40).",
                proposed_by=sender.name,
                message=message,
                position=merge.position,
                now=now,
            )
        except MergeRefused as refused:
            problems.append(Problem(code=refused.code, reason=refused.reason))
            continue
        if proposal.is_new:
            reason = _WAITING.format(retired=patient.mrn, survivor=survivor.mrn)
            problems.append(Problem(code=WAITS, reason=reason))
    return problems


def _retired(merge: ParsedMerge, *, bare_number_ok: bool) -> list[Patient]:
    """Our patients whose numbers are to be retired, each once."""
    rows = patients_with({number.number for number in merge.retired})
    return [
        row
        for row in rows
        if any(is_number_of(number, row, bare_number_ok=bare_number_ok) for number in merge.retired)
    ]


def _hold(message: LabMessage, merge: ParsedMerge, problem: Problem, *, now: datetime) -> None:
    """Put it where people look; one row for each reason, as everywhere."""
    QuarantinedResult.objects.get_or_create(
        message=message,
        position=merge.position,
        part="",
        reason_code=problem.code,
        defaults={"reason": problem.reason, "sent": merge.raw[:_SHOWN], "opened_at": now},
    )
