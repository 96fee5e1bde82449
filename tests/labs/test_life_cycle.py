"""The life cycle of a result: whatever the order and number of arrivals, one version stands."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.life_cycle import Restated, Standing, Version, is_news, restated, standing

START = datetime(2026, 5, 4, 6, 0, tzinfo=UTC)


def version(text: str) -> Version:
    """`F100@3`: final, content 100, hour 3 by the message's time; `F100@3!`: dated by the laboratory."""
    letter, rest = text[0], text[1:]
    content, _, hour = rest.partition("@")
    words = {
        "P": "preliminary",
        "F": "final",
        "C": "corrected",
        "A": "amended",
        "X": "cancelled",
        "W": "entered-in-error",
    }
    dated = hour.endswith("!")
    return Version(
        key=0,
        status=words[letter],
        ordered_at=START + timedelta(hours=int(hour.rstrip("!"))),
        ordered_by="OBR-22" if dated else "MSH-7",
        digest=f"{letter}{content}" + (hour if dated else ""),
    )


def arrive(versions: list[Version]) -> Standing:
    """Store what is news, note what is stated again, in this order, and say what stands."""
    stored: list[Version] = []
    again: Restated | None = None
    for each in versions:
        if is_news(each, stored):
            stored.append(each)
        elif (found := restated(each, stored)) is not None:
            again = found if again is None else max(again, found)
    return standing(stored, again)


def stands(*texts: str) -> tuple[str, bool]:
    """What stands, having checked that every order of arrival agrees."""
    found = {
        (result.current.digest, result.in_conflict)
        for order in permutations([version(text) for text in texts])
        for result in [arrive(list(order))]
    }
    assert len(found) == 1, found
    return found.pop()


@pytest.mark.parametrize(
    ("texts", "current"),
    [
        (["P90@1"], "P90"),
        (["P90@1", "F100@2"], "F100"),
        (["P90@3", "F100@2"], "F100"),
        (["F100@1", "C60@2"], "C60"),
        (["F100@3", "C60@2"], "C60"),
        (["F100@1", "C60@2", "C70@3"], "C70"),
        (["F100@1", "F60@2"], "F60"),
        (["C60@2"], "C60"),
        (["F100@1", "X@2"], "X"),
        (["P90@1", "X@2"], "X"),
        (["F100@1", "W@2"], "W"),
        (["F100@1", "W@2", "F100@5"], "W"),  # a replay in a new message revives nothing
        (["F100@1", "W@2", "C60@3"], "C60"),
        (["F100@1", "W@3", "C60@2"], "W"),
        (["F100@1", "W@2", "C60@2"], "W"),  # at the same time the withdrawal is believed
        (["F100@1", "X@2", "F60@3!"], "F603!"),
        (["F100@1", "X@2", "W@2"], "W"),
        (["W@2", "C60@3", "W@5"], "W"),  # withdrawn again after the correction
        (["F100@1!", "F60@2!", "F100@3!"], "F1003!"),
        (["F100@1", "F60@2", "F100@3", "F60@4"], "F60"),  # all of them, sent again in order
        (["C100@1", "C60@2", "C100@3", "C60@4"], "C60"),
        (["F100@1", "C60@2", "F100@3"], "C60"),  # an old final after its correction is an old message
        (["C60@1", "C100@2", "C60@3", "W@4"], "W"),
        (["C60@1", "C100@2", "C60@3", "C70@4"], "C70"),
    ],
)
def test_what_stands_in_every_order_of_arrival(texts: list[str], current: str) -> None:
    assert stands(*texts) == (current, False)


@pytest.mark.parametrize(
    ("texts", "current"),
    [
        (["F160@1", "W@2", "F60@3"], "W"),  # withdrawn, then stated anew without a date of the laboratory's
        (["W@2", "F60@3"], "W"),
        (["F100@1", "X@2", "P90@6"], "X"),
        (["F160@1", "W@1", "F60@1"], "W"),  # two contents and a withdrawal of one time
        (["F160@1", "W@2", "F70@4!", "F60@5"], "F704!"),  # the dated one counts, and another came after it
    ],
)
def test_what_comes_after_a_withdrawal_without_outliving_it_is_in_conflict_with_what_stands(
    texts: list[str], current: str
) -> None:
    assert stands(*texts) == (current, True)


@pytest.mark.parametrize(
    ("settles", "current"), [("C60@4", "C60"), ("F60@4!", "F604!"), ("W@4", "W"), ("A60@4", "A60")]
)
def test_what_follows_settles_a_conflict_with_a_withdrawal(settles: str, current: str) -> None:
    assert stands("F160@1", "W@2", "F60@3", settles) == (current, False)


@pytest.mark.parametrize(
    ("texts", "current"),
    [
        (["F100@1", "F60@2", "F100@3"], "F60"),
        (["C60@1", "C200@2", "C60@3"], "C200"),
        (["C60@1", "C200@2", "C60@3", "C60@4"], "C200"),
        (["F1@1", "C60@2", "C200@3", "C60@4", "F1@5"], "C200"),
    ],
)
def test_a_value_stated_again_after_another_may_be_a_return_or_an_old_message(
    texts: list[str], current: str
) -> None:
    assert stands(*texts) == (current, True)


def test_what_was_stated_before_a_withdrawal_and_arrives_late_contradicts_nothing() -> None:
    assert stands("W@2", "F60@1") == ("W", False)
    assert stands("W@2", "F60@1", "F60@5") == ("W", False)  # the second is the first, sent again


def test_two_different_finals_of_one_time_contradict_each_other() -> None:
    assert stands("F100@1", "F60@1")[1] is True
    assert stands("F100@1", "F60@1", "C60@2") == ("C60", False)


def test_our_own_time_of_receipt_orders_nothing() -> None:
    def received(content: str, hour: int) -> Version:
        return Version(
            key=0,
            status="final",
            ordered_at=START + timedelta(hours=hour),
            ordered_by="received",
            digest=content,
        )

    assert standing([received("100", 1), received("60", 2)]).in_conflict


def test_the_same_content_again_is_no_news() -> None:
    assert not is_news(version("F100@2"), [version("F100@1")])
    assert is_news(version("F100@1"), [version("F100@2")])
    assert is_news(version("W@5"), [version("W@2")])
    assert not is_news(version("W@2"), [version("W@5")])


VERSIONS = st.builds(
    lambda letter, content, hour, dated: version(f"{letter}{content}@{hour}{'!' if dated else ''}"),
    st.sampled_from("PFCXW"),
    st.sampled_from(["60", "100"]),
    st.integers(1, 4),
    st.booleans(),
)


@settings(deadline=None)
@given(st.lists(VERSIONS, min_size=1, max_size=6), st.data())
def test_order_and_number_of_arrivals_never_change_what_stands(
    versions: list[Version], data: st.DataObject
) -> None:
    once = arrive(versions)
    again = data.draw(st.permutations(versions + data.draw(st.lists(st.sampled_from(versions), max_size=4))))
    other = arrive(again)
    assert (other.current.digest, other.current.at, other.in_conflict) == (
        once.current.digest,
        once.current.at,
        once.in_conflict,
    )


@settings(deadline=None)
@given(st.lists(VERSIONS, max_size=5))
def test_a_withdrawal_is_left_only_by_what_the_laboratory_dated_later_or_corrected(
    versions: list[Version],
) -> None:
    found = arrive([*versions, version("W@9")])
    assert found.current.status == "entered-in-error"
