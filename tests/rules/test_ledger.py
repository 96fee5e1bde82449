"""The ledger's sums: nothing given is lost, nothing counts twice, and no order of reading changes them."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courses.rules.ledger import Absorbed, Entry, EntryKind, add_doses, add_up, in_order


def entry(ref: str, gbq: str | None, **about) -> Entry:
    facts: dict[str, Any] = {"kind": EntryKind.ADMINISTRATION, "on": date(2026, 1, 12), "course": "a"} | about
    return Entry(ref=ref, activity_gbq=None if gbq is None else Decimal(gbq), **facts)


ACTIVITIES = st.one_of(
    st.none(), st.decimals(min_value=0, max_value=12, places=4, allow_nan=False, allow_infinity=False)
)


@st.composite
def lines(draw) -> list[Entry]:
    """Lines of one person: some here, some elsewhere, some of unknown activity, some deviations."""
    count = draw(st.integers(0, 8))
    return [
        Entry(
            ref=f"row-{n}",
            kind=draw(st.sampled_from(list(EntryKind))),
            activity_gbq=draw(ACTIVITIES),
            on=draw(st.one_of(st.none(), st.dates(date(2020, 1, 1), date(2020, 1, 3)))),
            course=draw(st.sampled_from(["", "a", "b"])),
            hospital=draw(st.sampled_from(["", "North", "South"])),
            deviation=draw(st.sampled_from(["", "given without a signed directive"])),
        )
        for n in range(count)
    ]


def test_what_was_given_in_all_courses_is_added_with_what_was_given_elsewhere():
    totals = add_up(
        [
            entry("1", "7.4"),
            entry("2", "3.7", course="b"),
            entry("3", "7.2", kind=EntryKind.PRIOR, course="", hospital="North"),
        ]
    )
    assert totals.total_gbq == Decimal("18.3")
    assert totals.by_course == {"a": Decimal("7.4"), "b": Decimal("3.7")}
    assert totals.elsewhere_gbq == Decimal("7.2")
    assert not totals.is_least


def test_a_deviation_is_in_the_total():
    totals = add_up([entry("1", "7.4"), entry("2", "7.4", deviation="given without a signed directive")])
    assert (totals.total_gbq, totals.deviations_gbq) == (Decimal("14.8"), Decimal("7.4"))


def test_a_treatment_of_unknown_activity_makes_the_total_a_least_one():
    totals = add_up([entry("1", "7.4"), entry("2", None, kind=EntryKind.PRIOR, course="")])
    assert (totals.total_gbq, totals.unknown, totals.is_least) == (Decimal("7.4"), 1, True)


def test_a_treatment_elsewhere_that_was_written_down_under_two_numbers_counts_once():
    told = {"kind": EntryKind.PRIOR, "course": "", "on": date(2021, 3, 1)}
    totals = add_up(
        [
            entry("1", "7.4", hospital="North  clinic", **told),
            entry("2", "7.40", hospital="north clinic", **told),
        ]
    )
    assert totals.total_gbq == Decimal("7.4")
    assert totals.doubles == {"2"}


@pytest.mark.parametrize(
    "other",
    [
        {"hospital": "South"},
        {"on": date(2021, 3, 2)},
        {"on": None},
        {"hospital": ""},
        {"kind": EntryKind.ADMINISTRATION},
    ],
)
def test_treatments_that_differ_in_anything_count_each(other):
    told = {"kind": EntryKind.PRIOR, "course": "", "on": date(2021, 3, 1), "hospital": "North"}
    assert add_up([entry("1", "7.4", **told), entry("2", "7.4", **(told | other))]).total_gbq == Decimal(
        "14.8"
    )


def test_one_row_with_two_contents_is_refused():
    with pytest.raises(ValueError, match="different contents"):
        add_up([entry("1", "7.4"), entry("1", "3.7")])


def test_the_oldest_line_comes_first_one_without_a_day_before_all_and_one_day_goes_by_the_row():
    january, march = date(2026, 1, 12), date(2026, 3, 9)
    rows = [
        entry("3", "7.4", on=march),
        entry("4", "7.4", on=january),
        entry("5", "3.7", on=None),
        entry("2", "7.4", on=january),
        entry("3", "7.4", on=march),
    ]
    assert [row.ref for row in in_order(rows)] == ["5", "2", "4", "3"]


@given(lines(), st.randoms(use_true_random=False))
def test_neither_the_order_nor_reading_a_row_twice_changes_anything(rows, chance):
    shuffled = [*rows, *rows[:3]]
    chance.shuffle(shuffled)
    assert add_up(shuffled) == add_up(rows)
    assert in_order(shuffled) == in_order(rows)


@pytest.mark.hazard("HZ-60")
@given(lines(), st.data())
def test_dividing_the_treatments_among_courses_otherwise_leaves_every_total_but_the_courses_own(rows, data):
    moved = [
        Entry(
            **{name: getattr(row, name) for name in Entry.__slots__}
            | {"course": data.draw(st.sampled_from("abc"))}
        )
        if row.course
        else row
        for row in rows
    ]
    before, after = add_up(rows), add_up(moved)
    assert (before.total_gbq, before.elsewhere_gbq, before.deviations_gbq, before.unknown) == (
        after.total_gbq,
        after.elsewhere_gbq,
        after.deviations_gbq,
        after.unknown,
    )
    assert sum(before.by_course.values()) == sum(after.by_course.values())


@pytest.mark.hazard("HZ-60")
@given(lines(), lines())
def test_what_two_numbers_hold_together_is_what_each_holds_but_for_what_both_tell(mine, others):
    theirs = [
        Entry(**{name: getattr(row, name) for name in Entry.__slots__} | {"ref": f"other-{row.ref}"})
        for row in others
    ]
    apart = add_up(mine).total_gbq + add_up(theirs).total_gbq
    together = add_up([*mine, *theirs])
    told_again = sum(
        (row.activity_gbq or Decimal(0) for row in [*mine, *theirs] if row.ref in together.doubles),
        Decimal(0),
    )
    told_before = sum(
        (
            row.activity_gbq or Decimal(0)
            for row in [*mine, *theirs]
            if row.ref in add_up(mine).doubles | add_up(theirs).doubles
        ),
        Decimal(0),
    )
    assert together.total_gbq == apart - (told_again - told_before)
    assert together.total_gbq >= max(add_up(mine).total_gbq, add_up(theirs).total_gbq)


def dose(ref: str, gy: str, uncertainty: str | None = None, organ: str = "kidneys") -> Absorbed:
    return Absorbed(
        ref=ref,
        organ=organ,
        gy=Decimal(gy),
        uncertainty_gy=None if uncertainty is None else Decimal(uncertainty),
    )


def test_absorbed_doses_add_and_their_uncertainties_add_as_squares():
    # 3-4-5: the root of 9 + 16.
    kidneys, marrow = add_doses(
        [dose("1", "5", "3"), dose("2", "6", "4")], limits={"kidneys": Decimal(23), "bone_marrow": Decimal(2)}
    )
    assert (kidneys.total_gy, kidneys.uncertainty_gy, kidneys.entered) == (Decimal(11), Decimal(5), 2)
    assert (marrow.total_gy, marrow.entered, marrow.is_over, marrow.may_be_over) == (
        Decimal(0),
        0,
        False,
        False,
    )


def test_one_unknown_uncertainty_makes_that_of_the_total_unknown():
    (kidneys,) = add_doses([dose("1", "5", "3"), dose("2", "6")], limits={"kidneys": Decimal(23)})
    assert kidneys.uncertainty_gy is None
    assert kidneys.may_be_over


@pytest.mark.parametrize(
    ("gy", "uncertainty", "over", "may_be"),
    [
        ("23", "0", False, False),
        ("23.01", "0", True, True),
        ("20", "3", False, False),
        ("20", "3.01", False, True),
    ],
)
def test_at_the_limit_is_not_over_it_and_the_uncertainty_may_reach_beyond(gy, uncertainty, over, may_be):
    (kidneys,) = add_doses([dose("1", gy, uncertainty)], limits={"kidneys": Decimal(23)})
    assert (kidneys.is_over, kidneys.may_be_over) == (over, may_be)


def test_without_a_limit_nothing_is_over_it():
    (kidneys,) = add_doses([dose("1", "99")], limits={"kidneys": None})
    assert not kidneys.is_over
    assert not kidneys.may_be_over
