"""Every door of the service beside the admin: its address, and things of the clinic to ask for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from django.urls import URLPattern, URLResolver, get_resolver, reverse

# Of the libraries, each with its own tests, and of nobody: they ask for no right.
OPEN = {
    "home", "live", "ready", "schema", "docs",
    "account_login", "account_logout", "account_inactive", "account_change_password", "account_set_password",
    "account_reauthenticate", "session_left", "session_stay",
}  # fmt: skip


_PASSWORD = {"password": "a long pass phrase"}
_SAID = {"reason": "The vial was damaged."}
_AT = "2026-03-01T12:00:00+01:00"
# What an act of the API is sent, by the end of its address; the others are sent nothing.
_BODIES: dict[str, dict[str, Any]] = {
    "orders/…/cancel": _SAID,
    "ask-cancel": _SAID,
    "decline-cancel": _SAID,
    "acknowledge-recall": {"outcome": "secured"},
    "bookings/…/cancel": _SAID,
    "move": {"needed_on": "2026-03-03"},
    "vials/…/correct": _SAID
    | {
        "product": "lutetium Lu 177 dotatate",
        "product_code": "69488-003-01",
        "lot": "L-1",
        "calibrated_activity": "8.1 GBq",
        "calibrated_at": _AT,
        "volume_ml": "22.5",
        "expires_at": "2026-03-04T12:00:00+01:00",
        "received_at": _AT,
    },
    "infusions/…/correct": _SAID,
    "measurements/…/correct": _SAID,
    "measurements": {"kind": "residual", "activity": "0.1 GBq", "of": "vial"},
    "fate": _SAID | {"fate": "damaged"},
    "steps": {"kind": "note", "data": {"text": "Well."}},
    "steps/…/correct": _SAID | {"data": {"text": "Unwell."}},
    "authorise": _PASSWORD,
    "judge": _SAID | _PASSWORD | {"counts": True},
    "not-given": _SAID,
    "rebook": {"on": "2026-03-09"},
}


def body_for(address: str) -> dict[str, Any]:
    """A body that can be read at an address of the API."""
    parts = ["…" if re.fullmatch(r"[0-9a-f-]{36}", part) else part for part in address.strip("/").split("/")]
    return _BODIES.get("/".join(parts[-3:])) or _BODIES.get(parts[-1]) or {}


@dataclass(frozen=True, slots=True)
class Door:
    """One address: its name with its namespace, and the names and converters of what it takes."""

    name: str
    takes: tuple[str, ...]

    @property
    def family(self) -> str:
        """Its namespace."""
        return self.name.partition(":")[0]


@dataclass(frozen=True, slots=True)
class World:
    """What may be asked for: for each door, or for the name of what it takes, a value that exists."""

    things: dict[str, Any] = field(default_factory=dict)

    def address(self, door: Door, *, stranger: bool = False) -> str:
        """The address of a thing that exists, or of one that does not."""
        values = {}
        for name in door.takes:
            values[name] = self.things.get(f"{door.name}.{name}", self.things.get(name))
            if stranger and (name.endswith("id") or name in {"key", "secret"}):
                values[name] = 10**9 if isinstance(values[name], int) else uuid4()
        return reverse(door.name, kwargs=values)


def all_doors() -> list[Door]:
    """Every named address outside the admin, in order of its name."""
    found = {door.name: door for door in _walk(get_resolver(), ())}
    return [found[name] for name in sorted(found) if name not in OPEN]


def _walk(resolver: URLResolver, spaces: tuple[str, ...]) -> Iterator[Door]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            if entry.namespace != "admin" and str(entry.pattern) != "admin/":
                yield from _walk(entry, (*spaces, entry.namespace) if entry.namespace else spaces)
        elif isinstance(entry, URLPattern) and entry.name and not str(entry.pattern).startswith("admin/"):
            takes = re.findall(r"<(?:\w+:)?(\w+)>", str(entry.pattern))
            yield Door(":".join((*spaces, entry.name)), tuple(takes))
