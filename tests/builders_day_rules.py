"""Values of a day of therapy for tests of its rules: a good day at noon, and what a test changes of it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from courses.day_library import day_rules
from courses.rules.activity import Measured
from courses.rules.day_steps import day_lines
from courses.rules.day_values import (
    Bag,
    DayFacts,
    DayLine,
    Directed,
    Go,
    Happened,
    PotassiumSeen,
    Step,
    Unit,
)

ZONE = ZoneInfo("Europe/Berlin")
US, EMA = "lutathera_us_2024_04", "lutathera_ema_2024"
DAY = date(2026, 5, 4)
PRODUCT = "lutetium Lu 177 dotatate"


def at(hour: int, minute: int = 0, *, day: date = DAY) -> datetime:
    """An instant on the clinic's clock."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=ZONE).astimezone(UTC)


def happened(kind: str, when: datetime, *, by: str = "Nurse One", second: str = "", **data: str) -> Step:
    """One thing that happened."""
    return Step(kind=Happened(kind), at=when, by=by, second=second, data=data)


def good_steps() -> tuple[Step, ...]:
    """Everything before the start, done as it should be: amino acids from 11:00, checked at 11:55."""
    return (
        happened(
            "identity", at(10), by="Nurse One", second="Nurse Two", number="T-1", birth_date="1961-03-02"
        ),
        happened("pregnancy", at(10, 1), finding="not_possible"),
        happened("analogue", at(10, 2), short_acting="none", long_acting="monthly"),
        happened("allergy", at(10, 3), finding="none"),
        happened("antiemetic", at(10, 15), medicine="granisetron", amount="1 mg"),
        happened("amino_start", at(11), bag="BAG-1"),
        happened("unit_scanned", at(11, 45), label="U-1", product_code="69488-003-01"),
        happened(
            "start_check", at(11, 55), by="Nurse Two", line="patent", rescue_ready="yes", crisis_risk="usual"
        ),
    )


def facts(
    *more: Step,
    protocol: str = US,
    without: tuple[str, ...] = (),
    now: datetime | None = None,
    **changed: Any,
) -> DayFacts:
    """A day at noon on which the start may be authorised, but for what a test changes."""
    rules = day_rules(protocol).rules
    steps = tuple(step for step in good_steps() if step.kind.value not in without)
    code = rules.dispensing.product_codes[0]
    if protocol != US:
        steps = tuple(
            replace(step, data={**step.data, "product_code": code}) if step.kind == "unit_scanned" else step
            for step in steps
        )
    found = DayFacts(
        rules=rules,
        steps=(*steps, *more),
        go=Go(allowed=True, sentence="Signed by Dr One."),
        directed=directed(),
        unit=unit(product_code=code),
        bags=(Bag(label="BAG-1", expires_at=at(20)),),
        potassium=potassium(),
        patient_numbers=("T-1",),
        birth_date=date(1961, 3, 2),
        today=DAY,
        now=now or at(12),
        zone=ZONE,
        next_planned_on=date(2026, 6, 29),
    )
    return replace(found, **changed)


def directed(**changed: Any) -> Directed:
    """The written directive of the day."""
    found = Directed(product=PRODUCT, activity_gbq=Decimal("7.4"), revision=1, administer_on=DAY)
    return replace(found, **changed)


def potassium(**changed: Any) -> PotassiumSeen:
    """A potassium of this morning that clears."""
    found = PotassiumSeen(
        value=Decimal("4.1"), high=Decimal("5.1"), unit="mmol/L", collected_at=at(8), days_old=0
    )
    return replace(found, **changed)


def unit(*, gbq: str = "7.4", measured_at: datetime | None = None, **changed: Any) -> Unit:
    """The unit that pharmacy handed out, measured at noon unless a test says otherwise."""
    found = Unit(
        label="U-1",
        product=PRODUCT,
        product_code="69488-003-01",
        measured=Measured(gbq=Decimal(gbq), at=measured_at or at(12)),
        handed_out_at=measured_at or at(12),
        expires_at=at(12) + timedelta(hours=24),
        revision=1,
    )
    return replace(found, **changed)


def given(*, start: datetime, end: datetime, how: str = "complete") -> tuple[Step, ...]:
    """An infusion from start to end."""
    return (happened("infusion_start", start), happened("infusion_end", end, how=how))


def line(found: DayFacts, id_: str) -> DayLine:
    """One line of the day."""
    return next(each for each in day_lines(found) if each.id == id_)
