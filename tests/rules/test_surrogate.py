"""Where a site sets it, the INR stands in for a prothrombin ratio that was not measured."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from courses import library
from courses.rules.protocol import Bound, Protocol, Surrogate, Test
from courses.rules.recommend import recommend
from courses.rules.values import Action, Measurement, Recommendation, Status
from tests.strategies import chart, draw_day, measurement, panel

US = library.protocol("lutathera_us_2024_04")
ABOVE = Bound(quantity="INR", test=Test.ABOVE, limit=Decimal("1.5"), exact=Fraction(3, 2))
SITE = replace(US, prothrombin_surrogate=Surrogate(quantity="PTR", bound=ABOVE, source=US.schedule.source))
DAY = draw_day()


def inr(value: str, days: int = 0, **more: object) -> Measurement:
    return measurement("INR", value, DAY + timedelta(days=days), **more)


def judge(*draws: Measurement, protocol: Protocol = SITE, given: int = 2) -> Recommendation:
    found = chart(draws=draws)
    if not given:
        found = replace(found, cycles=())
    return recommend(chart=found, protocol=protocol, today=DAY + timedelta(days=2))


def test_the_sentence_says_that_the_inr_stands_in_by_the_sites_choice() -> None:
    answer = judge(*panel(DAY, ALB="28"), inr("1.8"))
    reason = answer.strongest
    assert reason is not None
    assert (answer.action, reason.rule) == (Action.DELAY, "DM-HEP")
    assert "International normalised ratio 1.8 on 27 April 2026" in reason.sentence
    words = "(International normalised ratio stands in for Prothrombin ratio, which was not measured, by the"
    assert f"{words} site's choice)" in reason.sentence
    assert {item.value for item in reason.evidence} >= {"28", "1.8"}


def test_without_the_sites_choice_it_is_held() -> None:
    answer = judge(*panel(DAY, ALB="28"), inr("1.8"), protocol=US)
    assert (answer.action, [gap.item for gap in answer.missing]) == (Action.HOLD, ["PTR"])


def test_a_measured_ratio_goes_before_the_inr() -> None:
    assert judge(*panel(DAY, ALB="28"), inr("1.8"), measurement("PTR", "75", DAY)).action.is_go


def test_an_inr_of_a_later_draw_is_read_together_with_an_albumin_still_valid() -> None:
    assert judge(*panel(DAY, ALB="28"), inr("1.8", days=2)).action is Action.DELAY
    assert judge(*panel(DAY, ALB="28"), inr("1.4", days=2)).action.is_go


def test_an_albumin_of_a_later_draw_is_read_with_an_inr_as_long_as_the_ratio_would_be_valid() -> None:
    early = inr("1.8", days=-13)
    assert judge(early, *panel(DAY + timedelta(days=1), ALB="28")).action is Action.DELAY
    too_early = judge(inr("1.8", days=-14), *panel(DAY + timedelta(days=1), ALB="28"))
    assert (too_early.action, [gap.item for gap in too_early.missing]) == (Action.HOLD, ["PTR"])


def test_an_inr_within_bounds_that_could_act_holds() -> None:
    answer = judge(*panel(DAY, ALB="28"), inr("1.8", comparator="<"))
    assert (answer.action, [gap.item for gap in answer.missing]) == (Action.HOLD, ["INR"])


def test_before_the_first_cycle_the_floor_asks_the_inr_too() -> None:
    answer = judge(*panel(DAY, ALB="28"), inr("1.8"), given=0)
    (reason,) = [reason for reason in answer.reasons if reason.rule == "ELIG-ALB"]
    assert "by the site's choice" in reason.sentence
    assert answer.action is Action.DELAY
    assert judge(*panel(DAY, ALB="28"), inr("1.5"), given=0).action.is_go


def test_a_preliminary_inr_may_hold_before_the_first_cycle() -> None:
    preliminary = inr("1.8", days=1, status=Status.PRELIMINARY)
    answer = judge(*panel(DAY, ALB="28"), inr("1.2"), preliminary, given=0)
    assert (answer.action, [gap.item for gap in answer.missing]) == (Action.HOLD, ["INR"])


def test_recovery_is_asked_of_what_stands_in() -> None:
    low = (measurement("ALB", "28", DAY - timedelta(days=20)), inr("1.8", days=-20))
    assert judge(*low, *panel(DAY, ALB="42"), inr("1.1")).action is Action.REDUCE
    assert judge(*low, *panel(DAY, ALB="42"), inr("1.3")).action is Action.DELAY
    assert judge(*low, *panel(DAY, ALB="42")).action is Action.DELAY


def test_what_stands_in_is_what_the_delay_waits_for() -> None:
    reason = judge(*panel(DAY, ALB="28"), inr("1.8")).strongest
    assert reason is not None
    assert (
        "delay until Albumin and International normalised ratio each back within the reference range or "
        "within 10 % of the baseline"
    ) in reason.sentence
