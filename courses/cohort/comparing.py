"""Set our own worst grades beside the published laboratory rates, each share with its own whole."""

from collections.abc import Callable, Iterator

from courses.cohort.published import PublishedShare, Study
from courses.cohort.words import Cell, Table

PUBLISHED = "published"
_OURS = ("Graded", "Any grade", "Grade 3 or worse")
_MISSING = ("Only unusable results", "No result")


def published_table(
    worst: Table, studies: tuple[Study, ...], *, named: Callable[[str, str], str | None]
) -> Table:
    """Every term that a study states; `named` leads from a version of CTCAE and a study's term to our own."""
    told = ("Any grade", "Grade 3 or 4")
    return Table(
        key=PUBLISHED,
        title="Beside the published laboratory rates",
        about="Worst laboratory grade per patient here, and as published. Rates of reported adverse events "
        "are another thing and stand nowhere here. Published counts are worked out from the printed "
        "percentage. "
        + " ".join(
            f"{each.name}: {each.population}, {each.of} patients; {each.criteria}." for each in studies
        ),
        header=(
            "Term",
            "CTCAE",
            "Patients here",
            *(f"{name}, here" for name in _OURS),
            "Without a usable result, here",
            *(f"{name}, {study.name}" for study in studies for name in told),
            "Sources",
        ),
        rows=tuple(_rows(worst, studies, named)),
        names=2,
    )


def _rows(
    worst: Table, studies: tuple[Study, ...], named: Callable[[str, str], str | None]
) -> Iterator[tuple[Cell, ...]]:
    ours = [worst.column(name) for name in _OURS]
    missing = [worst.column(name) for name in _MISSING]
    for row in worst.rows:
        term, version = str(row[0]), str(row[1])
        rates = [
            next((rate for rate in study.rates.values() if named(version, rate.term) == term), None)
            for study in studies
        ]
        if not any(rates):
            continue
        told = [
            _words(share)
            for rate in rates
            for share in ((rate.any_grade, rate.grade_3_4) if rate else (None, None))
        ]
        sources = "; ".join(dict.fromkeys(str(rate.source) for rate in rates if rate))
        without = sum(int(str(row[column])) for column in missing)
        yield (*row[:3], *(row[column] for column in ours), without, *told, sources)


def _words(share: PublishedShare | None) -> str:
    return "not stated" if share is None else str(share)
