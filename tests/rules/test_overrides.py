"""Overrides, holds and waivers as properties: they change what they name, and nothing else."""

import random
from dataclasses import replace
from datetime import UTC, datetime, time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from courses import library
from courses.rules.facts import Override, OverrideCode, PrecautionaryHold, UsedValue, WaivedThing, Waiver
from courses.rules.override_basis import override_basis
from courses.rules.overrides import OVERRIDABLE, overridable
from courses.rules.protocol import Protocol
from courses.rules.recommend import recommend
from courses.rules.values import Action, Chart, Recommendation
from tests.rules.test_properties import MOST
from tests.strategies import EDGES, chart, charts, draw_day, full_charts, measurement, panel

US = library.protocol("lutathera_us_2024_04")
EMA = library.protocol("lutathera_ema_2024")


def judge(chart: Chart, protocol: Protocol = US) -> Recommendation:
    return recommend(chart=chart, protocol=protocol, today=draw_day(len(chart.cycles)))


def given_override(chart: Chart, rule: str, *, second: str = "Dr Chen") -> Override:
    """An override of what a rule asks for now, by two physicians, on the values it rests on."""
    today = draw_day(len(chart.cycles))
    basis = override_basis(rule=rule, chart=chart, protocol=US, today=today)
    assert basis is not None
    action, values = basis
    return Override(
        rule=rule,
        cycle=len(chart.cycles) + 1,
        action=action.word,
        code=OverrideCode.BOARD,
        on=today,
        by="Dr Bauer",
        second=second,
        reason="Discussed and decided by the tumour board.",
        values=values,
    )


def acting_rules(found: Recommendation) -> set[str]:
    return {reason.rule for reason in found.reasons if reason.action in OVERRIDABLE}


@pytest.mark.hazard("HZ-40")
@MOST
@given(full_charts(), st.data())
def test_an_override_silences_one_rule_and_leaves_all_else(found: Chart, data: st.DataObject) -> None:
    before = judge(found)
    rules = sorted(acting_rules(before) & overridable(US))
    assume(rules)
    rule = data.draw(st.sampled_from(rules))
    after = judge(replace(found, overrides=(given_override(found, rule),)))
    assert acting_rules(after) == acting_rules(before) - {rule}
    assert after.missing == before.missing
    holds = [r.sentence for r in before.reasons if r.action is Action.HOLD]
    assert [r.sentence for r in after.reasons if r.action is Action.HOLD] == holds
    assert any(r.rule == rule and "Overridden for cycle" in r.sentence for r in after.reasons)


@pytest.mark.hazard("HZ-40")
@MOST
@given(full_charts(), st.data())
def test_a_delay_or_stop_overridden_by_one_physician_changes_no_verdict(
    found: Chart, data: st.DataObject
) -> None:
    before = judge(found)
    rules = sorted(
        {r.rule for r in before.reasons if r.action in (Action.DELAY, Action.STOP)} & overridable(US)
    )
    assume(rules)
    alone = given_override(found, data.draw(st.sampled_from(rules)), second="")
    assert judge(replace(found, overrides=(alone,))).verdict == before.verdict


@pytest.mark.hazard("HZ-40")
@pytest.mark.parametrize(
    ("rule", "analyte", "used", "worse", "better"),
    [
        ("DM-PLT", "PLT", "60", "59.9", "74"),
        ("DM-HEM", "ANC", "0.9", "0.89", "0.95"),
        ("DM-HEM", "HGB", "79", "78", "79.5"),
        ("DM-REN", "CREAT", "150", "150.1", "148"),
        ("DM-HEP", "BILI", "100", "101", "90"),
        ("DM-OTH", "ALT", "200", "201", "180"),
    ],
)
def test_monotonicity_exempts_an_override_which_a_worse_value_voids(
    rule: str, analyte: str, used: str, worse: str, better: str
) -> None:
    """An override is a person's act: it stands until a newer value is worse than the one it was given on."""
    day = draw_day()
    rest = tuple(m for m in panel(day) if m.analyte != analyte)
    found = chart(draws=(*rest, measurement(analyte, used, day)))
    override = given_override(found, rule)
    at = datetime.combine(day, time(20), tzinfo=UTC)

    def newer(value: str) -> Recommendation:
        extra = measurement(analyte, value, day, collected_at=at)
        return judge(replace(found, measurements=(*found.measurements, extra), overrides=(override,)))

    assert rule not in acting_rules(newer(better))
    assert rule in acting_rules(newer(worse))


@MOST
@given(full_charts(), st.randoms(use_true_random=False))
def test_the_order_of_overrides_does_not_matter(found: Chart, shuffler: random.Random) -> None:
    rules = sorted(acting_rules(judge(found)) & overridable(US))
    overrides = [given_override(found, rule) for rule in rules]
    shuffled = overrides[:]
    shuffler.shuffle(shuffled)
    one = judge(replace(found, overrides=tuple(overrides)))
    assert one == judge(replace(found, overrides=tuple(shuffled)))
    assert acting_rules(one) - {"ELIG-AGE", "CHK-PREGNANCY"} == set()


@MOST
@given(full_charts(), st.sampled_from([US, EMA]))
def test_a_persons_hold_never_lets_a_cycle_go_and_takes_nothing_away(
    found: Chart, protocol: Protocol
) -> None:
    hold = PrecautionaryHold(on=draw_day(), by="Nurse Adler", reason="new confusion")
    before, after = judge(found, protocol), judge(replace(found, precautionary_holds=(hold,)), protocol)
    assert not after.action.is_go
    assert after.action == max(before.action, Action.HOLD)
    assert not after.awaiting_labs
    assert after.verdict.rules == before.verdict.rules | {"HOLD-PERSON"}


@MOST
@given(charts(), st.sampled_from(sorted(EDGES)), st.sampled_from(list(WaivedThing)), st.integers(1, 60))
def test_a_waiver_lifts_no_toxicity_and_no_analyte_without_a_result(
    found: Chart, analyte: str, what: WaivedThing, days: int
) -> None:
    waiver = Waiver(
        analyte=analyte,
        what=what,
        cycle=len(found.cycles) + 1,
        on=draw_day(),
        by="Dr Bauer",
        reason="lost in transport",
        days=days if what is WaivedThing.WINDOW else 0,
    )
    for protocol in (US, EMA):
        before, after = judge(found, protocol), judge(replace(found, waivers=(waiver,)), protocol)
        assert acting_rules(after) == acting_rules(before)
        lifted = {gap.item for gap in before.missing} - {gap.item for gap in after.missing}
        assert lifted <= {analyte}
        last = max((cycle.on for cycle in found.cycles), default=None)
        present = [
            m
            for m in found.measurements
            if m.analyte == analyte and (last is None or m.collected_on > last) and m.value is not None
        ]
        assert present or not lifted


def test_a_used_value_in_another_spelling_is_the_same_value() -> None:
    day = draw_day()
    low = measurement("PLT", "60.0", day)
    used = UsedValue(
        kind="lab", name="Platelets", value="60", code=low.code, unit=low.unit, at=low.collected_at
    )
    found = Chart(birth_date=None, sex=None, measurements=(low,))
    override = Override(
        rule="DM-PLT",
        cycle=1,
        action="delay",
        code=OverrideCode.OTHER,
        on=day,
        by="Dr Bauer",
        second="Dr Chen",
        reason="Splenic sequestration, stable.",
        values=(used,),
    )
    # Before the first cycle no toxicity acts: the override is told to be needed no more, not to be void.
    told = [r.sentence for r in judge(replace(found, overrides=(override,))).reasons if r.rule == "DM-PLT"]
    assert told == [
        "The override of cycle 1 by Dr Bauer and Dr Chen, "
        f"{day.day} {day:%B} {day.year}, is not needed any more: the rule asks for nothing now."
    ]


def test_the_closed_list_holds_no_evidence_rule_and_no_person() -> None:
    for protocol in (US, EMA):
        listed = overridable(protocol)
        assert {"DM-PLT", "DM-HEM", "DM-REN", "DM-HEP", "DM-OTH", "SCH-WINDOW", "LIM-DELAY"} <= listed
        forbidden = {"HOLD-PERSON", "SYS-FAULT", "ELIG-PRIOR", "ELIG-AGE", "CHK-PREGNANCY"}
        assert not listed & forbidden
        assert not [rule for rule in listed if rule.startswith("EV-")]
