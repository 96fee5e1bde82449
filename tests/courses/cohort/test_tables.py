"""The tables of a cohort equal what plain loops count of the same rows, whatever they are."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from courses.cohort.charts import by_cycle_picture, worst_picture
from courses.cohort.tables import cohort_tables
from courses.cohort.words import (
    UNUSABLE,
    CohortRows,
    CourseRow,
    CycleRow,
    DecisionRow,
    DelayRow,
    GradeRow,
    StopRow,
    Table,
)

TERMS = ("Anemia", "Platelet count decreased")
DAY = date(2026, 1, 5)
STATUSES = ("planned", "active", "completed", "stopped", "ended")


@st.composite
def cohorts(draw: st.DrawFn) -> CohortRows:
    """A few courses of a few people: cycles given or not, grades known, open, unusable or missing."""
    rows = CohortRows(terms={"5.0": TERMS, "6.0": TERMS[:1]})
    for course in range(draw(st.integers(0, 6))):
        person, version = draw(st.integers(0, 3)), draw(st.sampled_from(["5.0", "6.0", ""]))
        count = draw(st.integers(0, 4))
        activity = 0
        for cycle in range(1, 5):
            was = cycle <= count
            gbq = draw(st.integers(1, 80_000)) if was else None
            activity += gbq or 0
            rows.cycles.append(
                CycleRow(
                    course=course,
                    person=person,
                    ctcae=version,
                    cycle=cycle,
                    planned_on=DAY,
                    given_on=DAY + timedelta(days=56 * cycle) if was else None,
                    elsewhere=False,
                    activity_100kbq=gbq,
                    level=draw(st.sampled_from(["full activity", "reduced", "not known"])) if was else "",
                    interval_days=None,
                    late_days=draw(st.none() | st.integers(-7, 40)) if was else None,
                )
            )
            for term in rows.terms[version] if version and was else ():
                found = draw(st.none() | st.just((UNUSABLE, UNUSABLE)) | st.tuples(*[st.integers(0, 5)] * 2))
                if found is not None:
                    low, high = sorted(found)
                    rows.grades.append(GradeRow(course, person, version, cycle, term, low, high))
            for cause in draw(st.lists(st.sampled_from(["toxicity", "supply"]), max_size=2)):
                rows.delays.append(
                    DelayRow(course, person, cycle, cause, draw(st.none() | st.integers(0, 60)))
                )
            for meaning in draw(st.lists(st.sampled_from(["proceed", "delay"]), max_size=2)):
                rows.decisions.append(
                    DecisionRow(course, cycle, meaning, draw(st.none() | st.integers(0, 9)))
                )
        status = draw(st.sampled_from(STATUSES))
        if status == "stopped" and draw(st.booleans()):
            rows.stops.append(StopRow(course, "DM-PLT"))
        rows.courses.append(
            CourseRow(course, person, "p", version, status, f"ending of {status}", count, activity)
        )
    return rows


def share(part: int, whole: int) -> str:
    if not whole:
        return "none to count"
    percent = int((Decimal(100) * part / whole).quantize(Decimal(1), rounding="ROUND_HALF_UP"))
    return f"{part} of {whole} ({percent} %)" if whole >= 20 else f"{part} of {whole}"


def spread(values: list[int]) -> list[int | None]:
    """Median and quartiles by counting how many values do not exceed each, and the longest."""
    ranked = [
        min((v for v in values if 100 * sum(o <= v for o in values) >= rank * len(values)), default=None)
        for rank in (50, 25, 75)
    ]
    return [*ranked, max(values, default=None)]


def grade_cells(found: list[tuple[int, int]], whole: int) -> list[Any]:
    """What a row says of the worst grades of so many patients or cycles."""
    graded = [each for each in found if each[0] >= 0]
    cells: list[Any] = [whole, len(graded)]
    cells += [sum(low == high == grade for low, high in graded) for grade in range(6)]
    cells += [sum(low < high for low, high in graded), len(found) - len(graded), whole - len(found)]
    for least in (1, 3):
        words = share(sum(low >= least for low, _ in graded), len(graded))
        perhaps = sum(low < least <= high for low, high in graded)
        cells.append(f"{words}; {perhaps} not certain" if perhaps else words)
    return cells


def naive_worst(rows: CohortRows) -> list[list[Any]]:
    found = []
    for version in sorted({c.ctcae for c in rows.cycles if c.given_on and c.ctcae}):
        people = {c.person for c in rows.cycles if c.given_on and c.ctcae == version}
        for term in rows.terms[version]:
            worst = []
            for person in people:
                theirs = [g for g in rows.grades if (g.ctcae, g.term, g.person) == (version, term, person)]
                if theirs:
                    worst.append((max(g.low for g in theirs), max(g.high for g in theirs)))
            found.append([term, version, *grade_cells(worst, len(people))])
    return found


def naive_by_cycle(rows: CohortRows) -> list[list[Any]]:
    found = []
    for version in sorted({c.ctcae for c in rows.cycles if c.given_on and c.ctcae}):
        for term in rows.terms[version]:
            for cycle in range(1, 5):
                whole = sum(bool(c.given_on) and (c.ctcae, c.cycle) == (version, cycle) for c in rows.cycles)
                own = [
                    (g.low, g.high)
                    for g in rows.grades
                    if (g.ctcae, g.term, g.cycle) == (version, term, cycle)
                ]
                if whole:
                    found.append([term, version, cycle, *grade_cells(own, whole)])
    return found


def naive_delays(rows: CohortRows) -> list[list[Any]]:
    whole = len(rows.cycles)
    lines: list[tuple[str, list[Any], list[int | None]]] = []
    for cause in ("supply", "toxicity"):
        own = [d for d in rows.delays if d.cause == cause]
        if own:
            lines.append((cause, own, [d.days for d in own]))
    told = {(d.course, d.cycle) for d in rows.delays}
    silent = [c for c in rows.cycles if (c.late_days or 0) > 0 and (c.course, c.cycle) not in told]
    lines.append(("after the window, no cause recorded", silent, [c.late_days for c in silent]))
    return [
        [
            name,
            share(len({(each.course, each.cycle) for each in own}), whole),
            len({each.person for each in own}),
            len(own),
            sum(d is None for d in days),
            *spread([d for d in days if d is not None]),
        ]
        for name, own, days in lines
    ]


def naive_signed(rows: CohortRows) -> list[list[Any]]:
    lines = [
        (m, [d for d in rows.decisions if d.meaning == m]) for m in ("proceed", "reduce", "delay", "stop")
    ]
    lines.append(("every signature", rows.decisions))
    return [
        [
            name,
            len(own),
            sum(d.days is None for d in own),
            *spread([d.days for d in own if d.days is not None]),
        ]
        for name, own in lines
    ]


def naive_levels(rows: CohortRows) -> list[list[Any]]:
    given_cycles = [c for c in rows.cycles if c.given_on]

    def cells(levels: Sequence[str]) -> list[Any]:
        full, reduced = levels.count("full activity"), levels.count("reduced")
        return [len(levels), full, reduced, levels.count("not known"), share(reduced, full + reduced)]

    people = []
    for person in {c.person for c in given_cycles}:
        levels = {c.level for c in given_cycles if c.person == person}
        people.append(next(word for word in ("reduced", "not known", "full activity") if word in levels))
    by_cycle = [
        [f"cycle {n}", *cells(own)]
        for n in range(1, 5)
        if (own := [c.level for c in given_cycles if c.cycle == n])
    ]
    every = ["every cycle", *cells([c.level for c in given_cycles])]
    return [*by_cycle, every, ["patients, any cycle", *cells(people)]]


def naive_activity(rows: CohortRows) -> list[list[Any]]:
    def cells(own: list[CourseRow]) -> list[Any]:
        values = [c.activity_100kbq for c in own]
        median, low, high, most = spread(values)
        gbq = [median, low, high, min(values, default=None), most]
        return [len(own), *(None if v is None else Decimal(v) / 10_000 for v in gbq)]

    by_count = [
        [f"{n} given", *cells(own)] for n in range(1, 5) if (own := [c for c in rows.courses if c.given == n])
    ]
    begun = ["at least one given", *cells([c for c in rows.courses if c.given])]
    none = ["none given yet", sum(not c.given for c in rows.courses), *[None] * 5]
    return [*by_count, begun, none]


@settings(max_examples=40)
@given(cohorts())
def test_every_table_says_what_plain_loops_count(rows: CohortRows) -> None:
    found = {table.key: table for table in cohort_tables(rows)}
    for key, naive in {
        "worst-grades": naive_worst,
        "grades-by-cycle": naive_by_cycle,
        "delays": naive_delays,
        "days-to-signature": naive_signed,
        "reductions": naive_levels,
        "activity": naive_activity,
    }.items():
        assert [list(row) for row in found[key].rows] == naive(rows), key
    for table in found.values():
        names = [row[: table.names] for row in table.rows]
        assert len(names) == len(set(names)), f"{table.key} names a row twice"
        assert all(len(row) == len(table.header) for row in table.rows), table.key
    assert_bins_make_the_whole(found["worst-grades"], whole=2)
    assert_bins_make_the_whole(found["grades-by-cycle"], whole=3)
    endings = found["endings"].rows
    assert sum(int(str(row[2])) for row in endings[:-1]) == endings[-1][2] == len(rows.courses)
    stopped = sum(c.status == "stopped" for c in rows.courses)
    assert sum(int(str(row[1])) for row in found["stops"].rows) == stopped
    assert_pictures_show_the_table(found)


def assert_bins_make_the_whole(table: Table, *, whole: int) -> None:
    first, last = table.column("Grade 0"), table.column("No result")
    for row in table.rows:
        assert sum(int(str(cell)) for cell in row[first : last + 1]) == row[whole]


def assert_pictures_show_the_table(found: dict[str, Table]) -> None:
    worst, by_cycle = found["worst-grades"], found["grades-by-cycle"]
    for picture, table, whole in (
        (worst_picture(worst), worst, "Patients"),
        (by_cycle_picture(by_cycle, terms=TERMS), by_cycle, "Cycles given"),
    ):
        wholes = {str(row[table.column(whole)]) for row in table.rows}
        for bar in picture.bars:
            parts = [int(part.words.split()[0]) for part in bar.parts]
            assert bar.total == f"of {sum(parts)}"
            assert str(sum(parts)) in wholes
            assert all(a.x + a.width <= b.x + 1 for a, b in zip(bar.parts, bar.parts[1:], strict=False))


def test_nothing_chosen_is_no_zero_of_anything() -> None:
    found = {table.key: table for table in cohort_tables(CohortRows())}
    assert found["worst-grades"].rows == ()
    assert found["activity"].rows[0] == ("at least one given", 0, None, None, None, None, None)
    assert found["stops"].rows == (("no rule named", 0, "none to count"),)
