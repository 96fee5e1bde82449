"""Random courses with dense histories of a few analytes, fast and repeatable from a seed."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from courses.rules.values import AdverseEvent, Chart, GivenCycle, Measurement, Sex, Status, Weight
from tests.strategies import BASELINE_DAY, FIRST, measurement, panel

# Around every bound, and between triggering and resolved.
VALUES = {
    "PLT": ("24", "60", "74.9", "75", "90", "220"),
    "HGB": ("70", "79.9", "80", "95", "130"),
    "ANC": ("0.5", "0.9995", "1.0", "3.5"),
    "CREAT": ("60", "70", "84", "85", "90", "97.9", "98", "110", "141"),
    "BILI": ("10", "21", "22", "40", "63", "63.1", "64"),
}
BASELINES = {"CREAT": ("70", "70", "90", "60", "110"), "BILI": ("10", "10", "24", "30")}
GAPS = (49, 56, 56, 56, 63, 90, 111, 112, 113, 120)
DOUBTS: tuple[dict[str, object], ...] = ({"status": Status.PRELIMINARY}, {"quality": ("clotted",)})
EVENT_TERMS = ("Nausea", "Thrombocytopenia", "Anemia", "Anaphylaxis")


def random_course(rng: random.Random) -> tuple[Chart, date]:
    """A chart of up to three cycles, and the day on which it is judged; its evidence has a hole at times."""
    cycles: list[GivenCycle] = []
    day = FIRST
    for number in range(1, rng.choice([0, 1, 1, 2, 2, 2, 3, 3, 3]) + 1):
        activity = Decimal(rng.choice(["7.4", "7.4", "3.7"]))
        cycles.append(GivenCycle(number=number, on=day, activity_gbq=activity))
        day += timedelta(days=rng.choice(GAPS))
    planned = cycles[-1].on + timedelta(days=rng.choice([48, *GAPS])) if cycles else FIRST + timedelta(days=9)
    today = planned - timedelta(days=rng.choice([0, 0, 1, 5]))
    drawn = _results(rng, today)
    days = sorted({m.collected_on for m in drawn})
    if rng.random() < 0.1:
        # Without a weight near it no clearance is known: then the creatinine has nothing to tell either.
        days = days[:1]
        drawn = [replace(m, value=Decimal(70)) if m.analyte == "CREAT" else m for m in drawn]
    chart = Chart(
        birth_date=date(1961, 3, 2),
        sex=Sex.FEMALE,
        measurements=tuple(drawn),
        weights=tuple(Weight(on=day, kg=Decimal(72)) for day in days),
        cycles=tuple(cycles),
        planned_on=planned,
        adverse_events=tuple(_events(rng, today)),
    )
    return chart, today


def _results(rng: random.Random, today: date) -> list[Measurement]:
    """A baseline, scattered results, and a whole draw near the end; one value per specimen and analyte."""
    base = {short: rng.choice(values) for short, values in BASELINES.items()}
    found = list(panel(BASELINE_DAY, **base))
    span = (today - FIRST).days
    for _ in range(rng.randint(0, 8)):
        short = rng.choice(sorted(VALUES))
        day = FIRST + timedelta(days=rng.randint(1, max(1, span if rng.random() < 0.3 else span - 8)))
        at = datetime.combine(day, time(rng.choice([8, 12])), tzinfo=UTC)
        status = rng.choice([Status.FINAL] * 5 + [Status.PRELIMINARY])
        quality = ("haemolysed",) if rng.random() < 0.1 else ()
        value = rng.choice(VALUES[short])
        found.append(measurement(short, value, day, collected_at=at, status=status, quality=quality))
        if rng.random() < 0.15:
            later = rng.choice([Status.CORRECTED, Status.CANCELLED])
            found.append(measurement(short, rng.choice(VALUES[short]), day, collected_at=at, status=later))
    values = {short: rng.choice(of) for short, of in VALUES.items() if rng.random() < 0.25}
    last = panel(today - timedelta(days=rng.choice([0, 1, 3, 5, 7, 7, 14, 15])), **values)
    left_out = rng.choice(last).analyte if rng.random() < 0.1 else ""
    found += [m for m in last if m.analyte != left_out]
    if rng.random() < 0.15:
        found.append(measurement("LYMPH", rng.choice(["0.1", "2.0"]), last[0].collected_on))
    if rng.random() < 0.15:
        short = rng.choice(sorted(VALUES))
        found.append(
            measurement(
                short, rng.choice(VALUES[short]), today, **rng.choice(DOUBTS), collected_at=_noon(today)
            )
        )
    one_each = {(m.code, m.collected_at, m.status): m for m in found}
    return rng.sample(list(one_each.values()), len(one_each))


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), tzinfo=UTC)


def _events(rng: random.Random, today: date) -> list[AdverseEvent]:
    found = []
    while rng.random() < 0.15:
        began_on = FIRST + timedelta(days=rng.randint(0, (today - FIRST).days))
        ended_on = rng.choice([None, min(today, began_on + timedelta(days=rng.randint(0, 30)))])
        term, grade = rng.choice(EVENT_TERMS), rng.randint(1, 4)
        found.append(AdverseEvent(term=term, grade=grade, began_on=began_on, ended_on=ended_on))
    return found
