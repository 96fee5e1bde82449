"""Make every small change of a clinical data file that a slip of hand or eye could make."""

import copy
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any

# Words of the files that no decision rests on: citations, titles, what an order's text says.
UNTOUCHED = {
    "source",
    "published",
    "items",
    "id",
    "name",
    "title",
    "product",
    "route",
    "in_force_from",
    "unit",
}
_ACTS = ("note", "delay", "stop")
CHOICES: dict[str, tuple[str, ...]] = {
    "action": _ACTS,
    "on_first": _ACTS,
    "on_recurrence": _ACTS,
    "if_pregnant": _ACTS,
    "if_below": _ACTS,
    "if_contraindicated": _ACTS,
    "needed": ("always", "when_a_rule_asks"),
    "pushed": ("up", "down"),
    "criteria": ("any", "all"),
    "recurrence_by": ("family", "term"),
    "counted_from": ("last_administration", "nominal_day"),
    "stops": ("on_limit_day", "after_limit_day"),
    "when_baseline": ("normal", "abnormal", "low"),
    "use": ("label", "research"),
    "when": ("first_cycle", "every_cycle", "always", "peritoneal_or_mesenteric_disease"),
    "ctcae": ("5.0", "6.0"),
    "compare_grades_with": ("5.0", "6.0", "none"),
}
_FLIPS = {"below": "at_most", "at_most": "below", "above": "at_least", "at_least": "above"}
_OTHER_WAY = {"rises_percent": "falls_percent", "falls_percent": "rises_percent"}
Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMutant:
    """One changed file: what was changed, the words of the row around it, and the whole of its data."""

    name: str
    around: frozenset[str]
    data: dict[str, Any]


def row_mutants(data: dict[str, Any]) -> Iterator[RowMutant]:
    """Every mutant of one file's data, none equal to the file."""
    for path in _paths(data, ()):
        value = _at(data, path)
        for words, changed in _changes(data, path, value):
            around = frozenset(_texts(_at(data, path[:2])))
            yield RowMutant(name=f"{_words(data, path)}: {words}", around=around, data=changed)


def _texts(value: object) -> Iterator[str]:
    """Every text within a part of the file, citations left out."""
    if isinstance(value, str):
        yield value
    for key, child in _children(value):
        if key != "source":
            yield from _texts(child)


def _children(value: object) -> Iterable[tuple[str | int, object]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def as_toml(data: dict[str, Any]) -> str:
    """The data as a TOML text: one line for each top-level key, tables inline."""
    return "".join(f"{_key(key)} = {_value(value)}\n" for key, value in data.items())


def _key(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


def _value(value: object) -> str:
    match value:
        case dict():
            return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }"
        case list():
            return "[" + ", ".join(_value(item) for item in value) + "]"
        case bool():
            return str(value).lower()
        case date():
            return value.isoformat()
        case str():
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _paths(value: object, path: Path) -> Iterator[Path]:
    """Every place in the file that may be changed, parents before children."""
    for key, child in _children(value):
        if key not in UNTOUCHED:
            yield (*path, key)
            yield from _paths(child, (*path, key))


def _changes(data: dict[str, Any], path: Path, value: object) -> Iterator[tuple[str, dict[str, Any]]]:
    key = path[-1]
    yield "dropped", _with(data, path, drop=True)
    if isinstance(value, bool):
        yield f"{value} -> {not value}", _with(data, path, not value)
    elif isinstance(value, int | Decimal):
        for other in _steps(value):
            yield f"{value} -> {other}", _with(data, path, other)
    elif isinstance(value, str) and key in CHOICES:
        for word in CHOICES[str(key)]:
            if word != value:
                yield f"{value} -> {word}", _with(data, path, word)
    for word in _other_comparisons(str(key)):
        yield f"written as {word}", _with(data, path, rename=word)
    if isinstance(value, dict):
        yield from _exchanged_within(data, path, value)
    if isinstance(value, list):
        yield from _exchanged_between(data, path, value)


def _steps(value: int | Decimal) -> tuple[int | Decimal, int | Decimal]:
    """The number one step of its last digit lower and higher, as it is written."""
    if isinstance(value, int):
        return value - 1, value + 1
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)  # a finite number
    step = Decimal(1).scaleb(exponent)
    return value - step, value + step


def _other_comparisons(key: str) -> Iterator[str]:
    """The same comparison with its bound on the other side; a percentage the other way."""
    if key in _OTHER_WAY:
        yield _OTHER_WAY[key]
    for test, other in _FLIPS.items():
        if key == test or key.startswith(f"{test}_"):
            yield other + key.removeprefix(test)


def _exchanged_within(data: dict[str, Any], path: Path, table: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Two numbers that stand beside each other in one table, exchanged."""
    numbers = [key for key, value in table.items() if _is_number(value)]
    for first, second in pairwise(numbers):
        if table[first] != table[second]:
            yield (
                f"{first} and {second} exchanged",
                _with(_with(data, (*path, first), table[second]), (*path, second), table[first]),
            )


def _exchanged_between(data: dict[str, Any], path: Path, rows: list[Any]) -> Iterator[tuple[str, Any]]:
    """One number of two neighbouring rows, exchanged; in a list of numbers, the two themselves."""
    for place, (above, below) in enumerate(pairwise(rows)):
        if _is_number(above) and above != below:
            changed = _with(_with(data, (*path, place), below), (*path, place + 1), above)
            yield f"{above} and {below} exchanged", changed
        elif isinstance(above, dict) and isinstance(below, dict):
            for key in above.keys() & below.keys():
                if _is_number(above[key]) and above[key] != below[key]:
                    changed = _with(data, (*path, place, key), below[key])
                    changed = _with(changed, (*path, place + 1, key), above[key])
                    names = f"{_row_name(rows, place)} and {_row_name(rows, place + 1)}"
                    yield f"{key} of {names} exchanged", changed


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _with(
    data: dict[str, Any], path: Path, value: object = None, *, drop: bool = False, rename: str = ""
) -> dict[str, Any]:
    """The data with one place changed, dropped or given another key; what does not lead there is shared."""
    changed = copy.copy(data)
    parent: Any = changed
    for step in path[:-1]:
        parent[step] = copy.copy(parent[step])
        parent = parent[step]
    key = path[-1]
    if rename:
        renamed = {rename if old == key else old: child for old, child in parent.items()}
        parent.clear()
        parent.update(renamed)
    elif drop:
        del parent[key]
    else:
        parent[key] = value
    return changed


def _at(data: Any, path: Path) -> Any:
    for key in path:
        data = data[key]
    return data


def _words(data: dict[str, Any], path: Path) -> str:
    """The place in words: rows by what they are called, not by their number."""
    found = ""
    for depth, key in enumerate(path):
        if isinstance(key, int):
            found += f"[{_row_name(_at(data, path[:depth]), key)}]"
        else:
            found += f".{key}" if found else key
    return found


def _row_name(rows: list[Any], place: int) -> str:
    """What a row is called: its id, term or analyte; its number where it has no name or shares it."""
    names = [_own_name(row) for row in rows]
    return names[place] if names[place] and names.count(names[place]) == 1 else str(place)


def _own_name(row: object) -> str:
    if not isinstance(row, dict):
        return str(row)
    found = next(
        (row[key] for key in ("id", "term", "analyte", "kind", "quantity", "name") if key in row), ""
    )
    return str(found)
