"""Read the number in a result, or say why there is none; never repair one."""

import re
from decimal import Decimal

from labs.formats.parsed import ParsedNumber, Problem

_PLAIN = re.compile(r"\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)\s*", re.ASCII)
_COMPARED = re.compile(r"\s*([<>]=?)\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))\s*", re.ASCII)
_COMPARATORS = {"", "=", "<", "<=", ">", ">="}
MOST_DIGITS = 15


def read_plain(text: str) -> ParsedNumber | Problem:
    """A number alone: no comma, no exponent, no comparator."""
    if not text.strip():
        return Problem(code="no-value", reason="The result carries no value.")
    if not _PLAIN.fullmatch(text):
        return Problem(code="not-a-number", reason=f"{shown(text)} is not a plain number.")
    return _number("", text)


def read_text(text: str) -> ParsedNumber | Problem:
    """A number, possibly behind a comparator; everything else is words."""
    if match := _COMPARED.fullmatch(text):
        return _number(match[1], match[2])
    if _PLAIN.fullmatch(text):
        return _number("", text)
    if not text.strip():
        return Problem(code="no-value", reason="The result carries no value.")
    return Problem(code="not-a-number", reason=f"The laboratory sent words, not a number: {shown(text)}.")


def read_structured(parts: tuple[str, ...]) -> ParsedNumber | Problem:
    """An SN value: comparator, number, separator, second number."""
    comparator, first, separator, second = (part.strip() for part in (*parts, "", "", "", "")[:4])
    if separator or second:
        return Problem(
            code="not-one-number", reason="The value is a range, ratio or titre, not a single number."
        )
    if comparator not in _COMPARATORS:
        return Problem(code="not-one-number", reason=f"The comparator {shown(comparator)} names no number.")
    plain = read_plain(first)
    if isinstance(plain, Problem):
        return plain
    return ParsedNumber(value=plain.value, comparator="" if comparator == "=" else comparator)


def shown(text: str) -> str:
    """A short, one-line form of sent text for a sentence."""
    line = " ".join(text.split())
    return f"“{line[:40]}…”" if len(line) > 40 else f"“{line}”"


def _number(comparator: str, text: str) -> ParsedNumber | Problem:
    value = Decimal(text.strip())
    _sign, digits, exponent = value.as_tuple()
    if len(digits) > MOST_DIGITS or not isinstance(exponent, int) or exponent < -MOST_DIGITS:
        return Problem(code="not-a-number", reason="The value has more digits than a measurement can have.")
    return ParsedNumber(value=value, comparator=comparator)
