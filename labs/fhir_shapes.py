"""Show results and stored resources as FHIR R4: what counts now, with the digits it was sent with."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from labs.clinic_days import clinic_day
from labs.formats.fhir_json import copied, load
from labs.library import analytes, limits
from labs.models import FhirKey, FhirPart, FhirResource, Observation, QuarantinedResult, Result
from labs.models.result import WITHDRAWN
from labs.zones import clinic_zone

UCUM = "http://unitsofmeasure.org"
LOINC = "http://loinc.org"
_RESULT_ID = "result-"
_REBUILT = "Shown as it stands here, which is not as it was last sent."
_DOUBTED = "Something of this resource waits for a person; do not rely on it."
# What a rebuilt resource must not keep of the body it was sent with.
_STATED = ("dataAbsentReason", "interpretation", "referenceRange", "component", "note")


def result_id(result: Result, part: FhirPart | None) -> str:
    """The id of a result's Observation: that of the resource that states it alone, else one of our own."""
    if part is not None and not part.part and part.resource.kind == FhirResource.Kind.OBSERVATION:
        return str(part.resource.public_id)
    return f"{_RESULT_ID}{result.pk}"


def result_of_id(text: str) -> int | None:
    """The key of the result that an id of our own names; none for every other id."""
    number = text.removeprefix(_RESULT_ID)
    is_ours = text.startswith(_RESULT_ID) and number.isascii() and number.isdigit() and len(number) < 19
    return int(number) if is_ours else None


def result_shape(
    result: Result, *, part: FhirPart | None = None, keys: Sequence[FhirKey] = ()
) -> dict[str, Any]:
    """One result by its current version."""
    current = result.current
    assert current is not None  # asked for with a version that counts
    shape: dict[str, Any] = {
        "resourceType": "Observation",
        "id": result_id(result, part),
        "meta": _meta(current.version, current.received_at),
    }
    if keys:
        shape["identifier"] = [{"system": key.system, "value": key.value} for key in keys]
    shape |= {
        "status": "unknown" if result.in_conflict else current.status,
        "category": [{"coding": [{"system": _CATEGORY, "code": "laboratory"}]}],
        "code": _code(current),
        "subject": {"reference": f"Patient/{result.patient.public_id}"},
        **_effective(current),
        **_issued(current),
        **_stated(current),
    }
    remarks = [_DOUBTED] if result.in_conflict else []
    if current.quality:
        remarks.append(f"The specimen is marked: {', '.join(current.quality)}.")
    if current.comment:
        remarks.append(current.comment)
    return shape | ({"note": [{"text": text} for text in remarks]} if remarks else {})


def resource_shape(
    resource: FhirResource, *, parts: Sequence[FhirPart], held: Iterable[QuarantinedResult]
) -> dict[str, Any]:
    """A resource as its sender last sent it, unless its results stand otherwise here: then as they stand."""
    body = load(resource.body.encode(), deepest=limits().fhir_levels + 1)
    meta = body.pop("meta", {}) | _meta(resource.version, resource.updated_at)
    head = {"resourceType": body.pop("resourceType"), "id": str(resource.public_id), "meta": meta}
    shape = head | body
    waits = any(True for _ in held) or any(part.result.in_conflict for part in parts)
    if resource.kind == FhirResource.Kind.REPORT:
        return shape
    if not all(_stands(shape, part) for part in parts):
        shape = _rebuilt(shape, parts)
    if waits:
        shape |= {"status": "unknown", "note": [*shape.get("note", ()), {"text": _DOUBTED}]}
    return shape


def _stands(shape: Mapping[str, Any], part: FhirPart) -> bool:
    """Whether what was last sent of this part is what counts."""
    current = part.result.current
    if current is None or shape["status"] != current.status:
        return False
    if current.status in WITHDRAWN:
        return True
    stated = shape if not part.part else _component(shape, part.part)
    if "valueQuantity" in stated:
        quantity = stated["valueQuantity"]
        sent = f"{quantity.get('comparator', '')}{quantity.get('value', '')}"
    else:
        sent = str(stated.get("valueString", stated.get("valueInteger", "")))
    return sent == current.sent_value


def _component(shape: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    """The component that a part's name stands for: its first code, and which of several."""
    code, _mark, again = part.partition("#")
    found = [
        each
        for each in shape.get("component", ())
        if code in {coding.get("code") for coding in each["code"].get("coding", ())}
    ]
    place = int(again or 1) - 1
    return found[place] if place < len(found) else {}


def _rebuilt(shape: dict[str, Any], parts: Sequence[FhirPart]) -> dict[str, Any]:
    kept = {
        key: copied(part)
        for key, part in shape.items()
        if key not in _STATED and not key.startswith(("value", "_value"))
    }
    whole = next((part.result.current for part in parts if not part.part), None)
    some = whole or next((part.result.current for part in parts), None)
    if some is not None:
        kept = {key: part for key, part in kept.items() if not key.startswith("effective")}
        kept |= {"status": some.status, **_effective(some)}
    if whole is not None:
        kept |= _stated(whole)
    components = [
        {"code": _code(part.result.current), **_stated(part.result.current)}
        for part in parts
        if part.part and part.result.current is not None
    ]
    kept |= {"component": components} if components else {}
    return kept | {"note": [{"text": _REBUILT}]}


def _stated(current: Observation) -> dict[str, Any]:
    """The value and the reference range; a withdrawn version states none."""
    if current.status in WITHDRAWN or current.value is None:
        return {}
    quantity: dict[str, Any] = {"value": _digits(current)}
    if current.comparator:
        quantity["comparator"] = current.comparator
    quantity |= _unit(current)
    bounds: dict[str, Any] = {
        name: {"value": _plain(bound), **_unit(current)}
        for name, bound in (("low", current.ref_low), ("high", current.ref_high))
        if bound is not None
    }
    if current.ref_text and not bounds:
        bounds = {"text": current.ref_text}
    return {"valueQuantity": quantity} | ({"referenceRange": [bounds]} if bounds else {})


def _digits(current: Observation) -> Decimal:
    """The value with the digits it was sent with, where it was sent in the canonical unit."""
    assert current.value is not None
    try:
        sent = Decimal(current.sent_value.lstrip("<>= "))
    except InvalidOperation:
        return _plain(current.value)
    return sent if sent.is_finite() and sent == current.value else _plain(current.value)


def _plain(value: Decimal) -> Decimal:
    """Without exponent and without trailing zeros."""
    return Decimal(f"{value.normalize():f}")


def _unit(current: Observation) -> dict[str, str]:
    return {"unit": current.unit, "system": UCUM, "code": current.unit}


def _code(current: Observation) -> dict[str, Any]:
    analyte = analytes().get(current.analyte)
    name = analyte.name if analyte is not None else current.analyte
    return {"coding": [{"system": LOINC, "code": current.loinc, "display": name}], "text": name}


def _effective(current: Observation) -> dict[str, str]:
    """The collection time, no more precisely than it was stated."""
    if current.time_precision == "day":
        return {"effectiveDateTime": clinic_day(current.collected_at, _zone_of(current)).isoformat()}
    return {"effectiveDateTime": _instant(current.collected_at)}


def _zone_of(current: Observation) -> ZoneInfo:
    """The zone in which the day was stated, where it was a named one; else the clinic's."""
    try:
        return ZoneInfo(current.zone_source)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return clinic_zone()


def _issued(current: Observation) -> dict[str, str]:
    return {} if current.ordered_by == "received" else {"issued": _instant(current.ordered_at)}


def _meta(version: int, at: datetime) -> dict[str, str]:
    return {"versionId": str(version), "lastUpdated": _instant(at)}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


_CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
