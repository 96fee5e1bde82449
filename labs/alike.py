"""Whether two people may be taken for each other on a screen: names and birth dates that lie near."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import NamedTuple

# Of shorter names each letter counts: Abel is near Adel, Li is not near Lu.
_SHORTEST = 3
# From so many letters on, one that begins the other is near it; two slips are as easily overlooked as one.
_BEGINS, _LONG = 4, 12
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_LOOKS_LIKE = (("rn", "m"), ("vv", "w"))
_TWO_LETTER_VOWELS = (("ae", "a"), ("oe", "o"), ("ue", "u"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a screen shows of a person beside the number."""

    family: str
    given: str
    birth_date: date


# One name, also as it looks: `rn` is read as `m`.
Forms = frozenset[str]


class SeenName(NamedTuple):
    """Family and given name as a hurried eye reads them, each in one form or two."""

    family: Forms
    given: Forms


def are_alike(one: Known, other: Known) -> bool:
    """Both names near, family and given name exchanged, or a near family name with a near birth date."""
    ours, theirs = seen_name(one.family, one.given), seen_name(other.family, other.given)
    if names_are_near(ours, theirs):
        return True
    return _are_near(ours.family, theirs.family) and birth_dates_near(one.birth_date, other.birth_date)


def names_are_near(ours: SeenName, theirs: SeenName) -> bool:
    """Both names near, or family and given name exchanged; the same name is the nearest of all."""
    if ours.family & theirs.given and ours.given & theirs.family:
        return True
    return _are_near(ours.family, theirs.family) and _may_be_one(ours.given, theirs.given)


def seen_name(family: str, given: str) -> SeenName:
    """A name as a hurried eye reads it."""
    return SeenName(family=_seen(family), given=_seen(given))


def fold_name(name: str) -> str:
    """One form for the spellings of a name that differ by accents, case, hyphens or ue for ü."""
    return _folded("".join(char for char in _bare(name) if char.isalpha()))


def _bare(name: str) -> str:
    return unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))


def _folded(letters: str) -> str:
    for two, one in _TWO_LETTER_VOWELS:
        letters = letters.replace(two, one)
    return letters


def _seen(name: str) -> Forms:
    """Folded, doubled letters taken for single ones; once more with what looks like one letter made one."""
    folded = looks = _folded("".join(char for char in _bare(name) if char.isalnum()))
    for two, one in _LOOKS_LIKE:
        looks = looks.replace(two, one)
    return frozenset({_single(folded), _single(looks)})


def _single(letters: str) -> str:
    return "".join(
        char for at, char in enumerate(letters) if at == 0 or char != letters[at - 1] or char.isdigit()
    )


def _are_near(ours: Forms, theirs: Forms) -> bool:
    return any(_is_near(one, other) for one, other in product(ours, theirs))


def _is_near(one: str, other: str) -> bool:
    """Equal, one the beginning of the other, or a slip apart."""
    shorter = min(len(one), len(other))
    if one == other:
        return True
    if shorter < _SHORTEST:
        return False
    if shorter >= _BEGINS and (one.startswith(other) or other.startswith(one)):
        return True
    most = 2 if shorter >= _LONG else 1
    if abs(len(one) - len(other)) > most or len(set(one) ^ set(other)) > 2 * most:
        return False  # each slip brings or takes two letters at most: seen without counting them
    return _slips_between(one, other) <= most


def _may_be_one(ours: Forms, theirs: Forms) -> bool:
    """Given names that agree as far as both are known: missing ones and initials contradict nothing."""
    begins = any(one.startswith(other) or other.startswith(one) for one, other in product(ours, theirs))
    return begins or _are_near(ours, theirs)


def _slips_between(one: str, other: str) -> int:
    """How many letters were left out, put in, changed, or exchanged with their neighbour between the two."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(one, 1):
        row = [i]
        for j, with_it in enumerate(other, 1):
            least = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (letter != with_it))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == with_it:
                least = min(least, rows[i - 2][j - 2] + 1)
            row.append(least)
        rows.append(row)
    return rows[-1][-1]


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
