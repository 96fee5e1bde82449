"""Write a table as CSV of which no spreadsheet takes a cell for a formula; hidden characters show."""

import csv
import io
import re
from collections.abc import Iterable

from labs.formats.hidden import written_out

_TRIGGERS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)


def safe_cell(text: str) -> str:
    """The cell as a spreadsheet may show it: what begins a formula gets an apostrophe, no number does."""
    shown = written_out(text)
    if shown.lstrip().startswith(_TRIGGERS) and not _NUMBER.fullmatch(shown):
        return f"'{shown}"
    return shown


def write_table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """The whole table; line ends as RFC 4180 has them."""
    target = io.StringIO(newline="")
    writer = csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(map(safe_cell, header))
    writer.writerows([safe_cell(str(cell)) for cell in row] for row in rows)
    return target.getvalue()
