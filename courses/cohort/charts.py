"""Bars drawn from a table of the report: the same numbers as its cells, laid out for an inline picture."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from courses.cohort.words import Cell, Table

_LABEL, _LENGTH, _TOTAL, _ROW, _BAR = 250, 460, 60, 26, 20
_LEAST_FOR_A_NUMBER = 15
# Which bins a part of a bar holds, its name, and its class in the style sheet.
_PARTS = (
    ("Grade 0", ("Grade 0",), "0"),
    ("Grade 1", ("Grade 1",), "1"),
    ("Grade 2", ("Grade 2",), "2"),
    ("Grade 3", ("Grade 3",), "3"),
    ("Grade 4 or 5", ("Grade 4", "Grade 5"), "4"),
    ("Grade not certain", ("Grade not certain",), "open"),
    ("Without a usable result", ("Only unusable results", "No result"), "none"),
)
# What is watched most closely, by analyte.
COUNTS = ("PLT", "ANC", "LYMPH", "HGB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a bar, in the picture's own units."""

    x: int
    width: int
    look: str
    words: str
    number: str

    @property
    def middle(self) -> int:
        """Where its number stands."""
        return self.x + self.width // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row of the picture."""

    y: int
    label: str
    total: str
    parts: tuple[Part, ...]

    @property
    def baseline(self) -> int:
        """Where its letters stand."""
        return self.y + 15

    @property
    def words(self) -> str:
        """The row, read out."""
        return f"{self.label}: {', '.join(part.words for part in self.parts)}; {self.total}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Bars below each other; what is drawn, and where its table stands."""

    key: str
    title: str
    bars: tuple[Bar, ...]

    bar_height = _BAR
    label_end = _LABEL - 10
    total_start = _LABEL + _LENGTH + 8
    width = _LABEL + _LENGTH + _TOTAL

    @property
    def height(self) -> int:
        """How high the picture is."""
        return _ROW * len(self.bars) + 4

    @property
    def legend(self) -> tuple[tuple[str, str], ...]:
        """Each look with its name."""
        return tuple((look, name) for name, _, look in _PARTS)


def worst_picture(table: Table) -> Picture:
    """A bar for each term of which any result came."""
    whole = table.column("Patients")
    missing = table.column("No result")
    rows = [row for row in table.rows if row[whole] != row[missing]]
    versions = {row[1] for row in rows}
    labels = [f"{row[0]} (CTCAE {row[1]})" if len(versions) > 1 else str(row[0]) for row in rows]
    return Picture(key=table.key, title=table.title, bars=tuple(_bars(table, rows, labels, whole)))


def by_cycle_picture(table: Table, *, terms: Iterable[str]) -> Picture:
    """A bar for each cycle of the terms that are watched most closely."""
    whole, wanted = table.column("Cycles given"), set(terms)
    rows = [row for row in table.rows if row[0] in wanted]
    versions = {row[1] for row in rows}
    labels = [
        f"{row[0]}, cycle {row[2]}" + (f" (CTCAE {row[1]})" if len(versions) > 1 else "") for row in rows
    ]
    return Picture(
        key=table.key,
        title="Blood counts after each cycle",
        bars=tuple(_bars(table, rows, labels, whole)),
    )


def _bars(table: Table, rows: list[tuple[Cell, ...]], labels: list[str], whole: int) -> Iterator[Bar]:
    for place, (row, label) in enumerate(zip(rows, labels, strict=True)):
        total = int(str(row[whole]))
        counts = [
            (sum(int(str(row[table.column(name)])) for name in bins), name_of, look)
            for name_of, bins, look in _PARTS
        ]
        yield Bar(y=_ROW * place + 2, label=label, total=f"of {total}", parts=tuple(_parts(counts, total)))


def _parts(counts: list[tuple[int, str, str]], total: int) -> Iterator[Part]:
    """Whole units only, each end worked out from the sum before it, so that nothing is lost by rounding."""
    before = 0
    for count, name, look in counts:
        start, end = (
            _LENGTH * before // total if total else 0,
            _LENGTH * (before + count) // total if total else 0,
        )
        before += count
        if count:
            width = max(1, end - start)
            number = str(count) if width >= _LEAST_FOR_A_NUMBER else ""
            yield Part(
                x=_LABEL + start, width=width, look=look, words=f"{count} {name.lower()}", number=number
            )
