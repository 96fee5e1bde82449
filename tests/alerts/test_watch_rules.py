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
    waited_since,
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
    canary_every_minutes=15,
    canary_limit_minutes=5,
    canary_silent_minutes=22,
    runner_stuck_seconds=150,
    heartbeat_every_seconds=60,
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


def test_without_a_mailbox_a_trial_sends_no_mail_and_passes_every_other_stage() -> None:
    assert stages(mailbox=True) == tuple(Stage)
    assert stages(mailbox=True)[-1] is Stage.ANSWERED
    assert set(stages(mailbox=True)) - set(stages(mailbox=False)) == {Stage.MAILED}


def test_a_trial_is_due_every_quarter_of_an_hour_and_has_five_minutes() -> None:
    assert is_due(last_started=None, now=NOW, limits=LIMITS)
    assert not is_due(last_started=NOW - timedelta(minutes=15) + SECOND, now=NOW, limits=LIMITS)
    assert is_due(last_started=NOW - timedelta(minutes=15), now=NOW, limits=LIMITS)
    assert not has_run_out(started=NOW - timedelta(minutes=5) + SECOND, now=NOW, limits=LIMITS)
    assert has_run_out(started=NOW - timedelta(minutes=5), now=NOW, limits=LIMITS)
    assert not is_silent(last_good_started=NOW - timedelta(minutes=22) + SECOND, now=NOW, limits=LIMITS)
    assert is_silent(last_good_started=NOW - timedelta(minutes=22), now=NOW, limits=LIMITS)


def test_a_line_that_breaks_is_told_within_twenty_five_minutes_whatever_breaks() -> None:
    """Broken just after a good trial began: the next one runs out, or is missed; a look comes every 30 s."""
    shipped = policy().watch
    look = 0.5
    assert shipped.canary_every_minutes == 15
    assert shipped.canary_every_minutes + shipped.canary_limit_minutes + look <= 25
    assert shipped.canary_silent_minutes + look <= 25


BEGAN = NOW - timedelta(seconds=100)
LIMIT = timedelta(seconds=150)


@pytest.mark.parametrize(
    ("looked_at", "waited", "beat_at", "since"),
    [
        # The first look ever: nothing is missed yet, whatever the row says of the past.
        (None, None, None, NOW),
        (None, None, NOW - timedelta(hours=1), NOW),
        # Looked for all the while: missed since it was last heard of, or since the looking began.
        (NOW - 20 * SECOND, BEGAN, None, BEGAN),
        (NOW - 20 * SECOND, BEGAN, NOW - timedelta(hours=1), BEGAN),
        (NOW - 20 * SECOND, BEGAN, NOW - 30 * SECOND, NOW - 30 * SECOND),
        # The watcher was away itself: it begins anew.
        (NOW - LIMIT, NOW - timedelta(hours=1), NOW - timedelta(hours=1), NOW),
        (NOW - LIMIT + SECOND, BEGAN, BEGAN, BEGAN),
        # A clock that was set back: a sign from the future is a sign from now.
        (NOW - 20 * SECOND, BEGAN, NOW + timedelta(hours=1), NOW),
    ],
)
def test_a_runner_is_missed_only_for_as_long_as_somebody_looked_for_it(
    looked_at: datetime | None, waited: datetime | None, beat_at: datetime | None, since: datetime
) -> None:
    found = waited_since(looked_at=looked_at, waited=waited, beat_at=beat_at, now=NOW, limit=LIMIT)
    assert found == since


def test_a_dead_runner_is_told_within_three_minutes() -> None:
    """The other one looks every 20 s at least, in Celery as in the second runner."""
    assert policy().watch.runner_stuck_seconds + 20 <= 180


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"quarantine_critical_hours": 4}, "quarantine_critical_hours"),
        ({"shift_least_earlier_values": 11}, "shift_least_earlier_values"),
        ({"shift_least_ratio": 1}, "shift_least_ratio"),
        ({"canary_silent_minutes": 19}, "leave time"),
        ({"runner_stuck_seconds": 59}, "runner_stuck_seconds"),
        ({"canary_silent_minutes": 70}, "70 minutes"),
    ],
)
def test_limits_that_do_not_fit_together_are_named(change: dict[str, int], fault: str) -> None:
    assert LIMITS.faults() == []
    assert any(fault in line for line in replace(LIMITS, **change).faults())
