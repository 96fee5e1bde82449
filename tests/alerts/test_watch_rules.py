"""What counts as a gap, a drift, an age and a broken trial, at and on both sides of each limit."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from alerts.library import policy
from alerts.watch_rules import (
    Age,
    Stage,
    age_of,
    has_run_out,
    is_due,
    is_silent,
    lacking,
    stages,
    unit_ratio,
)

NOW = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
LIMITS = replace(
    policy().watch,
    quarantine_warn_hours=4,
    quarantine_critical_hours=24,
    shift_newest_values=3,
    shift_earlier_values=10,
    shift_least_earlier_values=4,
    shift_tolerance_percent=20,
    shift_least_ratio=2,
    canary_every_minutes=60,
    canary_limit_minutes=5,
    canary_silent_minutes=67,
)
SECOND = timedelta(seconds=1)
CREATININE = (Decimal(1), Decimal("88.4"), Decimal(1000))


@pytest.mark.parametrize(
    ("waited", "age"),
    [
        (timedelta(hours=4) - SECOND, Age.IN_TIME),
        (timedelta(hours=4), Age.OVERDUE),
        (timedelta(hours=24) - SECOND, Age.OVERDUE),
        (timedelta(hours=24), Age.FAR_OVERDUE),
    ],
)
def test_an_item_of_the_queue_is_overdue_exactly_at_the_limits(waited: timedelta, age: Age) -> None:
    assert age_of(opened_at=NOW - waited, now=NOW, limits=LIMITS) is age


def panel(*shorts: str) -> frozenset[str]:
    return frozenset(shorts)


@pytest.mark.parametrize(
    ("arrived", "earlier", "missing"),
    [
        # Three earlier panels brought haemoglobin, this one did not.
        (panel("PLT"), [panel("PLT", "HGB")] * 3, ("HGB",)),
        # Two are not yet a habit.
        (panel("PLT"), [panel("PLT", "HGB")] * 2, ()),
        # The whole panel came.
        (panel("PLT", "HGB"), [panel("PLT", "HGB")] * 3, ()),
        # What the protocol does not ask for is not missed.
        (panel("PLT"), [panel("PLT", "GLU")] * 3, ()),
        # A panel without anything required was about something else.
        (panel("GLU"), [panel("PLT", "HGB")] * 3, ()),
        # Nothing arrived at all: that is for other alarms.
        (panel(), [panel("PLT", "HGB")] * 3, ()),
        # No history, no habit.
        (panel("PLT"), [], ()),
    ],
)
def test_a_panel_lacks_what_it_usually_brings_and_the_protocol_asks_for(
    arrived: frozenset[str], earlier: Sequence[frozenset[str]], missing: tuple[str, ...]
) -> None:
    found = lacking(arrived=arrived, earlier=earlier, required=panel("PLT", "HGB", "ANC"), usual_after=3)
    assert found == missing


@pytest.mark.parametrize(
    ("newest", "earlier", "ratio"),
    [
        # mg/dL read as umol/L: a factor of 88.4 too small.
        (("0.9", "1.0", "0.8"), ("80", "78", "75", "90"), Decimal(1) / Decimal("88.4")),
        # The other way.
        (("8840", "7900", "8000"), ("90", "88", "95", "100"), Decimal("88.4")),
        # The same patients as ever.
        (("85", "70", "92"), ("80", "78", "75", "90"), None),
        # A true doubling is no ratio of two units of creatinine.
        (("160", "170", "180"), ("80", "78", "75", "90"), None),
        # Too few new values, or too few to compare with.
        (("0.9", "1.0"), ("80", "78", "75", "90"), None),
        (("0.9", "1.0", "0.8"), ("80", "78", "75"), None),
        # Nothing can be divided by nothing.
        (("0", "0", "0"), ("80", "78", "75", "90"), None),
        (("80", "78", "75"), ("0", "0", "0", "0"), None),
    ],
)
def test_a_median_that_moved_by_the_ratio_of_two_units_is_a_drift(
    newest: tuple[str, ...], earlier: tuple[str, ...], ratio: Decimal | None
) -> None:
    found = unit_ratio(
        newest=[Decimal(each) for each in newest],
        earlier=[Decimal(each) for each in earlier],
        factors=CREATININE,
        limits=LIMITS,
    )
    assert found == ratio


def test_one_outlier_moves_no_median() -> None:
    newest = [Decimal(each) for each in ("82", "7000", "79")]
    earlier = [Decimal(each) for each in ("80", "78", "75", "90")]
    assert unit_ratio(newest=newest, earlier=earlier, factors=CREATININE, limits=LIMITS) is None


def test_without_a_mailbox_a_trial_ends_in_the_outbox() -> None:
    assert stages(mailbox=True)[-1] is Stage.MAILED
    assert stages(mailbox=False) == stages(mailbox=True)[:-1]


def test_a_trial_is_due_every_hour_and_has_five_minutes() -> None:
    assert is_due(last_started=None, now=NOW, limits=LIMITS)
    assert not is_due(last_started=NOW - timedelta(minutes=60) + SECOND, now=NOW, limits=LIMITS)
    assert is_due(last_started=NOW - timedelta(minutes=60), now=NOW, limits=LIMITS)
    assert not has_run_out(started=NOW - timedelta(minutes=5) + SECOND, now=NOW, limits=LIMITS)
    assert has_run_out(started=NOW - timedelta(minutes=5), now=NOW, limits=LIMITS)
    assert not is_silent(last_good_started=NOW - timedelta(minutes=67) + SECOND, now=NOW, limits=LIMITS)
    assert is_silent(last_good_started=NOW - timedelta(minutes=67), now=NOW, limits=LIMITS)


def test_a_line_that_breaks_is_told_within_seventy_minutes_whatever_breaks() -> None:
    """Broken just after a good trial began: the next one runs out, or is missed; a look comes every 30 s."""
    shipped = policy().watch
    look = 0.5
    assert shipped.canary_every_minutes + shipped.canary_limit_minutes + look <= 70
    assert shipped.canary_silent_minutes + look <= 70


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"quarantine_critical_hours": 4}, "quarantine_critical_hours"),
        ({"shift_least_earlier_values": 11}, "shift_least_earlier_values"),
        ({"shift_least_ratio": 1}, "shift_least_ratio"),
        ({"canary_silent_minutes": 64}, "leave time"),
        ({"canary_silent_minutes": 70}, "70 minutes"),
    ],
)
def test_limits_that_do_not_fit_together_are_named(change: dict[str, int], fault: str) -> None:
    assert LIMITS.faults() == []
    assert any(fault in line for line in replace(LIMITS, **change).faults())
