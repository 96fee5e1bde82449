"""Which letter goes before which, and which of many leave alone, together or later."""

from datetime import timedelta

import pytest

from alerts.library import policy
from alerts.storm_rules import Departure, StormLimits, departure, rank, too_many

LIMITS = StormLimits(
    letters_alone=3,
    window_seconds=60,
    gather_seconds=30,
    critical_wait_seconds=50,
    anomaly_alerts=30,
    anomaly_minutes=10,
)


def test_critical_and_first_words_go_before_what_was_said_before() -> None:
    order = [(1, False), (1, True), (2, False), (3, False), (2, True), (3, True)]
    ranks = [rank(severity=severity, repeat=repeat) for severity, repeat in order]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == 6


@pytest.mark.parametrize(
    ("recent", "waited", "first_critical", "longest", "expected"),
    [
        (0, 0, False, 0, Departure.ALONE),
        (2, 0, False, 500, Departure.ALONE),
        (3, 0, False, 29, Departure.LATER),
        (3, 0, False, 30, Departure.TOGETHER),
        (3, 30, True, 30, Departure.TOGETHER),
        (4, 49, True, 49, Departure.LATER),
        (4, 50, True, 50, Departure.TOGETHER),
        (9, 50, True, 50, Departure.TOGETHER),
        (4, 500, False, 500, Departure.LATER),
    ],
)
def test_the_first_three_leave_alone_the_fourth_takes_the_rest_along_and_nothing_critical_is_held(
    recent: int, waited: int, first_critical: bool, longest: int, expected: Departure
) -> None:
    leaves = departure(
        recent=recent,
        waited=timedelta(seconds=waited),
        first_critical=first_critical,
        waits_longest=timedelta(seconds=longest),
        limits=LIMITS,
    )
    assert leaves is expected


def test_more_than_the_limit_of_one_source_is_too_many_and_the_limit_is_not() -> None:
    assert too_many(raised={"a": 31, "b": 30, "c": 1}, limits=LIMITS) == {"a": 31}


def test_the_shipped_numbers_are_those_of_the_safety_case() -> None:
    assert policy().storm == LIMITS


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"gather_seconds": 50}, "gather_seconds"),
        ({"critical_wait_seconds": 61, "window_seconds": 90}, "60 seconds"),
        ({"window_seconds": 40}, "window_seconds"),
    ],
)
def test_numbers_that_do_not_fit_together_are_refused(change: dict[str, int], says: str) -> None:
    given = {name: getattr(LIMITS, name) for name in StormLimits.__slots__}
    assert any(says in fault for fault in StormLimits(**{**given, **change}).faults())
    assert LIMITS.faults() == []
