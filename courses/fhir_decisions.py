"""Show decisions as FHIR's GuidanceResponse, and what the current one acts on as DetectedIssue."""

from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from courses.fhir_shapes import (
    EVIDENCE,
    LOINC,
    RULES,
    Shape,
    Viewer,
    concept,
    head,
    instant,
    protocol_concept,
    quantity,
    reference,
    subject,
)
from courses.models import Decision, Signature
from labs.fhir_answers import issue, outcome
from labs.library import by_loinc

_NO_ISSUE = "proceed"  # as a decision: nothing acts; as a reason: a note
_SEVERITY = {"stop": "high", "delay": "moderate", "reduce": "moderate", "hold": "moderate"}
_AWAITED = "low"  # labs that are not due yet


def decisions() -> QuerySet[Decision]:
    """Decisions, each with the one that stands for its course now."""
    return (
        Decision.objects.select_related("course__patient", "cycle")
        .defer("situation", "verdict")
        .annotate(current_public_id=F("course__current_decision__public_id"))
    )


def guidance_statuses() -> dict[str, Q]:
    """A decision that misses evidence asks for it; every other one stands as it is."""
    return {"success": Q(answer__missing=[]), "data-required": ~Q(answer__missing=[])}


def guidance_shape(decision: Decision, viewer: Viewer) -> list[Shape]:
    """One decision with its reasons; missing evidence stands as data required, with how to get it."""
    missing: list[dict[str, Any]] = decision.answer["missing"]
    current = decision.current_public_id  # type: ignore[attr-defined]  # annotated in `decisions`
    contained = [{**_output(decision), "id": "output"}]
    shape = head("GuidanceResponse", decision.public_id)
    body: Shape = {
        "moduleCodeableConcept": protocol_concept(decision),
        "status": "data-required" if missing else "success",
        "subject": subject(decision.course.patient, viewer),
        "occurrenceDateTime": instant(decision.made_at),
        "outputParameters": {"reference": "#output"},
        "result": reference("CarePlan", decision.course.public_id),
    }
    if reasons := decision.answer["reasons"]:
        body["reasonCode"] = [
            concept(reason["sentence"], system=RULES, code=reason["rule"]) for reason in reasons
        ]
    if current != decision.public_id:
        text = f"This decision no longer stands; the one that does is GuidanceResponse/{current}."
        body["note"] = [{"text": text}]
    if missing:
        contained.append({**outcome(_lacking(gap) for gap in missing), "id": "missing"})
        body["evaluationMessage"] = [{"reference": "#missing"}]
        if required := [code for gap in missing if (code := gap["code"]) and by_loinc(code)]:
            body["dataRequirement"] = [_required(code) for code in dict.fromkeys(required)]
    return [shape | {"contained": contained} | body]


def _output(decision: Decision) -> Shape:
    """The verdict itself: the action, and the figures and days that belong to it."""
    answer = decision.answer
    named: list[tuple[str, str, Any]] = [
        ("action", "valueCode", decision.action),
        ("cycle", "valuePositiveInt", decision.cycle.number),
        ("awaitingLabs", "valueBoolean", decision.awaiting_labs),
        ("plannedOn", "valueDate", answer["planned_on"]),
        ("labsDue", "valueDate", None if decision.labs_due is None else decision.labs_due.isoformat()),
        ("stopsOn", "valueDate", answer["stops_on"]),
        ("evidenceSha256", "valueString", decision.evidence_sha256),
    ]
    if decision.activity_gbq is not None:
        named.append(("activity", "valueQuantity", quantity(decision.activity_gbq, "GBq")))
    parameters = [{"name": name, kind: value} for name, kind, value in named if value is not None]
    return {"resourceType": "Parameters", "parameter": parameters}


def _lacking(gap: dict[str, Any]) -> Shape:
    """One piece of evidence that is missing: why, and what to do."""
    analyte = by_loinc(gap["code"])
    name = gap["code"].replace("_", " ") if analyte is None else analyte.name
    due = f" Due on {gap['due_on']}." if gap.get("due_on") else ""
    text = f"{name}: {gap['why']}. To do: {gap['resolve']}.{due}"
    found = issue(severity="warning", code="required", text=text)
    system = EVIDENCE if analyte is None else LOINC
    return found | {"details": concept(name, system=system, code=gap["code"].replace(" ", "-"))}


def _required(code: str) -> Shape:
    coding = {"system": LOINC, "code": code}
    return {"type": "Observation", "codeFilter": [{"path": "code", "code": [coding]}]}


def standing_issues() -> QuerySet[Decision]:
    """The current decision of each course that anything acts on, with whether it is signed."""
    signed = Signature.objects.filter(
        Q(decision=OuterRef("origin")) | Q(decision__confirms=OuterRef("origin"))
    )
    return (
        Decision.objects.filter(pk=F("course__current_decision"))
        .exclude(action=_NO_ISSUE)
        .select_related("course__patient")
        .defer("situation", "verdict")
        .annotate(origin=Coalesce(F("confirms_id"), F("pk")))
        .annotate(is_signed=Exists(signed))
    )


def issue_statuses() -> dict[str, Q]:
    """What a physician has signed is final; everything else still follows the evidence."""
    return {"preliminary": Q(is_signed=False), "final": Q(is_signed=True)}


def issue_shapes(decision: Decision, viewer: Viewer) -> list[Shape]:
    """One issue for each reason that acts; where none is told, the decision's action itself."""
    acting = [reason for reason in decision.answer["reasons"] if reason["action"] != _NO_ISSUE]
    unexplained = {"rule": "", "action": decision.action, "sentence": f"Decision: {decision.action}."}
    return [
        _issue(decision, reason, place, viewer)
        for place, reason in enumerate(acting or [unexplained], start=1)
    ]


def _issue(decision: Decision, reason: dict[str, Any], place: int, viewer: Viewer) -> Shape:
    is_signed: bool = decision.is_signed  # type: ignore[attr-defined]  # annotated in `standing_issues`
    awaited = decision.awaiting_labs and reason["action"] == "hold"
    shape = head("DetectedIssue", f"{decision.public_id}.{place}") | {
        "status": "final" if is_signed else "preliminary",
        "code": concept(
            f"{reason['rule']}: {reason['action']}".removeprefix(": "), system=RULES, code=reason["rule"]
        ),
        "severity": _AWAITED if awaited else _SEVERITY[reason["action"]],
        "patient": subject(decision.course.patient, viewer),
        "identifiedDateTime": instant(decision.made_at),
        "implicated": [
            reference("CarePlan", decision.course.public_id),
            reference("GuidanceResponse", decision.public_id),
        ],
        "detail": reason["sentence"],
    }
    if evidence := [_evidence(item) for item in reason.get("evidence", ())]:
        shape["evidence"] = evidence
    if reason.get("release"):
        shape["mitigation"] = [{"action": concept(f"What ends it: {reason['release']}")}]
    return shape


def _evidence(item: dict[str, Any]) -> Shape:
    """One thing that the reason rests on, in the words and digits of the decision."""
    at = item.get("collected_at") or item.get("on")
    words = [str(part) for part in (item.get("name"), item.get("value"), item.get("unit")) if part]
    text = " ".join(words) + (f" ({at})" if at else "")
    code = item.get("code") or ""
    is_loinc = bool(code) and by_loinc(code) is not None
    if is_loinc and (analyte := by_loinc(code)) is not None:
        text = f"{analyte.name} {text}"
    return {"code": [concept(text.strip() or code, system=LOINC, code=code if is_loinc else "")]}
