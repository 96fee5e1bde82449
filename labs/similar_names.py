"""Names that may be taken for one another on a list: written alike, or family and given name swapped."""

import unicodedata
from collections.abc import Iterable
from itertools import combinations
from typing import Protocol

# As they are written where a letter is not to be had.
_WRITTEN_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "å": "aa"})
_LONG = 12  # letters from which on two mistakes are as easily overlooked as one


class Named(Protocol):
    """Somebody with a key and a name in two parts."""

    pk: int
    family: str
    given: str


def plain(name: str) -> str:
    """A name as the eye takes it: small letters, written out, without marks, blanks or doubled letters."""
    written = name.casefold().translate(_WRITTEN_OUT)
    letters = [
        each for each in unicodedata.normalize("NFKD", written) if each.isalnum() and each.isprintable()
    ]
    return "".join(
        each for n, each in enumerate(letters) if n == 0 or each != letters[n - 1] or each.isdigit()
    )


def are_similar(one: Named, other: Named) -> bool:
    """Whether two people's names may be taken for each other; the same name is the closest of all."""
    return _similar(_written(one), _written(other))


def similar_to_each_other(people: Iterable[Named]) -> set[int]:
    """The keys of those whose name may be taken for that of somebody else among them."""
    written = {person.pk: _written(person) for person in people}
    found: set[int] = set()
    for (one, ours), (other, theirs) in combinations(written.items(), 2):
        if _similar(ours, theirs):
            found |= {one, other}
    return found


def similar_among(people: Iterable[Named], others: Iterable[Named]) -> dict[int, list[int]]:
    """For each of some people, the keys of others whose name may be taken for theirs, if any."""
    against = {person.pk: _written(person) for person in others}
    found = {}
    for person in people:
        ours = _written(person)
        alike = [key for key, theirs in against.items() if key != person.pk and _similar(ours, theirs)]
        if alike:
            found[person.pk] = alike
    return found


def _written(person: Named) -> tuple[str, str]:
    return plain(person.family), plain(person.given)


def _similar(ours: tuple[str, str], theirs: tuple[str, str]) -> bool:
    if ours == theirs[::-1] and ours[0] != ours[1]:
        return True
    return _alike(ours[0], theirs[0]) and _given_alike(ours[1], theirs[1])


def _given_alike(one: str, other: str) -> bool:
    """A given name that is missing tells nobody apart, nor does one that begins the other."""
    if not one or not other or one.startswith(other) or other.startswith(one):
        return True
    return _alike(one, other)


def _alike(one: str, other: str) -> bool:
    most = 2 if min(len(one), len(other)) >= _LONG else 1
    if min(len(one), len(other)) < 3:
        return one == other
    if abs(len(one) - len(other)) > most or len(set(one) ^ set(other)) > 2 * most:
        return False  # each mistake brings or takes two letters at most: seen without counting them
    return _mistakes(one, other) <= most


def _mistakes(one: str, other: str) -> int:
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
