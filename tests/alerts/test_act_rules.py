"""What people may do to an alert by hand: every outcome against every decision, and the limits of silence."""

from datetime import timedelta

import pytest

from alerts.act_rules import (
    ActLimits,
    ClosingOutcome,
    is_beyond_budget,
    nearest_rank,
    outcomes_for,
    whole_minutes,
    why_not_closed,
    why_not_suppressed,
)
from alerts.library import policy
from alerts.rules import Kind

LIMITS = policy().acts


@pytest.mark.parametrize("kind", [Kind.STOP, Kind.DELAY, Kind.REDUCE])
@pytest.mark.parametrize(
    ("outcome", "fitting"),
    [
        ("delay", {"delay"}),
        ("reduce", {"reduce"}),
        ("stop", {"stop"}),
        ("continue", {"proceed", "reduce"}),
    ],
)
@pytest.mark.parametrize("action", ["", "proceed", "reduce", "hold", "delay", "stop"])
@pytest.mark.parametrize("signed", [True, False])
def test_an_outcome_that_decides_needs_the_signed_decision_that_says_the_same(
    kind: Kind, outcome: str, fitting: set[str], action: str, signed: bool
) -> None:
    refused = why_not_closed(kind=kind, outcome=ClosingOutcome(outcome), action=action, signed=signed)
    assert (refused == "") is (action in fitting and signed)


@pytest.mark.parametrize("kind", [Kind.STOP, Kind.DELAY, Kind.REDUCE])
def test_what_the_decision_still_says_is_no_false_alarm(kind: Kind) -> None:
    def refused(action: str) -> str:
        return why_not_closed(kind=kind, outcome=ClosingOutcome.FALSE_ALARM, action=action, signed=True)

    assert "no false alarm" in refused(kind.value)
    assert refused("proceed") == ""


def test_every_kind_has_outcomes_and_no_outcome_of_another_kind_is_taken() -> None:
    for kind in Kind:
        allowed = set(outcomes_for(kind))
        assert ClosingOutcome.FALSE_ALARM in allowed
        for outcome in set(ClosingOutcome) - allowed:
            assert why_not_closed(kind=kind, outcome=outcome, action="delay", signed=True)


@pytest.mark.parametrize("kind", [Kind.STOP, Kind.DELAY, Kind.REDUCE])
def test_what_is_gone_may_be_called_handled_and_what_is_not_gone_may_not(kind: Kind) -> None:
    def refused(*, gone: bool) -> str:
        return why_not_closed(
            kind=kind, outcome=ClosingOutcome.HANDLED, action=kind.value, signed=False, gone=gone
        )

    assert refused(gone=True) == ""
    assert "from the list" in refused(gone=False)


@pytest.mark.hazard("HZ-75")
@pytest.mark.parametrize(
    ("kind", "severities", "minutes", "earlier", "allowed"),
    [
        (Kind.HOLD, (2, 2), 240, 0, True),
        (Kind.HOLD, (2, 2), 241, 0, False),
        (Kind.HOLD, (2, 2), 1, 0, True),
        (Kind.HOLD, (2, 2), 0, 0, False),
        (Kind.HOLD, (2, 2), -30, 0, False),
        (Kind.HOLD, (2, 2), 120, 120, True),
        (Kind.HOLD, (2, 2), 120, 121, False),
        (Kind.HOLD, (1, 2), 30, 0, False),
        (Kind.DELAY, (2, 1), 30, 0, False),
        (Kind.STOP, (2, 2), 30, 0, False),
        (Kind.STOP, (3, 3), 1, 0, False),
    ],
)
def test_silence_is_short_and_never_of_what_is_critical_or_says_stop(
    kind: Kind, severities: tuple[int, ...], minutes: int, earlier: int, allowed: bool
) -> None:
    refused = why_not_suppressed(
        kind=kind, severities=severities, minutes=minutes, earlier_minutes=earlier, limits=LIMITS
    )
    assert (refused == "") is allowed


def limits(**changed: object) -> ActLimits:
    values: dict[str, object] = {
        "hand_over_minutes": 15,
        "suppress_at_most_minutes": 240,
        "suppression_tells": ("physician",),
        "least_precision_percent": 30,
        "judged_at_least": 10,
    }
    return ActLimits(**(values | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"suppress_at_most_minutes": 241}, "240"),
        ({"hand_over_minutes": 16}, "15"),
        ({"least_precision_percent": 101}, "100"),
    ],
)
def test_no_policy_allows_more_than_the_law_of_the_service(changed: dict[str, object], fault: str) -> None:
    assert limits().faults() == ()
    assert any(fault in words for words in limits(**changed).faults())


@pytest.mark.parametrize(
    ("acted", "judged", "beyond"), [(2, 10, True), (3, 10, False), (0, 9, False), (0, 0, False)]
)
def test_a_rule_is_beyond_its_budget_once_enough_were_judged(acted: int, judged: int, beyond: bool) -> None:
    assert is_beyond_budget(acted=acted, judged=judged, limits=limits()) is beyond


def test_percentiles_are_values_that_happened() -> None:
    assert nearest_rank([], 50) is None
    assert [nearest_rank([7, 1, 3], percent) for percent in (0, 50, 90, 100)] == [1, 3, 7, 7]
    assert nearest_rank(range(1, 11), 90) == 9


def test_a_begun_minute_counts() -> None:
    assert [whole_minutes(timedelta(seconds=seconds)) for seconds in (0, 1, 60, 61)] == [0, 1, 1, 2]
