"""Walk through a FHIR resource part by part, so that every refusal names the element it is about."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from labs.formats.fhir_json import RULE, SYNTAX, FhirFault

_Wanted = TypeVar("_Wanted")
_ANYWHERE = frozenset({"id", "extension"})
_WORDS = {str: "a text", Decimal: "a number", bool: "true or false", dict: "an object", list: "a list"}


@dataclass(frozen=True, slots=True)
class Node:
    """One object of a resource with its FHIRPath."""

    body: dict[str, Any]
    where: str

    def text(self, key: str) -> str:
        """A text, trimmed; nothing where it is absent."""
        found = self._of(key, str)
        if found is not None and not found.strip():
            raise self.fault(f"{key} is empty; leave it out instead.", key=key)
        return "" if found is None else found.strip()

    def number(self, key: str) -> Decimal | None:
        """A number with the digits it came with."""
        return self._of(key, Decimal)

    def node(self, key: str) -> "Node | None":
        """An object below this one."""
        found = self._of(key, dict)
        return None if found is None else Node(found, f"{self.where}.{key}")

    def nodes(self, key: str) -> tuple["Node", ...]:
        """The objects of a list below this one."""
        found = self._of(key, list)
        if found is None:
            return ()
        if not found or not all(isinstance(each, dict) for each in found):
            raise self.fault(f"{key} must be a list of objects that is not empty.", key=key)
        return tuple(Node(each, f"{self.where}.{key}[{place}]") for place, each in enumerate(found))

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a list below this one."""
        found = self._of(key, list) or []
        if not all(isinstance(each, str) for each in found):
            raise self.fault(f"{key} must be a list of texts.", key=key)
        return tuple(found)

    def has(self, key: str) -> bool:
        """Whether the element is there at all."""
        return key in self.body

    def one_of(self, prefix: str, kinds: Iterable[str]) -> str:
        """Which kind of a choice such as value[x] is there; two at once cannot be read."""
        there = [f"{prefix}{kind}" for kind in kinds if f"{prefix}{kind}" in self.body]
        if len(there) > 1:
            raise self.fault(f"{' and '.join(there)} stand together; only one may.", key=there[1])
        return there[0] if there else ""

    def only(self, allowed: frozenset[str]) -> None:
        """Refuse elements that FHIR R4 does not have here: a misspelt name must not be a silent one."""
        for key in self.body:
            if key.removeprefix("_") not in allowed | _ANYWHERE:
                raise self.fault(f"{key[:60]!r} is no element that FHIR R4 has here.", key=key[:60])

    def fault(self, reason: str, *, key: str = "") -> FhirFault:
        """A part that cannot be read."""
        where = f"{self.where}.{key}" if key else self.where
        return FhirFault(kind=SYNTAX, code="structure", reason=reason, where=where)

    def breach(self, reason: str, *, key: str = "", code: str = "invariant") -> FhirFault:
        """A part that can be read and breaks a rule."""
        where = f"{self.where}.{key}" if key else self.where
        return FhirFault(kind=RULE, code=code, reason=reason, where=where)

    def _of(self, key: str, kind: type[_Wanted]) -> _Wanted | None:
        found = self.body.get(key)
        if found is None and key not in self.body:
            return None
        if not isinstance(found, kind):
            raise self.fault(f"{key} must be {_WORDS[kind]}.", key=key)
        return found


def refuse_modifiers(node: Node) -> None:
    """Refuse what changes the meaning of a resource in ways that are not known here."""
    if node.has("implicitRules"):
        reason = "implicitRules are not known here, and a resource under unknown rules is not read."
        raise node.breach(reason, key="implicitRules", code="not-supported")
    parts: list[tuple[Any, str]] = [(node.body, node.where)]
    while parts:
        part, where = parts.pop()
        if isinstance(part, dict):
            if part.get("modifierExtension"):
                reason = "A modifierExtension is not known here, and it may turn the meaning round."
                where = f"{where}.modifierExtension"
                raise FhirFault(kind=RULE, code="extension", reason=reason, where=where)
            parts += [(each, f"{where}.{key}") for key, each in part.items()]
        elif isinstance(part, list):
            parts += [(each, f"{where}[{place}]") for place, each in enumerate(part)]
