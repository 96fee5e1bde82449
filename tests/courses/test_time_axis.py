"""The axis of days: every datum in exactly one mark, in order, and none outside the drawing."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courses.time_axis import MOST_TICKS, Point, Span, TimeAxis, clustered, stacked, ticks

DAY = date(2026, 1, 12)
days = st.dates(date(2020, 1, 1), date(2035, 12, 31))


@st.composite
def axes(draw: st.DrawFn) -> TimeAxis:
    first = draw(days)
    length = draw(st.sampled_from([0, 1, 27, 61, 62, 200, 400, 1500, 9000]))
    return TimeAxis(first=first, last=first + timedelta(days=length), left=40, width=600)


@given(axes(), st.lists(days, max_size=60), st.integers(1, 40))
def test_every_point_on_the_axis_is_in_one_mark_in_order_and_marks_stand_apart(axis, found, apart):
    points = [Point(day=day, key=str(place)) for place, day in enumerate(found)]
    marks = clustered(points, axis, apart=apart)
    keys = [key for mark in marks for key in mark.keys]
    assert sorted(keys) == sorted(point.key for point in points if axis.holds(point.day))
    by_key = {point.key: point.day for point in points}
    in_order = [by_key[key] for key in keys]
    assert in_order == sorted(in_order)
    assert all(40 <= mark.x <= 640 for mark in marks)
    assert all(after.x - before.x >= apart for before, after in pairwise(marks))


@given(axes(), st.lists(st.tuples(days, st.none() | st.integers(-5, 900)), max_size=30))
def test_every_span_that_touches_the_axis_is_one_bar_within_it_and_no_two_of_a_row_meet(axis, found):
    spans = [
        Span(first=first, last=None if more is None else first + timedelta(days=more), key=str(place))
        for place, (first, more) in enumerate(found)
    ]
    bars = stacked(spans, axis)
    touching = {
        span.key
        for span in spans
        if span.first <= axis.last and (span.last is None or max(span.last, span.first) >= axis.first)
    }
    assert sorted(bar.key for bar in bars) == sorted(touching)
    for bar in bars:
        assert 40 <= bar.x < bar.x + bar.width <= 640
    rows: dict[int, list] = {}
    for bar in bars:
        rows.setdefault(bar.row, []).append(bar)
    for own in rows.values():
        assert all(before.x + before.width <= after.x for before, after in pairwise(own))


@given(axes())
def test_the_axis_has_few_marks_in_order_and_all_of_them_on_it(axis):
    found = ticks(axis)
    assert len(found) <= MOST_TICKS
    assert all(40 <= tick.x <= 640 for tick in found)
    assert all(before.x < after.x for before, after in pairwise(found))


def test_a_day_stands_in_its_own_middle():
    axis = TimeAxis(first=DAY, last=DAY + timedelta(days=9), left=0, width=100)
    assert (axis.begin(DAY), axis.x(DAY), axis.end(DAY)) == (0, 5, 10)
    assert axis.x(axis.last) == 95
    assert axis.days == 10


def test_months_are_named_with_their_year_first_and_in_january():
    axis = TimeAxis(first=date(2025, 11, 20), last=date(2026, 3, 2), left=0, width=100)
    assert [tick.words for tick in ticks(axis)] == ["Dec 2025", "Jan 2026", "Feb", "Mar"]
    short = TimeAxis(first=date(2026, 5, 5), last=date(2026, 5, 20), left=0, width=100)
    assert [tick.words for tick in ticks(short)] == ["11 May", "18 May"]


def test_spans_say_that_they_began_before_or_go_on():
    axis = TimeAxis(first=DAY, last=DAY + timedelta(days=9), left=0, width=100)
    [before, still] = stacked(
        [
            Span(first=DAY - timedelta(days=9), last=DAY, key="before"),
            Span(first=DAY + timedelta(days=5), last=None, key="still"),
        ],
        axis,
    )
    assert (before.began_before, before.goes_on, before.width) == (True, False, Decimal(10))
    assert (still.began_before, still.goes_on, still.width) == (False, True, Decimal(50))


def test_an_axis_runs_forward():
    for first, last, width in ((DAY, DAY - timedelta(days=1), 10), (DAY, DAY, 0)):
        with pytest.raises(ValueError, match="ends before"):
            TimeAxis(first=first, last=last, left=0, width=width)
