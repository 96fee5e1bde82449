"""Read one FHIR DiagnosticReport: whose it is, which results it lists, and those it contains."""

from collections.abc import Iterator

from labs.formats.fhir_observation import read_observation
from labs.formats.fhir_subject import Around, read_keys, read_subject
from labs.formats.fhir_times import read_instant, read_time
from labs.formats.fhir_tree import Node, refuse_modifiers
from labs.formats.fhir_words import OBSERVATION, Profile, SentObservation, SentReport

STATUSES = frozenset(
    {
        "registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled",
        "entered-in-error", "unknown",
    }
)  # fmt: skip
_ELEMENTS = frozenset(
    {
        "resourceType", "meta", "implicitRules", "language", "text", "contained", "modifierExtension",
        "identifier", "basedOn", "status", "category", "code", "subject", "encounter", "effectiveDateTime",
        "effectivePeriod", "issued", "performer", "resultsInterpreter", "specimen", "result", "imagingStudy",
        "media", "conclusion", "conclusionCode", "presentedForm",
    }
)  # fmt: skip


def read_report(
    resource: Node, *, position: int, around: Around, profile: Profile, name: str = ""
) -> SentReport:
    """One report whole. Its status says nothing of its results: each states its own."""
    resource.only(_ELEMENTS)
    refuse_modifiers(resource)
    status = resource.text("status")
    if not status:
        raise resource.breach("A DiagnosticReport needs its status.", key="status", code="required")
    if status not in STATUSES:
        reason = f"{status[:30]!r} is no status of a DiagnosticReport."
        raise resource.breach(reason, key="status", code="code-invalid")
    if resource.node("code") is None:
        raise resource.breach("A DiagnosticReport needs a code.", key="code", code="required")
    around = around.inside(resource)
    read_time(resource, "effectiveDateTime", zone=profile.zone)
    contained = tuple(_contained(resource, position=position, around=around, profile=profile))
    references = tuple(each.text("reference") for each in resource.nodes("result"))
    for node, reference in zip(resource.nodes("result"), references, strict=True):
        around.find(reference, OBSERVATION, at=node)
    return SentReport(
        position=position,
        patient=read_subject(resource, around) if resource.has("subject") else None,
        keys=read_keys(resource),
        status=status,
        issued_at=read_instant(resource, "issued"),
        results=tuple(reference for reference in references if not reference.startswith("#")),
        contained=contained,
        body=resource.body,
        name=name,
    )


def _contained(
    resource: Node, *, position: int, around: Around, profile: Profile
) -> Iterator[SentObservation]:
    """The results that travel inside the report; the report lends them its subject and its time."""
    for name, each in around.contained.items():
        if each.text("resourceType") == OBSERVATION:
            position += 1
            yield read_observation(
                each, position=position, around=around, profile=profile, parent=resource, name=name
            )
