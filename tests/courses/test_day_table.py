"""The day of therapy as a table to be signed: every number of every file, with its source."""

import io
import re
from dataclasses import fields, is_dataclass
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command

from courses.day_library import all_day_rules, day_rules
from courses.day_table import day_rows
from courses.library import protocol_ids
from courses.management.commands import check_protocols
from courses.rules.decimals import plain


def printed() -> str:
    out = io.StringIO()
    call_command("check_protocols", stdout=out)
    return re.sub(r"\s+", " ", out.getvalue().replace("│", " "))


def numbers_of(rules) -> set[str]:
    """Every number that a file states, as its table would write it."""
    found = set()
    for field in fields(rules):
        value = getattr(rules, field.name)
        if is_dataclass(value) and field.name != "source":
            found |= numbers_of(value)
        elif isinstance(value, timedelta):
            minutes = Decimal(value // timedelta(microseconds=1)) / 60_000_000
            found.add(f"{plain(minutes)} min|{plain(minutes / 60)} h")
        elif isinstance(value, Decimal) or (isinstance(value, int) and not isinstance(value, bool)):
            found.add(plain(Decimal(value)))
    return found


@pytest.mark.parametrize("protocol_id", sorted(all_day_rules()))
def test_no_number_of_the_day_is_left_out_of_the_table(protocol_id):
    rules = day_rules(protocol_id).rules
    words = " ; ".join(value for _, value, _ in day_rows(rules))
    for number in numbers_of(rules):
        assert any(re.search(rf"(?<![\d.]){re.escape(one)}(?![\d.])", words) for one in number.split("|")), (
            number
        )


def test_the_command_prints_the_days_with_source_confidence_and_digest():
    text = printed()
    for pinned in all_day_rules().values():
        assert f"{pinned.rules.id}: {pinned.rules.title}" in text
        assert pinned.sha256 in text
    assert "For the protocols lutathera_us_2024_04, lutathera_us_2024_04_ctcae_6_0." in text
    assert "more than 10 % off the" in text
    assert "GK: to be confirmed" in text


def test_a_label_protocol_without_a_day_ends_with_status_two(monkeypatch):
    days = {key: each for key, each in all_day_rules().items() if key != "lutathera_ema_2024"}
    monkeypatch.setattr(check_protocols, "all_day_rules", lambda: days)
    errors = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("check_protocols", stderr=errors)
    assert ended.value.code == 2
    assert "no rules for the day of therapy under 'lutathera_ema_2024'" in errors.getvalue()
    assert "lutathera_ema_2024" in protocol_ids()
