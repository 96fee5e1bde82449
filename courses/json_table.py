"""Read one JSON object strictly: known keys, exact decimals, real dates, one clear line per fault."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOST_DIGITS = 24
_MOST_PLACES = 12
# Outside these a year was mistyped; inside them every sum of days stays within the calendar.
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")
_Word = TypeVar("_Word", bound=StrEnum)


class Fault(ValueError):
    """One thing wrong, with the path of its key."""


def parse_json(text: str) -> Any:
    """JSON with exact decimals; duplicate keys, NaN and Infinity are refused. Raises Fault."""
    try:
        found = json.loads(
            text, parse_float=Decimal, parse_constant=_refuse_constant, object_pairs_hook=_refuse_duplicates
        )
        _refuse_unwritable(found)
    except json.JSONDecodeError as error:
        raise Fault(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise Fault("not JSON: nested too deeply") from error
    except InvalidOperation as error:
        raise Fault("not JSON: a number has an impossible exponent") from error
    except ValueError as error:
        raise Fault(str(error)) from error
    return found


def _refuse_unwritable(value: object, path: str = "") -> None:
    """Refuse text that no file, page or database can hold: a null character, or half a surrogate pair."""
    if isinstance(value, str) and _UNWRITABLE.search(value):
        raise Fault(
            f"{path or 'situation'}: holds a null character or half of a surrogate pair; retype the text"
        )
    if isinstance(value, dict):
        for key, item in value.items():
            _refuse_unwritable(key, f"{path}.{key!a}".removeprefix("."))  # the fault itself must print
            _refuse_unwritable(item, f"{path}.{key}".removeprefix("."))
    if isinstance(value, list):
        for place, item in enumerate(value):
            _refuse_unwritable(item, f"{path}[{place}]")


def _refuse_constant(name: str) -> Any:
    raise Fault(f"{name} is not a number; leave the value out if it is unknown")


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise Fault(f"key given twice in one object: {', '.join(twice)}")
    return found


@contextmanager
def collecting(faults: list[str]) -> Iterator[None]:
    """Put a Fault on the list instead of raising it."""
    try:
        yield
    except Fault as fault:
        faults += str(fault).splitlines()


class JsonTable:
    """One JSON object under strict reading.

    Raises Fault with a line for each unknown or missing key. Given a list for `strange` keys, unknown ones go
    there, so that reading can go on and find more.
    """

    def __init__(
        self,
        data: object,
        *,
        path: str,
        required: set[str],
        optional: set[str],
        strange: list[str] | None = None,
    ) -> None:
        self._path = path
        if not isinstance(data, Mapping):
            raise Fault(f"{path or 'situation'}: must be an object")
        self._data: Mapping[str, Any] = data
        known = ", ".join(sorted(required | optional))
        unknown = [str(key) for key in data if key not in required | optional]
        faults = [f"{self.at(key)}: unknown key; known: {known}" for key in unknown]
        if strange is not None:
            strange += faults
            faults = []
        faults += [f"{self.at(key)}: is missing" for key in sorted(required - data.keys())]
        if faults:
            raise Fault("\n".join(faults))

    def at(self, key: str) -> str:
        """The full path of a key."""
        return f"{self._path}.{key}" if self._path else key

    def fault(self, key: str, reason: str) -> Fault:
        """One fault at a key."""
        return Fault(f"{self.at(key)}: {reason}")

    def has(self, key: str) -> bool:
        """Whether the key is there, whatever it holds."""
        return key in self._data

    def get(self, key: str) -> Any:
        """The value, or None when it is absent."""
        return self._data.get(key)

    def text(self, key: str, *, default: str | None = None) -> str:
        """A text; absent counts as the default where there is one."""
        value = self._data.get(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            raise self.fault(key, "must be a text")
        return value

    def flag(self, key: str) -> bool | None:
        """True, false, or None when absent or null."""
        value = self._data.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.fault(key, "must be true or false")
        return value

    def whole(self, key: str, *, least: int, most: int) -> int:
        """A whole number within bounds."""
        value = self._data.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.fault(key, f"must be a whole number from {least} to {most}")
        return value

    def number(self, key: str) -> Decimal | None:
        """An exact decimal from a JSON number or a string; None when absent or null."""
        value = self._data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
            raise self.fault(key, "must be a number, or a number in quotes")
        return self._exact(key, value)

    def _exact(self, key: str, value: int | str | Decimal) -> Decimal:
        try:
            number = Decimal(value.strip()) if isinstance(value, str) else Decimal(value)
        except InvalidOperation as error:
            raise self.fault(key, f"{value!r} is not a number") from error
        if not number.is_finite():
            raise self.fault(key, f"{value} is not a measured number")
        exponent = number.as_tuple().exponent
        if len(number.as_tuple().digits) > _MOST_DIGITS or abs(int(exponent)) > _MOST_PLACES:
            raise self.fault(key, f"has more than {_MOST_DIGITS} digits or {_MOST_PLACES} places")
        return number

    def day(self, key: str) -> date | None:
        """A calendar day written YYYY-MM-DD; None when absent or null."""
        value = self._data.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise self.fault(key, "must be a day written YYYY-MM-DD")
        try:
            found = date.fromisoformat(value)
        except ValueError as error:
            raise self.fault(key, f"{value} is not a day of the calendar") from error
        self._within_calendar(key, found, shown=value)
        return found

    def _within_calendar(self, key: str, day: date, *, shown: str) -> None:
        if not _FIRST_DAY <= day <= _LAST_DAY:
            raise self.fault(
                key, f"{shown} lies outside {_FIRST_DAY} to {_LAST_DAY}; check the year, or leave it out"
            )

    def needed_day(self, key: str) -> date:
        """A calendar day that must be there."""
        value = self.day(key)
        if value is None:
            raise self.fault(key, "must be a day written YYYY-MM-DD")
        return value

    def instant(self, key: str) -> datetime:
        """A date and time with its offset, in UTC."""
        value = self._data.get(key)
        try:
            found = datetime.fromisoformat(value) if isinstance(value, str) and "T" in value else None
        except ValueError as error:
            raise self.fault(key, f"{value!r} is not a date and time") from error
        if found is None or found.utcoffset() is None:
            raise self.fault(key, "must be a date and time with its offset, as 2026-05-04T08:00:00+02:00")
        self._within_calendar(key, found.date(), shown=repr(value))
        return found.astimezone(UTC)

    def choice(self, key: str, words: type[_Word]) -> _Word:
        """One of a closed list of words."""
        value = self._data.get(key)
        if value not in [word.value for word in words]:
            raise self.fault(key, f"{value!r} is not one of: {', '.join(word.value for word in words)}")
        return words(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty when absent."""
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fault(key, "must be a list of texts")
        return tuple(value)

    def items(self, key: str) -> list[tuple[str, object]]:
        """A list with the path of each item; empty when absent."""
        value = self._data.get(key, [])
        if not isinstance(value, list):
            raise self.fault(key, "must be a list")
        return [(f"{self.at(key)}[{place}]", item) for place, item in enumerate(value)]
