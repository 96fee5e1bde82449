"""Count a cohort: what was read goes in, tables come out; no database, no clock, no rounding on the way."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pandas as pd

from courses.cohort.shares import nearest, of
from courses.cohort.words import (
    FULL,
    PER_GBQ,
    REDUCED,
    UNKNOWN,
    Cell,
    CohortRows,
    CourseRow,
    CycleRow,
    DecisionRow,
    DelayRow,
    GradeRow,
    StopRow,
    Table,
)
from courses.rules.action_words import MEANINGS

WORST, BY_CYCLE = "worst-grades", "grades-by-cycle"
GRADES = tuple(range(6))
OPEN, UNUSABLE_BIN = "Grade not certain", "Only unusable results"
NONE = "No result"
BINS = (*(f"Grade {grade}" for grade in GRADES), OPEN, UNUSABLE_BIN)
_SHARES = ("Any grade", "Grade 3 or worse")
_ABOUT_GRADES = (
    "Graded: at least one final, reliable result. Not certain: the results, or one that is in doubt, leave "
    "more than one grade open. Only unusable results: all that came are preliminary, in doubt or kept apart. "
    "A share is one of those graded."
)


def cohort_tables(rows: CohortRows) -> tuple[Table, ...]:
    """Every table of the report, in the order of the page."""
    grades = _frame(rows.grades, GradeRow).astype({"low": "int8", "high": "int8"})
    cycles = _frame(rows.cycles, CycleRow)
    courses = _frame(rows.courses, CourseRow)
    given = cycles[cycles["given_on"].notna()]
    return (
        _worst(grades, given, rows.terms),
        _by_cycle(grades, given, rows.terms),
        _delays(_frame(rows.delays, DelayRow), cycles),
        _activity_levels(given),
        _endings(courses),
        _stops(_frame(rows.stops, StopRow), courses),
        _activity(courses),
        _until_signed(_frame(rows.decisions, DecisionRow), given),
    )


def _frame(rows: Sequence[Any], kind: Any) -> pd.DataFrame:
    # As objects: a day stays a day, a whole number whole, and what is not known stays that.
    return pd.DataFrame(rows, columns=list(kind._fields), dtype=object)


def _worst(grades: pd.DataFrame, given: pd.DataFrame, terms: Mapping[str, tuple[str, ...]]) -> Table:
    keys = ["ctcae", "term", "person"]
    worst = grades.groupby(keys, sort=False).agg(low=("low", "max"), high=("high", "max")).reset_index()
    people = given.groupby("ctcae")["person"].nunique()
    counted = _binned(worst, ["ctcae", "term"])
    body = [
        (term, version, *_grade_cells(counted.get((version, term), {}), int(people[version])))
        for version in sorted(people.index)
        if version
        for term in terms[version]
    ]
    return Table(
        key=WORST,
        title="Worst grade per patient",
        about=f"Of patients with at least one cycle given, from the first cycle on. {_ABOUT_GRADES}",
        header=("Term", "CTCAE", "Patients", *_GRADE_HEADER),
        rows=tuple(body),
        names=2,
    )


def _by_cycle(grades: pd.DataFrame, given: pd.DataFrame, terms: Mapping[str, tuple[str, ...]]) -> Table:
    counted = _binned(grades, ["ctcae", "term", "cycle"])
    whole = given.groupby(["ctcae", "cycle"]).size()
    body = [
        (term, version, int(cycle), *_grade_cells(counted.get((version, term, cycle), {}), int(count)))
        for version in sorted(set(given["ctcae"]))
        if version
        for term in terms[version]
        for cycle, count in whole[version].items()
    ]
    return Table(
        key=BY_CYCLE,
        title="Worst grade after each cycle",
        about="From the day after a cycle to the next one; after the last one, to the first cycle of another "
        f"course or to this report. {_ABOUT_GRADES}",
        header=("Term", "CTCAE", "Cycle", "Cycles given", *_GRADE_HEADER),
        rows=tuple(body),
        names=3,
    )


_GRADE_HEADER = ("Graded", *BINS, NONE, *_SHARES)


def _binned(frame: pd.DataFrame, keys: list[str]) -> dict[Any, dict[str, int]]:
    """How many rows of each key have which grade, and how many may have reached the grades of a share."""
    if frame.empty:
        return {}
    low, high = frame["low"], frame["high"]
    bins = "Grade " + low.astype(str)
    bins = bins.mask(low < high, OPEN).mask(low < 0, UNUSABLE_BIN)
    marks = {"surely 1": low >= 1, "perhaps 1": (low < 1) & (high >= 1)}
    marks |= {"surely 3": low >= 3, "perhaps 3": (low < 3) & (high >= 3)}
    found: dict[Any, dict[str, int]] = {}
    for key, count in _sizes(frame.assign(bin=bins), [*keys, "bin"]):
        found.setdefault(key[:-1], {})[str(key[-1])] = count
    for name, holds in marks.items():
        for key, count in _sizes(frame[holds], keys):
            found[key][name] = count
    return found


def _sizes(frame: pd.DataFrame, keys: list[str]) -> Iterator[tuple[tuple[Any, ...], int]]:
    """How many rows have each key, of two columns or more."""
    counted: dict[Any, Any] = frame.groupby(keys).size().to_dict()
    for key, count in counted.items():
        yield tuple(key), int(count)


def _grade_cells(counts: Mapping[str, int], whole: int) -> Iterator[Cell]:
    """Graded, each bin, no result, and the shares; bins and no result make up the whole."""
    came = sum(counts.get(name, 0) for name in BINS)
    graded = came - counts.get(UNUSABLE_BIN, 0)
    yield whole
    yield graded
    yield from (counts.get(name, 0) for name in BINS)
    yield whole - came
    for least in (1, 3):
        share = of(counts.get(f"surely {least}", 0), graded)
        perhaps = counts.get(f"perhaps {least}", 0)
        yield f"{share}; {perhaps} not certain" if perhaps else share


def _delays(delays: pd.DataFrame, cycles: pd.DataFrame) -> Table:
    pairs = set(zip(delays["course"], delays["cycle"], strict=True))
    late = cycles[cycles["late_days"].notna()]
    late = late[late["late_days"].astype(int) > 0]
    told = [pair in pairs for pair in zip(late["course"], late["cycle"], strict=True)]
    silent = late[~pd.Series(told, index=late.index, dtype=bool)]
    body = [
        _delay_line(str(cause), found, whole=len(cycles), ends="days")
        for cause, found in sorted(delays.groupby("cause"), key=lambda each: str(each[0]))
    ]
    body.append(
        _delay_line("after the window, no cause recorded", silent, whole=len(cycles), ends="late_days")
    )
    return Table(
        key="delays",
        title="Delays by cause",
        about="As recorded, in clinic days. A cycle may have more than one cause. The last line counts "
        "cycles given after their window without a recorded delay, in days past the window. The middle and "
        "the quarters are values that occurred.",
        header=("Cause", "Cycles", "Patients", "Delays", "Without an end", *_SPREAD),
        rows=tuple(body),
    )


def _delay_line(cause: str, found: pd.DataFrame, *, whole: int, ends: str) -> tuple[Cell, ...]:
    known = found[ends].dropna()
    cycles = found[["course", "cycle"]].drop_duplicates()
    open_ended = len(found) - len(known)
    return (cause, of(len(cycles), whole), found["person"].nunique(), len(found), open_ended, *_spread(known))


_SPREAD = ("Median days", "Lower quarter", "Upper quarter", "Longest")


def _spread(values: Iterable[int]) -> tuple[int | None, ...]:
    """Median, quartiles and the worst, each a value that occurred; none where nothing is known."""
    found = sorted(int(value) for value in values)
    return (nearest(found, 50), nearest(found, 25), nearest(found, 75), found[-1] if found else None)


def _activity_levels(given: pd.DataFrame) -> Table:
    body: list[tuple[Cell, ...]] = []
    for cycle, found in given.groupby("cycle"):
        body.append((f"cycle {cycle}", *_level_cells(found["level"])))
    body.append(("every cycle", *_level_cells(given["level"])))
    worst = [
        REDUCED if REDUCED in levels else UNKNOWN if UNKNOWN in levels else FULL
        for levels in given.groupby("person")["level"].agg(set)
    ]
    body.append(("patients, any cycle", *_level_cells(pd.Series(worst, dtype=object))))
    return Table(
        key="reductions",
        title="Reductions",
        about="By the signed directive of each cycle given, beside the full activity of its protocol "
        "version. Not known: given without a directive here.",
        header=("Of", "Given", "Full activity", "Reduced", "Not known", "Reduced, of those known"),
        rows=tuple(body),
    )


def _level_cells(levels: "pd.Series[Any]") -> tuple[Cell, ...]:
    full, reduced, unknown = (int((levels == word).sum()) for word in (FULL, REDUCED, UNKNOWN))
    return len(levels), full, reduced, unknown, of(reduced, full + reduced)


def _endings(courses: pd.DataFrame) -> Table:
    body = [
        (str(ending), str(status), count, of(count, len(courses)))
        for (status, ending), count in _sizes(courses, ["status", "ending"])
    ]
    body.append(("every course", "", len(courses), of(len(courses), len(courses))))
    return Table(
        key="endings",
        title="Completed courses and endings",
        about="Where each chosen course stands now, and the signed cause where one ended it.",
        header=("How", "Status", "Courses", "Of all chosen"),
        rows=tuple(body),
        names=2,
    )


def _stops(stops: pd.DataFrame, courses: pd.DataFrame) -> Table:
    stopped = int((courses["status"] == "stopped").sum())
    named = stops.drop_duplicates()
    body = [
        (str(rule), int(count), of(int(count), stopped))
        for rule, count in named.groupby("rule").size().items()
    ]
    body.append(
        (
            "no rule named",
            stopped - named["course"].nunique(),
            of(stopped - named["course"].nunique(), stopped),
        )
    )
    return Table(
        key="stops",
        title="Stops by rule",
        about="The rules that the signed stop of each stopped course rests on; one stop may rest on several. "
        "A stop that two physicians lifted is none.",
        header=("Rule", "Courses", "Of courses stopped"),
        rows=tuple(body),
    )


def _activity(courses: pd.DataFrame) -> Table:
    body: list[tuple[Cell, ...]] = []
    for given, found in courses[courses["given"] > 0].groupby("given"):
        body.append((f"{given} given", *_gbq_cells(found["activity_100kbq"])))
    body.append(("at least one given", *_gbq_cells(courses[courses["given"] > 0]["activity_100kbq"])))
    body.append(("none given yet", int((courses["given"] == 0).sum()), None, None, None, None, None))
    return Table(
        key="activity",
        title="Cumulative administered activity",
        about="In GBq, of the courses chosen, what was given elsewhere included; earlier courses are not. "
        "The middle and the quarters are values that occurred.",
        header=("Cycles", "Courses", "Median GBq", "Lower quarter", "Upper quarter", "Least", "Most"),
        rows=tuple(body),
    )


def _gbq_cells(activities: "pd.Series[Any]") -> tuple[Cell, ...]:
    found = sorted(int(value) for value in activities)
    ends = (found[0], found[-1]) if found else (None, None)
    ranks = (nearest(found, 50), nearest(found, 25), nearest(found, 75), *ends)
    return (len(found), *(None if value is None else Decimal(value) / PER_GBQ for value in ranks))


def _until_signed(decisions: pd.DataFrame, given: pd.DataFrame) -> Table:
    body = [(meaning, *_waited(decisions[decisions["meaning"] == meaning])) for meaning in MEANINGS]
    body.append(("every signature", *_waited(decisions)))
    signed = set(zip(decisions["course"], decisions["cycle"], strict=True))
    unsigned = sum(pair not in signed for pair in zip(given["course"], given["cycle"], strict=True))
    return Table(
        key="days-to-signature",
        title="Days from result to decision",
        about="Clinic days from the arrival of the newest usable result that a decision could rest on to "
        "its first signature; 0 is the same day. Cycles given without a signed decision: "
        f"{of(unsigned, len(given))}.",
        header=("Signed", "Decisions", "Without a result", *_SPREAD),
        rows=tuple(body),
    )


def _waited(found: pd.DataFrame) -> tuple[Cell, ...]:
    known = found["days"].dropna()
    return (len(found), len(found) - len(known), *_spread(known))
