"""The policy file: followed as written, and refused where it is unclear."""

from datetime import timedelta

import pytest

from alerts.apps import check_policy
from alerts.library import POLICY_FILE, BadPolicy, plan_as_data, plan_from_data, policy, read_policy
from alerts.rules import Kind

SHIPPED = POLICY_FILE.read_text(encoding="utf-8")


def faults_of(text: str) -> str:
    with pytest.raises(BadPolicy) as refused:
        read_policy(text.encode())
    return str(refused.value)


def test_the_shipped_policy_covers_every_kind_of_alert() -> None:
    assert set(policy().kinds) == set(Kind)
    assert check_policy(None) == []


def test_the_shipped_policy_says_that_nobody_approved_it_yet() -> None:
    assert "approved by the department" in policy().approval.approved_by


def test_what_wakes_somebody_is_told_again_within_fifteen_minutes_then_every_thirty_at_most() -> None:
    for kind in (Kind.STOP, Kind.DELAY, Kind.CRITICAL_VALUE):
        entry = policy().kinds[kind].at_its_worst()
        assert (entry.severity, entry.plan.wakes) == (1, True)
        assert entry.plan.steps[0].audience == ("on-call",)
        assert all(step.after <= timedelta(minutes=15) for step in entry.plan.steps)
        assert entry.plan.repeat <= timedelta(minutes=30)


def test_only_people_end_what_withholds_treatment() -> None:
    for kind in (Kind.STOP, Kind.DELAY, Kind.REDUCE):
        assert not policy().kinds[kind].ends_with_cause


def test_only_what_shows_no_patient_is_technical() -> None:
    technical = {kind for kind, entry in policy().kinds.items() if entry.technical}
    assert technical == {
        Kind.SYSTEM_FAULT,
        Kind.NOBODY_ON_CALL,
        Kind.ADDRESS_REFUSED,
        Kind.FEED_SILENT,
        Kind.UNMAPPED_CODE,
        Kind.UNIT_DRIFT,
        Kind.QUARANTINE_AGEING,
        Kind.UPLOAD_AGEING,
        Kind.CANARY,
        Kind.CANARY_BROKEN,
        Kind.ROTA_GAP,
        Kind.INVARIANT_BROKEN,
        Kind.RUNNER_STUCK,
        Kind.MAIL_LOOP,
        Kind.FEED_ANOMALY,
        Kind.HAND_OVER,
    }


def test_a_fault_of_the_service_is_as_urgent_as_what_withholds_treatment() -> None:
    entry = policy().kinds[Kind.SYSTEM_FAULT].at_its_worst()
    assert (entry.severity, entry.ends_with_cause, entry.repeat_reopens) == (1, True, True)
    assert entry.plan.steps[0].audience == ("administrator", "physician")


def test_a_ladder_frozen_into_an_alert_comes_back_the_same() -> None:
    for entry in policy().kinds.values():
        assert plan_from_data(plan_as_data(entry.plan)) == entry.plan


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('word = "critical"', 'word = "critical"\ncolour = "red"', "unknown key 'colour'"),
        ('approved_by = "', 'approved = "', "approved_by is missing"),
        (
            'audience = ["on-call"], after_minutes = 0',
            'audience = ["oncall"], after_minutes = 0',
            "not a group",
        ),
        (
            'audience = ["on-call"], after_minutes = 0',
            "audience = [], after_minutes = 0",
            "at least one group",
        ),
        ('["on-call"], after_minutes = 0', '["on-call"], after_minutes = 5', "must be 0"),
        ("after_minutes = 15", "after_minutes = 0", "at least 1"),
        ("after_minutes = 15", "after_minutes = 1.5", "whole number"),
        ("repeat_every_minutes = 30", "repeat_every_minutes = 0", "at least 1"),
        ('id = "stop"\nseverity = 2', 'id = "stop"\nseverity = 4', "severity 4 is not defined"),
        ('id = "stop"\nseverity = 2', 'id = "stop"\nseverity = true', "severity True is not defined"),
        ('wakes = "always"', 'wakes = "sometimes"', "wakes must be"),
        ('wakes = "always"', 'wakes = "never"', "severity 1 must have wakes"),
        ('wakes = "worst"', 'wakes = "never"', "worse_severity 1 must have wakes"),
        ('wakes = "never"', 'wakes = "worst"', "needs a worse_severity"),
        ('wakes = "never"', "", "wakes is missing"),
        ("[hours]", "[hour]", "[hours] is missing"),
        ('days = "mon-fri"', 'days = "monday"', "hours: days: 'monday' names no days"),
        ('hours = "08:00-18:00"', 'hours = "8-18"', "hours: hours: '8-18' is not a span of hours"),
        ('hours = "08:00-18:00"', "hours = 8", "hours: hours must be a text"),
        ("2026-12-25, 2026-12-26,", '"Christmas",', "closed_on must be a list of days"),
        (
            "therapy_margin_hours = 24",
            "therapy_margin_hours = 0",
            "therapy_margin_hours must be a whole number",
        ),
        ("vial_margin_hours = 4", "", "vial_margin_hours is missing"),
        ("longest_wait_hours = 120", "longest_wait_hours = 120\nx = 1", "hours: unknown key 'x'"),
        ("[budget]", "[budgets]", "[budget] is missing"),
        ("out_of_hours_mails_per_week = 5", "out_of_hours_mails_per_week = 5.5", "must be a whole number"),
        ('id = "stop"', 'id = "halt"', "no such kind"),
        ('id = "stop"', 'id = "delay"', "appears twice"),
        ('ladder = "chasing"', 'ladder = "running"', "not defined"),
        ('ends = "cause"', 'ends = "machine"', "ends must be"),
        ("technical = true", "technical = 1", "technical must be true or false"),
        ('version = "', "version = 3 # ", "version must be a text"),
        ("[watch]", "[watching]", "[watch] is missing"),
        ("unit_new_days = 7", "", "unit_new_days is missing"),
        ("unit_new_days = 7", "unit_new_days = 0", "unit_new_days must be a whole number above zero"),
        ("unit_new_days = 7", "unit_new_days = 7\nunit_old_days = 8", "unknown key 'unit_old_days'"),
        (
            "quarantine_critical_hours = 24",
            "quarantine_critical_hours = 4",
            "more than quarantine_warn_hours",
        ),
        ('source = "our choice', 'source = "" # "', "source must be a text"),
        ("worse_severity = 1", "worse_severity = 2", "worse_severity must be a smaller number"),
        ("worse_severity = 1", "worse_severity = true", "worse_severity must be a smaller number"),
        ('worse_ladder = "queue"', 'worse_ladder = "running"', "worse_ladder 'running' is not defined"),
        ('worse_ladder = "queue"', "", "worse_ladder is missing"),
        ("version = ", "version ", "cannot be read"),
    ],
)
def test_an_unclear_policy_is_refused_with_its_fault(before: str, after: str, fault: str) -> None:
    assert before in SHIPPED
    assert fault in faults_of(SHIPPED.replace(before, after))


@pytest.mark.hazard("HZ-75")
@pytest.mark.parametrize("kind", [kind for kind, entry in policy().kinds.items() if entry.severity == 1])
@pytest.mark.parametrize("wakes", ["worst", "never"])
def test_no_policy_keeps_a_critical_kind_quiet_outside_the_hours(kind: Kind, wakes: str) -> None:
    head, row = SHIPPED.split(f'id = "{kind.value}"\n', 1)
    assert f"kind '{kind.value}'" in faults_of(
        f'{head}id = "{kind.value}"\n' + row.replace('wakes = "always"', f'wakes = "{wakes}"', 1)
    )


@pytest.mark.parametrize(
    ("shipped", "own"),
    [
        (
            'audience = ["physician", "on-call"], after_minutes = 15',
            'audience = ["on-call"], after_minutes = 16',
        ),
        (
            "decide_within_minutes = 240\nrepeat_every_minutes = 30",
            "decide_within_minutes = 240\nrepeat_every_minutes = 31",
        ),
    ],
)
def test_a_ladder_too_slow_for_what_is_critical_is_refused(shipped: str, own: str) -> None:
    assert shipped in SHIPPED
    faults = faults_of(SHIPPED.replace(shipped, own, 1))
    assert "'critical' is too slow for severity 1" in faults
    assert "15 minutes, and the last again every 30" in faults


@pytest.mark.hazard("HZ-75")
def test_whatever_reaches_the_worst_severity_wakes() -> None:
    for entry in policy().kinds.values():
        worst = entry.at_its_worst()
        assert worst.plan.wakes or worst.severity > 1


def test_all_faults_are_named_at_once() -> None:
    text = SHIPPED.replace('ends = "cause"', 'ends = "machine"').replace(
        "after_minutes = 15", "after_minutes = 0"
    )
    assert len(faults_of(text).splitlines()) >= 3


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadPolicy, match="cannot be read"):
        read_policy(b"\xff\xfe")
