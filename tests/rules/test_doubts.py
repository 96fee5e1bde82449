"""Doubtful results: unread, contradicting or unreliable ones may hold; a later reliable one settles them."""

from datetime import timedelta

import pytest

from courses import library
from courses.rules.evidence import Standing, sift
from courses.rules.recommend import recommend
from courses.rules.values import Action, Measurement, Recommendation
from tests.strategies import chart, draw_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
DAY = draw_day()


def judge(*draws: Measurement) -> Recommendation:
    return recommend(chart=chart(draws=draws), protocol=PROTOCOL, today=DAY + timedelta(days=3))


def quarantined(analyte: str, days: int) -> Measurement:
    return measurement(analyte, "220", DAY + timedelta(days=days), quality=("quarantined",))


def test_a_quarantined_result_newer_than_the_last_one_holds_and_says_who_resolves_it() -> None:
    answer = judge(*panel(DAY), quarantined("PLT", 1))
    (gap,) = answer.missing
    assert (answer.action, gap.item, gap.rule, gap.due_on) == (Action.HOLD, "PLT", "EV-UNUSABLE", None)
    assert gap.why == (
        "the newest result, of 28 April 2026, has not been read: "
        "it waits in quarantine, where nothing is guessed"
    )
    assert gap.resolve == "have somebody resolve the quarantined Platelets, or repeat the draw"


def test_a_later_result_settles_a_quarantined_one() -> None:
    assert judge(*panel(DAY), quarantined("PLT", -1)).action.is_go


@pytest.mark.parametrize("analyte", ["GGT", "LYMPH"])
def test_a_quarantined_result_that_is_not_always_needed_holds_nothing(analyte: str) -> None:
    assert judge(*panel(DAY), quarantined(analyte, 1)).action.is_go


def test_two_results_of_one_code_and_instant_contradict_each_other() -> None:
    first = measurement("PLT", "60", DAY, result="one")
    second = measurement("PLT", "210", DAY, result="two")
    (sample,) = sift([first, second])
    assert sample.standing is Standing.CONFLICT
    rest = tuple(m for m in panel(DAY) if m.analyte != "PLT")
    answer = judge(*rest, first, second)
    assert (answer.action, {gap.rule for gap in answer.missing}) == (Action.HOLD, {"EV-CONFLICT"})
