"""What makes an override void, each told word for word with the override it is about."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from courses.rules.evidence import NOT_REPRESENTATIVE
from courses.rules.facts import Override, UsedValue
from courses.rules.override_basis import override_basis
from courses.rules.recommend import recommend
from courses.rules.values import (
    Action,
    AdverseEvent,
    Chart,
    Evidence,
    EvidenceKind,
    Measurement,
    Reason,
    Status,
    UncountedPart,
)
from tests.rules.test_overrides import US, given_override
from tests.rules.test_overrides_words import DAY, platelets
from tests.strategies import chart, measurement, panel

SOON = date(2026, 4, 18)  # six weeks after the second cycle
BY_TWO = "The override of cycle 3 by Dr Bauer and Dr Chen, 27 April 2026, "


def told(found: Chart, override: Override, *, today: date = DAY) -> list[Reason]:
    """What is said of an override beside the rule's own reasons."""
    answer = recommend(chart=replace(found, overrides=(override,)), protocol=US, today=today)
    return [
        each
        for each in answer.reasons
        if each.rule == override.rule and each.sentence.startswith("The override of")
    ]


def stands(found: Chart, override: Override, *, today: date = DAY) -> bool:
    answer = recommend(chart=replace(found, overrides=(override,)), protocol=US, today=today)
    of_rule = [each for each in answer.reasons if each.rule == override.rule]
    return all(each.action is Action.PROCEED for each in of_rule) and not told(found, override, today=today)


def low() -> Override:
    """Of platelets of 60, by two physicians."""
    return replace(given_override(platelets("60"), "DM-PLT"), ref="override:1")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"second": ""},
            "The override of cycle 3 by Dr Bauer, 27 April 2026, is void: "
            "a second physician has not confirmed it.",
        ),
        (
            {"second": "Dr Bauer"},
            "The override of cycle 3 by Dr Bauer and Dr Bauer, 27 April 2026, is void: "
            "a second physician has not confirmed it.",
        ),
        (
            {"action": "reduce"},
            f"{BY_TWO}is void: the rule asks to delay now, and to reduce was overridden.",
        ),
        (
            {"cycle": 2},
            "The override of cycle 2 by Dr Bauer and Dr Chen, 27 April 2026, is void: "
            "it was given for that cycle only.",
        ),
        (
            {"values": ()},
            f"{BY_TWO}is void: the rule rests on Platelets 60 as well now, which was not overridden.",
        ),
    ],
)
def test_an_override_that_does_not_fit_says_why_it_is_void(changed: dict[str, Any], words: str) -> None:
    override = replace(low(), **changed)
    assert [each.sentence for each in told(platelets("60"), override)] == [words]
    assert not stands(platelets("60"), override)


def test_what_is_told_of_an_override_names_it_as_evidence() -> None:
    [note] = told(platelets("220"), low())
    assert note == Reason(
        rule="DM-PLT",
        action=Action.PROCEED,
        sentence=f"{BY_TWO}is not needed any more: the rule asks for nothing now.",
        threshold="the values it was given on, or better ones",
        source="this service's own rule: an override covers one rule for one cycle, on the values it was "
        "given on",
        evidence=(
            Evidence(
                kind=EvidenceKind.FACT,
                name="Override, Dr Bauer and Dr Chen",
                value="delay: Discussed and decided by the tumour board.",
                on=DAY,
                ref="override:1",
            ),
        ),
    )


def test_of_an_earlier_cycle_and_a_rule_that_asks_for_nothing_there_is_nothing_to_tell() -> None:
    assert told(platelets("220"), replace(low(), cycle=2)) == []


def test_a_rule_that_cannot_be_overridden_is_not_silenced() -> None:
    override = replace(low(), rule="CHK-PREGNANCY")
    [note] = told(platelets("60"), override)
    assert note.sentence.endswith("is not needed any more: the rule asks for nothing now.")


def event(term: str = "Nausea", grade: int = 3, began: date = DAY - timedelta(days=3)) -> AdverseEvent:
    return AdverseEvent(term=term, grade=grade, began_on=began, ref=f"event:{term}")


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ((event(grade=4),), "the rule rests on Nausea grade 4 now, which is worse than what was overridden"),
        (
            (event(), event("Fatigue")),
            "the rule rests on Fatigue grade 3 as well now, which was not overridden",
        ),
        (
            (event(), event(began=DAY - timedelta(days=1))),
            "the rule rests on Nausea grade 3 as well now, which was not overridden",
        ),
        (
            (event(began=DAY - timedelta(days=2)),),
            "Nausea grade 3 of 24 April 2026 was corrected or withdrawn",
        ),
    ],
)
def test_an_override_of_an_event_ends_with_a_worse_another_or_a_corrected_one(
    events: tuple[AdverseEvent, ...], words: str
) -> None:
    before = chart(draws=panel(DAY), adverse_events=(event(),))
    override = given_override(before, "DM-OTH")
    assert stands(before, override)
    now = chart(draws=panel(DAY), adverse_events=events)
    assert [each.sentence for each in told(now, override)] == [f"{BY_TWO}is void: {words}."]


def test_an_override_of_the_clearance_ends_when_the_weight_it_rests_on_is_taken_back() -> None:
    before = chart(draws=panel(DAY, CREAT="150"))
    named = tuple(replace(each, ref=f"weight:{n}") for n, each in enumerate(before.weights))
    before = replace(before, weights=named)
    override = given_override(before, "DM-REN")
    assert stands(before, override)
    again = replace(before, weights=(*named[:-1], replace(named[-1], ref="weight:9")))
    assert [each.sentence for each in told(again, override)] == [
        f"{BY_TWO}is void: Body weight 72 kg of 27 April 2026 was corrected or withdrawn."
    ]
    # The same record with another weight: the clearance falls with it.
    lighter = replace(before, weights=(*named[:-1], replace(named[-1], kg=Decimal(70))))
    [note] = told(lighter, override)
    assert note.sentence.startswith(f"{BY_TWO}is void: the rule rests on Creatinine clearance ")
    assert note.sentence.endswith(" mL/min now, which is worse than what was overridden.")


@pytest.mark.parametrize(
    ("value", "more", "words"),
    [
        ("55", {}, "Platelets 55 ×10^9/L now, which is worse than what was overridden."),
        ("65", {}, ""),
        ("65", {"low": None}, ""),  # the rule knows by itself that falling platelets are the worse ones
    ],
)
def test_a_result_of_between_the_used_ones_ends_an_override_where_it_is_worse_than_all(
    value: str, more: dict[str, Any], words: str
) -> None:
    late = newer("74", status=Status.PRELIMINARY)
    override = given_override(platelets("60", late), "DM-PLT")
    noon = newer(value, hours=-8, **more)
    now = platelets("60", late, noon)
    assert [each.sentence for each in told(now, override)] == (
        [f"{BY_TWO}is void: the rule rests on {words}"] if words else []
    )
    assert stands(now, override) is (not words)


EVENING = datetime.combine(DAY, time(20), tzinfo=UTC)


def newer(value: str, *, hours: int = 0, **more: Any) -> Measurement:
    """Platelets of the evening after those that were overridden, or of some hours later."""
    return measurement("PLT", value, DAY, collected_at=EVENING + timedelta(hours=hours), **more)


@pytest.mark.parametrize(
    "later",
    [
        newer("50", quality=(NOT_REPRESENTATIVE,)),
        replace(newer("50"), value=None),
        newer("74", low=None),
        newer("60"),
        newer("50", hours=-12, status=Status.PRELIMINARY),  # of the same instant, and not final
    ],
)
def test_a_newer_result_that_shows_nothing_worse_ends_no_override(later: Measurement) -> None:
    assert stands(platelets("60", later), low())


def test_an_override_may_rest_on_two_results_of_one_draw() -> None:
    found = chart(draws=panel(DAY, ANC="0.9", HGB="79"))
    override = given_override(found, "DM-HEM")
    assert {used.name for used in override.values} == {"Neutrophils", "Haemoglobin"}
    assert stands(found, override)


def test_a_worse_result_is_seen_behind_one_that_does_not_count() -> None:
    aside = newer("50", quality=(NOT_REPRESENTATIVE,))
    worse = newer("59", hours=1, status=Status.PRELIMINARY)
    assert [each.sentence for each in told(platelets("60", aside, worse), low())] == [
        f"{BY_TWO}is void: Platelets 60 ×10^9/L of 27 April 2026 worsened to 59 ×10^9/L on 27 April 2026."
    ]


def test_a_corrected_result_is_seen_behind_other_things_that_were_used() -> None:
    fact = UsedValue(kind="recorded fact", name="Hold", value="lifted", on=DAY)
    override = replace(low(), values=(fact, *low().values))
    assert [each.sentence for each in told(platelets("61"), override)] == [
        f"{BY_TWO}is void: Platelets 60 ×10^9/L of 27 April 2026 was corrected or withdrawn."
    ]


def test_a_used_result_without_its_time_is_held_against_nothing_newer() -> None:
    timeless = tuple(replace(used, at=None) for used in low().values)
    [note] = told(platelets("60", newer("59")), replace(low(), values=timeless))
    assert note.sentence.endswith(" was corrected or withdrawn.")


def part(activity: str) -> UncountedPart:
    return UncountedPart(cycle=3, on=SOON - timedelta(days=1), activity_gbq=Decimal(activity))


@pytest.mark.parametrize(("more", "words"), [((), ""), (("3",), "3.2")])
def test_a_part_that_was_given_since_ends_the_override_of_a_window(more: tuple[str, ...], words: str) -> None:
    today = SOON - timedelta(days=1)
    before = chart(draws=panel(today), planned_on=SOON, uncounted_parts=(part("0.2"),))
    basis = override_basis(rule="SCH-WINDOW", chart=before, protocol=US, today=today)
    assert basis is not None
    override = replace(low(), rule="SCH-WINDOW", on=today, values=basis[1])
    now = replace(before, uncounted_parts=(part("0.2"), *map(part, more)))
    expected = f"the rule rests on Given in parts that do not count {words} as well now"
    assert [each.sentence.partition(" is void: ")[2] for each in told(now, override, today=today)] == (
        [f"{expected}, which was not overridden."] if words else []
    )


@pytest.mark.parametrize(("moved", "is_void"), [(-1, True), (0, False), (1, False)])
def test_a_window_that_was_overridden_for_a_day_is_not_overridden_for_an_earlier_one(
    moved: int, is_void: bool
) -> None:
    today = SOON - timedelta(days=5)
    found = chart(draws=panel(today), planned_on=SOON)
    basis = override_basis(rule="SCH-WINDOW", chart=found, protocol=US, today=today)
    assert basis is not None
    # Whatever else it rests on, only the planned day counts.
    older = UsedValue(kind="recorded fact", name="Hold", value="lifted", on=SOON - timedelta(days=9))
    override = replace(low(), rule="SCH-WINDOW", on=today, values=(*basis[1], older))
    now = replace(found, planned_on=SOON + timedelta(days=moved))
    assert [each.sentence for each in told(now, override, today=today)] == (
        [
            "The override of cycle 3 by Dr Bauer and Dr Chen, 13 April 2026, is void: "
            "the planned day was moved to an earlier one."
        ]
        if is_void
        else []
    )
    assert stands(now, override, today=today) is not is_void
