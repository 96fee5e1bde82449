"""Whose names on a list may be taken for one another's, by the one notion of names that are near."""

from collections.abc import Iterable
from itertools import combinations
from typing import Protocol

from labs.alike import SeenName, names_are_near, seen_name


class Named(Protocol):
    """Somebody with a key and a name in two parts."""

    pk: int
    family: str
    given: str


def similar_to_each_other(people: Iterable[Named]) -> set[int]:
    """The keys of those whose name may be taken for that of somebody else among them."""
    seen = {person.pk: _seen(person) for person in people}
    found: set[int] = set()
    for (one, ours), (other, theirs) in combinations(seen.items(), 2):
        if names_are_near(ours, theirs):
            found |= {one, other}
    return found


def similar_among(people: Iterable[Named], others: Iterable[Named]) -> dict[int, list[int]]:
    """For each of some people, the keys of others whose name may be taken for theirs, if any."""
    against = {person.pk: _seen(person) for person in others}
    found = {}
    for person in people:
        ours = _seen(person)
        alike = [key for key, theirs in against.items() if key != person.pk and names_are_near(ours, theirs)]
        if alike:
            found[person.pk] = alike
    return found


def _seen(person: Named) -> SeenName:
    return seen_name(person.family, person.given)
