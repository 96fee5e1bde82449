"""P9: episodes, recurrence and activity level agree with a second opinion written separately and naively."""

import random
from datetime import date, timedelta
from decimal import Decimal

import pytest

from courses import library
from courses.rules.recommend import recommend
from courses.rules.values import Action, Chart, GivenCycle
from tests.rules.invariants import check_answer, check_memory
from tests.rules.oracle import EMA, US, Profile, second_opinion
from tests.rules.series import random_course
from tests.strategies import FIRST, chart, draw_day, last_day, measurement, panel

US_PROTOCOL = library.protocol("lutathera_us_2024_04")
EMA_PROTOCOL = library.protocol("lutathera_ema_2024")


@pytest.mark.parametrize("hundred", range(3))
def test_p9_random_courses_get_the_second_opinion_of_the_us_label(hundred: int) -> None:
    seen: set[Action] = set()
    for seed in range(100 * hundred, 100 * hundred + 100):
        found, today = random_course(random.Random(seed))
        answer = recommend(chart=found, protocol=US_PROTOCOL, today=today)
        check_answer(answer, found, today)
        seen.add(answer.action)
    assert seen >= {Action.PROCEED, Action.REDUCE, Action.DELAY, Action.STOP}


def test_p9_random_courses_get_the_second_opinion_of_the_ema_text() -> None:
    for seed in range(1000, 1100):
        found, today = random_course(random.Random(seed))
        answer = recommend(chart=found, protocol=EMA_PROTOCOL, today=today)
        if found.cycles:
            check_memory(answer, found, today, EMA)


# The opinion itself, against stories worked out by hand from the label's table.


def after(days: int) -> date:
    """So many days after the first administration."""
    return FIRST + timedelta(days=days)


def course(second: str, *values: tuple[str, str, date]) -> Chart:
    """Two cycles, the second of this activity, a whole draw before the third, and these results."""
    found = chart(draws=(*(measurement(a, v, day) for a, v, day in values), *panel(draw_day())))
    given = (found.cycles[0], GivenCycle(number=2, on=last_day(), activity_gbq=Decimal(second)))
    return Chart(**{name: getattr(found, name) for name in _FIELDS} | {"cycles": given})


_FIELDS = ("birth_date", "sex", "measurements", "weights", "planned_on")
STORIES = [
    ("nothing happened", course("7.4"), Action.PROCEED),
    ("platelets 60, then normal", course("7.4", ("PLT", "60", after(80))), Action.REDUCE),
    ("platelets 75", course("7.4", ("PLT", "75", after(80))), Action.PROCEED),
    (
        "platelets 60 after cycle 1, then half a cycle",
        course("3.7", ("PLT", "60", after(20)), ("PLT", "200", after(50))),
        Action.PROCEED,
    ),
    (
        "platelets 60 after cycle 1, a full cycle against the ladder",
        course("7.4", ("PLT", "60", after(20)), ("PLT", "200", after(50))),
        Action.REDUCE,
    ),
    (
        "platelets 60 after cycle 1 and 74 after cycle 2",
        course("3.7", ("PLT", "60", after(20)), ("PLT", "200", after(50)), ("PLT", "74", after(80))),
        Action.STOP,
    ),
    (
        "haemoglobin 70 after cycle 1, neutrophils 0.9 after cycle 2: one family",
        course("3.7", ("HGB", "70", after(20)), ("HGB", "120", after(50)), ("ANC", "0.9", after(80))),
        Action.STOP,
    ),
    (
        "platelets 60 after cycle 1, haemoglobin 70 after cycle 2: two families",
        course("3.7", ("PLT", "60", after(20)), ("PLT", "200", after(50)), ("HGB", "70", after(80))),
        Action.REDUCE,
    ),
]


@pytest.mark.parametrize(("story", "found", "action"), STORIES, ids=[story for story, _, _ in STORIES])
def test_the_second_opinion_tells_the_labels_own_stories(story: str, found: Chart, action: Action) -> None:
    assert second_opinion(found, today=draw_day()).action is action
    assert recommend(chart=found, protocol=US_PROTOCOL, today=draw_day()).action is action


@pytest.mark.parametrize(
    ("profile", "protocol", "first_stopping_day"), [(US, US_PROTOCOL, 112), (EMA, EMA_PROTOCOL, 113)]
)
def test_the_second_opinion_stops_on_the_first_stopping_day_of_its_text(
    profile: Profile, protocol, first_stopping_day: int
) -> None:
    for day in range(first_stopping_day - 2, first_stopping_day + 2):
        today = last_day() + timedelta(days=day)
        toxic = [measurement("PLT", "60", last_day() + timedelta(days=d)) for d in (30, day - 3)]
        found = chart(draws=tuple(toxic), planned_on=today)
        stops = second_opinion(found, today=today, profile=profile).action is Action.STOP
        assert stops == (day >= first_stopping_day)
        check_memory(recommend(chart=found, protocol=protocol, today=today), found, today, profile)
