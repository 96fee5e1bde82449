"""What a vial will hold when it is needed, beside what is directed: vectors of the clinical dossier, 7.2."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from courses.day_library import day_rules
from courses.rules.activity import Measured
from courses.rules.prediction import Fit, decay_table, predict

RULES = day_rules("lutathera_us_2024_04").rules.dispensing
AT = datetime(2026, 3, 8, 9, tzinfo=UTC)
EXPIRES = AT + timedelta(hours=72)


def found(gbq: str, *, hours: int = 0, directed: str | None = "7.4"):
    return predict(
        Measured(gbq=Decimal(gbq), at=AT),
        at=AT + timedelta(hours=hours),
        expires_at=EXPIRES,
        directed_gbq=None if directed is None else Decimal(directed),
        rules=RULES,
    )


@pytest.mark.parametrize(("hours", "left"), [(24, "6.67"), (48, "6.01"), (72, "5.41")])
@pytest.mark.hazard("HZ-50")
def test_seven_point_four_decays_as_the_dossier_says(hours: int, left: str) -> None:
    assert round(found("7.4", hours=hours).gbq, 2) == Decimal(left)


@pytest.mark.parametrize(
    ("gbq", "directed", "fit"),
    [
        ("8.14", "7.4", Fit.FITS),
        ("8.1401", "7.4", Fit.TOO_MUCH),
        ("6.66", "7.4", Fit.FITS),
        ("6.6599", "7.4", Fit.TOO_LITTLE),
        ("4.07", "3.7", Fit.FITS),
        ("3.3299", "3.7", Fit.TOO_LITTLE),
        ("7.4", "3.7", Fit.TOO_MUCH),
        ("7.4", None, Fit.NOT_DIRECTED),
    ],
)
def test_ten_percent_of_the_directive_is_the_bound_on_both_sides(
    gbq: str, directed: str | None, fit: Fit
) -> None:
    told = found(gbq, directed=directed)
    assert told.fit is fit
    if directed is not None:
        assert f"{directed} GBq" in told.sentence


@pytest.mark.hazard("HZ-52")
def test_at_its_last_instant_a_vial_has_not_expired_and_just_after_it_has() -> None:
    measured = Measured(gbq=Decimal("10.1"), at=AT)
    for late, fit in ((timedelta(0), Fit.FITS), (timedelta(microseconds=1), Fit.EXPIRED)):
        told = predict(
            measured, at=EXPIRES + late, expires_at=EXPIRES, directed_gbq=Decimal("7.4"), rules=RULES
        )
        assert told.fit is fit


@pytest.mark.hazard("HZ-52")
def test_in_the_night_of_the_change_of_clocks_hours_count_as_they_pass() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    evening = datetime(2026, 3, 28, 20, tzinfo=berlin)
    # 20 o'clock to 8 o'clock across the jump are 11 hours, not 12.
    told = predict(
        Measured(gbq=Decimal(8), at=evening),
        at=datetime(2026, 3, 29, 8, tzinfo=berlin),
        expires_at=datetime(2026, 3, 29, 8, tzinfo=berlin),
        directed_gbq=None,
        rules=RULES,
    )
    eleven = predict(
        Measured(gbq=Decimal(8), at=AT),
        at=AT + timedelta(hours=11),
        expires_at=EXPIRES,
        directed_gbq=None,
        rules=RULES,
    )
    assert told.gbq == eleven.gbq
    assert told.fit is Fit.NOT_DIRECTED


def test_a_table_runs_in_equal_steps_to_the_last_instant() -> None:
    rows = decay_table(
        Measured(gbq=Decimal("7.4"), at=AT),
        until=AT + timedelta(hours=13),
        half_life=RULES.half_life,
        every=timedelta(hours=6),
    )
    assert [(at - AT) // timedelta(hours=1) for at, _ in rows] == [0, 6, 12, 13]
    assert rows[0][1] == Decimal("7.4")
    # 6 hours: 0.97427 (dossier, 7.2).
    assert round(rows[1][1] / rows[0][1], 5) == Decimal("0.97427")
