"""What an explained recommendation costs: beside plain thresholds, beside a rule engine, and along the chart.

Times are the least of several rounds of the processor's own time, so that a busy machine disturbs little.
"""

import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from decimal import Decimal
from functools import partial

from rich.console import Console
from rich.table import Table

from courses import library
from courses.rules.recommend import recommend
from courses.rules.values import Chart, Measurement, Weight
from tests.benchmarks.engine_thresholds import thresholds_by_engine
from tests.benchmarks.plain_thresholds import thresholds_only
from tests.case_reader import LIMITS
from tests.strategies import FIRST, chart, draw_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
ANALYTES = ("PLT", "ANC", "WBC", "LYMPH", "HGB", "CREAT", "BILI", "ALB", "ALT", "AST", "ALP", "GGT")
LENGTHS = (10, 30, 100, 300, 1000)
ROUNDS = 7
TODAY = draw_day(3) + timedelta(days=1)


def long_chart(results: int) -> Chart:
    """Three cycles, plausible results of twelve analytes spread over the course, and a whole newest panel."""
    rng = random.Random(results)
    drawn: list[Measurement] = []
    span = (draw_day(3) - FIRST).days - 2
    for number in range(results):
        short = ANALYTES[number % len(ANALYTES)]
        low, high = (Decimal(limit) for limit in LIMITS[short])
        value = low + (high - low) * Decimal(rng.randint(40, 60)) / 100
        day = FIRST + timedelta(days=1 + (number // len(ANALYTES)) * span // max(1, results // len(ANALYTES)))
        at = datetime.combine(min(day, draw_day(3)), clock(7, number % 60), tzinfo=UTC)
        drawn.append(measurement(short, str(value), at.date(), collected_at=at))
    found = chart(given=3, draws=(*drawn, *panel(draw_day(3))))
    weights = tuple(Weight(on=day, kg=Decimal(72)) for day in (FIRST - timedelta(days=7), draw_day(3)))
    return replace(found, weights=weights)


def seconds(work: Callable[[], object]) -> float:
    """The least time of one call over several rounds, each long enough to be measured."""
    times = 1
    while True:
        began = time.process_time()
        for _ in range(times):
            work()
        took = time.process_time() - began
        if took > 0.05:
            break
        times *= 2
    best = took
    for _ in range(ROUNDS - 1):
        began = time.process_time()
        for _ in range(times):
            work()
        best = min(best, time.process_time() - began)
    return best / times


def ask(found: Chart, today: date = TODAY) -> object:
    """One explained recommendation."""
    return recommend(chart=found, protocol=PROTOCOL, today=today)


def test_the_cost_of_a_recommendation() -> None:
    table = Table(title="One chart of three cycles, microseconds of processor time")
    headings = (
        "results",
        "core",
        "plain thresholds",
        "rule engine",
        "core / plain",
        "engine / core",
        "engine / plain",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    measured: list[tuple[int, float]] = []
    for length in LENGTHS:
        found = long_chart(length)
        assert thresholds_only(found, TODAY) == thresholds_by_engine(found, TODAY)
        core = seconds(partial(ask, found))
        plain = seconds(partial(thresholds_only, found, TODAY))
        engine = seconds(partial(thresholds_by_engine, found, TODAY))
        measured.append((len(found.measurements), core))
        table.add_row(
            str(len(found.measurements)),
            *(f"{1e6 * cost:,.0f}" for cost in (core, plain, engine)),
            *(f"{ratio:.1f}" for ratio in (core / plain, engine / core, engine / plain)),
        )
    console = Console(width=120)
    console.print(table)
    (few, short), (many, long) = measured[0], measured[-1]
    slope = (long - short) / (many - few)
    console.print(f"Slope: {1e6 * slope:.1f} microseconds for each further result.")
    middle = next(cost for count, cost in measured if count > 100)
    expected = short + slope * (next(count for count, _ in measured if count > 100) - few)
    console.print(f"At the middle length {middle / expected:.2f} of what a straight line gives.")
    assert long / short < 3 * many / few, "the cost grows faster than the chart"
