"""Read a CSV file into plain rows of text, twice and independently; only what both read alike counts."""

import io

import pandas as pd

from labs.formats.csv_cells import FeedProfile
from labs.formats.csv_text import DELIMITERS, decode, strict_rows
from labs.formats.parsed import Rejected


def read_table(body: bytes, *, feed: FeedProfile) -> list[list[str]] | Rejected:
    """The rows as they stand, header first, each with exactly its own cells; nothing is typed or trimmed.

    The standard library says strictly how many cells each row has, which a data frame cannot: it fills short
    rows up. pandas reads the same text as text alone. Only what both read alike is believed.
    """
    text = decode(body, encoding=feed.encoding)
    if isinstance(text, Rejected):
        return text
    rows = strict_rows(text, delimiter=feed.delimiter)
    if isinstance(rows, Rejected) or not rows:
        return rows
    table = _frame(text, delimiter=feed.delimiter, widest=max(map(len, rows)) or 1)
    if isinstance(table, Rejected):
        return table
    for position, (strict, loose) in enumerate(zip(rows, table, strict=False), start=1):
        if loose[: len(strict)] != strict or any(loose[len(strict) :]):
            return _disagreement(f"row {position}")
    return rows if len(rows) == len(table) else _disagreement("the number of rows")


def _frame(text: str, *, delimiter: str, widest: int) -> list[list[str]] | Rejected:
    """The whole text as a table of text: no type, no missing value, no header and no separator is guessed."""
    try:
        frame = pd.read_csv(
            io.StringIO(text, newline=""),
            sep=DELIMITERS[delimiter],
            header=None,
            names=range(widest),
            index_col=False,
            dtype=str,
            keep_default_na=False,
            na_filter=False,
            skip_blank_lines=False,
            engine="c",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        return Rejected(code="bad-dialect", reason=f"The file is no table of text: {error}.")
    found: list[list[str]] = frame.to_numpy().tolist()
    return found


def _disagreement(where: str) -> Rejected:
    reason = f"Two readers disagree about {where}; the file's quoting or line ends are damaged."
    return Rejected(code="bad-dialect", reason=reason)
