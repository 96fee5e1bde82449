"""Read analytes.toml once, refuse a file that is not whole, and hand out analytes."""

import re
import tomllib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from labs.unit_jumps import JumpLimits
from labs.units import Analyte, UnknownUnit, convert, fold_unit

FILE = Path(__file__).parent / "analytes.toml"
_TOP = {"sources", "limits", "unit_jumps", "unit_tables", "analytes"}
_LIMITS = {
    "oldest_years",
    "newest_minutes_ahead",
    "near_hours",
    "results_in_message",
    "results_in_file",
    "versions_in_message",
    "fhir_levels",
    "fhir_patience_seconds",
    "fhir_answers_kept_days",
    "messages_read_again",
    "weight_change_percent",
    "weight_least_kg",
    "weight_most_kg",
    "age_most_years",
    "source",
}
_JUMPS = {"tolerance_percent", "least_ratio", "close_percent", "closely_for", "source", "confidence"}
_GROUP = {"factor", "source", "spellings"}
_GROUP_OPTIONAL = {"also_meant"}
_REQUIRED = {"name", "loinc", "unit", "unit_table", "plausible", "source", "confidence"}
_OPTIONAL = {"loinc_also", "loinc_never"}
_CONFIDENCE = {"verified", "general knowledge"}
_LOINC = re.compile(r"\d{1,5}-\d")


class LibraryError(ValueError):
    """A data file is not whole: which file, which key, and why."""

    def __init__(self, *, file: str, key: str, reason: str) -> None:
        super().__init__(f"{file}: {key}: {reason}")
        self.file, self.key, self.reason = file, key, reason


@lru_cache(maxsize=1024)
def loinc_check_digit_holds(code: str) -> bool:
    """Whether a code is shaped like LOINC and its last digit follows from the others (mod 10)."""
    if not _LOINC.fullmatch(code):
        return False
    number, check = code.split("-")
    total = 0
    for place, digit in enumerate(reversed(number)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return (10 - total % 10) % 10 == int(check)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How old a specimen may be, how far ahead of the clocks its time, how much one message may hold.

    And which body weights and ages are plausible.
    """

    oldest_years: int
    newest_minutes_ahead: int
    near_hours: int
    results_in_message: int
    results_in_file: int
    versions_in_message: int
    fhir_levels: int
    fhir_patience_seconds: int
    fhir_answers_kept_days: int
    messages_read_again: int
    weight_change_percent: int
    weight_least_kg: int
    weight_most_kg: int
    age_most_years: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalyteFile:
    """One file of analytes, read and checked."""

    analytes: Mapping[str, Analyte]
    limits: Limits
    jumps: JumpLimits


@cache
def _file() -> AnalyteFile:
    return read_analytes(FILE)


def analytes() -> Mapping[str, Analyte]:
    """Every analyte by its short name."""
    return _file().analytes


def limits() -> Limits:
    """The limits on collection times and on what one message may hold."""
    return _file().limits


def jump_limits() -> JumpLimits:
    """How near to the ratio of two units a change must lie to be taken for one."""
    return _file().jumps


@cache
def _codes() -> Mapping[str, Analyte]:
    return {code: analyte for analyte in analytes().values() for code in analyte.codes}


def by_loinc(code: str) -> Analyte | None:
    """The analyte a LOINC code stands for, or none."""
    return _codes().get(code)


def read_analytes(path: Path) -> AnalyteFile:
    """Read and check one file of analytes."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LibraryError(file=path.name, key="(file)", reason=str(error)) from error
    return _Reader(path.name).read(data)


class _Reader:
    """Checks one parsed file, key by key, and builds its analytes."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.sources: set[str] = set()
        # By table and folded spelling: the other factor that a spelling has elsewhere.
        self.also_meant: dict[str, dict[str, Decimal]] = {}

    def refuse(self, key: str, reason: str) -> LibraryError:
        return LibraryError(file=self.file, key=key, reason=reason)

    def read(self, data: Mapping[str, Any]) -> AnalyteFile:
        self.keys("(top)", data, required=_TOP, optional=set())
        self.sources = set(data["sources"])
        tables = {name: self.table(name, groups) for name, groups in data["unit_tables"].items()}
        found = {short: self.analyte(short, body, tables) for short, body in data["analytes"].items()}
        self.refuse_shared_codes(found)
        used = {body["unit_table"] for body in data["analytes"].values()}
        for name in tables.keys() - used:
            raise self.refuse(f"unit_tables.{name}", "no analyte uses this table")
        return AnalyteFile(
            analytes=MappingProxyType(found),
            limits=self.limits(data["limits"]),
            jumps=self.jumps(data["unit_jumps"], known=found.keys()),
        )

    def keys(self, where: str, body: object, *, required: set[str], optional: set[str]) -> None:
        if not isinstance(body, dict):
            raise self.refuse(where, "must be a table")
        for key in sorted(body.keys() - required - optional):
            raise self.refuse(f"{where}.{key}", "unknown key")
        for key in sorted(required - body.keys()):
            raise self.refuse(f"{where}.{key}", "missing")

    def source(self, where: str, text: object) -> str:
        names = [name.strip() for name in text.split(",")] if isinstance(text, str) else []
        if not names or not all(names):
            raise self.refuse(f"{where}.source", "every entry names its source")
        for name in names:
            if name not in self.sources:
                raise self.refuse(f"{where}.source", f"{name!r} is not one of the sources of this file")
        return ", ".join(names)

    def number(self, where: str, value: object) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self.refuse(where, "must be a number")
        number = Decimal(value)
        if not number.is_finite():
            raise self.refuse(where, "must be a finite number")
        return number

    def limits(self, body: dict[str, Any]) -> Limits:
        self.keys("limits", body, required=_LIMITS, optional=set())
        self.source("limits", body["source"])
        numbers = {key: body[key] for key in sorted(_LIMITS - {"source"})}
        for key, number in numbers.items():
            if type(number) is not int or number < 1:
                raise self.refuse(f"limits.{key}", "must be a whole number above zero")
        return Limits(**numbers)

    def jumps(self, body: dict[str, Any], *, known: Set[str]) -> JumpLimits:
        self.keys("unit_jumps", body, required=_JUMPS, optional=set())
        self.source("unit_jumps", body["source"])
        self.confidence("unit_jumps", body["confidence"])
        for key in ("tolerance_percent", "close_percent"):
            if type(body[key]) is not int or not 1 <= body[key] <= 50:
                raise self.refuse(f"unit_jumps.{key}", "must be a whole number from 1 to 50")
        least = self.number("unit_jumps.least_ratio", body["least_ratio"])
        if least < 2:
            raise self.refuse("unit_jumps.least_ratio", "must be at least 2: less is an ordinary change")
        names = body["closely_for"]
        if not isinstance(names, list) or any(
            not isinstance(name, str) or name not in known for name in names
        ):
            raise self.refuse("unit_jumps.closely_for", "must be a list of analytes of this file")
        return JumpLimits(
            tolerance_percent=body["tolerance_percent"],
            least_ratio=least,
            close_percent=body["close_percent"],
            closely_for=frozenset(names),
        )

    def confidence(self, where: str, word: object) -> None:
        if word not in _CONFIDENCE:
            raise self.refuse(f"{where}.confidence", f"must be one of {sorted(_CONFIDENCE)}")

    def table(self, name: str, groups: list[dict[str, Any]]) -> Mapping[str, Decimal]:
        factors: dict[str, Decimal] = {}
        for position, group in enumerate(groups):
            where = f"unit_tables.{name}[{position}]"
            self.keys(where, group, required=_GROUP, optional=_GROUP_OPTIONAL)
            self.source(where, group["source"])
            factor = self.number(f"{where}.factor", group["factor"])
            if factor <= 0:
                raise self.refuse(f"{where}.factor", "must be above zero")
            also = self.other_factor(f"{where}.also_meant", group.get("also_meant"), factor)
            for spelling in group["spellings"]:
                folded = fold_unit(spelling)
                if folded in factors:
                    raise self.refuse(f"{where}.spellings", f"{spelling!r} stands twice in this table")
                factors[folded] = factor
                if also is not None:
                    self.also_meant.setdefault(name, {})[folded] = also
        return MappingProxyType(factors)

    def other_factor(self, where: str, value: object, factor: Decimal) -> Decimal | None:
        if value is None:
            return None
        also = self.number(where, value)
        if also <= 0 or also == factor:
            raise self.refuse(where, "must be above zero, and another number than the factor")
        return also

    def codes(self, where: str, codes: object) -> tuple[str, ...]:
        if not isinstance(codes, list):
            raise self.refuse(where, "must be a list of LOINC codes")
        for code in codes:
            if not isinstance(code, str) or not loinc_check_digit_holds(code):
                raise self.refuse(where, f"{code!r} is not a LOINC code")
        return tuple(codes)

    def analyte(
        self, short: str, body: dict[str, Any], tables: Mapping[str, Mapping[str, Decimal]]
    ) -> Analyte:
        where = f"analytes.{short}"
        self.keys(where, body, required=_REQUIRED, optional=_OPTIONAL)
        self.confidence(where, body["confidence"])
        if body["unit_table"] not in tables:
            raise self.refuse(f"{where}.unit_table", f"{body['unit_table']!r} is not a table of this file")
        bounds = body["plausible"]
        if not isinstance(bounds, list) or len(bounds) != 2:
            raise self.refuse(f"{where}.plausible", "must be [lowest, highest]")
        low, high = (self.number(f"{where}.plausible", bound) for bound in bounds)
        if low >= high:
            raise self.refuse(f"{where}.plausible", "the lowest must be below the highest")
        analyte = Analyte(
            short=short,
            name=body["name"],
            loinc=self.codes(f"{where}.loinc", [body["loinc"]])[0],
            loinc_also=self.codes(f"{where}.loinc_also", body.get("loinc_also", [])),
            loinc_never=self.codes(f"{where}.loinc_never", body.get("loinc_never", [])),
            unit=body["unit"],
            units=tables[body["unit_table"]],
            also_meant=MappingProxyType(self.also_meant.get(body["unit_table"], {})),
            plausible_low=low,
            plausible_high=high,
            source=self.source(where, body["source"]),
            confidence=body["confidence"],
        )
        self.refuse_wrong_canonical_unit(where, analyte)
        return analyte

    def refuse_wrong_canonical_unit(self, where: str, analyte: Analyte) -> None:
        try:
            same = convert(analyte=analyte, value=Decimal(1), unit=analyte.unit) == 1
        except UnknownUnit:
            same = False
        if not same:
            raise self.refuse(f"{where}.unit", f"{analyte.unit!r} must stand in its table with factor 1")

    def refuse_shared_codes(self, found: Mapping[str, Analyte]) -> None:
        owner: dict[str, str] = {}
        for short, analyte in found.items():
            for code in analyte.codes:
                if code in owner:
                    raise self.refuse(f"analytes.{short}", f"{code} already belongs to {owner[code]}")
                owner[code] = short
        for short, analyte in found.items():
            for code in analyte.loinc_never:
                if code in owner:
                    raise self.refuse(f"analytes.{short}.loinc_never", f"{code} is taken by {owner[code]}")
