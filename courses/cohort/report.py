"""Make the cohort report: gather the chosen courses, count them, and say what the numbers rest on."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from django.conf import settings
from django.utils.module_loading import import_string

from courses import library
from courses.cohort.comparing import published_table
from courses.cohort.gathering import gather
from courses.cohort.published import published
from courses.cohort.words import CohortRows, Cover, Report, Selection, Table

# Named, so that only a process that counts a cohort loads pandas.
_COUNTER = "courses.cohort.tables.cohort_tables"


@dataclass(frozen=True, slots=True)
class Counted:
    """A report, and the rows it was counted from."""

    report: Report
    rows: CohortRows


def count_cohort(selection: Selection, *, now: datetime) -> Counted:
    """The report of a choice of courses, as everything stands now. Raises TooMany."""
    began = time.monotonic()
    rows = gather(selection, now=now)
    count: Callable[[CohortRows], tuple[Table, ...]] = import_string(_COUNTER)
    worst, *others = count(rows)
    tables = (worst, published_table(worst, published(), named=_named), *others)
    seconds = round(time.monotonic() - began)
    notes = tuple(_notes(rows))
    report = Report(
        selection=selection,
        cover=_cover(selection, rows, notes, now=now),
        tables=tables,
        results=rows.results,
        seconds=seconds,
        notes=notes,
    )
    return Counted(report, rows)


def _named(version: str, term: str) -> str | None:
    """A term as a version of the criteria calls it; none where it grades no such term."""
    criterion = library.shelf().criteria[version].named(term)
    return None if criterion is None else criterion.term


def _notes(rows: CohortRows) -> list[str]:
    """What the numbers rest on, and what they leave out."""
    people = len({course.person for course in rows.courses})
    ungraded = sum(not course.ctcae for course in rows.courses)
    said = [f"{len(rows.courses)} course(s) of {people} patient(s), {rows.results} result(s)."]
    if rows.unreadable:
        said.append(
            f"Of {rows.unreadable} course(s) a recorded fact can no longer be read: their results are not "
            "graded and their delays not counted."
        )
    if ungraded > rows.unreadable:
        said.append(
            f"{ungraded - rows.unreadable} course(s) follow a protocol version that is not installed: their "
            "results are not graded, and whether a cycle was reduced is not known."
        )
    return said


def _cover(selection: Selection, rows: CohortRows, notes: tuple[str, ...], *, now: datetime) -> Cover:
    followed = sorted({course.protocol for course in rows.courses})
    known = library.shelf().sha256
    return Cover(
        made_at=now,
        zone=settings.CLINIC_TIME_ZONE,
        clinic=settings.CLINIC_NAME,
        software=software(),
        engine=library.engine(),
        lines=(
            *selection.sentences(),
            *(("protocol", f"{each}, SHA-256 {known.get(each, 'not installed')}") for each in followed),
            *(("criteria", f"CTCAE {version}") for version in sorted(rows.terms)),
            *(("note", note) for note in notes),
            ("empty cells", "no value: not known, or nothing to count"),
        ),
    )


@cache
def software() -> str:
    """A name for exactly this way of counting: it changes with its modules and with the published rates."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted([*folder.glob("*.py"), *folder.glob("*.toml")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"courses.cohort {digest.hexdigest()[:16]}"
