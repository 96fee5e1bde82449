"""Hypothesis: charts of a course, mostly plausible, often at the edges, over all that the core may read."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeVar

from hypothesis import strategies as st

from courses.rules.facts import (
    AllergyFinding,
    AllergyReview,
    AnalogueKind,
    AnalogueRecord,
    Attribution,
    DiseaseFlags,
    Facts,
    ImagingModality,
    Interruption,
    InterruptionKind,
    ManualGrade,
    OccurrenceReview,
    PregnancyFinding,
    PregnancyRecord,
    SstrImaging,
    Support,
    SupportKind,
)
from courses.rules.values import (
    AdverseEvent,
    Chart,
    Delay,
    DelayCause,
    GivenCycle,
    Measurement,
    Sex,
    Status,
    Weight,
)
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
# Analytes that no protocol asks for always, or only some do.
FURTHER_EDGES = {
    "WBC": ("0.9", "1.9", "2.0", "6.0"),
    "LYMPH": ("0.1", "0.4", "0.5", "0.9", "2.0"),
    "PTR": ("50", "69.9", "70", "95"),
    "INR": ("2.6", "2.5", "1.4", "1.0"),
    "K": ("7.1", "6.0", "5.2", "5.1", "4.2", "2.9"),
    "NA": ("119", "127", "140", "161"),
    "CA": ("1.4", "2.3", "3.05", "3.5"),
    "GLU": ("1.6", "2.5", "5.0"),
    "GGT": ("900", "250", "200", "30"),
    "ALP": ("2500", "700", "100"),
}
TERMS = ("Nausea", "Fatigue", "Anaphylaxis", "Allergic reaction", "Anemia", "Thrombocytopenia", "Neutropenia")
_Kind = TypeVar("_Kind")


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


def days_from(first: int, last: int) -> st.SearchStrategy[date]:
    """A day so many days after the first administration."""
    return st.integers(first, last).map(lambda days: FIRST + timedelta(days=days))


def _few(items: st.SearchStrategy[_Kind], most: int = 2) -> st.SearchStrategy[tuple[_Kind, ...]]:
    return st.lists(items, max_size=most).map(tuple)


# ----------------------------------------------------------------------------------------------- results


@st.composite
def results(draw: st.DrawFn, *, given: int) -> Measurement:
    """One result of any analyte since the first administration: its status, reliability and bounds vary."""
    edges = {**EDGES, **FURTHER_EDGES}
    short = draw(st.sampled_from(sorted(edges)))
    more: dict[str, object] = {
        "status": draw(st.sampled_from([Status.FINAL, Status.FINAL, *Status])),
        "quality": draw(st.sampled_from([(), (), (), ("haemolysed",), ("not-representative",)])),
        "comparator": draw(st.sampled_from(["", "", "", "<", "<=", ">", ">="])),
    }
    if draw(st.integers(0, 9)) == 0:
        more["high"] = None
    if draw(st.integers(0, 9)) == 0:
        more["low"] = None
    day = draw(days_from(1, max(1, 56 * given - 8)))
    found = measurement(short, draw(st.sampled_from(edges[short])), day, **more)
    return replace(found, value=None) if draw(st.integers(0, 15)) == 0 else found


@st.composite
def draws(draw: st.DrawFn, *, given: int = 2) -> tuple[Measurement, ...]:
    """Plain results over all intervals, edges preferred, and a whole draw before the planned day."""
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


@st.composite
def bounded_draws(draw: st.DrawFn, *, given: int = 2) -> tuple[Measurement, ...]:
    """The plain draws, and further results of any analyte that may be bounded, doubtful or incomplete."""
    return (*draw(draws(given=given)), *draw(_few(results(given=given), 4)))


# ------------------------------------------------------------------------- what people record beside results

events = _few(
    st.builds(
        AdverseEvent,
        term=st.sampled_from(TERMS),
        grade=st.integers(1, 4),
        began_on=days_from(0, 100),
        related=st.sampled_from([None, True, False]),
    )
)
supports = _few(
    st.builds(Support, kind=st.sampled_from(list(SupportKind)), on=days_from(1, 107)),
)
manual_grades = _few(
    st.builds(
        ManualGrade,
        term=st.sampled_from(["Anemia", "Hyponatremia", "Hypokalemia", "Hypoalbuminemia", "Fatigue"]),
        grade=st.integers(1, 5),
        on=st.one_of(st.just(draw_day()), days_from(1, 107)),
        by=st.just("Dr. Linden"),
        reason=st.just("transfused for symptoms"),
    )
)
attributions = _few(
    st.builds(
        Attribution,
        term=st.sampled_from(
            ["Alanine aminotransferase increased", "Aspartate aminotransferase increased", "Hyperkalemia"]
        ),
        grade=st.integers(1, 4),
        on=days_from(1, 107),
        related=st.booleans(),
        by=st.just("Dr. Linden"),
        reason=st.just("biliary stent blocked"),
    )
)
reviews = _few(
    st.builds(
        OccurrenceReview,
        rule=st.sampled_from(["DM-PLT", "DM-HEM", "DM-REN", "DM-OTH"]),
        onset=days_from(1, 107),
        counts=st.booleans(),
        by=st.just("Dr. Linden"),
        reason=st.just("the tube was mixed up"),
    )
)
delays = _few(
    st.builds(
        Delay,
        cycle=st.integers(1, 4),
        cause=st.sampled_from(list(DelayCause)),
        began_on=days_from(40, 107),
    ),
    1,
)


def _considered(items: st.SearchStrategy[_Kind]) -> st.SearchStrategy[tuple[_Kind, ...] | None]:
    return st.one_of(st.none(), _few(items))


recorded_facts = st.builds(
    Facts,
    pregnancy=_considered(
        st.builds(PregnancyRecord, on=days_from(-20, 107), finding=st.sampled_from(list(PregnancyFinding)))
    ),
    sstr_imaging=_considered(
        st.builds(
            SstrImaging,
            on=days_from(-60, 0),
            modality=st.sampled_from(list(ImagingModality)),
            uptake=st.integers(0, 4),
        )
    ),
    analogue_injections=_considered(
        st.builds(AnalogueRecord, on=days_from(-30, 107), kind=st.sampled_from(list(AnalogueKind)))
    ),
    allergy_review=_considered(
        st.builds(AllergyReview, on=days_from(-20, 107), finding=st.sampled_from(list(AllergyFinding)))
    ),
    interruptions=_considered(
        st.builds(Interruption, kind=st.sampled_from(list(InterruptionKind)), began_on=days_from(0, 107))
    ),
    disease_flags=st.one_of(
        st.none(),
        st.builds(
            DiseaseFlags,
            nyha_class=st.sampled_from([None, 1, 2, 3, 4]),
            dialysis=st.sampled_from([None, False, False, True]),
            anticoagulated=st.sampled_from([None, False, True]),
        ),
    ),
)


# ------------------------------------------------------------------------------------------------ charts


@st.composite
def charts(draw: st.DrawFn, *, given: int = 2) -> Chart:
    """A chart with results and events over all its cycles."""
    return chart(given=given, draws=draw(draws(given=given)), adverse_events=draw(events))


def _moved_before(drawn: tuple[Measurement, ...]) -> tuple[Measurement, ...]:
    """The same results, all of the day after the baseline draw: no cycle has been given yet."""
    day = BASELINE_DAY + timedelta(days=1)
    at = datetime.combine(day, time(8), tzinfo=UTC)
    return tuple(replace(m, collected_on=day, collected_at=at) for m in drawn)


@st.composite
def full_charts(draw: st.DrawFn, *, least: int = 0, most: int = 3) -> Chart:
    """A chart over everything the core may read: cycles and their activity, bounds, facts, records, gaps.

    Nothing in it lies after the draw day of its next cycle.
    """
    given = draw(st.integers(least, most))
    drawn = draw(bounded_draws(given=max(given, 1)))
    found = chart(given=given, draws=drawn if given else _moved_before(drawn))
    today = draw_day(given) if given else FIRST - timedelta(days=5)
    cycles = tuple(
        GivenCycle(
            number=cycle.number,
            on=cycle.on,
            activity_gbq=draw(st.sampled_from([Decimal("7.4"), Decimal("7.4"), Decimal("3.7")])),
            elsewhere=draw(st.sampled_from(["", "", "St. Anna"])),
        )
        for cycle in found.cycles
    )
    return Chart(
        birth_date=draw(st.sampled_from([date(1961, 3, 2), date(1961, 3, 2), date(2013, 5, 4), None])),
        sex=draw(st.sampled_from([Sex.FEMALE, Sex.FEMALE, Sex.MALE, None])),
        measurements=tuple(m for m in found.measurements if m.collected_on <= today),
        weights=tuple(w for w in found.weights if w.on <= today and draw(st.integers(0, 5)) > 0),
        cycles=cycles,
        adverse_events=tuple(e for e in draw(events) if e.began_on <= today),
        delays=draw(delays),
        planned_on=draw(st.sampled_from([found.planned_on, found.planned_on, None])),
        facts=draw(recorded_facts),
        support=draw(supports),
        manual_grades=draw(manual_grades),
        attributions=draw(attributions),
        occurrence_reviews=draw(reviews),
    )
