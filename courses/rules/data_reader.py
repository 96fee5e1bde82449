"""Read one table of a data file strictly: every key known and typed, or refused with path and remedy."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from courses.rules.values import Source

CONFIDENCES = {
    "V": "read in the named source",
    "S": "stated in a secondary source",
    "D": "derived here from other cited numbers",
    "GK": "general knowledge or our own choice; to be confirmed by the clinic",
}
_Word = TypeVar("_Word", bound=StrEnum)


class DataError(ValueError):
    """A data file is not whole: the key's path, why, and what to do."""

    def __init__(self, *, key: str, reason: str, remedy: str) -> None:
        super().__init__(f"{key}: {reason}; {remedy}")
        self.key, self.reason, self.remedy = key, reason, remedy


class TableReader:
    """One table; `finish` refuses what nobody asked for."""

    def __init__(self, data: object, *, path: str = "") -> None:
        if not isinstance(data, Mapping):
            raise DataError(key=path or "(file)", reason="must be a table", remedy="write it as a table")
        self._data: Mapping[str, Any] = data
        self._path = path
        self._used: set[str] = set()

    def at(self, key: str) -> str:
        """The full path of a key."""
        return f"{self._path}.{key}" if self._path else key

    def fault(self, key: str, reason: str, remedy: str) -> DataError:
        """A refusal of one key."""
        return DataError(key=self.at(key), reason=reason, remedy=remedy)

    def has(self, key: str) -> bool:
        """Whether the table has the key."""
        return key in self._data

    def names(self) -> list[str]:
        """The keys of the table, as they stand."""
        return list(self._data)

    def raw(self, key: str) -> Any:
        """The value of a key that must be there."""
        if key not in self._data:
            raise self.fault(key, "is missing", "add it")
        self._used.add(key)
        return self._data[key]

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self.raw(key)
        if not isinstance(value, str) or not value.strip():
            raise self.fault(key, "must be a text", "write it in quotes")
        return value

    def whole(self, key: str, *, least: int = 0) -> int:
        """A whole number, not below `least`."""
        value = self.raw(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self.fault(key, f"must be a whole number of at least {least}", "correct the number")
        return value

    def wholes(self, key: str) -> tuple[int, ...]:
        """A list of whole numbers from one up; it may be empty."""
        value = self.raw(key)
        if not isinstance(value, list) or not all(type(item) is int and item > 0 for item in value):
            raise self.fault(key, "must be a list of whole numbers above zero", "write it as [84, 98]")
        return tuple(value)

    def number(self, key: str) -> Decimal:
        """A finite number, read exactly."""
        value = self.raw(key)
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
            raise self.fault(key, "must be a number", "correct the number")
        return Decimal(value)

    def positive(self, key: str) -> Decimal:
        """A number above zero."""
        value = self.number(key)
        if value <= 0:
            raise self.fault(key, "must be above zero", "correct the number")
        return value

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self.raw(key)
        if not isinstance(value, bool):
            raise self.fault(key, "must be true or false", "write one of them")
        return value

    def day(self, key: str) -> date:
        """A calendar day."""
        value = self.raw(key)
        if not isinstance(value, date) or isinstance(value, datetime):
            raise self.fault(key, "must be a date", "write it as 2024-04-23, without quotes")
        return value

    def choice(self, key: str, words: type[_Word]) -> _Word:
        """One of a closed list of words."""
        value = self.raw(key)
        known = [word.value for word in words]
        if value not in known:
            raise self.fault(key, f"{value!r} is not known", f"use one of: {', '.join(known)}")
        return words(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, none twice."""
        value = self.raw(key)
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise self.fault(key, "must be a list of texts", 'write it as ["…", "…"]')
        if len(set(value)) != len(value):
            raise self.fault(key, "names something twice", "keep one")
        return tuple(value)

    def table(self, key: str) -> "TableReader":
        """A table within this one."""
        return TableReader(self.raw(key), path=self.at(key))

    def tables(self, key: str) -> list["TableReader"]:
        """A list of tables; at least one."""
        value = self.raw(key)
        if not isinstance(value, list) or not value:
            raise self.fault(key, "must be a list of tables with at least one", f"write [[{self.at(key)}]]")
        return [TableReader(item, path=f"{self.at(key)}[{place}]") for place, item in enumerate(value)]

    def source(self, key: str = "source") -> Source:
        """The citation every number needs."""
        if not self.has(key):
            raise self.fault(
                key, "every number names its source", "add document, section, confidence, checked"
            )
        table = self.table(key)
        confidence = table.text("confidence")
        if confidence not in CONFIDENCES:
            raise table.fault(
                "confidence", f"{confidence!r} is not known", f"use one of: {', '.join(CONFIDENCES)}"
            )
        found = Source(
            document=table.text("document"),
            section=table.text("section"),
            confidence=confidence,
            checked=table.day("checked"),
            to_be_confirmed=confidence == "GK",
        )
        table.finish()
        return found

    def finish(self) -> None:
        """Refuse every key nobody asked for."""
        for key in self._data:
            if key not in self._used:
                raise self.fault(str(key), "unknown key", "remove it or correct its spelling")
