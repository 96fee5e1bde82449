"""Read FHIR's JSON strictly with exact decimals, and write it back digit for digit."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

SYNTAX = "syntax"  # it cannot be read
RULE = "rule"  # it was read, and breaks a rule of FHIR or of this door
ABSENT = "absent"  # what it speaks of is not here
STALE = "stale"  # it was made for another version
CONFLICT = "conflict"  # it is taken already
AMBIGUOUS = "ambiguous"  # its condition fits more than one resource
UNSUPPORTED = "unsupported"  # this door does not do that
TOO_LARGE = "too large"  # more than is read at once

_LONGEST_NUMBER = 60  # a measured number has fifteen digits at most; longer ones only cost time


class FhirFault(Exception):
    """Why a request is refused: the kind, FHIR's own issue code, a sentence, and where in the resource."""

    def __init__(self, *, kind: str, code: str, reason: str, where: str = "") -> None:
        super().__init__(reason)
        self.kind, self.code, self.reason, self.where = kind, code, reason, where


def load(body: bytes, *, deepest: int) -> dict[str, Any]:
    """The JSON object in a body: UTF-8, no name twice, numbers as decimals, not nested beyond `deepest`."""
    try:
        found = json.loads(
            body.decode("utf-8"),
            parse_float=_number,
            parse_int=_number,
            parse_constant=_no_constant,
            object_pairs_hook=_once_each,
        )
    except UnicodeDecodeError:
        raise _unreadable("The body is not UTF-8.") from None
    except RecursionError:
        raise _too_deep(deepest) from None
    except json.JSONDecodeError as error:
        reason = f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
        raise _unreadable(reason) from None
    if not isinstance(found, dict):
        raise _unreadable("The body is not a JSON object.")
    _look_through(found, deepest)
    return found


def dump(value: Any) -> str:
    """JSON text of what `load` gave; a decimal keeps the digits it came with."""
    return "".join(_written(value))


def copied(value: Any) -> Any:
    """A copy whose parts can be changed without changing the original."""
    if isinstance(value, dict):
        return {key: copied(part) for key, part in value.items()}
    return [copied(part) for part in value] if isinstance(value, list) else value


def _written(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield "{"
        for place, (key, part) in enumerate(value.items()):
            yield f"{',' if place else ''}{json.dumps(key, ensure_ascii=False)}:"
            yield from _written(part)
        yield "}"
    elif isinstance(value, list | tuple):
        yield "["
        for place, part in enumerate(value):
            if place:
                yield ","
            yield from _written(part)
        yield "]"
    elif isinstance(value, Decimal):
        yield str(value)
    else:
        yield json.dumps(value, ensure_ascii=False)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _unreadable(f"The name {name[:40]!r} stands twice in one object; only one can be meant.")
        found[name] = value
    return found


def _number(text: str) -> Decimal:
    if len(text) > _LONGEST_NUMBER:
        raise _unreadable(f"A number has more than {_LONGEST_NUMBER} characters.")
    return Decimal(text)


def _no_constant(name: str) -> Any:
    raise _unreadable(f"{name} is not a JSON number.")


def _look_through(found: Any, deepest: int) -> None:
    """Refuse what is nested too deep, and text that a database cannot hold."""
    level, parts = 1, [found]
    while parts:
        if level > deepest:
            raise _too_deep(deepest)
        below: list[Any] = []
        for part in parts:
            texts = [*part, *part.values()] if isinstance(part, dict) else part
            for each in texts:
                if isinstance(each, str):
                    if "\0" in each or any("\ud800" <= char <= "\udfff" for char in each):
                        raise _unreadable(
                            "A text holds a character that no text may hold (NUL or half a pair)."
                        )
                elif isinstance(each, dict | list):
                    below.append(each)
        level, parts = level + 1, below


def _too_deep(deepest: int) -> FhirFault:
    return _unreadable(f"The body is nested deeper than {deepest} levels.")


def _unreadable(reason: str) -> FhirFault:
    return FhirFault(kind=SYNTAX, code="structure", reason=reason)
