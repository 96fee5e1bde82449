"""Say what is a row and what is a cell of a CSV file in its declared dialect, or why that cannot be said."""

import csv
import io
import re

from labs.formats.parsed import Rejected

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_MARK = "\ufeff"
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff")
# A character that no laboratory types: a control character other than tab and line break, or the sign that
# stands where another program could not read one.
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd]")
_FOREIGN = re.compile("[^\x00-\x7f]{2,}")


def decode(body: bytes, *, encoding: str) -> str | Rejected:
    """The file's text. Bytes that another encoding explains better are refused, never reinterpreted."""
    try:
        text = body.decode(encoding)
        writes_order = "".encode(encoding) in _BYTE_ORDER_MARKS
    except (UnicodeError, LookupError):
        return _wrong_encoding(f"The file is not {encoding}, as declared.")
    if writes_order and not body.startswith(_BYTE_ORDER_MARKS):
        return _wrong_encoding(f"The file does not begin with the byte order mark that {encoding} needs.")
    if not _is_unicode(encoding) and not body.isascii() and _is_utf8(body):
        return _wrong_encoding(f"The file is utf-8, but {encoding} is declared: letters would change.")
    if "\0" in text:
        return _wrong_encoding("The file holds NUL characters; its encoding is not as declared.")
    return text.removeprefix(_MARK)


def strict_rows(text: str, *, delimiter: str) -> list[list[str]] | Rejected:
    """Every row with exactly the cells it has, so that a short row is told from one with empty cells."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[delimiter], strict=True)
    try:
        rows = list(reader)
    except csv.Error as error:
        return Rejected(code="bad-dialect", reason=f"The file's quoting is damaged: {error}.")
    if reader.line_num != len(rows):
        for position, row in enumerate(rows, start=1):
            if _swallowed(row, width=len(rows[0]), delimiter=DELIMITERS[delimiter]):
                reason = (
                    f"The file's quoting is damaged: an open quotation mark in row {position} swallows rows."
                )
                return Rejected(code="bad-dialect", reason=reason)
    return rows


def garbled(text: str) -> bool:
    """Whether letters were lost or changed on the way, as `MÃ¼ller` for `Müller`."""
    if _UNREADABLE.search(text):
        return True
    return not text.isascii() and any(_reads_as_utf8(run) for run in _FOREIGN.findall(text))


def has_line_break(text: str) -> bool:
    """Whether a cell runs over several lines."""
    return "\n" in text or "\r" in text


def _swallowed(row: list[str], *, width: int, delimiter: str) -> bool:
    """Whether a row that runs over several lines looks like several rows in one."""
    broken = [cell for cell in row if has_line_break(cell)]
    return bool(broken) and (
        len(row) != width or any(cell.count(delimiter) >= max(width - 1, 1) for cell in broken)
    )


def _reads_as_utf8(run: str) -> bool:
    for codec in ("cp1252", "latin-1"):
        try:
            return _is_utf8(run.encode(codec))
        except UnicodeEncodeError:
            continue
    return False


def _is_unicode(encoding: str) -> bool:
    """Whether an encoding can write every letter there is; one that cannot is a code page of one region."""
    try:
        "\U00010348".encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _wrong_encoding(reason: str) -> Rejected:
    return Rejected(code="bad-encoding", reason=reason)
