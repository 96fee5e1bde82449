"""What must hold of every recommendation, whatever the chart."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courses import library
from courses.rules.evidence import read_history
from courses.rules.recommend import recommend
from courses.rules.values import Action, Chart, Recommendation, Status
from tests.strategies import BASELINE_DAY, EDGES, chart, charts, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
TODAY = draw_day() + timedelta(days=2)
MOST = settings(max_examples=80, deadline=None)


def judge(found: Chart) -> Recommendation:
    return recommend(chart=found, protocol=PROTOCOL, today=TODAY)


@MOST
@given(charts(), st.randoms(use_true_random=False))
def test_order_and_repetition_of_the_evidence_do_not_matter(found: Chart, random) -> None:
    measurements = [*found.measurements, *found.measurements[:3]]
    adverse_events = [*found.adverse_events, *found.adverse_events]
    cycles, weights = list(found.cycles), [*found.weights, *found.weights]
    for items in (measurements, adverse_events, cycles, weights):
        random.shuffle(items)
    shuffled = replace(
        found,
        measurements=tuple(measurements),
        adverse_events=tuple(adverse_events),
        cycles=tuple(cycles),
        weights=tuple(weights),
    )
    assert judge(shuffled) == judge(found)


@MOST
@given(charts())
def test_the_action_is_the_most_severe_of_its_reasons(found: Chart) -> None:
    answer = judge(found)
    assert answer.action == max((reason.action for reason in answer.reasons), default=Action.PROCEED)
    expected = {Action.PROCEED: Decimal("7.4"), Action.REDUCE: Decimal("3.7")}
    assert answer.activity_gbq == expected.get(answer.action)


@MOST
@given(charts(), st.sampled_from(sorted(EDGES)))
def test_an_analyte_without_any_result_never_lets_a_cycle_go(found: Chart, analyte: str) -> None:
    kept = tuple(m for m in found.measurements if m.analyte != analyte or m.collected_on <= last_day())
    assert not judge(replace(found, measurements=kept)).action.is_go


@MOST
@given(st.sets(st.sampled_from(sorted(EDGES)), min_size=1))
def test_every_subset_of_missing_evidence_holds_and_is_named(missing: set[str]) -> None:
    kept = tuple(m for m in panel(draw_day()) if m.analyte not in missing)
    answer = judge(chart(draws=kept))
    assert answer.action is Action.HOLD
    assert missing <= {gap.item for gap in answer.missing}


@MOST
@given(charts(), st.data())
def test_a_worse_value_since_the_last_administration_never_lowers_the_action(found: Chart, data) -> None:
    present = [m for m in found.measurements if m.collected_on > last_day()]
    target = data.draw(st.sampled_from(present))
    edges = EDGES[target.analyte]
    worse = [Decimal(edge) for edge in edges[: _rank(target.value, edges)]] or [target.value]
    value = data.draw(st.sampled_from(worse))
    # Versions of one specimen worsen together: a version of its own would be a contradiction.
    changed = tuple(
        replace(m, value=value) if (m.code, m.collected_at) == (target.code, target.collected_at) else m
        for m in found.measurements
    )
    assert judge(replace(found, measurements=changed)).action >= judge(found).action


def _rank(value: Decimal | None, edges: tuple[str, ...]) -> int:
    return next((place for place, edge in enumerate(edges) if Decimal(edge) == value), 0)


@MOST
@given(charts(), st.integers(0, 30))
def test_ageing_evidence_never_turns_a_no_into_a_go(found: Chart, days: int) -> None:
    later = recommend(chart=found, protocol=PROTOCOL, today=TODAY + timedelta(days=days))
    if not judge(found).action.is_go:
        assert not later.action.is_go
    if judge(found).action is Action.REDUCE:
        assert later.action is not Action.PROCEED


@MOST
@given(charts(), st.sampled_from(sorted(EDGES)), st.data())
def test_a_preliminary_result_never_lowers_the_action(found: Chart, analyte: str, data) -> None:
    value = data.draw(st.sampled_from(EDGES[analyte]))
    extra = measurement(analyte, value, TODAY, status=Status.PRELIMINARY)
    more = replace(found, measurements=(*found.measurements, extra))
    assert judge(more).action >= judge(found).action


@MOST
@given(st.sampled_from(sorted(EDGES)), st.sampled_from(["<", "<=", ">", ">="]), st.data())
def test_a_result_within_bounds_is_judged_no_milder_than_any_value_it_may_be(
    analyte, comparator, data
) -> None:
    edges = EDGES[analyte]
    bound = Decimal(data.draw(st.sampled_from(edges)))
    point = Decimal(data.draw(st.sampled_from(edges)))
    inside = {"<": point < bound, "<=": point <= bound, ">": point > bound, ">=": point >= bound}[comparator]
    if not inside:
        return
    rest = tuple(m for m in panel(draw_day()) if m.analyte != analyte)
    bounded = measurement(analyte, str(bound), draw_day(), comparator=comparator)
    exact = measurement(analyte, str(point), draw_day())
    within, at_point = judge(chart(draws=(*rest, bounded))), judge(chart(draws=(*rest, exact)))
    assert within.action >= at_point.action or within.action is Action.HOLD


@pytest.mark.parametrize("offset", range(0, 61))
def test_a_window_of_validity_ends_exactly_where_the_protocol_says(offset: int) -> None:
    found = chart(planned_on=last_day() + timedelta(days=62))
    planned = found.planned_on
    assert planned is not None
    day = planned - timedelta(days=offset)
    drawn = panel(day) if day > last_day() else ()
    found = chart(draws=drawn, planned_on=planned)
    answer = recommend(chart=found, protocol=PROTOCOL, today=planned)
    assert answer.action.is_go == (offset <= 14)


@MOST
@given(charts())
def test_baselines_lie_before_the_first_administration(found: Chart) -> None:

    assert all(sample.day <= BASELINE_DAY for sample in read_history(found).baselines.values())


@MOST
@given(charts())
def test_the_verdict_key_is_equal_exactly_when_the_verdict_is(found: Chart) -> None:
    one, other = judge(found).verdict, judge(replace(found, adverse_events=())).verdict
    assert (one.key == other.key) == (one == other)
