"""Names that may be taken for one another: the seeded pairs are found, and others are left apart."""

from types import SimpleNamespace

import pytest

from labs.alike import names_are_near, seen_name
from labs.similar_names import similar_among, similar_to_each_other

pytestmark = pytest.mark.hazard("HZ-13")


def are_similar(one: SimpleNamespace, other: SimpleNamespace) -> bool:
    return names_are_near(*(seen_name(each.family, each.given) for each in (one, other)))


def somebody(name: str, key: int = 0) -> SimpleNamespace:
    family, _, given = name.partition(", ")
    return SimpleNamespace(pk=key, family=family, given=given)


ALIKE = [
    ("Müller, Anna", "Mueller, Anna"),
    ("Müller, Anna", "Muller, Anne"),
    ("Schmidt, Hans", "Schmitt, Hans"),
    ("Meier, Karl", "Meyer, Karl"),
    ("Ahorn, Testa", "Ahron, Testa"),
    ("Weiß, Eva", "Weiss, Eva"),
    ("Thomas, Peter", "Peter, Thomas"),
    ("Schneider, Jo", "Schneider, Johanna"),
    ("Berg, ", "Berg, Ulla"),
    ("Hoffmann-Kurz, Iris", "Hofmann-Kurtz, Iris"),
    ("Same, Name", "Same, Name"),
]
APART = [
    ("Müller, Anna", "Müller, Bernhard"),
    ("Ahorn, Testa", "Birke, Testa"),
    ("Li, Wei", "Lu, Wei"),
    ("Schmidt, Hans", "Schneider, Hans"),
    ("Meier, Karl", "Mayr, Karla"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_names_that_may_be_taken_for_one_another_are_found_both_ways(one: str, other: str) -> None:
    assert are_similar(somebody(one), somebody(other))
    assert are_similar(somebody(other), somebody(one))


@pytest.mark.parametrize(("one", "other"), APART)
def test_names_that_differ_plainly_are_left_apart(one: str, other: str) -> None:
    assert not are_similar(somebody(one), somebody(other))


def test_a_list_marks_everybody_who_has_a_like_and_nobody_else() -> None:
    people = [somebody(name, key) for key, name in enumerate(["Meier, Karl", "Meyer, Karl", "Ahorn, Testa"])]
    assert similar_to_each_other([*people, people[2]]) == {0, 1}
    assert similar_among(people[:1], people) == {0: [1]}


def test_marks_blanks_and_doubled_letters_do_not_tell_names_apart() -> None:
    assert seen_name("  O'Néill\u200b ", "Test 11") == seen_name("ONEIL", "test11")
    assert seen_name("", "Test 11") != seen_name("", "Test 1")
