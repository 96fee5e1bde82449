"""The numbers on patients' papers, read strictly from their file, and the last day of each precaution."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from courses.rules.data_reader import TableReader
from courses.rules.values import Sex, Source
from labs.clinic_days import add_days, add_months


class PrecautionKind(StrEnum):
    """What a patient heeds at home for some days."""

    DRINK = "drink"
    TOILET = "toilet"
    DISTANCE = "distance"
    CHILDREN = "children"
    SLEEP = "sleep"
    SLEEP_CHILDREN = "sleep_children"
    LAUNDRY = "laundry"
    TRAVEL = "travel"
    TESTS = "tests"
    CARD = "card"


class Ask(StrEnum):
    """Why no last day can be printed; the paper asks instead of guessing."""

    NOTHING = ""
    NOT_GIVEN = "not_given"
    ACTIVITY = "activity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Precaution:
    """One precaution: for how many days after the infusion, how near and for how long at most."""

    kind: PrecautionKind
    days: int
    metres: Decimal | None
    minutes: int | None
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """One number of the file, by its key, with its unit and where it comes from."""

    key: str
    value: Decimal
    unit: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperNumbers:
    """Everything one file says to patients in numbers."""

    id: str
    title: str
    single: Mapping[str, Stated]
    precautions: tuple[Precaution, ...]

    def number(self, key: str) -> Decimal:
        """One of the numbers that stand alone."""
        return self.single[key].value

    def whole(self, key: str) -> int:
        """The same where the file holds a whole number."""
        return int(self.single[key].value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One infusion that reached the patient: the day of its end, and how much."""

    on: date
    gbq: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The last day of each precaution, or why there is none."""

    ask: Ask
    counted_from: date | None
    last_days: Mapping[PrecautionKind, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class BirthControl:
    """For how many months after the infusion; both where it is not known whom it concerns."""

    months: tuple[int, ...]
    until: tuple[date, ...]


def ends_of(numbers: PaperNumbers, given: tuple[Given, ...]) -> Ends:
    """Counted from the day on which the last infusion ended. Less activity never shortens anything.

    Nothing given yet, or more than the file knows of: no day is printed.
    """
    if not given:
        return Ends(ask=Ask.NOT_GIVEN, counted_from=None, last_days={})
    last = max(each.on for each in given)
    if sum(each.gbq for each in given) > numbers.number("activity.most_gbq"):
        return Ends(ask=Ask.ACTIVITY, counted_from=last, last_days={})
    days = {each.kind: add_days(last, each.days) for each in numbers.precautions}
    return Ends(ask=Ask.NOTHING, counted_from=last, last_days=days)


def birth_control(numbers: PaperNumbers, *, sex: Sex | None, last: date | None) -> BirthControl:
    """The months for this patient; where the sex is not known, those for women and for men."""
    months = tuple(
        numbers.whole(f"birth_control.{each.value}_months") for each in Sex if sex is None or each is sex
    )
    return BirthControl(
        months=months, until=tuple(add_months(last, each) for each in months) if last is not None else ()
    )


# The numbers that stand alone, by the part of the file: each name, its unit, and whether it is a whole one.
_SINGLE: Mapping[str, tuple[tuple[str, str, bool], ...]] = {
    "activity": (("most_gbq", "GBq", False), ("half_life_days", "days", False)),
    "before": (("full_meal_hours", "hours", True),),
    "stay": (("hours", "hours", True),),
    "drinking": (("glasses_per_hour", "glasses an hour", True),),
    "fever": (("celsius", "°C", False),),
    "birth_control": (("female_months", "months", True), ("male_months", "months", True)),
    "breast_feeding": (("days", "days", True),),
}


def read_numbers(data: Mapping[str, Any]) -> PaperNumbers:
    """The file as values. Raises DataError with the key's path, why, and what to do."""
    table = TableReader(data)
    found = PaperNumbers(
        id=table.text("id"),
        title=table.text("title"),
        single=_read_single(table),
        precautions=tuple(_read_precaution(each) for each in table.tables("precaution")),
    )
    kinds = [each.kind for each in found.precautions]
    for kind in PrecautionKind:
        if kinds.count(kind) != 1:
            told = f"{kind.value!r} stands {kinds.count(kind)} times"
            raise table.fault("precaution", told, "write each kind once")
    table.finish()
    return found


def _read_single(table: TableReader) -> dict[str, Stated]:
    found: dict[str, Stated] = {}
    for place, numbers in _SINGLE.items():
        part = table.table(place)
        source = part.source()
        for name, unit, is_whole in numbers:
            key = f"{place}.{name}"
            value = Decimal(part.whole(name, least=1)) if is_whole else part.positive(name)
            found[key] = Stated(key=key, value=value, unit=unit, source=source)
        part.finish()
    return found


def _read_precaution(table: TableReader) -> Precaution:
    found = Precaution(
        kind=table.choice("kind", PrecautionKind),
        days=table.whole("days", least=1),
        metres=table.positive("metres") if table.has("metres") else None,
        minutes=table.whole("minutes", least=1) if table.has("minutes") else None,
        source=table.source(),
    )
    needs_metres = found.kind in (PrecautionKind.DISTANCE, PrecautionKind.CHILDREN)
    needs_minutes = found.kind in (PrecautionKind.CHILDREN, PrecautionKind.TRAVEL)
    if needs_metres != (found.metres is not None):
        raise table.fault("metres", f"does not fit {found.kind.value}", "add or remove it")
    if needs_minutes != (found.minutes is not None):
        raise table.fault("minutes", f"does not fit {found.kind.value}", "add or remove it")
    table.finish()
    return found
