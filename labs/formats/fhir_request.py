"""Read a whole FHIR request, one resource or a bundle, into what is asked entry by entry."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from labs.formats.fhir_json import RULE, SYNTAX, TOO_LARGE, UNSUPPORTED, FhirFault, load
from labs.formats.fhir_observation import read_observation
from labs.formats.fhir_report import read_report
from labs.formats.fhir_subject import Around, read_criterion, read_patient
from labs.formats.fhir_times import is_period_start, read_instant
from labs.formats.fhir_tree import Node
from labs.formats.fhir_words import (
    ANY_VERSION,
    BUNDLE,
    OBSERVATION,
    REPORT,
    Ask,
    Asked,
    Beside,
    Profile,
    Refused,
    Request,
    SentObservation,
    SentReport,
)

TAKEN = frozenset({OBSERVATION, REPORT})
# They come along to explain results. None is made into a row here: least of all a patient.
BESIDE = frozenset(
    {
        "Patient", "Specimen", "Organization", "Practitioner", "PractitionerRole", "ServiceRequest", "Device",
        "Encounter", "Location", "Provenance",
    }
)  # fmt: skip
_BUNDLES = frozenset({"transaction", "batch"})
_BUNDLE = frozenset(
    {
        "resourceType", "meta", "implicitRules", "language", "identifier", "type", "timestamp", "total",
        "link", "entry", "signature",
    }
)  # fmt: skip
_ENTRY = frozenset({"link", "fullUrl", "resource", "search", "request", "response", "modifierExtension"})
_NOT_ASKED = ("ifNoneMatch", "ifModifiedSince")  # conditions of a read; nothing is read here
_REQUEST = frozenset({"method", "url", "ifMatch", "ifNoneExist", "modifierExtension", *_NOT_ASKED})
_TAG = re.compile(r'(?:W/)?"([0-9]{1,9})"')
_NEVER = -1  # a version no resource has


def read_request(body: bytes, *, ask: Ask, profile: Profile) -> Request:
    """The request's entries in order. Raises FhirFault for what cannot be read as a whole."""
    root = load(body, deepest=profile.deepest)
    kind = root.get("resourceType")
    if not isinstance(kind, str):
        reason = "The resource does not say what it is (resourceType)."
        raise FhirFault(kind=SYNTAX, code="structure", reason=reason, where="resourceType")
    resource = Node(root, kind)
    if ask.method == "POST" and not ask.target:
        if kind != BUNDLE:
            raise resource.fault("Only a Bundle is posted to the root of this door.", key="resourceType")
        return _Bundle(resource, profile=profile).read()
    reader = _Reader(profile=profile, entries={})
    asked = reader.entry(resource, ask, place=0, name="")
    assert isinstance(asked, Asked)  # the door routes only what it takes
    reader.refuse_too_many(resource)
    return Request(bundle="", entries=(asked,), notes=tuple(reader.notes))


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Reads entries one after another, numbering the results of the whole request."""

    profile: Profile
    entries: Mapping[str, Node]
    parents: Mapping[str, Node] = field(default_factory=dict)
    position: int = 1
    results: int = 0
    notes: list[str] = field(default_factory=list)

    def entry(self, resource: Node, ask: Ask, *, place: int, name: str) -> Asked | Beside:
        """What one entry asks for."""
        kind = resource.text("resourceType")
        target, _mark, query = ask.target.removeprefix(self.profile.base).strip("/").partition("?")
        wanted, _slash, id_ = target.partition("/")
        if wanted != kind:
            raise resource.fault(f"A {kind[:30]} was sent to {wanted[:30]!r}.", key="resourceType")
        around = Around(base=self.profile.base, entries=self.entries, contained={})
        if kind in BESIDE:
            patient = read_patient(resource) if kind == "Patient" else None
            return Beside(place=place, kind=kind, name=name, patient=patient)
        if kind not in TAKEN:
            reason = f"This door takes {' and '.join(sorted(TAKEN))}, no {kind[:30]}."
            raise FhirFault(kind=UNSUPPORTED, code="not-supported", reason=reason, where=resource.where)
        sent = self._sent(kind, resource, around, name)
        return self._asked(resource, ask, sent, place=place, id_=id_, query=query)

    def refuse_too_many(self, resource: Node) -> None:
        """Refuse a request with more results than are read at once."""
        if self.results > self.profile.most:
            reason = f"It holds more than the {self.profile.most} results that are read at once; split it."
            raise FhirFault(kind=TOO_LARGE, code="too-long", reason=reason, where=resource.where)

    def _sent(self, kind: str, resource: Node, around: Around, name: str) -> SentObservation | SentReport:
        position = self.position
        if kind == OBSERVATION:
            observation = read_observation(
                resource,
                position=position,
                around=around,
                profile=self.profile,
                parent=self.parents.get(name),
                name=name,
            )
            self._count([observation])
            return observation
        report = read_report(resource, position=position, around=around, profile=self.profile, name=name)
        self._count(report.contained)
        self.position += 1
        return report

    def _count(self, sent: "tuple[SentObservation, ...] | list[SentObservation]") -> None:
        self.position += len(sent)
        for each in sent:
            self.results += len(each.observations)
            if any(is_period_start(one.collected) for one in each.observations):
                self.notes.append(f"Result {each.position}: the start of a period is taken as its time.")

    def _asked(
        self,
        resource: Node,
        ask: Ask,
        sent: SentObservation | SentReport,
        *,
        place: int,
        id_: str,
        query: str,
    ) -> Asked:
        kind = resource.text("resourceType")
        is_update = ask.method == "PUT"
        if is_update and not id_ and not query:
            raise resource.fault("An update names the resource by its id or by identifier=system|value.")
        if not is_update and (id_ or query):
            raise resource.fault(f"A new {kind} is posted to {kind} alone; the server gives the id.")
        if id_ and resource.text("id") != id_:
            raise resource.fault("The id in the resource is not the id in the address.", key="id")
        condition = query or ask.if_none_exist.lstrip("?")
        criterion = read_criterion(condition) if condition else None
        if criterion is not None and criterion not in sent.keys:
            reason = "The resource does not carry the identifier by which the condition looks for it."
            raise resource.breach(reason, key="identifier", code="value")
        return Asked(
            place=place,
            kind=kind,
            sent=sent,
            id=id_,
            criterion=criterion,
            is_update=is_update,
            version=_version(ask.if_match),
            where=resource.where,
        )


class _Bundle:
    """Reads a bundle: first who is in it, then each entry with the others in sight."""

    def __init__(self, bundle: Node, *, profile: Profile) -> None:
        self.bundle, self.profile = bundle, profile
        bundle.only(_BUNDLE)
        self.kind = bundle.text("type")
        if self.kind not in _BUNDLES:
            raise bundle.breach("The type must be transaction or batch.", key="type", code="value")
        if bundle.has("implicitRules"):
            reason = "implicitRules are not known here, and a bundle under unknown rules is not read."
            raise bundle.breach(reason, key="implicitRules", code="not-supported")
        self.stated_at = read_instant(bundle, "timestamp")
        self.nodes = bundle.nodes("entry")
        if not self.nodes:
            raise bundle.breach("The bundle has no entry.", key="entry", code="required")
        if len(self.nodes) > profile.most:
            reason = f"It holds more than the {profile.most} entries that are read at once; split it."
            raise FhirFault(kind=TOO_LARGE, code="too-long", reason=reason, where=bundle.where)

    def read(self) -> Request:
        """Every entry in order; a faulty one is a Refused in its place."""
        named = self._named()
        reader = _Reader(profile=self.profile, entries=named, parents=dict(_parents(named)))
        entries: list[Asked | Beside | Refused] = []
        for place, node in enumerate(self.nodes):
            try:
                entries.append(self._entry(reader, node, place))
            except FhirFault as fault:
                entries.append(Refused(place=place, fault=fault))
        reader.refuse_too_many(self.bundle)
        if self.kind == "transaction":
            entries = list(_no_identity_twice(entries))
        return Request(
            bundle=self.kind, entries=tuple(entries), stated_at=self.stated_at, notes=tuple(reader.notes)
        )

    def _named(self) -> dict[str, Node]:
        """The resources by the names other entries may call them."""
        found: dict[str, Node] = {}
        for node in self.nodes:
            name, resource = node.text("fullUrl"), node.node("resource")
            if resource is None or not name:
                continue
            name = name.removeprefix(self.profile.base)
            if name in found:
                raise node.breach("Two entries have one fullUrl (bdl-7).", key="fullUrl", code="duplicate")
            found[name] = Node(resource.body, resource.where)
        return found

    def _entry(self, reader: _Reader, node: Node, place: int) -> Asked | Beside:
        node.only(_ENTRY)
        request, resource = node.node("request"), node.node("resource")
        if request is None:
            raise node.breach(
                "The entry does not say what is asked (request).", key="request", code="required"
            )
        request.only(_REQUEST)
        _refuse_conditions(node, request)
        method, target = request.text("method"), request.text("url")
        if method not in {"POST", "PUT"} or not target:
            reason = f"This door takes POST and PUT in a bundle, not {method[:10] or 'nothing'}."
            raise FhirFault(kind=UNSUPPORTED, code="not-supported", reason=reason, where=request.where)
        if resource is None:
            raise node.breach("The entry has no resource.", key="resource", code="required")
        ask = Ask(
            method=method,
            target=target,
            if_match=request.text("ifMatch"),
            if_none_exist=request.text("ifNoneExist"),
        )
        name = node.text("fullUrl").removeprefix(self.profile.base)
        return reader.entry(resource, ask, place=place, name=name)


def _refuse_conditions(entry: Node, request: Node) -> None:
    """Refuse what would change the meaning of an entry, or bind it to a condition, that is not known here."""
    for node in (entry, request):
        if node.has("modifierExtension"):
            reason = "A modifierExtension is not known here, and it may turn the meaning round."
            raise node.breach(reason, key="modifierExtension", code="extension")
    for key in _NOT_ASKED:
        if request.has(key):
            raise request.breach(
                f"{key} is a condition this door does not know.", key=key, code="not-supported"
            )


def _parents(named: Mapping[str, Node]) -> Iterator[tuple[str, Node]]:
    """Each member of a panel in the bundle with the panel, which lends it subject and time."""
    for node in named.values():
        if node.body.get("resourceType") == OBSERVATION and isinstance(node.body.get("hasMember"), list):
            for member in node.nodes("hasMember"):
                yield member.text("reference"), node


def _no_identity_twice(entries: list[Asked | Beside | Refused]) -> Iterator[Asked | Beside | Refused]:
    """In a transaction no two entries may be about one resource: which should win is not said."""
    seen: set[tuple[str, str, str]] = set()
    for entry in entries:
        if isinstance(entry, Asked):
            names = {(entry.kind, *key) for key in entry.sent.keys}
            names |= {(entry.kind, "", entry.id)} if entry.id else set()
            if names & seen:
                reason = "Two entries of the transaction are about one resource; send it once."
                fault = FhirFault(kind=RULE, code="duplicate", reason=reason, where=entry.where)
                yield Refused(place=entry.place, fault=fault)
                continue
            seen |= names
        yield entry


def _version(tag: str) -> int | None:
    """The version an If-Match names; a tag that is none of ours fits no resource."""
    if not tag:
        return None
    if tag.strip() == "*":
        return ANY_VERSION
    match = _TAG.fullmatch(tag.strip())
    return int(match[1]) if match else _NEVER
