"""The basis of a decision as its page shows it: each line with its sources, and the pages that answer it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse

from courses.fact_words import RESOLVED_BY
from courses.library import UnknownProtocol, protocol, protocol_sha256
from courses.models import Decision, ProtocolApproval, RecordKind
from courses.rules.overrides import OVERRIDABLE, overridable
from courses.rules.protocol import Use
from courses.rules.required import MISSING, STALE
from labs.clinic_days import clinic_day
from labs.library import by_loinc
from labs.models import Observation
from labs.zones import clinic_zone

RECORD, JUDGE = "courses.record_fact", "courses.judge_fact"
WEIGH = ("labs.view_patient", "labs.add_bodyweight")
_OVERRIDABLE = frozenset(action.word for action in OVERRIDABLE)
_WAIVABLE = (MISSING, STALE)
READ_VERSIONS = ("courses.view_protocolapproval", "courses.view_decision")  # as the page of a version asks
_MEANT_FOR = {Use.LABEL: "for use as labelled", Use.RESEARCH: "for research only"}
_BY_SYMPTOMS = "symptoms"  # in the words for a grade that numbers alone leave open
Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A page on which somebody answers a line, and what the link to it says."""

    words: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One piece of evidence of a reason, and its stored version for whoever may read results."""

    fact: Line
    version: Observation | None = None

    @property
    def is_replaced(self) -> bool:
        """Whether the laboratory has sent a newer version since."""
        return self.version is not None and self.version.result.current_id != self.version.pk


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerable:
    """One line of an answer, what proves it, and the ways this person has to answer it."""

    line: Line
    ways: tuple[Way, ...]
    proofs: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Reasons, gaps and grades of a decision, and who approved the bytes of its protocol.

    `approvals` is None for whoever does not read protocol versions.
    """

    reasons: tuple[Answerable, ...]
    missing: tuple[Answerable, ...]
    grades: tuple[Answerable, ...]
    approvals: tuple[ProtocolApproval, ...] | None = None
    # What the protocol is meant for, in words; empty where its file is no longer there as it was.
    meant_for: str = ""


def basis_of(decision: Decision, *, may: Callable[[str], bool]) -> Basis:
    """What the decision rests on; only the one that stands leads on, and only whoever may go there."""
    ways = _Ways(decision, may)
    answer = decision.answer
    reasons = answer.get("reasons", [])
    versions = _versions_of(reasons) if may("labs.view_result") else {}
    return Basis(
        reasons=tuple(
            Answerable(line=each, ways=tuple(ways.of_reason(each)), proofs=_proofs(each, versions))
            for each in reasons
        ),
        missing=_with(ways.of_gap, answer.get("missing", [])),
        grades=_with(ways.of_grade, answer.get("grades", [])),
        approvals=_approvals_of(decision) if all(may(right) for right in READ_VERSIONS) else None,
        meant_for=_meant_for(decision),
    )


def _versions_of(reasons: list[Line]) -> dict[str, Observation]:
    """The stored versions that the evidence names, in one query; people's entries are none of them."""
    named = {
        str(fact["ref"]) for reason in reasons for fact in reason.get("evidence") or [] if fact.get("ref")
    }
    refs = {ref for ref in named if _is_uuid(ref)}
    rows = Observation.objects.filter(public_id__in=refs).select_related("result") if refs else []
    return {str(row.public_id): row for row in rows}


def _is_uuid(ref: str) -> bool:
    try:
        UUID(ref)
    except ValueError:
        return False
    return True


def _proofs(reason: Line, versions: Mapping[str, Observation]) -> tuple[Proof, ...]:
    return tuple(
        Proof(fact=fact, version=versions.get(str(fact.get("ref", ""))))
        for fact in reason.get("evidence") or []
    )


def _approvals_of(decision: Decision) -> tuple[ProtocolApproval, ...]:
    """Who approved exactly the bytes that the decision was made by."""
    version = {"protocol_id": decision.protocol_id, "protocol_sha256": decision.protocol_sha256}
    return tuple(ProtocolApproval.objects.filter(**version).order_by("pk"))


def _meant_for(decision: Decision) -> str:
    """Whether the protocol follows a label or is for research, as its file says."""
    try:
        if protocol_sha256(decision.protocol_id) != decision.protocol_sha256:
            return ""
        return _MEANT_FOR[protocol(decision.protocol_id).use]
    except UnknownProtocol:
        return ""


def _with(ways: Callable[[Line], Iterator[Way]], lines: list[Line]) -> tuple[Answerable, ...]:
    return tuple(Answerable(line=line, ways=tuple(ways(line))) for line in lines)


class _Ways:
    """The ways from one decision, for one person."""

    def __init__(self, decision: Decision, may: Callable[[str], bool]) -> None:
        self.decision, self.course = decision, decision.course
        self.is_current = self.course.current_decision_id == decision.pk
        sees = self.is_current and may("courses.view_chartfact") and may("labs.view_patient")
        self.may_record, self.may_judge = sees and may(RECORD), sees and may(JUDGE)
        self.may_weigh = self.is_current and all(may(right) for right in WEIGH)
        self.may_override = self.may_judge and may("courses.sign_directive")
        self.attributed = self._trigger_grades()
        self.overridable = self._overridable_rules()

    def _overridable_rules(self) -> frozenset[str]:
        """The rules that a physician may override, where the protocol's file is there."""
        try:
            return overridable(protocol(self.decision.protocol_id))
        except UnknownProtocol:
            return frozenset()

    def _trigger_grades(self) -> dict[str, int]:
        """The rules of other findings, whose cause a physician states, and from which grade they act."""
        try:
            families = protocol(self.decision.protocol_id).families
        except UnknownProtocol:
            return {}
        return {family.id: family.trigger_grade for family in families if family.other_events}

    def of_reason(self, reason: Line) -> Iterator[Way]:
        """Beside what speaks against the cycle: to override it; beside another finding: its attribution."""
        if self.may_override and reason["rule"] in self.overridable and reason["action"] in _OVERRIDABLE:
            yield self._record(RecordKind.OVERRIDE, "Override this rule", rule=reason["rule"])
        evidence = reason.get("evidence") or []
        found = by_loinc(evidence[0].get("code", "")) if evidence else None
        least = self.attributed.get(reason["rule"])
        if not self.may_judge or found is None or least is None:
            return
        for line in self.decision.answer.get("grades", []):
            grade = line.get("grade")
            if line.get("analyte") == found.short and grade is not None and grade >= least:
                yield self._record(
                    RecordKind.ATTRIBUTIONS,
                    f"Record what {line['term']} comes of",
                    term=line["term"],
                    grade=grade,
                    on=line["collected_on"],
                )

    def of_gap(self, gap: Line) -> Iterator[Way]:
        """Beside something that people record: the page to record it."""
        code = gap.get("code", "")
        found = by_loinc(code)
        if self.may_judge and found is not None and gap.get("rule") in _WAIVABLE:
            yield self._record(RecordKind.WAIVER, "Waive with a reason", analyte=found.short)
        kind = RESOLVED_BY.get(code)
        if kind is RecordKind.DISEASE_FLAGS and self.may_record:
            flag = {"anticoagulation": "anticoagulated"}.get(code, code)
            yield self._record(kind, "Record", flag=flag)
        elif kind is not None and self.may_record:
            yield self._record(kind, "Record")
        elif code == "weight" and self.may_weigh:
            back = reverse("admin:courses_course_change", args=[self.course.pk])
            address = reverse("labs:weight", args=[self.course.patient.public_id])
            yield Way(words="Record", address=f"{address}?{urlencode({'next': back})}")

    def of_grade(self, line: Line) -> Iterator[Way]:
        """Beside a grade that symptoms decide: the page on which a physician gives it."""
        if self.may_judge and line.get("grade") is None and _BY_SYMPTOMS in line.get("ungradable", ""):
            yield self._record(
                RecordKind.MANUAL_GRADES,
                f"Record the grade of {line['term']}",
                term=line["term"],
                on=line.get("collected_on") or clinic_day(self.decision.made_at, clinic_zone()),
            )

    def _record(self, kind: RecordKind, words: str, **shown: object) -> Way:
        address = reverse("courses:record_fact", args=[self.course.public_id, kind.value])
        return Way(words=words, address=f"{address}?{urlencode(shown)}" if shown else address)
