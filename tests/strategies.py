"""Hypothesis: charts of a course under the US protocol, mostly plausible and often at the edges."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from courses.rules.values import AdverseEvent, Chart, GivenCycle, Measurement, Sex, Status, Weight
from tests.case_reader import CODES, LIMITS, NORMAL, UNITS

FIRST = date(2026, 1, 12)
BASELINE_DAY = FIRST - timedelta(days=7)
# Values below, at and above the bounds that matter, per analyte, worst first.
EDGES = {
    "PLT": ("20", "49.9", "60", "74.9", "75", "149", "220"),
    "ANC": ("0.4", "0.9995", "1.0", "1.4", "3.5"),
    "HGB": ("60", "79.9", "80", "99", "130"),
    "CREAT": ("300", "141", "98", "97.9", "84", "70", "60"),
    "BILI": ("230", "63.1", "63", "40", "21", "10"),
    "ALB": ("18", "29.9", "30", "36", "42"),
    "ALT": ("800", "176", "175", "60", "20"),
    "AST": ("800", "176", "175", "60", "20"),
}


def measurement(short: str, value: str, day: date, **more: object) -> Measurement:
    """One final result, at eight in the morning."""
    low, high = LIMITS[short]
    facts: dict[str, object] = {
        "analyte": short,
        "code": CODES[short],
        "value": Decimal(value),
        "unit": UNITS[short],
        "collected_at": datetime.combine(day, time(8), tzinfo=UTC),
        "collected_on": day,
        "low": Decimal(low),
        "high": Decimal(high),
        **more,
    }
    return Measurement(**facts)  # type: ignore[arg-type]  # the facts are those of the dataclass


def panel(day: date, **values: str) -> tuple[Measurement, ...]:
    """One whole draw, normal but for the values given."""
    return tuple(measurement(short, value, day) for short, value in {**NORMAL, **values}.items())


def chart(*, given: int = 2, draws: tuple[Measurement, ...] = (), **more: object) -> Chart:
    """A course with so many full cycles eight weeks apart, a normal baseline, and the draws given."""
    cycles = tuple(
        GivenCycle(number=n, on=FIRST + timedelta(days=56 * (n - 1)), activity_gbq=Decimal("7.4"))
        for n in range(1, given + 1)
    )
    measurements = (*panel(BASELINE_DAY), *draws)
    days = sorted({m.collected_on for m in measurements})
    facts: dict[str, object] = {
        "birth_date": date(1961, 3, 2),
        "sex": Sex.FEMALE,
        "measurements": measurements,
        "weights": tuple(Weight(on=day, kg=Decimal(72)) for day in days),
        "cycles": cycles,
        "planned_on": FIRST + timedelta(days=56 * given),
        **more,
    }
    return Chart(**facts)  # type: ignore[arg-type]  # the facts are those of the dataclass


def last_day(given: int = 2) -> date:
    """The day of the last administration."""
    return FIRST + timedelta(days=56 * (given - 1))


def draw_day(given: int = 2) -> date:
    """A week before the planned day."""
    return FIRST + timedelta(days=56 * given - 7)


@st.composite
def draws(draw: st.DrawFn, *, given: int = 2) -> tuple[Measurement, ...]:
    """Results over all intervals, edges preferred, and a whole draw before the planned day."""
    found: list[Measurement] = []
    for _ in range(draw(st.integers(0, 5))):
        short = draw(st.sampled_from(sorted(EDGES)))
        offset = draw(st.integers(1, 56 * given - 8))
        status = draw(st.sampled_from([Status.FINAL, Status.FINAL, Status.PRELIMINARY, Status.CORRECTED]))
        value = draw(st.sampled_from(EDGES[short]))
        quality = draw(st.sampled_from([(), (), ("haemolysed",)]))
        day = FIRST + timedelta(days=offset)
        found.append(measurement(short, value, day, status=status, quality=quality))
    values = {short: draw(st.sampled_from(edges)) for short, edges in EDGES.items() if draw(st.booleans())}
    return (*found, *panel(draw_day(given), **values))


events = st.lists(
    st.builds(
        AdverseEvent,
        term=st.sampled_from(["Nausea", "Fatigue", "Anaphylaxis", "Anemia", "Thrombocytopenia"]),
        grade=st.integers(1, 4),
        began_on=st.integers(0, 100).map(lambda days: FIRST + timedelta(days=days)),
        related=st.sampled_from([None, True, False]),
    ),
    max_size=2,
).map(tuple)


@st.composite
def charts(draw: st.DrawFn, *, given: int = 2) -> Chart:
    """A chart with results and events over all its cycles."""
    return chart(given=given, draws=draw(draws(given=given)), adverse_events=draw(events))
