"""Times on the wall become instants: shown twice, never shown, and every other one."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from alerts.wall_clock import first_instant, last_instant

BERLIN = ZoneInfo("Europe/Berlin")


def shown(text: str) -> datetime:
    """What a clock on the wall shows."""
    return datetime.fromisoformat(text)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_an_ordinary_time_is_one_instant() -> None:
    wall = shown("2026-05-04 08:00")
    assert first_instant(wall, BERLIN) == last_instant(wall, BERLIN) == at("2026-05-04 06:00")


def test_a_time_shown_twice_is_the_first_for_a_start_and_the_second_for_an_end() -> None:
    wall = shown("2026-10-25 02:30")
    assert first_instant(wall, BERLIN) == at("2026-10-25 00:30")
    assert last_instant(wall, BERLIN) == at("2026-10-25 01:30")


def test_the_very_time_that_clocks_go_back_to_is_over_the_first_time() -> None:
    """At three the clock shows two again, and from the first two on never again less than two."""
    wall = shown("2026-10-25 02:00")
    assert first_instant(wall, BERLIN) == last_instant(wall, BERLIN) == at("2026-10-25 00:00")
    assert last_instant(shown("2026-10-25 02:00:01"), BERLIN) == at("2026-10-25 01:00:01")


def test_a_time_never_shown_is_the_moment_at_which_clocks_go_forward() -> None:
    wall = shown("2026-03-29 02:30")
    assert first_instant(wall, BERLIN) == last_instant(wall, BERLIN) == at("2026-03-29 01:00")


def test_a_midnight_never_shown_moves_to_one_in_the_morning() -> None:
    cairo = ZoneInfo("Africa/Cairo")
    assert first_instant(shown("2026-04-24 00:00"), cairo) == at("2026-04-23 22:00")


def test_half_an_hour_is_a_change_of_clocks_too() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    wall = shown("2026-04-05 01:45")
    assert last_instant(wall, lord_howe) - first_instant(wall, lord_howe) == at("2026-01-01 00:30") - at(
        "2026-01-01 00:00"
    )


def test_a_time_with_a_zone_of_its_own_is_refused() -> None:
    with pytest.raises(ValueError, match="no zone of its own"):
        first_instant(at("2026-05-04 08:00"), BERLIN)
