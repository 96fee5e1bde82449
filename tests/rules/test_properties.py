"""What must hold of every recommendation, whatever the chart: the properties P1 to P10 and P12."""

import os
import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from courses import library
from courses.rules.evidence import read_history
from courses.rules.protocol import Protocol
from courses.rules.recommend import recommend
from courses.rules.values import Action, AdverseEvent, Chart, Measurement, Recommendation, Status, Verdict
from courses.situation import BadSituation, assess
from labs.library import analytes
from tests.case_reader import CODES, EXTRA_PROTOCOLS, LIMITS, UNITS, situation
from tests.rules.oracle import second_opinion
from tests.rules.series import random_course
from tests.strategies import (
    BASELINE_DAY,
    EDGES,
    FURTHER_EDGES,
    chart,
    charts,
    draw_day,
    full_charts,
    last_day,
    measurement,
    panel,
)

PROTOCOL = library.protocol("lutathera_us_2024_04")
PROTOCOLS = [
    library.protocol(protocol_id, extra=EXTRA_PROTOCOLS)
    for protocol_id in library.protocol_ids(extra=EXTRA_PROTOCOLS)
]
TODAY = draw_day() + timedelta(days=2)
LONG = os.environ.get("PRRT_LONG") == "1"
MOST = settings(max_examples=10_000 if LONG else 40, deadline=None)
protocols = st.sampled_from(PROTOCOLS)
PLAIN_CASE = {
    "protocol": "lutathera_us_2024_04",
    "today": date(2026, 4, 29),
    "planned_on": date(2026, 5, 4),
    "cycles": [{"on": date(2026, 1, 12), "gbq": 7.4}, {"on": date(2026, 3, 9), "gbq": 7.4}],
    "draws": [{"on": date(2026, 4, 19)}],
}


def judge(found: Chart, protocol: Protocol = PROTOCOL, *, later: int = 2) -> Recommendation:
    """The recommendation some days after the draw day of the chart's next cycle."""
    today = draw_day(len(found.cycles)) + timedelta(days=later)
    return recommend(chart=found, protocol=protocol, today=today)


# --------------------------------------------------------------------------------------- P1 determinism


@MOST
@given(full_charts(), protocols)
def test_p1_the_same_chart_gets_the_same_recommendation(found: Chart, protocol: Protocol) -> None:
    assert judge(found, protocol) == judge(found, protocol)


# -------------------------------------------------------------------------------- P2 unit equivalence


ALL_EDGES = {**EDGES, **FURTHER_EDGES}
SIX_DIGITS = Decimal("0.000001")


@pytest.mark.parametrize("short", sorted(ALL_EDGES))
def test_p2_the_same_quantity_in_every_accepted_unit_gets_the_same_answer(short: str) -> None:
    for spelling, factor in analytes()[short].units.items():
        if not spelling:
            continue  # a situation always names its unit
        strange, canonical = situation(PLAIN_CASE), situation(PLAIN_CASE)
        for place, edge in enumerate(ALL_EDGES[short][1:4]):
            sent = [(Decimal(text) / factor).quantize(SIX_DIGITS) for text in (edge, *LIMITS[short])]
            same = [number * factor for number in sent]
            day = f"2026-04-{20 + place}"
            strange["labs"].append(_lab(short, sent, spelling, day))
            canonical["labs"].append(_lab(short, same, UNITS[short], day))
        assert assess(strange) == assess(canonical), spelling


def _lab(short: str, numbers: list[Decimal], unit: str, day: str) -> dict[str, object]:
    value, low, high = (str(number) for number in numbers)
    return {
        "code": CODES[short],
        "value": value,
        "low": low,
        "high": high,
        "unit": unit,
        "collected_at": f"{day}T08:00:00+00:00",
        "status": "final",
    }


# ------------------------------------------------------------------------------ P3 interval soundness


@MOST
@given(
    full_charts(least=1), st.sampled_from(sorted(EDGES)), st.sampled_from(["<", "<=", ">", ">="]), st.data()
)
def test_p3_a_result_within_bounds_is_judged_no_milder_than_any_value_it_may_be(
    found: Chart, analyte: str, comparator: str, data: st.DataObject
) -> None:
    edges = EDGES[analyte]
    bound = Decimal(data.draw(st.sampled_from(edges)))
    point = Decimal(data.draw(st.sampled_from(edges)))
    assume({"<": point < bound, "<=": point <= bound, ">": point > bound, ">=": point >= bound}[comparator])
    day = draw_day(len(found.cycles))
    rest = tuple(m for m in found.measurements if (m.analyte, m.collected_on) != (analyte, day))
    bounded = replace(
        found, measurements=(*rest, measurement(analyte, str(bound), day, comparator=comparator))
    )
    exact = replace(found, measurements=(*rest, measurement(analyte, str(point), day)))
    answer = judge(bounded)
    held = any(reason.action is Action.HOLD for reason in answer.reasons)
    assert answer.action >= judge(exact).action or (held and not answer.action.is_go)


@pytest.mark.parametrize("comparator", ["<", "<="])
def test_p3_platelets_below_a_small_number_never_go(comparator: str) -> None:
    draws = tuple(m for m in panel(draw_day()) if m.analyte != "PLT")
    for bound in ("5", "74.9", "75", "76", "150", "1000"):
        doubtful = measurement("PLT", bound, draw_day(), comparator=comparator)
        assert not judge(chart(draws=(*draws, doubtful))).action.is_go


# ------------------------------------------------------------------------- P4 worst-of composition


@MOST
@given(full_charts(), protocols)
def test_p4_the_action_is_the_most_severe_of_its_reasons(found: Chart, protocol: Protocol) -> None:
    answer = judge(found, protocol)
    schedule = protocol.schedule
    assert answer.action == max((reason.action for reason in answer.reasons), default=Action.PROCEED)
    expected = {Action.PROCEED: schedule.activity_gbq, Action.REDUCE: schedule.reduced_activity_gbq}
    assert answer.activity_gbq == expected.get(answer.action)
    assert bool(answer.order_set) == answer.action.is_go
    assert not answer.awaiting_labs or answer.action is Action.HOLD


TOXIC = {"PLT": "60", "HGB": "70", "CREAT": "141", "BILI": "70", "ALT": "200"}


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(TOXIC)), st.sampled_from(["now", "before"]), max_size=5))
def test_p4_several_toxicities_give_the_most_severe_of_what_each_gives_alone(when: dict[str, str]) -> None:
    def answer(chosen: dict[str, str]) -> Recommendation:
        interim = [measurement(short, TOXIC[short], last_day() + timedelta(days=20)) for short in chosen]
        now = {short: TOXIC[short] for short, word in chosen.items() if word == "now"}
        return judge(chart(draws=(*interim, *panel(draw_day(), **now))))

    alone = [answer({short: word}) for short, word in when.items()]
    together = answer(when)
    assert together.action == max((one.action for one in alone), default=Action.PROCEED)
    assert together.verdict.rules == frozenset().union(*(one.verdict.rules for one in alone))


@MOST
@given(charts(), st.sampled_from(["0.1", "0.4"]))
def test_p4_lymphopenia_masks_no_other_rule(found: Chart, lymphocytes: str) -> None:
    extra = measurement("LYMPH", lymphocytes, draw_day())
    more = replace(found, measurements=(*found.measurements, extra))
    assert judge(more).verdict == judge(found).verdict


# ------------------------------------------------------------------------------------- P5 monotonicity


@MOST
@given(full_charts(), st.sampled_from(sorted(EDGES)), protocols)
def test_p5_an_analyte_without_any_result_never_lets_a_cycle_go(
    found: Chart, analyte: str, protocol: Protocol
) -> None:
    row = protocol.lab(analyte)
    assume(row is not None and row.always)
    last = max((cycle.on for cycle in found.cycles), default=date.min)
    kept = tuple(m for m in found.measurements if m.analyte != analyte or m.collected_on <= last)
    if not found.cycles:
        kept = tuple(m for m in found.measurements if m.analyte != analyte)
    assert not judge(replace(found, measurements=kept), protocol).action.is_go


@MOST
@given(full_charts())
def test_p5_without_weight_sex_or_birth_date_no_cycle_goes(found: Chart) -> None:
    for changes in ({"weights": ()}, {"sex": None}, {"birth_date": None}):
        assert not judge(replace(found, **changes)).action.is_go


@MOST
@given(st.sets(st.sampled_from(sorted(EDGES)), min_size=1))
def test_p5_every_subset_of_missing_evidence_holds_and_is_named(missing: set[str]) -> None:
    kept = tuple(m for m in panel(draw_day()) if m.analyte not in missing)
    answer = judge(chart(draws=kept))
    assert answer.action is Action.HOLD
    assert missing <= {gap.item for gap in answer.missing}


@MOST
@given(full_charts(least=1), st.data())
def test_p5_a_worse_value_since_the_last_administration_never_lowers_the_action(
    found: Chart, data: st.DataObject
) -> None:
    last = max(cycle.on for cycle in found.cycles)
    present = [
        m
        for m in found.measurements
        if m.collected_on > last and m.analyte in EDGES and m.value is not None and not m.comparator
    ]
    assume(present)
    target = data.draw(st.sampled_from(present))
    edges = EDGES[target.analyte]
    worse = [Decimal(edge) for edge in edges[: _rank(target.value, edges)]]
    assume(worse)
    value = data.draw(st.sampled_from(worse))
    # Versions of one specimen worsen together: a version of its own would be a contradiction.
    same = [m for m in found.measurements if (m.code, m.collected_at) == (target.code, target.collected_at)]
    assume(all(m.value == target.value and not m.comparator for m in same))
    changed = tuple(replace(m, value=value) if m in same else m for m in found.measurements)
    assert judge(replace(found, measurements=changed)).action >= judge(found).action


def _rank(value: Decimal | None, edges: tuple[str, ...]) -> int:
    return next((place for place, edge in enumerate(edges) if Decimal(edge) == value), 0)


@MOST
@given(full_charts(), st.integers(0, 30), protocols)
def test_p5_ageing_evidence_never_turns_a_no_into_a_go(found: Chart, days: int, protocol: Protocol) -> None:
    # What only waits for its day (a window, a wash-out, an operation, a birthday) is no evidence that ages.
    timeless = replace(found, facts=type(found.facts)(), planned_on=found.planned_on or draw_day())
    now, then = judge(timeless, protocol), judge(timeless, protocol, later=2 + days)
    waiting = {"SCH-WINDOW", "ELIG-AGE"}
    assume(not waiting & now.verdict.rules)
    if not now.action.is_go:
        assert not then.action.is_go
    if now.action is Action.REDUCE:
        assert then.action is not Action.PROCEED


@MOST
@given(full_charts(), st.sampled_from(sorted(EDGES)), st.data())
def test_p5_a_preliminary_or_unreliable_result_never_lowers_the_action(
    found: Chart, analyte: str, data: st.DataObject
) -> None:
    value = data.draw(st.sampled_from(EDGES[analyte]))
    day = draw_day(len(found.cycles)) + timedelta(days=1)
    # A specimen of its own: another version of one that is there is no further result.
    at = datetime.combine(day, time(9, 30), tzinfo=UTC)
    for more in ({"status": Status.PRELIMINARY}, {"quality": ("haemolysed",)}):
        extra = measurement(analyte, value, day, collected_at=at, **more)
        doubted = replace(found, measurements=(*found.measurements, extra))
        assert judge(doubted).action >= judge(found).action


# --------------------------------------------------------------------------- P6 order and repetition


@MOST
@given(full_charts(), st.randoms(use_true_random=False), protocols)
def test_p6_order_and_repetition_of_the_evidence_do_not_matter(
    found: Chart, shuffler: random.Random, protocol: Protocol
) -> None:
    lists: dict[str, list[object]] = {
        "measurements": [*found.measurements, *found.measurements[:3]],
        "adverse_events": [*found.adverse_events] * 2,
        "weights": [*found.weights] * 2,
        "cycles": [*found.cycles],
        "delays": [*found.delays] * 2,
        "support": [*found.support] * 2,
        "manual_grades": [*found.manual_grades] * 2,
        "occurrence_reviews": [*found.occurrence_reviews],
    }
    for items in lists.values():
        shuffler.shuffle(items)
    changes: dict[str, object] = {name: tuple(items) for name, items in lists.items()}
    shuffled = replace(found, **changes)  # type: ignore[arg-type]  # the fields keep their own kinds
    one, other = judge(shuffled, protocol), judge(found, protocol)
    assert one.verdict == other.verdict
    assert one.grades == other.grades
    assert one.stops_on == other.stops_on


@MOST
@given(charts(), st.randoms(use_true_random=False))
def test_p6_of_a_plain_chart_even_the_words_stay_the_same(found: Chart, shuffler: random.Random) -> None:
    measurements = [*found.measurements, *found.measurements[:3]]
    adverse_events = [*found.adverse_events, *found.adverse_events]
    shuffler.shuffle(measurements)
    shuffler.shuffle(adverse_events)
    shuffled = replace(
        found,
        measurements=tuple(measurements),
        adverse_events=tuple(adverse_events),
        weights=found.weights[::-1],
    )
    assert judge(shuffled) == judge(found)


LIVES = [
    (Status.PRELIMINARY, "220"),
    (Status.FINAL, "60"),
    (Status.CORRECTED, "210"),
    (Status.CANCELLED, "60"),
    (Status.ENTERED_IN_ERROR, "60"),
]


@MOST
@given(st.lists(st.sampled_from(LIVES), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_p6_all_arrivals_of_one_result_end_with_its_highest_version(lives, shuffler: random.Random) -> None:
    rest = tuple(m for m in panel(draw_day()) if m.analyte != "PLT")
    versions = [measurement("PLT", value, draw_day(), status=status) for status, value in lives]
    shuffler.shuffle(versions)
    top = max(versions, key=lambda m: [life[0] for life in LIVES].index(m.status))
    assert judge(chart(draws=(*rest, *versions))) == judge(chart(draws=(*rest, top)))


# ------------------------------------------------------------------------------- P8 window boundaries


@pytest.mark.parametrize("offset", range(61))
def test_p8_a_window_of_validity_ends_exactly_where_the_protocol_says(offset: int) -> None:
    planned = last_day() + timedelta(days=62)
    day = planned - timedelta(days=offset)
    drawn = panel(day) if day > last_day() else ()
    answer = recommend(chart=chart(draws=drawn, planned_on=planned), protocol=PROTOCOL, today=planned)
    assert answer.action.is_go == (offset <= 14)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.id)
@pytest.mark.parametrize("beyond", [0, 1])
def test_p8_each_analyte_and_the_weight_have_their_own_last_day(protocol: Protocol, beyond: int) -> None:
    planned = last_day() + timedelta(days=62)
    newest = planned - timedelta(days=2)
    for row in protocol.labs:
        if not row.always:
            continue
        drawn = _two_draws(protocol, planned, newest)
        aged = planned - timedelta(days=row.validity_days + beyond)
        others = [m for m in drawn if m.analyte != row.analyte]
        own = [m for m in drawn if m.analyte == row.analyte and m.collected_on < newest]
        found = chart(draws=(*others, *own, _normal(row.analyte, aged)), planned_on=planned)
        answer = recommend(chart=found, protocol=protocol, today=planned)
        stale = {gap.item for gap in answer.missing}
        assert stale == ({row.analyte} if beyond else set())
    found = chart(draws=_two_draws(protocol, planned, newest), planned_on=planned)
    on = planned - timedelta(days=protocol.weight.validity_days + beyond)
    found = replace(found, weights=(replace(found.weights[0], on=on),))
    lacking = {gap.item for gap in recommend(chart=found, protocol=protocol, today=planned).missing}
    assert ("weight" in lacking) == bool(beyond)


def _normal(analyte: str, day: date) -> Measurement:
    value = {"WBC": "6.0", "K": "4.2"}.get(analyte) or EDGES[analyte][-1]
    return measurement(analyte, value, day)


def _two_draws(protocol: Protocol, planned: date, newest: date) -> tuple[Measurement, ...]:
    """Everything the protocol always asks for: the last draw, and the earlier one where it wants one."""
    found = []
    for row in protocol.labs:
        if row.always:
            found.append(_normal(row.analyte, newest))
            if row.earlier is not None:
                found.append(_normal(row.analyte, planned - timedelta(days=row.earlier.from_days_before)))
    return tuple(found)


# --------------------------------------------------------------------- P10 what the activity depends on


def test_p10_the_activity_depends_on_administrations_and_episodes_only() -> None:
    seen: dict[object, Decimal] = {}
    for seed in range(200):
        found, today = random_course(random.Random(seed))
        answer = recommend(chart=found, protocol=PROTOCOL, today=today)
        if answer.activity_gbq is None or not found.cycles:
            continue
        opinion = second_opinion(found, today=today)
        episodes = tuple(sorted((rule, tuple(shown)) for rule, shown in opinion.intervals.items()))
        acting = tuple(sorted(opinion.acting.items()))
        given_gbq = tuple(cycle.activity_gbq for cycle in found.cycles)
        assert seen.setdefault((episodes, acting, given_gbq), answer.activity_gbq) == answer.activity_gbq
    assert len(seen) > 15


@MOST
@given(full_charts(), st.sampled_from(["55", "72", "110"]))
def test_p10_the_weight_never_scales_the_activity(found: Chart, kg: str) -> None:
    other = replace(found, weights=tuple(replace(weight, kg=Decimal(kg)) for weight in found.weights))
    one, two = judge(found), judge(other)
    if one.action is two.action:
        assert one.activity_gbq == two.activity_gbq


# --------------------------------------------------------------------------------------- P12 totality


@settings(max_examples=150, deadline=None)
@given(full_charts(), protocols, st.integers(0, 130))
def test_p12_no_chart_of_the_declared_domain_makes_the_core_fail(
    found: Chart, protocol: Protocol, later: int
) -> None:
    answer = judge(found, protocol, later=later)
    assert answer.verdict.action is answer.action
    assert all(reason.sentence and reason.source and reason.threshold for reason in answer.reasons)


SITUATION = situation(PLAIN_CASE | {"events": [{"term": "Nausea", "grade": 3, "from": "2026-03-10"}]})
STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 10**6),
    st.sampled_from(["", "x", "2026-02-30", "1e400", "NaN", "<", "9999-12-31", "0"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["on", "kg", "x"]), st.integers(), max_size=2),
)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_p12_what_lies_outside_the_domain_is_refused_in_words(data: st.DataObject) -> None:
    broken = _broken(SITUATION, data)
    try:
        answer = assess(broken)
    except BadSituation as refusal:
        assert all(line.strip() for line in refusal.faults)
    else:
        assert "SYS-FAULT" not in {reason["rule"] for reason in answer["reasons"]}


def _broken(value: object, data: st.DataObject) -> object:
    """The same, with one place anywhere in it replaced by something strange."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 4)):
        key = data.draw(st.sampled_from(sorted(value)))
        return {**value, key: _broken(value[key], data)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 4)):
        place = data.draw(st.integers(0, len(value) - 1))
        return [*value[:place], _broken(value[place], data), *value[place + 1 :]]
    return data.draw(STRANGE)


# -------------------------------------------------------------------------------- further invariants


@MOST
@given(full_charts(least=1))
def test_baselines_lie_before_the_first_administration(found: Chart) -> None:
    assert all(sample.day <= BASELINE_DAY for sample in read_history(found).baselines.values())


@MOST
@given(charts())
def test_the_verdict_key_is_equal_exactly_when_the_verdict_is(found: Chart) -> None:
    one, other = judge(found).verdict, judge(replace(found, adverse_events=())).verdict
    assert (one.key == other.key) == (one == other)
    assert isinstance(one, Verdict)


@MOST
@given(full_charts(least=1))
def test_a_stop_of_hypersensitivity_is_never_forgotten(found: Chart) -> None:
    event = AdverseEvent(term="Anaphylaxis", grade=3, began_on=found.cycles[0].on)
    remembered = replace(found, adverse_events=(*found.adverse_events, event))
    assert judge(remembered).action is Action.STOP
