"""Judge the observations of one message: which become versions of their results, and which must wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from labs.formats.parsed import (
    Act,
    ParsedMessage,
    ParsedObservation,
    ParsedPatient,
    ParsedRange,
    ParsedReport,
    Problem,
)
from labs.library import limits
from labs.life_cycle import Standing
from labs.models import LabMessage, LocalCode, Patient, QuarantinedResult
from labs.models.result import WITHDRAWN
from labs.services.again import Again, Place
from labs.services.history import History, Identity
from labs.services.meaning import Understood, change_in, is_attachment, plain, understand
from labs.services.measure import Context, Known, name_analyte
from labs.services.remarks import remark_on_attachment, remarks_on
from labs.services.site import Site
from labs.services.stored_rows import LONGEST_ORDER, order_of, version_columns

_NOTHING_TO_PROMOTE = Problem(
    code="nothing-to-promote", reason="A result was declared final that was never sent."
)
_LONGEST_SUB_ID = 64
_CONFLICT = Problem(
    code="conflict",
    reason="Two results for one specimen and time differ, and neither is marked as the correction.",
)
_AFTER_WITHDRAWAL = Problem(
    code="after-withdrawal",
    reason="The result was withdrawn before, and this is neither marked as a correction nor dated by the"
    " laboratory as later. It stays withdrawn; ask the laboratory which counts.",
)
_RETURNED = Problem(
    code="returned-value",
    reason="The laboratory states again what it had replaced by another value: it returns to it, or an old"
    " message was sent once more.",
)
_SHOWN = 4000


@dataclass(slots=True)
class Tally:
    """What recording one message came to."""

    stored: int = 0
    unchanged: int = 0
    held: int = 0
    patient_ids: set[int] = field(default_factory=set)
    first_problem: Problem | None = None
    notes: list[str] = field(default_factory=list)
    # Place, column and word of each observation of which no row remains: already known, or no result yet.
    quiet: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Entry:
    """One understood observation with the report it came in."""

    report: ParsedReport
    patient: Patient
    understood: Understood
    identity: Identity


class Recorder:
    """Judges one message, and adds what is fit to the histories of its results; stores nothing itself."""

    def __init__(
        self,
        *,
        message: LabMessage,
        sender: str,
        site: Site,
        local_codes: Mapping[str, Sequence[LocalCode]],
        now: datetime,
        confirmed: Mapping[Place, str] | None = None,
        again: Again | None = None,
        known: Known | None = None,
    ) -> None:
        self.message = message
        self.sender = sender
        self.site = site
        self.local_codes = local_codes
        self.now = now
        self.unit_spellings = site.unit_spellings(sender)
        self.confirmed = confirmed or {}
        self.again = again
        # What this sender's codes and units come to, shared by the messages that are recorded together.
        self.known: Known = {} if known is None else known
        self.tally = Tally()
        self.entries: list[Entry] = []
        self.quarantined: list[QuarantinedResult] = []
        # Of what is kept apart without a patient: whom its message names.
        self.named: list[tuple[QuarantinedResult, ParsedPatient]] = []
        # The row id of the result each observation of the message spoke of, by its place and part.
        self.landed: dict[tuple[int, str], int] = {}

    def judge(self, parsed: ParsedMessage, *, people: Mapping[ParsedPatient, Patient | Problem]) -> None:
        """Judge every observation; what is fit to be stored waits for that, the rest is kept apart."""
        contexts: dict[int, Context] = {}
        for report in parsed.reports:
            person = report.damage or people[report.patient]
            for sent in report.observations:
                if self.again is not None and not self.again.wants((sent.position, sent.part[:64])):
                    continue
                if isinstance(person, Problem):
                    self.hold(sent, person, report=report)
                    continue
                if person.id not in contexts:
                    contexts[person.id] = self._context(person, parsed)
                if entry := self._judged(report, sent, person, contexts[person.id]):
                    self.entries.append(entry)

    def results(self) -> set[tuple[str, Identity]]:
        """Which results the message speaks of, whichever number of a person it names."""
        people = self.site.people
        return {
            (self.sender, (people.survivor_of(entry.patient.pk), *entry.identity[1:]))
            for entry in self.entries
        }

    def append(self, histories: Mapping[Identity, History], reports: Mapping[tuple[int, int], int]) -> None:
        """Add a version to the locked history of each result that is there."""
        for entry in self.entries:
            history = histories.get(entry.identity)
            if history is None:
                self._hold_entry(entry, _NOTHING_TO_PROMOTE)
            else:
                self._append(entry, history, reports[self.message.id, entry.report.position])

    def told(self) -> Tally:
        """What recording the message came to, once everything is stored."""
        self.tally.held += len(self.quarantined)
        return self.tally

    def _judged(
        self, report: ParsedReport, sent: ParsedObservation, person: Patient, context: Context
    ) -> Entry | None:
        """An observation that is fit to be stored; any other is kept apart, or noted."""
        place = (sent.position, sent.part[:64])
        if place in self.confirmed:
            context = replace(context, confirmed_value=self.confirmed[place])
        judged = too_long(report, sent) or understand(sent, context=context)
        if isinstance(judged, Problem):
            self.hold(sent, judged, report=report, patient=person)
            return None
        if judged is None:
            self.tally.quiet.append((sent.position, sent.part, "no-result"))
            self.tally.notes += [remark_on_attachment(sent)] if is_attachment(sent) else []
            return None
        self.tally.notes += remarks_on(judged)
        return _entry(report, person, judged)

    def _context(self, person: Patient, parsed: ParsedMessage) -> Context:
        """What judging the results of one person needs to know."""
        return Context(
            local_codes=self.local_codes,
            birth_date=person.birth_date,
            sent_at=parsed.sent_at,
            received_at=self.message.received_at,
            unit_spellings=self.unit_spellings,
            known=self.known,
        )

    def hold(
        self,
        sent: ParsedObservation,
        problem: Problem,
        *,
        report: ParsedReport | None = None,
        patient: Patient | None = None,
    ) -> None:
        """Keep one observation apart with its reason."""
        named = name_analyte(sent.codes, local_codes=self.local_codes)
        self.tally.first_problem = self.tally.first_problem or problem
        if patient is not None:
            self.tally.patient_ids.add(patient.pk)  # nobody may act past a result that was not read
        if self._waits_already(sent, problem, patient=patient):
            return
        change = change_in(sent) if patient is None else ""
        self.quarantined.append(
            QuarantinedResult(
                message=self.message,
                position=sent.position,
                part=sent.part[:64],
                patient=patient,
                analyte="" if isinstance(named, Problem) else named[0].short,
                code_sent=next((code.code or code.text for code in sent.codes), "")[:64],
                reason_code=problem.code,
                reason=problem.reason,
                sent=sent.raw[:_SHOWN],
                collected_at=None if isinstance(sent.collected, Problem) else sent.collected.instant,
                ordered_at=(report.ordered_at if report else None) or self.message.received_at,
                order_number=order_of(report)[:LONGEST_ORDER],
                sub_id=sent.sub_id[:_LONGEST_SUB_ID],
                change=change,
                opened_at=self.now,
            )
        )
        if change and report is not None:
            self.named.append((self.quarantined[-1], report.patient))

    def _hold_entry(self, entry: Entry, problem: Problem) -> None:
        self.hold(entry.understood.sent, problem, report=entry.report, patient=entry.patient)

    def _waits_already(self, sent: ParsedObservation, problem: Problem, *, patient: Patient | None) -> bool:
        """Whether a message that is read again has a row that says this; an ended one waits once more.

        Whoever has it read again saves these rows with those that were cured.
        """
        row = self.again.known((sent.position, sent.part[:64]), problem.code) if self.again else None
        if self.again is None or row is None:
            return False
        row.state, row.resolved_at = QuarantinedResult.State.OPEN, None
        row.resolved_by = row.resolution = ""
        row.patient = patient or row.patient
        if row.pk not in self.again.still:
            self.again.still[row.pk] = row
            self.tally.held += 1
        return True

    def _append(self, entry: Entry, history: History, report_id: int) -> None:
        """Add one version to its result's history, unless it says nothing new."""
        understood = entry.understood
        if understood.act is Act.PROMOTE:
            promoted = _promoted(understood, history)
            if isinstance(promoted, Problem):
                self._hold_entry(entry, promoted)
                return
            understood = promoted
        self.landed[understood.sent.position, understood.sent.part] = history.result.id
        row = version_columns(
            entry.report, understood, history=history, report_id=report_id, message=self.message
        )
        if not history.is_news(row):
            self.tally.unchanged += 1
            self.tally.quiet.append((row["position"], row["part"], "unchanged"))
            self._restate(entry, history, row)
            return
        most = limits().versions_in_message
        if len(history.new) >= most:
            history.cut_short = True
            reason = (
                f"The message holds more than {most} different versions of this result; ask the laboratory."
            )
            too_many = Problem(code="too-many-versions", reason=reason)
            self._hold_entry(entry, too_many)
            return
        before, after = history.append(row)
        if problem := _contradiction(understood.status, before=before, after=after):
            self._hold_entry(entry, problem)
        self.tally.stored += 1
        self.tally.patient_ids.add(history.result.patient_id)

    def _restate(self, entry: Entry, history: History, row: Mapping[str, Any]) -> None:
        """Where an old value is stated again after another one, a person must ask which of the two counts."""
        changed = history.restate(row)
        if changed is None or changed[0].in_conflict == changed[1].in_conflict:
            return
        self.tally.patient_ids.add(history.result.patient_id)
        if changed[1].in_conflict:
            self._hold_entry(entry, _RETURNED)


def _promoted(understood: Understood, history: History) -> Understood | Problem:
    """The stored value a status-only update makes final; a different value is a contradiction."""
    rows = [row for row in history.observations if row.value is not None]
    if not rows:
        return _NOTHING_TO_PROMOTE
    row = max(rows, key=lambda row: (row.ordered_at, row.version))
    sent = (plain(understood.value), understood.comparator)
    if understood.value is not None and sent != (plain(row.value), row.comparator):
        reason = "A result was declared final with another value than the one sent before."
        return Problem(code="promotion-differs", reason=reason)
    return understood._replace(
        act=Act.STORE,
        value=row.value,
        comparator=row.comparator,
        range=ParsedRange(low=row.ref_low, high=row.ref_high),
    )


def _contradiction(status: str, *, before: Standing | None, after: Standing) -> Problem | None:
    """What a person must be told of a new version: its result is in conflict, and they do not know it yet."""
    if not after.in_conflict:
        return None
    known = before is not None and before.in_conflict
    if after.current.is_withdrawal:
        # Each value that is stated after a withdrawal is told; the withdrawal itself only once.
        return None if known and status in WITHDRAWN else _AFTER_WITHDRAWAL
    return None if known else _CONFLICT


def _entry(report: ParsedReport, patient: Patient, understood: Understood) -> Entry:
    identity = (
        patient.id,
        order_of(report),
        understood.analyte.short,
        understood.sent.sub_id,
        understood.collected.instant,
    )
    return Entry(report=report, patient=patient, understood=understood, identity=identity)


def too_long(report: ParsedReport, sent: ParsedObservation) -> Problem | None:
    """An identity that does not fit its column must not be cut: two could become one."""
    order = order_of(report)
    if len(order) > LONGEST_ORDER or len(sent.sub_id) > _LONGEST_SUB_ID:
        return Problem(code="long-identity", reason="The order number or sub-id is longer than can be kept.")
    return None
