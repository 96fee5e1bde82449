"""Read whom a FHIR resource is about, and follow references inside one request; nothing is fetched."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from labs.formats.fhir_json import SYNTAX, FhirFault
from labs.formats.fhir_times import read_day
from labs.formats.fhir_tree import Node, refuse_modifiers
from labs.formats.fhir_words import Key
from labs.formats.parsed import ParsedPatient, PatientNumber

_SEXES = frozenset({"male", "female", "other", "unknown"})
_OID = "urn:oid:"
_OLD = frozenset({"old", "maiden"})
_LONGEST = 255
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The resources a reference may mean: those a resource contains, and those of the same request."""

    base: str
    entries: Mapping[str, Node]
    contained: Mapping[str, Node]

    def inside(self, resource: Node) -> "Around":
        """The same, seen from within one resource."""
        found = {}
        for each in resource.nodes("contained"):
            name = each.text("id")
            if not _ID.fullmatch(name) or f"#{name}" in found:
                raise each.breach("A contained resource needs an id of its own in FHIR's form.", key="id")
            found[f"#{name}"] = each
        return Around(base=self.base, entries=self.entries, contained=found)

    def find(self, reference: str, kind: str, *, at: Node) -> Node | None:
        """The resource of this kind that a reference names in the same request; none if it is elsewhere."""
        found = self.contained.get(reference) or self.entries.get(self.local(reference))
        if found is None:
            if reference.startswith(("#", "urn:")):
                reason = f"{reference[:60]} is not in this request, and nothing else can be meant by it."
                raise at.breach(reason, key="reference", code="not-found")
            return None
        if found.text("resourceType") != kind:
            raise at.breach(f"{reference[:60]} is no {kind}.", key="reference", code="value")
        refuse_modifiers(found)
        return found

    def local(self, reference: str) -> str:
        """A reference below this door's own address, without that address and without a version."""
        return reference.removeprefix(self.base).split("/_history/")[0]


def read_keys(resource: Node) -> tuple[Key, ...]:
    """The business identifiers by which a resource is known, each once."""
    found: dict[Key, None] = {}
    for each in resource.nodes("identifier"):
        system, value = each.text("system"), each.text("value")
        if max(len(system), len(value)) > _LONGEST:
            reason = f"An identifier is longer than {_LONGEST} characters; it would have to be cut."
            raise each.breach(reason, code="too-long")
        if system and value:
            found[system, value] = None
    return tuple(found)


def read_subject(resource: Node, around: Around) -> ParsedPatient:
    """Whom a resource names: by our id, by numbers, and by the demographics that come with it."""
    subject = resource.node("subject")
    if subject is None:
        return _nobody()
    reference = subject.text("reference")
    identifier = subject.node("identifier")
    person = around.find(reference, "Patient", at=subject) if reference else None
    read = _nobody() if person is None else read_patient(person)
    numbers = [*read.numbers, *([_number(identifier)] if identifier is not None else [])]
    if reference.startswith("Patient?"):
        system, value = read_criterion(reference.removeprefix("Patient?"))
        numbers.append(_of_system(system, value, kind=""))
        reference = ""
    return ParsedPatient(
        numbers=tuple(dict.fromkeys(number for number in numbers if number.number)),
        family=read.family,
        given=read.given,
        birth_date=read.birth_date,
        sex=read.sex,
        reference=around.local(reference) if person is None else "",
        partial=True,
        shown=subject.text("display"),
    )


def read_patient(person: Node) -> ParsedPatient:
    """A Patient resource that came along: it names somebody, and makes nobody."""
    names = [name for name in person.nodes("name") if name.text("use") not in _OLD and name.text("family")]
    names.sort(key=lambda name: name.text("use") != "official")
    gender = person.text("gender")
    if gender and gender not in _SEXES:
        raise person.breach(
            f"{gender[:20]!r} is no administrative gender of FHIR.", key="gender", code="value"
        )
    return ParsedPatient(
        numbers=tuple(number for each in person.nodes("identifier") if (number := _number(each)).number),
        family=names[0].text("family") if names else "",
        given=" ".join(names[0].texts("given")) if names else "",
        birth_date=read_day(person, "birthDate"),
        sex=gender or "unknown",
        partial=True,
    )


def _nobody() -> ParsedPatient:
    return ParsedPatient(numbers=(), family="", given="", birth_date=None, sex="unknown", partial=True)


def read_criterion(query: str) -> Key:
    """The business identifier that a condition such as `identifier=system|value` asks for."""
    pairs = parse_qsl(query, keep_blank_values=True)
    if len(pairs) == 1 and pairs[0][0] == "identifier":
        system, mark, value = pairs[0][1].partition("|")
        if system and mark and value and "\0" not in pairs[0][1]:
            return system.strip(), value.strip()
    reason = "The only condition this door knows is identifier=system|value, with both parts."
    raise FhirFault(kind=SYNTAX, code="not-supported", reason=reason)


def _number(identifier: Node) -> PatientNumber:
    kind = identifier.node("type")
    codes = [] if kind is None else [coding.text("code") for coding in kind.nodes("coding")]
    return _of_system(identifier.text("system"), identifier.text("value"), kind=codes[0] if codes else "")


def _of_system(system: str, value: str, *, kind: str) -> PatientNumber:
    """One number with its system; an OID is also given bare, as HL7 v2 writes it."""
    oid = system.removeprefix(_OID) if system.startswith(_OID) else ""
    return PatientNumber(number=value, authorities=tuple(filter(None, (system, oid))), type=kind)
