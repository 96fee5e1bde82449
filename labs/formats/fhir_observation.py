"""Read one FHIR Observation, with its components, into the words every format is read into."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from labs.formats.fhir_json import dump
from labs.formats.fhir_subject import Around, read_keys, read_subject
from labs.formats.fhir_times import read_instant, read_period_start, read_time
from labs.formats.fhir_tree import Node, refuse_modifiers
from labs.formats.fhir_values import read_range_of, read_value, unit_spellings
from labs.formats.fhir_words import Profile, SentObservation
from labs.formats.parsed import (
    Act,
    Code,
    ParsedNumber,
    ParsedObservation,
    ParsedStatus,
    ParsedTime,
    Problem,
)
from labs.formats.specimen import faults_in_codes, faults_in_text

STATUSES = {
    "registered": ParsedStatus(word="registered", act=Act.NO_RESULT),
    "preliminary": ParsedStatus(word="preliminary", act=Act.STORE),
    "final": ParsedStatus(word="final", act=Act.STORE),
    "amended": ParsedStatus(word="amended", act=Act.STORE),
    "corrected": ParsedStatus(word="corrected", act=Act.STORE),
    "cancelled": ParsedStatus(word="cancelled", act=Act.WITHDRAW),
    "entered-in-error": ParsedStatus(word="entered-in-error", act=Act.WITHDRAW),
}  # `unknown`, and every word that is no status, is left out: it waits for a person
_NOTHING_YET = ParsedStatus(word="no result", act=Act.NO_RESULT)
_COMMON = frozenset({"code", "dataAbsentReason", "interpretation", "referenceRange", "modifierExtension"})
_VALUES = frozenset(
    f"value{kind}"
    for kind in (
        "Quantity", "CodeableConcept", "String", "Boolean", "Integer", "Range", "Ratio", "SampledData",
        "Time", "DateTime", "Period",
    )
)  # fmt: skip
_COMPONENT = _COMMON | _VALUES
_EFFECTIVE = ("DateTime", "Instant", "Period", "Timing")
_ELEMENTS = (
    _COMPONENT
    | frozenset(f"effective{kind}" for kind in _EFFECTIVE)
    | {
        "resourceType", "meta", "implicitRules", "language", "text", "contained", "identifier", "basedOn",
        "partOf", "status", "category", "subject", "focus", "encounter", "issued", "performer", "note",
        "bodySite", "method", "specimen", "device", "hasMember", "derivedFrom", "component",
    }
)  # fmt: skip
_HYPHENS = str.maketrans({"\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2212": "-"})
_LONGEST_PART = 56
_NO_TIME = Problem(code="no-collection-time", reason="The resource does not say when the specimen was taken.")
_OTHER_FOCUS = Problem(
    code="other-focus", reason="The result is about somebody or something beside the patient (focus)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What the Observation says for its own value and for every component."""

    position: int
    status: ParsedStatus | None
    status_sent: str
    collected: ParsedTime | Problem
    faults: tuple[str, ...]
    comment: str
    sex: str
    damage: Problem | None


def read_observation(
    resource: Node,
    *,
    position: int,
    around: Around,
    profile: Profile,
    parent: Node | None = None,
    name: str = "",
) -> SentObservation:
    """One Observation whole. A `parent`, which lists it, lends the subject and the time it does not state."""
    resource.only(_ELEMENTS)
    refuse_modifiers(resource)
    status = resource.text("status")
    if not status:
        raise resource.breach("An Observation needs its status.", key="status", code="required")
    if resource.node("code") is None:
        raise resource.breach("An Observation needs a code.", key="code", code="required")
    is_contained = name.startswith("#")  # then what it refers to is contained in its parent
    outer, around = around, around if is_contained else around.inside(resource)
    if parent is not None and not resource.has("subject"):
        patient = read_subject(parent, around if is_contained else outer.inside(parent))
    else:
        patient = read_subject(resource, around)
    faults, specimen_time = _specimen(resource, around, profile)
    comment = "\n".join(note.text("text") for note in resource.nodes("note"))
    shared = _Shared(
        position=position,
        status=STATUSES.get(status),
        status_sent=status,
        collected=_collected(resource, parent, profile) or specimen_time or _NO_TIME,
        faults=faults,
        comment=comment,
        sex=patient.sex,
        damage=_OTHER_FOCUS if resource.has("focus") else None,
    )
    return SentObservation(
        position=position,
        patient=patient,
        keys=read_keys(resource),
        status=status,
        issued_at=read_instant(resource, "issued"),
        observations=tuple(_results(resource, shared)),
        members=tuple(each.text("reference") for each in resource.nodes("hasMember")),
        body=resource.body,
        name=name,
    )


def _results(resource: Node, shared: _Shared) -> Iterator[ParsedObservation]:
    """The resource's own value, unless it only groups others, then each component."""
    components = resource.nodes("component")
    groups = bool(components) or resource.has("hasMember")
    own = _result(resource, shared, part="", sub_id="")
    if not groups or resource.one_of("value", (kind.removeprefix("value") for kind in sorted(_VALUES))):
        yield own
    seen: Counter[str] = Counter()
    for component in components:
        component.only(_COMPONENT)
        codes = read_codes(component)
        if not codes:
            raise component.breach("A component needs a code.", key="code", code="required")
        key = (codes[0].code or codes[0].text)[:_LONGEST_PART]
        seen[key] += 1
        again = str(seen[key]) if seen[key] > 1 else ""
        yield _result(component, shared, part=f"{key}#{again}" if again else key, sub_id=again)


def _result(node: Node, shared: _Shared, *, part: str, sub_id: str) -> ParsedObservation:
    value, sent = read_value(node)
    status = shared.status
    if absent := node.node("dataAbsentReason"):
        if value is not None:
            reason = "dataAbsentReason and a value stand together (obs-6); only one can be true."
            raise absent.breach(reason)
        if status is not None and status.act is Act.STORE:
            status = _NOTHING_YET
    quantity = node.node("valueQuantity")
    units = () if quantity is None else unit_spellings(quantity)
    limits, limits_text = read_range_of(node, units=units, sex=shared.sex)
    number = shared.damage or value or Problem(code="no-value", reason="The result carries no value.")
    words = shared.comment if isinstance(number, ParsedNumber) else f"{shared.comment}\n{sent}"
    interpretation = [
        coding.text("code") for each in node.nodes("interpretation") for coding in each.nodes("coding")
    ]
    return ParsedObservation(
        position=shared.position,
        part=part,
        codes=read_codes(node),
        sub_id=sub_id,
        number=number,
        sent_value=sent,
        units=units,
        sent_unit=units[-1] if units else "",
        range=limits,
        ref_text=limits_text,
        flags="~".join(filter(None, interpretation)),
        status=status,
        status_sent=shared.status_sent,
        collected=shared.collected,
        quality=tuple(sorted({*shared.faults, *faults_in_text(words)})),
        comment=shared.comment,
        raw=dump(node.body),
    )


def read_codes(node: Node) -> tuple[Code, ...]:
    """Every coding of a test, and its text where there is no coding."""
    concept = node.node("code")
    if concept is None:
        return ()
    text = concept.text("text")
    found = [
        Code(
            code=coding.text("code").translate(_HYPHENS),
            text=coding.text("display"),
            system=coding.text("system").upper(),
        )
        for coding in concept.nodes("coding")
    ]
    found = [code for code in found if code.code]
    return tuple(found) if found or not text else (Code(code="", text=text),)


def _collected(resource: Node, parent: Node | None, profile: Profile) -> ParsedTime | Problem | None:
    """effective[x], else that of the resource that lists this one."""
    for node in (resource, parent):
        found = _effective(node, profile) if node is not None else None
        if found is not None:
            return found
    return None


def _effective(node: Node, profile: Profile) -> ParsedTime | Problem | None:
    kind = node.one_of("effective", _EFFECTIVE)
    if kind == "effectivePeriod":
        period = node.node(kind)
        return None if period is None else read_period_start(period, zone=profile.zone)
    if kind == "effectiveTiming":
        return Problem(
            code="no-collection-time", reason="A schedule does not say when the specimen was taken."
        )
    if kind == "effectiveInstant":
        read_instant(node, kind)
    return read_time(node, kind, zone=profile.zone) if kind else None


def _specimen(
    resource: Node, around: Around, profile: Profile
) -> tuple[tuple[str, ...], ParsedTime | Problem | None]:
    """What a specimen that came along says of its condition and of when it was taken."""
    reference = resource.node("specimen")
    name = "" if reference is None else reference.text("reference")
    found = around.find(name, "Specimen", at=reference) if reference is not None and name else None
    if found is None:
        return (), None
    conditions = found.nodes("condition")
    codes = tuple(coding.text("code") for each in conditions for coding in each.nodes("coding"))
    texts = [each.text("text") for each in (*conditions, *found.nodes("note"))]
    texts += [coding.text("display") for each in conditions for coding in each.nodes("coding")]
    collection = found.node("collection")
    at = None
    if collection is not None:
        period = collection.node("collectedPeriod")
        at = read_time(collection, "collectedDateTime", zone=profile.zone)
        at = at or (None if period is None else read_period_start(period, zone=profile.zone))
    return (*faults_in_codes(codes), *faults_in_text("\n".join(filter(None, texts)))), at
