"""A table as CSV, its cover above it, in which no cell is a formula and what has no value is empty."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from courses.cohort.words import Cell, Cover, Table
from labs.formats.csv_write import write_table
from labs.templatetags.clinic_text import instant, number


def cover_lines(cover: Cover, *, titles: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """What stands on the cover of every file: whose it is, when and how it was counted, of which courses."""
    yield "clinic", cover.clinic
    yield "contents", "; ".join(titles)
    yield "counted at", f"{instant(cover.made_at)} ({cover.zone})"
    yield "software", f"{cover.software}; {cover.engine}"
    yield from cover.lines


def as_csv(cover: Cover, table: Table) -> str:
    """The cover, an empty line, and the table."""
    above = write_table(("cohort report", ""), cover_lines(cover, titles=(table.title,)))
    about = write_table(("about", table.about), ())
    return f"{above}{about}\r\n" + write_table(table.header, (map(cell_text, row) for row in table.rows))


def cell_text(cell: Cell) -> str:
    """A cell in letters: numbers with a point, days as ISO 8601 has them, nothing for what has no value."""
    if cell is None:
        return ""
    if isinstance(cell, Decimal):
        return number(cell)
    return cell.isoformat() if isinstance(cell, date | datetime) else str(cell)
