"""Read a reference range; what cannot be read stays text and blocks nothing."""

import re
from decimal import Decimal
from functools import lru_cache

from labs.formats.parsed import ParsedRange

_N = r"([0-9]+\.?[0-9]*|\.[0-9]+)"
_BETWEEN = re.compile(rf"\s*\[?\s*{_N}\s*(?:-|–|—|_|\^|\bto\b|\.\.)\s*{_N}\s*\]?\s*", re.IGNORECASE)
_BOUND = re.compile(rf"\s*(<=?|>=?|≤|≥)\s*{_N}\s*")
_BY_SEX = re.compile(r"\b([MF])\s*:\s*([^MF]+)")
_SEXES = {"M": "male", "F": "female"}


@lru_cache(maxsize=1024)
def read_range(text: str, *, sex: str = "") -> ParsedRange:
    """The bounds a text states; `<21` sets the upper one, `>60` the lower one."""
    by_sex = {_SEXES[letter]: part for letter, part in _BY_SEX.findall(text)}
    if by_sex:
        text = by_sex.get(sex, "").strip(" ,;/")
    if match := _BETWEEN.fullmatch(text):
        low, high = Decimal(match[1]), Decimal(match[2])
        return ParsedRange(low=low, high=high) if low <= high else ParsedRange()
    if match := _BOUND.fullmatch(text):
        bound = Decimal(match[2])
        return ParsedRange(high=bound) if match[1] in {"<", "<=", "≤"} else ParsedRange(low=bound)
    return ParsedRange()
