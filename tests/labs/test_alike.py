"""Who may be taken for whom on a screen: seeded pairs are found, and people who share little are not."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.alike import Known, are_alike, birth_dates_near

BORN = date(1961, 3, 2)
FAR = date(1975, 8, 19)


def known(name: str, born: date = FAR) -> Known:
    family, _, given_name = name.partition(", ")
    return Known(family=family, given=given_name, birth_date=born)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ahorn, Testa", "Ahorn, Testa"),
        ("Müller, Anna", "Mueller, Anna"),
        ("Meyer, Karl", "Meier, Karl"),
        ("Schmidt, Jan", "Schmitd, Jan"),
        ("Schmidt, Jan", "Schmid, Jan"),
        ("Schmidt, Jan", "Schmidt-Berg, Jan"),
        ("Ahorn, T.", "Ahorn, Testa"),
        ("Ahorn", "Ahorn, Testa"),
        ("Ahorn, Maria", "Ahorn, Marla"),
        ("Martin, Thomas", "Thomas, Martin"),
        ("Langrnann, Eva", "Langmann, Eva"),
    ],
)
def test_names_that_lie_near_are_found_whatever_the_birth_dates(one, other):
    assert are_alike(known(one, BORN), known(other))
    assert are_alike(known(other), known(one, BORN))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ahorn, Testa", "Birke, Testa"),
        ("Ahorn, Testa", "Ahorn, Viktor"),
        ("Li, Wei", "Lu, Wei"),
        ("Schmidt, Jan", "Schneider, Jan"),
    ],
)
def test_people_who_share_one_name_only_are_told_apart(one, other):
    assert not are_alike(known(one, BORN), known(other))


def test_a_near_birth_date_makes_one_family_name_enough():
    assert are_alike(known("Ahorn, Testa", BORN), known("Ahorn, Viktor", date(1961, 2, 3)))
    assert not are_alike(known("Ahorn, Testa", BORN), known("Birke, Testa", BORN))


@pytest.mark.parametrize(
    ("other", "near"),
    [
        (BORN, True),
        (date(1961, 2, 3), True),
        (date(1967, 3, 2), True),
        (date(1961, 3, 12), True),
        (date(1961, 4, 3), False),
        (date(1916, 3, 2), False),
    ],
)
def test_birth_dates_are_near_when_one_slip_makes_one_of_the_other(other, near):
    assert birth_dates_near(BORN, other) is near
    assert birth_dates_near(other, BORN) is near


@given(st.dates(date(1900, 1, 1)), st.dates(date(1900, 1, 1)))
def test_nearness_of_birth_dates_knows_no_order(one, other):
    assert birth_dates_near(one, other) == birth_dates_near(other, one)


names = st.text(st.sampled_from("abcü- "), max_size=7)


@given(names, names, names, names)
def test_nobody_is_like_somebody_who_is_not_like_them(family, given_name, other, other_given):
    one = Known(family=family, given=given_name, birth_date=BORN)
    two = Known(family=other, given=other_given, birth_date=FAR)
    assert are_alike(one, two) == are_alike(two, one)
