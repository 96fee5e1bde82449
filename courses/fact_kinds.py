"""The table of every kind of recorded fact: how its JSON is read, and on which day it stands."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from courses.json_table import JsonTable
from courses.models import RecordKind
from courses.situation_facts import (
    FACT_KINDS,
    LONGEST_WORDS,
    RECORD_KINDS,
    read_adverse_event,
    read_delay,
)
from labs.library import analytes
from labs.units import UnknownUnit, convert, is_plausible

# The service fills these in itself: who said so, why, and how evidence names it.
SAID = ("by", "reason", "ref")
FILLED_IN = (*SAID, "second")
# PostgreSQL stores neither a null character nor half of a surrogate pair; SQLite would, and break later.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class LastingFlag(StrEnum):
    """The lasting facts of a patient that rules look at."""

    NYHA_CLASS = "nyha_class"
    DIALYSIS = "dialysis"
    ANTICOAGULATED = "anticoagulated"
    PERITONEAL_DISEASE = "peritoneal_disease"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagRecord:
    """One lasting fact and the day from which it is so; the class of heart failure runs from 1 to 4."""

    flag: LastingFlag
    value: bool | int
    on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultMark:
    """A result of which two people say something; named by one of its versions."""

    result: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineChoice:
    """The result that two people choose as the baseline of an analyte."""

    analyte: str
    result: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredBaseline:
    """A baseline whose original result is not at hand, in the analyte's canonical unit."""

    analyte: str
    value: Decimal
    on: date
    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRescission:
    """The signed decision to stop that two physicians lift."""

    decision: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """How the JSON of a kind is read, which keys the service adds, and which days may not lie ahead."""

    read: Callable[[object, str], Any]
    filled_in: tuple[str, ...] = ()
    days: tuple[str, ...] = ("on",)

    def value(
        self,
        data: Mapping[str, Any],
        *,
        by: str,
        reason: str,
        ref: str,
        second: str = "",
        path: str = "",
    ) -> Any:
        """The rules' value of stored data. Raises Fault naming the key and what is wrong with it."""
        filled = {"by": by, "reason": reason, "ref": ref, "second": second}
        return self.read({**data, **{key: filled[key] for key in self.filled_in}}, path)


def faults_of_texts(data: Mapping[str, Any]) -> Iterator[str]:
    """Texts that no database keeps or nobody reads to the end; asked as a fact is recorded, not later.

    Nested objects are asked as well.
    """
    for key, value in data.items():
        for item in value if isinstance(value, list) else ():
            if isinstance(item, Mapping):
                yield from faults_of_texts(item)
        if _UNSTORABLE.search(str(key)):
            yield f"{key!a}: is no key of a fact"
        elif isinstance(value, str) and _UNSTORABLE.search(value):
            yield f"{key}: holds a character that cannot be stored; type the text anew"
        elif isinstance(value, str) and len(value) > LONGEST_WORDS:
            yield f"{key}: is longer than {LONGEST_WORDS} letters"


def _flag(data: object, path: str) -> FlagRecord:
    table = JsonTable(data, path=path, required={"flag", "value", "on"}, optional=set())
    flag = table.choice("flag", LastingFlag)
    value: bool | int | None
    if flag is LastingFlag.NYHA_CLASS:
        value = table.whole("value", least=1, most=4)
    else:
        value = table.flag("value")
        if value is None:
            raise table.fault("value", "must be true or false")
    return FlagRecord(flag=flag, value=value, on=table.needed_day("on"))


def _result(table: JsonTable) -> UUID:
    text = table.text("result")
    try:
        return UUID(text)
    except ValueError as error:
        raise table.fault("result", f"{text!r} names no result") from error


def _analyte(table: JsonTable) -> str:
    short = table.text("analyte")
    if short not in analytes():
        raise table.fault("analyte", f"{short!r} is not one of: {', '.join(sorted(analytes()))}")
    return short


def _mark(data: object, path: str) -> ResultMark:
    table = JsonTable(data, path=path, required={"result"}, optional=set())
    return ResultMark(result=_result(table))


def _choice(data: object, path: str) -> BaselineChoice:
    table = JsonTable(data, path=path, required={"analyte", "result"}, optional=set())
    return BaselineChoice(analyte=_analyte(table), result=_result(table))


def _rescission(data: object, path: str) -> StopRescission:
    table = JsonTable(data, path=path, required={"decision"}, optional=set())
    text = table.text("decision")
    try:
        return StopRescission(decision=UUID(text))
    except ValueError as error:
        raise table.fault("decision", f"{text!r} names no decision") from error


def _declared(data: object, path: str) -> DeclaredBaseline:
    table = JsonTable(data, path=path, required={"analyte", "value", "unit", "on"}, optional={"low", "high"})
    analyte = _analyte(table)
    value = _canonical(table, "value", analyte)
    if value is None or not is_plausible(analyte=analytes()[analyte], value=value):
        raise table.fault("value", "must be a number that can have been measured; check value and unit")
    return DeclaredBaseline(
        analyte=analyte,
        value=value,
        on=table.needed_day("on"),
        low=_canonical(table, "low", analyte),
        high=_canonical(table, "high", analyte),
    )


def _canonical(table: JsonTable, key: str, analyte: str) -> Decimal | None:
    """A value or limit of a declared baseline in the analyte's canonical unit."""
    sent = table.number(key)
    if sent is None:
        return None
    if sent < 0:
        raise table.fault(key, f"{sent} is below zero")
    try:
        return convert(analyte=analytes()[analyte], value=sent, unit=table.text("unit"))
    except UnknownUnit as error:
        raise table.fault("unit", str(error)) from error


def _judged(name: str, *days: str) -> KindRow:
    """A kind that carries its author and reason into the chart."""
    return KindRow(read=RECORD_KINDS[name].read, filled_in=SAID, days=days or ("on",))


KINDS: Mapping[RecordKind, KindRow] = {
    RecordKind.PREGNANCY: KindRow(read=FACT_KINDS["pregnancy"].read, filled_in=("ref",)),
    RecordKind.SSTR_IMAGING: KindRow(read=FACT_KINDS["sstr_imaging"].read, filled_in=("ref",)),
    RecordKind.ANALOGUE_INJECTIONS: KindRow(read=FACT_KINDS["analogue_injections"].read, filled_in=("ref",)),
    RecordKind.ALLERGY_REVIEW: KindRow(read=FACT_KINDS["allergy_review"].read, filled_in=("ref",)),
    # The end of an illness may be a plan.
    RecordKind.INTERRUPTIONS: KindRow(
        read=FACT_KINDS["interruptions"].read, filled_in=("ref",), days=("began_on",)
    ),
    RecordKind.DISEASE_FLAGS: KindRow(read=_flag),
    RecordKind.SUPPORT: KindRow(read=RECORD_KINDS["support"].read, filled_in=("ref",)),
    RecordKind.ADVERSE_EVENT: KindRow(
        read=read_adverse_event, filled_in=("ref",), days=("began_on", "ended_on")
    ),
    # A delay may be known before it begins.
    RecordKind.DELAY: KindRow(read=read_delay, days=()),
    RecordKind.MANUAL_GRADES: _judged("manual_grades"),
    RecordKind.ATTRIBUTIONS: _judged("attributions"),
    RecordKind.OCCURRENCE_REVIEWS: _judged("occurrence_reviews", "onset", "on"),
    RecordKind.NOT_REPRESENTATIVE: KindRow(read=_mark, days=()),
    RecordKind.DECLARED_BASELINE: KindRow(read=_declared),
    RecordKind.BASELINE_AMENDMENT: KindRow(read=_choice, days=()),
    RecordKind.PRIOR_TREATMENT: KindRow(
        read=FACT_KINDS["prior_treatment"].read, filled_in=("ref",), days=("on", "day")
    ),
    RecordKind.PRECAUTIONARY_HOLD: _judged("precautionary_holds"),
    RecordKind.OVERRIDE: KindRow(read=RECORD_KINDS["overrides"].read, filled_in=FILLED_IN),
    RecordKind.WAIVER: _judged("waivers"),
    RecordKind.STOP_RESCISSION: KindRow(read=_rescission, days=()),
}
