"""Whether two people may be taken for each other on a screen: names and birth dates that lie near."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

# Shorter names differ by one letter without being near: Abel and Adel are, Li and Lu are not.
_SHORTEST = 4
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_LOOKS_LIKE = (("rn", "m"), ("vv", "w"))
_TWO_LETTER_VOWELS = (("ae", "a"), ("oe", "o"), ("ue", "u"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a screen shows of a person beside the number."""

    family: str
    given: str
    birth_date: date


def are_alike(one: Known, other: Known) -> bool:
    """Both names near, family and given name exchanged, or a near family name with a near birth date."""
    families, givens = (_seen(one.family), _seen(other.family)), (_seen(one.given), _seen(other.given))
    if families == tuple(reversed(givens)):
        return True
    if not _are_near(*families):
        return False
    return _may_be_one(*givens) or birth_dates_near(one.birth_date, other.birth_date)


def fold_name(name: str) -> str:
    """One form for the spellings of a name that differ by accents, case, hyphens or ue for ü."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    letters = "".join(char for char in plain if char.isalpha())
    for two, one in _TWO_LETTER_VOWELS:
        letters = letters.replace(two, one)
    return letters


def _seen(name: str) -> str:
    """A name as a hurried eye reads it: folded, and letters that look like one another made one."""
    folded = fold_name(name)
    for two, one in _LOOKS_LIKE:
        folded = folded.replace(two, one)
    return folded


def _are_near(one: str, other: str) -> bool:
    """Equal, one the beginning of the other, or one slip apart."""
    shorter = min(len(one), len(other))
    if one == other:
        return True
    if shorter < _SHORTEST:
        return False
    return one.startswith(other) or other.startswith(one) or _is_one_slip(one, other)


def _may_be_one(one: str, other: str) -> bool:
    """Given names that agree as far as both are known: missing ones and initials contradict nothing."""
    return one.startswith(other) or other.startswith(one) or _are_near(one, other)


def _is_one_slip(one: str, other: str) -> bool:
    """Whether one letter is wrong, missing or too many, or two neighbours are exchanged."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        return True
    if len(one) == len(other):
        exchanged = one[start : start + 2] == other[start : start + 2][::-1]
        return one[start + 1 :] == other[start + 1 :] or (
            exchanged and one[start + 2 :] == other[start + 2 :]
        )
    longer, shorter = sorted((one, other), key=len, reverse=True)
    return longer[start + 1 :] == shorter[start:]


def birth_dates_near(one: date, other: date) -> bool:
    """Equal, day and month exchanged, or one figure apart."""
    return other == one or other in birth_dates_near_to(one)


def birth_dates_near_to(day: date) -> frozenset[date]:
    """Every other date that a slip makes of this one: day and month exchanged, or one figure wrong."""
    return frozenset(_slips(day)) - {day}


def _slips(day: date) -> Iterator[date]:
    if day.day <= 12:
        yield date(day.year, day.day, day.month)
    text = day.isoformat()
    for place, figure in enumerate(text):
        if figure == "-":
            continue
        for wrong in "0123456789":
            try:
                yield date.fromisoformat(f"{text[:place]}{wrong}{text[place + 1 :]}")
            except ValueError:
                continue
