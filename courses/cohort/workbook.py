"""The tables as an Excel workbook: a cover sheet, then a sheet for each; text is text, a number a number."""

import io
from collections.abc import Iterable
from datetime import UTC
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from courses.cohort.files import cover_lines
from courses.cohort.words import Cell, Cover, Table
from labs.formats.csv_write import safe_cell

_BOLD = Font(bold=True)
_NARROWEST, _WIDEST = 10, 48
_TITLE = 31  # letters that a sheet's name may have


def as_workbook(cover: Cover, tables: tuple[Table, ...]) -> bytes:
    """The whole workbook."""
    book = Workbook(write_only=True)
    book.properties.creator = safe_cell(cover.clinic)
    book.properties.created = book.properties.modified = cover.made_at.astimezone(UTC).replace(tzinfo=None)
    front = book.create_sheet("cover")
    _set_widths(front, (16, 90))
    lines = [("cohort report", ""), *cover_lines(cover, titles=tuple(table.title for table in tables))]
    for line in (*lines, *((table.key[:_TITLE], table.about) for table in tables)):
        front.append([_cell(front, word) for word in line])
    for table in tables:
        _add(book, table)
    target = io.BytesIO()
    book.save(target)
    return target.getvalue()


def _add(book: Workbook, table: Table) -> None:
    sheet: Any = book.create_sheet(table.key[:_TITLE])
    sheet.freeze_panes = f"{get_column_letter(table.names + 1)}2"
    _set_widths(sheet, map(_width, range(len(table.header)), [table] * len(table.header)))
    sheet.append([_cell(sheet, name, bold=True) for name in table.header])
    for row in table.rows:
        sheet.append([_cell(sheet, cell) for cell in row])
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(table.header))}{len(table.rows) + 1}"


def _width(place: int, table: Table) -> int:
    longest = max((len(str(row[place] or "")) for row in table.rows[:200]), default=0)
    return min(max(longest, len(table.header[place]), _NARROWEST), _WIDEST) + 2


def _set_widths(sheet: Any, widths: Iterable[int]) -> None:
    for place, width in enumerate(widths, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = width


def _cell(sheet: Any, value: Cell, *, bold: bool = False) -> Any:
    """A number or a day by its kind; text as text, whatever it begins with."""
    shown: Any = safe_cell(value) if isinstance(value, str) else value
    cell = WriteOnlyCell(sheet, value=shown)
    if isinstance(value, str):
        cell.data_type = "s"
    if bold:
        cell.font = _BOLD
    return cell
