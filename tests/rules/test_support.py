"""Results under transfusions and growth factors, and results set aside: they may alarm, and never clear."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courses import library
from courses.rules.evidence import History, read_history
from courses.rules.facts import Support, SupportKind
from courses.rules.recommend import recommend
from courses.rules.support import mark_supported
from courses.rules.values import Action, Chart, Recommendation
from tests.strategies import EDGES, chart, charts, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
DAY = draw_day()
MOST = settings(max_examples=80, deadline=None)
TODAY = DAY + timedelta(days=2)
SPANS = {
    ("PLT", SupportKind.PLATELETS): 7,
    ("HGB", SupportKind.RED_CELLS): 14,
    ("ANC", SupportKind.GROWTH_FACTOR): 14,
    ("WBC", SupportKind.GROWTH_FACTOR): 14,
}


def given_on(kind: SupportKind, days_before: int, day: date = DAY) -> Support:
    return Support(kind=kind, on=day - timedelta(days=days_before))


def judge(found: Chart) -> Recommendation:
    return recommend(chart=found, protocol=PROTOCOL, today=TODAY)


def marked(found: Chart) -> History:
    return mark_supported(read_history(found), chart=found, protocol=PROTOCOL)


@pytest.mark.parametrize(("analyte", "kind"), sorted(SPANS))
def test_a_result_clears_nothing_from_the_day_of_support_to_the_last_day_of_its_span(analyte, kind) -> None:
    value = {"PLT": "220", "HGB": "130", "ANC": "3.5", "WBC": "6"}[analyte]
    for days in range(-1, SPANS[analyte, kind] + 3):
        found = chart(draws=(measurement(analyte, value, DAY),), support=(given_on(kind, days),))
        sample = marked(found).newest(analyte)
        assert sample is not None
        assert sample.clears is not (0 <= days <= SPANS[analyte, kind])


def test_support_of_another_kind_leaves_a_result_alone() -> None:
    found = chart(draws=panel(DAY), support=(given_on(SupportKind.RED_CELLS, 1),))
    assert [s.analyte for s in marked(found).decisive if s.supported] == ["HGB"]


@pytest.mark.parametrize(("days", "words"), [(0, "on the day of"), (1, "1 day after"), (3, "3 days after")])
def test_the_hold_says_how_long_after_which_support(days: int, words: str) -> None:
    supports = (given_on(SupportKind.PLATELETS, days), given_on(SupportKind.PLATELETS, days + 2))
    for listed in (supports, supports[::-1]):
        answer = judge(chart(draws=panel(DAY), support=listed))
        (gap,) = answer.missing
        assert (answer.action, gap.item, gap.rule) == (Action.HOLD, "PLT", "EV-UNUSABLE")
        assert gap.why == (
            "Platelets 220 ×10^9/L on 27 April 2026 cannot be used: "
            f"it was collected {words} a platelet transfusion: it may alarm but not clear"
        )


def test_an_older_result_without_support_still_serves_while_it_is_valid() -> None:
    older = measurement("PLT", "200", DAY - timedelta(days=5))
    found = chart(draws=(older, *panel(DAY)), support=(given_on(SupportKind.PLATELETS, 1),))
    assert judge(found).action.is_go


def test_a_supported_result_opens_an_episode_and_another_does_not_close_it() -> None:
    low = measurement("PLT", "40", DAY - timedelta(days=9))
    supports: tuple[Support, ...] = (given_on(SupportKind.PLATELETS, 10),)
    assert judge(chart(draws=(low, *panel(DAY)), support=supports)).action is Action.REDUCE
    supports = (*supports, given_on(SupportKind.PLATELETS, 1))
    answer = judge(chart(draws=(low, *panel(DAY)), support=supports))
    assert answer.action is Action.DELAY
    assert answer.stops_on == last_day() + timedelta(days=112)


def test_neutrophils_under_a_growth_factor_explain_no_leukopenia_away() -> None:
    drawn = (
        *panel(DAY, ANC="1.2"),
        measurement("WBC", "1.5", DAY),
        measurement("LYMPH", "0.3", DAY),
    )
    assert judge(chart(draws=drawn)).action.is_go
    next_day = DAY + timedelta(days=1)
    support = (given_on(SupportKind.GROWTH_FACTOR, 0, next_day),)
    alone = (measurement("ANC", "1.2", next_day),)
    # It tells nothing of leukocytes that their own differential explains.
    assert judge(chart(draws=(*drawn, *alone), support=support)).action.is_go
    late = (*alone, measurement("WBC", "1.5", next_day), measurement("LYMPH", "0.3", next_day))
    answer = judge(chart(draws=(*drawn, *late), support=support))
    assert answer.action is Action.HOLD
    assert "would explain another away" in " ".join(gap.why for gap in answer.missing if gap.item == "ANC")


@MOST
@given(charts(), st.sampled_from(sorted(SPANS)), st.integers(0, 40))
def test_recording_support_never_lowers_the_action(found: Chart, pair, days: int) -> None:
    more = replace(found, support=(given_on(pair[1], days),))
    assert judge(more).action >= judge(found).action


@MOST
@given(charts(), st.sampled_from(["PLT", "HGB", "ANC"]), st.data())
def test_a_result_under_support_never_lowers_the_action(found: Chart, analyte: str, data) -> None:
    kind = next(kind for name, kind in SPANS if name == analyte)
    supported = replace(found, support=(given_on(kind, 0, TODAY),))
    extra = measurement(analyte, data.draw(st.sampled_from(EDGES[analyte])), TODAY)
    more = replace(supported, measurements=(*found.measurements, extra))
    assert judge(more).action >= judge(supported).action


# --------------------------------------------------------------------------------------- not representative


def aside(value: str, day: date, *others: str):
    return measurement("PLT", value, day, quality=("not-representative", *others))


def test_a_result_set_aside_is_no_occurrence_clears_nothing_and_stays_visible() -> None:
    found = chart(draws=(aside("40", last_day() - timedelta(days=20)), *panel(DAY)))
    answer = judge(found)
    assert answer.action is Action.PROCEED
    (note,) = [reason for reason in answer.reasons if reason.rule == "EV-UNUSABLE"]
    assert note.sentence == (
        "Platelets 40 ×10^9/L on 17 February 2026: two people marked it as not representative, "
        "so it shows neither a toxicity nor a recovery."
    )
    assert [item.value for item in note.evidence] == ["40"]


def test_a_result_set_aside_may_still_hold_until_the_draw_is_repeated() -> None:
    answer = judge(chart(draws=(*panel(DAY), aside("40", DAY + timedelta(days=1)))))
    assert (answer.action, [gap.item for gap in answer.missing]) == (Action.HOLD, ["PLT"])
    assert "but two people marked it as not representative" in answer.missing[0].why


def test_a_specimen_may_be_unreliable_and_set_aside() -> None:
    (sample,) = read_history(chart(draws=(aside("40", DAY, "clumped"),))).doubtful
    assert sample.why == (
        "the specimen is unreliable (clumped) and two people marked it as not representative"
    )
