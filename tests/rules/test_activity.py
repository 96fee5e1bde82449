"""Activities: no number without its unit, decay to any instant, and the two bounds of a deviation."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from courses.rules.activity import (
    BadActivity,
    Deviation,
    Measured,
    both_units,
    decayed,
    deviation_percent,
    is_event,
    judge_assay,
    net_administered,
    read_activity,
)

# Clinical dossier 7.2: 6.647 d; 7.3 and rulings 3.5: 10 % and 20 %.
HALF_LIFE = timedelta(days=6.647)
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
FULL = Decimal("7.4")


def later(activity: str, hours: float) -> Decimal:
    """What is left of it so many hours after noon."""
    measured = Measured(gbq=Decimal(activity), at=NOON)
    return decayed(measured, to=NOON + timedelta(hours=hours), half_life=HALF_LIFE)


@pytest.mark.parametrize(
    ("written", "gbq"),
    [
        ("7.4 GBq", "7.4"),
        ("7400 MBq", "7.4"),
        ("200 mCi", "7.4"),
        ("100mCi", "3.7"),
        ("  3700  MBq ", "3.7"),
        ("0.5 GBq", "0.5"),
        ("1 mCi", "0.037"),
    ],
)
def test_an_activity_is_read_exactly_in_each_of_its_units(written: str, gbq: str) -> None:
    assert read_activity(written) == Decimal(gbq)


@pytest.mark.parametrize(
    ("written", "remedy"),
    [
        ("7400", "7400 has no unit: write 7400 GBq, 7400 MBq or 7400 mCi."),
        ("7.4 Gbq", "'Gbq' is no unit of activity here: write GBq, MBq or mCi, spelt like this."),
        ("200 MCI", "'MCI' is no unit of activity here: write GBq, MBq or mCi, spelt like this."),
        ("7,4 GBq", "'7,4 GBq' is no activity: write a number and its unit, such as 7.4 GBq."),
        (".5 GBq", "'.5 GBq' is no activity: write a number and its unit, such as 7.4 GBq."),
        ("-7.4 GBq", "'-7.4 GBq' is no activity: write a number and its unit, such as 7.4 GBq."),
        ("7.4e3 MBq", "'7.4e3 MBq' is no activity: write a number and its unit, such as 7.4 GBq."),
        ("٧ GBq", "'٧ GBq' is no activity: write a number and its unit, such as 7.4 GBq."),
        ("", "'' is no activity: write a number and its unit, such as 7.4 GBq."),
        ("0 MBq", "An activity of 0 is none: write what was measured."),
    ],
)
def test_what_is_no_activity_is_refused_with_what_to_write(written: str, remedy: str) -> None:
    with pytest.raises(BadActivity) as refused:
        read_activity(written)
    assert str(refused.value) == remedy


@pytest.mark.parametrize(
    ("gbq", "words"),
    [
        ("7.4", "7.4 GBq (200 mCi)"),
        ("7.400", "7.4 GBq (200 mCi)"),
        ("3.7", "3.7 GBq (100 mCi)"),
        ("0.37", "0.37 GBq (10 mCi)"),
        ("7", "7 GBq (189.2 mCi)"),
        ("100", "100 GBq (2702.7 mCi)"),
    ],
)
def test_an_activity_is_told_in_both_units(gbq: str, words: str) -> None:
    assert both_units(Decimal(gbq)) == words


@pytest.mark.parametrize(
    ("hours", "factor"), [(0, "1"), (6, "0.97427"), (24, "0.90097"), (48, "0.81175"), (72, "0.73137")]
)
def test_decay_follows_the_published_factors(hours: int, factor: str) -> None:
    """Clinical dossier 7.2, to the last digit that is printed there."""
    assert later("1", hours).quantize(Decimal("0.00001")) == Decimal(factor)


@pytest.mark.parametrize(("hours", "gbq"), [(24, "6.67"), (48, "6.01"), (72, "5.41")])
def test_a_full_activity_decays_as_the_hazard_list_says(hours: int, gbq: str) -> None:
    """HZ-50."""
    assert later("7.4", hours).quantize(Decimal("0.01")) == Decimal(gbq)


@pytest.mark.parametrize(("gbq", "hours"), [("7.585", "5.7"), ("9.25", "51.4")])
def test_a_vial_equals_a_full_activity_when_the_dossier_says(gbq: str, hours: str) -> None:
    """20.5 mL and 25 mL of 370 MBq/mL at calibration."""
    assert later(gbq, float(hours)).quantize(Decimal("0.01")) == FULL
    assert later(gbq, float(hours) - 1) > FULL > later(gbq, float(hours) + 1)


def test_an_earlier_instant_gives_back_what_has_decayed_since() -> None:
    after = Measured(gbq=later("7.4", 31.5), at=NOON + timedelta(hours=31.5))
    again = decayed(after, to=NOON, half_life=HALF_LIFE)
    assert again.quantize(Decimal("1e-20")) == FULL
    assert later("7.4", 6.647 * 24).quantize(Decimal("1e-12")) == Decimal("3.7")


def test_the_night_of_a_clock_change_has_as_many_hours_as_pass() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    before = datetime(2026, 10, 24, 12, tzinfo=berlin)
    measured = Measured(gbq=FULL, at=before)
    next_noon = datetime(2026, 10, 25, 12, tzinfo=berlin)
    found = decayed(measured, to=next_noon.astimezone(UTC), half_life=HALF_LIFE)
    assert found == later("7.4", 25)
    assert decayed(measured, to=next_noon, half_life=HALF_LIFE) == found


def test_an_instant_without_a_zone_is_refused() -> None:
    naive = NOON.replace(tzinfo=None)
    for at, to in ((naive, NOON), (NOON, naive)):
        with pytest.raises(
            ValueError, match=r"^an instant without a time zone says nothing of how long something decayed$"
        ):
            decayed(Measured(gbq=FULL, at=at), to=to, half_life=HALF_LIFE)


@given(
    st.decimals("0.001", "20", places=3),
    st.integers(-100_000, 100_000),
    st.integers(-100_000, 100_000),
)
def test_decay_in_two_steps_is_decay_in_one(gbq: Decimal, first: int, second: int) -> None:
    start = Measured(gbq=gbq, at=NOON)
    middle, end = NOON + timedelta(seconds=first), NOON + timedelta(seconds=second)
    between = Measured(gbq=decayed(start, to=middle, half_life=HALF_LIFE), at=middle)
    stepped = decayed(between, to=end, half_life=HALF_LIFE)
    at_once = decayed(start, to=end, half_life=HALF_LIFE)
    assert abs(stepped - at_once) < Decimal("1e-25")
    assert (at_once < gbq) == (second > 0)


def test_what_was_administered_is_the_assay_without_every_residual_at_one_instant() -> None:
    """Vial and line measured an hour and two hours after the start, the assay an hour before it."""
    hour = timedelta(hours=1)
    assay = Measured(gbq=Decimal("7.5"), at=NOON - hour)
    residuals = [
        Measured(gbq=Decimal("0.1"), at=NOON + hour),
        Measured(gbq=Decimal("0.02"), at=NOON + 2 * hour),
    ]
    found = net_administered(assay, residuals, start=NOON, half_life=HALF_LIFE)
    # 7.5 × 0.995664 - 0.1 × 1.004355 - 0.02 × 1.008728, by hand from lambda 0.00434499 per hour
    assert found.quantize(Decimal("0.0001")) == Decimal("7.3469")
    assert net_administered(assay, [], start=NOON, half_life=HALF_LIFE) > found


def test_more_left_than_there_was_is_refused_with_both_figures() -> None:
    assay = Measured(gbq=Decimal("3.7"), at=NOON)
    with pytest.raises(BadActivity) as refused:
        net_administered(assay, [Measured(gbq=FULL, at=NOON)], start=NOON, half_life=HALF_LIFE)
    assert str(refused.value) == (
        "The residuals make 7.4 GBq (200 mCi) at the start, more than the 3.7 GBq (100 mCi) that were "
        "measured: check both measurements."
    )
    nothing = [Measured(gbq=Decimal("3.7"), at=NOON)]
    assert net_administered(assay, nothing, start=NOON, half_life=HALF_LIFE) == 0


@pytest.mark.parametrize(
    ("directed", "measured", "judged"),
    [
        # Clinical dossier 7.2: the bands of a full and of a half activity. At a bound nothing changes yet.
        ("7.4", "7.4", Deviation.WITHIN),
        ("7.4", "6.66", Deviation.WITHIN),
        ("7.4", "8.14", Deviation.WITHIN),
        ("7.4", "6.6599", Deviation.WARN),
        ("7.4", "8.1401", Deviation.WARN),
        ("7.4", "5.92", Deviation.WARN),
        ("7.4", "8.88", Deviation.WARN),
        ("7.4", "5.9199", Deviation.REFUSE),
        ("7.4", "8.8801", Deviation.REFUSE),
        ("3.7", "3.33", Deviation.WITHIN),
        ("3.7", "4.07", Deviation.WITHIN),
        ("3.7", "3.3299", Deviation.WARN),
        ("3.7", "4.44", Deviation.WARN),
        ("3.7", "4.4401", Deviation.REFUSE),
        ("3.7", "2.9599", Deviation.REFUSE),
        # The event of February 2024: the full activity where the reduced one was directed.
        ("3.7", "7.4", Deviation.REFUSE),
    ],
)
def test_an_assay_warns_over_ten_percent_and_is_refused_over_twenty(
    directed: str, measured: str, judged: Deviation
) -> None:
    bounds = {"warn_percent": Decimal(10), "refuse_percent": Decimal(20)}
    assert judge_assay(Decimal(measured), Decimal(directed), **bounds) is judged


@pytest.mark.parametrize(
    ("delivered", "is_one"),
    [("7.4", False), ("5.9201", False), ("5.92", True), ("8.8799", False), ("8.88", True), ("3.7", True)],
)
def test_a_delivered_activity_is_reviewed_as_an_event_from_twenty_percent_on(
    delivered: str, is_one: bool
) -> None:
    assert is_event(Decimal(delivered), FULL, event_percent=Decimal(20)) is is_one


def test_a_deviation_is_told_in_percent_of_what_was_directed() -> None:
    assert deviation_percent(FULL, Decimal("3.7")) == 100
    assert deviation_percent(Decimal("5.92"), FULL) == -20
