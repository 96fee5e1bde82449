"""Show who signed what, when and with which meaning, as FHIR's Provenance."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from courses.fhir_shapes import MEANINGS, SHA256, Shape, Viewer, concept, head, instant, reference
from courses.models import Directive, Signature, StartAuthorisation

_PARTS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_ASTM = "urn:iso-astm:E1762-95:2013"
_AUTHORS = {"system": _ASTM, "code": "1.2.840.10065.1.12.1.1", "display": "Author's Signature"}
_VERIFIERS = {"system": _ASTM, "code": "1.2.840.10065.1.12.1.5", "display": "Verification Signature"}
_BIG = ("decision__situation", "decision__answer", "decision__verdict")


def signatures() -> QuerySet[Signature]:
    """Signatures on decisions; each is known by the hash of the record that it signs."""
    return Signature.objects.select_related("decision__course").defer(*_BIG)


def signature_shape(signature: Signature, viewer: Viewer) -> list[Shape]:
    """One signature on one decision."""
    decision = signature.decision
    return [
        provenance(
            signature.record_sha256,
            targets=[
                reference("GuidanceResponse", decision.public_id),
                reference("CarePlan", decision.course.public_id),
            ],
            at=signature.signed_at,
            activity=concept(f"signed: {signature.meaning}", system=MEANINGS, code=signature.meaning),
            people=[("author", signature.printed_name)],
            hashes=[
                ("revision", "the signed record", signature.record_sha256),
                ("source", "the evidence of the decision", decision.evidence_sha256),
            ],
        )
    ]


def directives() -> QuerySet[Directive]:
    """Written directives with the orders that rest on them."""
    return (
        Directive.objects.select_related("cycle__course", "signature", "decision", "voided")
        .defer(*_BIG)
        .prefetch_related("orders")
    )


def directive_shape(directive: Directive, viewer: Viewer) -> list[Shape]:
    """One written directive: who signed it, and whether it still holds."""
    void = getattr(directive, "voided", None)
    words = f"written directive, revision {directive.revision}, of cycle {directive.cycle.number}"
    if void is not None:
        words += f"; void since {instant(void.at)} ({void.reason_code})"
    orders = [reference("MedicationRequest", order.public_id) for order in directive.orders.all()]
    return [
        provenance(
            str(directive.public_id),
            targets=[*orders, reference("CarePlan", directive.cycle.course.public_id)],
            at=directive.signature.signed_at,
            activity=concept(words, system=MEANINGS, code="void" if void is not None else "directive"),
            people=[("author", directive.signature.printed_name)],
            hashes=[("revision", "the signed record", directive.signature.record_sha256)],
            changed_at=None if void is None else void.at,
        )
    ]


def authorisations() -> QuerySet[StartAuthorisation]:
    """Authorised starts of infusions."""
    return StartAuthorisation.objects.select_related(
        "therapy_day__cycle__course", "decision", "directive", "unit__order"
    ).defer(*_BIG)


def authorisation_shape(authorisation: StartAuthorisation, viewer: Viewer) -> list[Shape]:
    """One authorised start: who checked, who authorised, on which decision and directive."""
    cycle = authorisation.therapy_day.cycle
    return [
        provenance(
            str(authorisation.public_id),
            targets=[
                reference("MedicationRequest", authorisation.unit.order.public_id),
                reference("MedicationDispense", authorisation.unit.public_id),
                reference("CarePlan", cycle.course.public_id),
            ],
            at=authorisation.authorised_at,
            activity=concept(
                f"start of the infusion of cycle {cycle.number} authorised under revision "
                f"{authorisation.directive.revision} of the written directive",
                system=MEANINGS,
                code="start",
            ),
            people=[("author", authorisation.authorised_name), ("verifier", authorisation.checked_name)],
            hashes=[
                ("revision", "the signed record", authorisation.record_sha256),
                ("source", "the evidence at the start", authorisation.evidence_sha256),
            ],
        )
    ]


def provenance(
    id_: str,
    *,
    targets: list[dict[str, str]],
    at: datetime,
    activity: Shape,
    people: list[tuple[str, str]],
    hashes: Sequence[tuple[str, str, str]] = (),
    why: str = "",
    changed_at: datetime | None = None,
) -> Shape:
    """One act: what it is about, when, what it means, why, who, and the SHA-256 that it is bound to."""
    shape = head("Provenance", id_, version=1 if changed_at is None else 2, at=changed_at or at)
    entities = [
        {"role": role, "what": {"identifier": {"system": SHA256, "value": sha256}, "display": words}}
        for role, words, sha256 in hashes
    ]
    return (
        shape
        | ({"reason": [{"text": why}]} if why else {})
        | ({"entity": entities} if entities else {})
        | {
            "target": targets,
            "occurredDateTime": instant(at),
            "recorded": instant(at),
            "activity": activity,
            "agent": [
                {"type": {"coding": [{"system": _PARTS, "code": part}]}, "who": {"display": name}}
                for part, name in people
            ],
            "signature": [
                {
                    "type": [_AUTHORS if part == "author" else _VERIFIERS],
                    "when": instant(at),
                    "who": {"display": name},
                }
                for part, name in people
            ],
        }
    )
