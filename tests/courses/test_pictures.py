"""The drawings: every reading and every entry exactly once, in its lane or at its value, inside the view."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from courses import library
from courses.rules.derived import Case
from courses.rules.evidence import read_history
from courses.rules.limit_lines import lines_of
from courses.rules.trends import readings
from courses.rules.values import Chart, Status
from courses.time_axis import TimeAxis
from courses.timeline_picture import LEFT as LANES_LEFT
from courses.timeline_picture import RIGHT, Entry, Lane, axis_of, draw_timeline
from courses.timeline_picture import WIDTH as LANES_WIDTH
from courses.trend_picture import BOTTOM, LEFT, PLOT_WIDTH, RAIL, TOP, Picture, Shape, draw
from tests.strategies import FIRST, chart, full_charts, measurement

PROTOCOL = library.protocol("lutathera_us_2024_04")
LAST = FIRST + timedelta(days=120)
AXIS = TimeAxis(first=FIRST - timedelta(days=14), last=LAST, left=LEFT, width=PLOT_WIDTH)


def drawn_of(found: Chart, quantity: str, axis: TimeAxis = AXIS) -> Picture:
    case = Case(chart=found, history=read_history(found), protocol=PROTOCOL)
    own = readings(case)[quantity]
    lines = lines_of(quantity, own[-1].moment, case)
    return draw(own, lines=lines, given=found.cycles, axis=axis, longest_join=28)


@settings(max_examples=30)
@given(full_charts(), st.integers(-30, 100), st.integers(1, 120))
def test_every_reading_of_the_days_shown_is_one_mark_inside_the_view(found, begin, length):
    first = FIRST + timedelta(days=begin)
    axis = TimeAxis(first=first, last=first + timedelta(days=length), left=LEFT, width=PLOT_WIDTH)
    case = Case(chart=found, history=read_history(found), protocol=PROTOCOL)
    for quantity, own in readings(case).items():
        lines = lines_of(quantity, own[-1].moment, case)
        picture = draw(own, lines=lines, given=found.cycles, axis=axis, longest_join=28)
        shown = [each for each in own if axis.holds(each.sample.day)]
        assert [mark.reading for mark in picture.marks] == shown
        for mark in picture.marks:
            assert LEFT <= mark.x <= LEFT + PLOT_WIDTH
            assert TOP <= mark.y <= BOTTOM or mark.y == RAIL
        for box in (*picture.normal, *picture.bands):
            assert LEFT <= box.x <= box.x + box.width <= LEFT + PLOT_WIDTH
            assert TOP <= box.y <= box.y + box.height <= BOTTOM
        assert all(TOP <= level.y <= BOTTOM for level in picture.levels)
        given_days = [cycle for cycle in found.cycles if axis.holds(cycle.on)]
        assert len(picture.given) == len(given_days)
        for one, other in picture.joins:
            assert (other.reading.sample.day - one.reading.sample.day).days <= 28
            assert one.shape is other.shape is Shape.RELIABLE


def test_lines_join_only_what_is_near_exact_and_relied_on():
    days = [FIRST + timedelta(days=each) for each in (1, 8, 15, 22, 60, 67)]
    found = chart(
        draws=(
            measurement("PLT", "200", days[0]),
            measurement("PLT", "180", days[1]),
            measurement("PLT", "20", days[2], status=Status.PRELIMINARY),
            measurement("PLT", "170", days[3]),
            measurement("PLT", "160", days[4]),
            measurement("PLT", "10", days[5], comparator="<"),
        )
    )
    picture = drawn_of(found, "PLT")
    joined = [(one.reading.sample.day, other.reading.sample.day) for one, other in picture.joins]
    baseline = found.measurements[0].collected_on
    assert joined == [(baseline, days[0]), (days[0], days[1]), (days[1], days[3])]
    by_day = {mark.reading.sample.day: mark for mark in picture.marks}
    assert by_day[days[2]].shape is Shape.PRELIMINARY
    assert (by_day[days[5]].beyond, by_day[days[5]].reading.is_worst) == (-1, True)


def test_each_way_of_not_knowing_has_a_shape_of_its_own():
    days = [FIRST + timedelta(days=each) for each in range(1, 6)]
    found = chart(
        draws=(
            measurement("PLT", "50", days[0], quality=("haemolysed",)),
            measurement("PLT", "50", days[1], result="a"),
            measurement("PLT", "90", days[1], result="b"),
            measurement("PLT", "50", days[2], comparator=">"),
            measurement("PLT", "1", days[3], quality=("quarantined",)),
        )
    )
    marks = {mark.reading.sample.day: mark for mark in drawn_of(found, "PLT").marks}
    assert marks[days[0]].shape is Shape.DOUBTFUL
    assert marks[days[1]].shape is Shape.CONTRADICTED
    contradicted = marks[days[1]]
    assert contradicted.top is not None
    assert contradicted.bottom is not None
    assert contradicted.top < contradicted.y < contradicted.bottom
    assert (marks[days[2]].beyond, marks[days[2]].shape) == (1, Shape.RELIABLE)
    assert (marks[days[3]].shape, marks[days[3]].y) == (Shape.UNREAD, RAIL)


def test_the_reference_range_is_drawn_as_it_came_and_ends_where_another_begins():
    days = [FIRST + timedelta(days=each) for each in (1, 8, 15)]
    found = chart(
        draws=(
            measurement("PLT", "200", days[0]),
            measurement("PLT", "180", days[1], low=Decimal(140)),
            measurement("PLT", "170", days[2], low=Decimal(140), high=None),
        )
    )
    boxes = drawn_of(found, "PLT").normal
    assert len(boxes) == 3
    assert boxes[0].x + boxes[0].width == AXIS.end(days[0])
    assert boxes[2].y == TOP


def test_activities_stand_beside_administrations_unless_these_stand_close_together():
    wide = drawn_of(chart(), "PLT")
    assert [each.words for each in wide.given] == ["C1 7.4 GBq", "C2 7.4 GBq"]
    long = TimeAxis(first=FIRST, last=FIRST + timedelta(days=2000), left=LEFT, width=PLOT_WIDTH)
    case = Case(chart=chart(), history=read_history(chart()), protocol=PROTOCOL)
    close = draw(readings(case)["PLT"], lines=None, given=chart().cycles, axis=long, longest_join=28)
    assert [each.words for each in close.given] == ["C1", "C2"]
    assert close.bands == close.levels == ()
    end = drawn_of(
        chart(), "PLT", TimeAxis(first=FIRST - timedelta(days=60), last=FIRST, left=LEFT, width=PLOT_WIDTH)
    )
    assert [each.is_last for each in end.given] == [True]


days = st.dates(date(2025, 1, 1), date(2027, 12, 31))


@st.composite
def entries(draw: st.DrawFn) -> list[Entry]:
    found = []
    for place in range(draw(st.integers(0, 40))):
        is_span = draw(st.booleans())
        lane = draw(
            st.sampled_from([Lane.HOLDS, Lane.TOXICITIES] if is_span else [Lane.DECISIONS, Lane.ORDERS])
        )
        first = draw(days)
        last = draw(st.none() | st.integers(0, 200)) if is_span else None
        found.append(
            Entry(
                key=f"e{place}",
                lane=lane,
                first=first,
                last=None if last is None else first + timedelta(days=last),
                is_span=is_span,
                words="x",
                tone="hold",
            )
        )
    return found


@given(entries(), days, st.integers(1, 900))
def test_every_entry_that_touches_the_axis_is_drawn_once_in_its_lane_inside_the_view(found, first, length):
    axis = axis_of(first, first + timedelta(days=length))
    picture = draw_timeline(found, axis=axis, today=first)
    drawn = []
    for row in picture.rows:
        assert row.y + row.height <= picture.height
        for mark in row.points:
            drawn += [(row.lane, entry.key) for entry in mark.entries]
            assert row.y <= mark.y <= row.y + row.height
            assert LANES_LEFT <= mark.x <= LANES_WIDTH - RIGHT
        for bar in row.bars:
            drawn.append((row.lane, bar.entry.key))
            assert row.y <= bar.y < row.y + row.height
    touching = [
        (entry.lane, entry.key)
        for entry in found
        if entry.first <= axis.last
        and (
            entry.first >= axis.first or (entry.is_span and (entry.last is None or entry.last >= axis.first))
        )
    ]
    assert sorted(drawn) == sorted(touching)
    assert [row.lane for row in picture.rows] == [
        lane for lane in Lane if lane in {each for each, _ in drawn}
    ]
    assert all(
        before.y + before.height == after.y
        for before, after in zip(picture.rows, picture.rows[1:], strict=False)
    )


def test_a_mark_bears_the_letter_of_its_action_or_how_many_it_holds():
    day = FIRST
    two = [
        Entry(key=k, lane=Lane.DECISIONS, first=day, words="x", tone=t)
        for k, t in (("a", "hold"), ("b", "stop"))
    ]
    one = Entry(key="c", lane=Lane.DECISIONS, first=day + timedelta(days=60), words="x", tone="delay")
    order = Entry(key="d", lane=Lane.ORDERS, first=day, words="x", tone="done")
    picture = draw_timeline(
        [*two, one, order], axis=axis_of(day, day + timedelta(days=90)), today=day - timedelta(days=1)
    )
    assert picture.now is None
    decisions, orders = picture.rows
    assert [(mark.sign, mark.tone) for mark in decisions.points] == [("2", ""), ("D", "delay")]
    assert [(mark.sign, mark.tone) for mark in orders.points] == [("", "done")]
