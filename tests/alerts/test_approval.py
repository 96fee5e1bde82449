"""Who approved the numbers that alerts follow is read, shown, and plainly missing where nobody did."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from alerts.approval import Approval, read_approval
from alerts.apps import check_approvals
from alerts.critical_table import TABLE_FILE, read_table
from alerts.library import POLICY_FILE, BadPolicy, policy, read_policy
from alerts.models import Alert
from tests.builders_alerts import make_alert

SHIPPED = 'approved_by = "nobody yet: shipped values, to be approved by the department"'
SIGNED = 'approved_by = "Dr Ada Ward, head of nuclear medicine"\napproved_on = 2027-01-04'


@pytest.fixture
def own_policy(tmp_path: Path, settings: Any) -> Path:
    """A copy of the shipped policy that a clinic approved."""
    own = tmp_path / "own.toml"
    own.write_text(POLICY_FILE.read_text().replace(SHIPPED, SIGNED))
    settings.ALERT_POLICY = own
    return own


def approval(**said: Any) -> tuple[Approval, list[str]]:
    faults: list[str] = []
    return read_approval({"version": "7", "approved_by": "", **said}, faults), faults


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "version 7, not yet approved by a clinic"),
        ({"approved_by": "  "}, "version 7, not yet approved by a clinic"),
        ({"approved_by": "Nobody yet: shipped values"}, "version 7, not yet approved by a clinic"),
        ({"approved_by": "Dr Ward"}, "version 7, approved by Dr Ward, no day is given"),
        (
            {"approved_by": "Dr Ward", "approved_on": date(2027, 1, 4)},
            "version 7, approved by Dr Ward, on 4 January 2027",
        ),
    ],
)
def test_an_approval_reads_as_people_say_it(said: dict[str, Any], words: str) -> None:
    found, faults = approval(**said)
    assert (found.words, faults) == (words, [])


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ({"approved_by": 3}, "approved_by must be a text"),
        ({"version": ""}, "version must be a text"),
        ({"approved_by": "Dr Ward", "approved_on": "2027-01-04"}, "approved_on must be a day"),
        ({"approved_on": date(2027, 1, 4)}, "approved_by names nobody"),
        ({"approved_by": "nobody yet", "approved_on": date(2027, 1, 4)}, "approved_by names nobody"),
    ],
)
def test_an_approval_that_contradicts_itself_is_refused(said: dict[str, Any], fault: str) -> None:
    (found,) = approval(**said)[1]
    assert fault in found


def test_a_policy_and_a_table_may_name_nobody_and_a_policy_with_half_an_approval_is_refused() -> None:
    empty = POLICY_FILE.read_text().replace(SHIPPED, 'approved_by = ""')
    assert not read_policy(empty.encode()).approval.is_given
    with pytest.raises(BadPolicy, match="approved_by names nobody"):
        read_policy(empty.replace('approved_by = ""', 'approved_by = ""\napproved_on = 2027-01-04').encode())
    assert not read_table(TABLE_FILE.read_bytes()).approval.is_given


def test_the_check_before_patients_names_each_file_that_no_clinic_approved() -> None:
    said = [(each.id, each.msg) for each in check_approvals(None)]
    assert [each for each, _ in said] == ["alerts.W001", "alerts.W001"]
    assert [words.rpartition(", ")[2] for _, words in said] == ["not yet approved by a clinic."] * 2
    assert ["policy" in words for _, words in said] == [True, False]


def test_the_check_is_asked_before_patients_and_is_silent_of_what_was_approved(
    own_policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert [each.msg.split(" is version")[0] for each in check_approvals(None)] == [
        "The table of critical values"
    ]
    call_command("check", "alerts", deploy=True)
    assert "table of critical values" in capsys.readouterr().err
    call_command("check", "alerts")
    assert "alerts.W001" not in capsys.readouterr().err


@pytest.mark.django_db
def test_the_page_of_who_would_be_told_says_that_nobody_approved_what_is_followed(
    client: Client, person: Callable[..., User]
) -> None:
    client.force_login(person("administrator"))
    page = client.get("/alerts/readiness/").content.decode()
    assert f"Alert policy: version {policy().version}, not yet approved by a clinic." in page
    assert page.count("not yet approved by a clinic.") == 2


@pytest.mark.django_db
def test_pages_say_who_approved_what_is_followed(
    client: Client, person: Callable[..., User], own_policy: Path
) -> None:
    client.force_login(person("administrator"))
    words = "approved by Dr Ada Ward, head of nuclear medicine, on 4 January 2027."
    assert words in client.get("/alerts/readiness/").content.decode()
    alert = make_alert()
    client.force_login(person("physician"))
    page = client.get(f"/alerts/{alert.public_id}").content.decode()
    assert f"Policy: version {policy().version}, {words}" in page
    Alert.objects.update(policy_version="2026-01-01.1")
    page = client.get(f"/alerts/{alert.public_id}").content.decode()
    assert "Policy: version 2026-01-01.1, with which it began; another one is followed now." in page
