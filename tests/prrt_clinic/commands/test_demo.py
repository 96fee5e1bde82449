"""`manage.py demo`: every stage is there, built by the services, and no other database is touched."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import transaction

from alerts.models import Alert, Notification
from courses.models import (
    AbsorbedDose,
    Course,
    Cycle,
    Decision,
    Incident,
    Infusion,
    Order,
    Recall,
    Signature,
    TherapyDay,
    VialBooking,
)
from courses.services.day_state import day_state
from courses.services.remainder import waiting_infusion
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.models import Patient, QuarantinedResult
from labs.zones import clinic_zone
from prrt_clinic.demo_stories import STORIES

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def built(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The demonstration clinic, built once for this module and taken back at its end."""
    folder = tmp_path_factory.mktemp("demo")
    usual = settings.VAR_DIR
    with django_db_blocker.unblock(), transaction.atomic():
        settings.VAR_DIR = folder
        call_command("demo")
        yield folder
        settings.VAR_DIR = usual
        transaction.set_rollback(True)


def test_forty_synthetic_patients_stand_at_every_stage(built: Path) -> None:
    assert Patient.objects.count() == 40
    assert all(patient.family.startswith("Test-") for patient in Patient.objects.all())
    assert Counter(Course.objects.values_list("status", flat=True)) == {
        "active": 27,
        "planned": 7,
        "completed": 4,
        "stopped": 2,
    }
    standing = [
        course.current_decision for course in Course.objects.open().select_related("current_decision")
    ]
    found = Counter((decision.action, decision.awaiting_labs) for decision in standing if decision)
    assert found == {
        ("proceed", False): 11,
        ("reduce", False): 2,
        ("delay", False): 4,
        ("hold", False): 2,
        ("hold", True): 15,
    }


def test_the_tours_patient_has_a_signed_cycle_three_next_week(built: Path) -> None:
    cycle = Cycle.objects.get(course__patient__mrn="DEMO-0003", number=3)
    order = Order.objects.get(cycle=cycle, kind="radiopharmaceutical")
    assert order.state == "active"
    decision = Decision.objects.get(course__patient__mrn="DEMO-0003", cycle=cycle)
    assert 0 < (cycle.planned_on - decision.as_of).days <= 7


def test_patients_between_cycles_have_no_alert_and_nothing_suspended(built: Path) -> None:
    waiting = Course.objects.filter(current_decision__awaiting_labs=True)
    assert waiting.count() == 15
    assert not Alert.objects.filter(course__in=waiting, state="open").exists()
    assert not Order.objects.filter(cycle__course__in=waiting, state="suspended").exists()


def test_what_is_over_was_acknowledged_and_only_the_present_waits_for_somebody(built: Path) -> None:
    kinds = Counter(Alert.objects.filter(state="open").values_list("kind", flat=True))
    assert kinds == {"delay": 4, "labs-overdue": 2, "reduce": 2, "lab-quarantine": 1}
    assert not Notification.objects.filter(state="pending", alert__state="acked").exists()


def test_one_result_waits_for_a_person(built: Path) -> None:
    assert QuarantinedResult.objects.filter(state="open").exists()


def test_every_administration_of_the_demonstration_followed_a_signed_directive(built: Path) -> None:
    given = Cycle.objects.filter(administration__isnull=False)
    assert given.count() == sum(story.count * story.given for story in STORIES)
    assert set(given.values_list("administration__deviation", flat=True)) == {""}
    assert Signature.objects.filter(meaning__in=["proceed", "reduce"]).count() >= given.count()


def test_there_is_a_log_in_for_every_role_and_no_superuser(built: Path) -> None:
    logins = json.loads((built / "demo_logins.json").read_text())
    assert {login["role"] for login in logins} == {
        "nurse",
        "physician",
        "on-call",
        "pharmacist",
        "physicist",
        "auditor",
        "administrator",
    }
    for login in logins:
        user = User.objects.get(username=login["username"])
        assert user.check_password(login["password"])
        assert user.is_staff
        assert not user.is_superuser
    assert (built / "demo_logins.json").stat().st_mode & 0o077 == 0


def test_a_second_call_changes_nothing(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Decision.objects.count(), Patient.objects.count(), User.objects.count()
    call_command("demo")
    assert "there already" in capsys.readouterr().out
    assert (Decision.objects.count(), Patient.objects.count(), User.objects.count()) == before


def test_pharmacy_has_a_confirmed_vial_one_in_hand_and_a_recall_to_answer(built: Path) -> None:
    assert Counter(VialBooking.objects.values_list("state", flat=True)) == {"confirmed": 1}
    in_hand = Order.objects.get(kind="radiopharmaceutical", state="accepted")
    assert in_hand.cycle.vials.count() == 1
    recall = Recall.objects.unanswered().get()
    assert recall.order.kind == "radiopharmaceutical"
    assert recall.order.directive is not None
    assert recall.order.directive.voided


def test_the_day_of_today_waits_for_the_check_of_its_start_alone(built: Path) -> None:
    now = database_now()
    day = TherapyDay.objects.open().select_related("cycle__course__current_decision").get()
    assert day.cycle.planned_on == clinic_day(now, clinic_zone())
    state = day_state(day, decision=day.cycle.course.current_decision, now=now)
    assert [each.code for each in state.start] == ["START"]


def test_a_part_given_yesterday_waits_for_a_judgement_under_an_open_incident(built: Path) -> None:
    part = Infusion.objects.get()
    assert part.ended_how == "unwell"
    assert part.authorisation is not None
    assert waiting_infusion(part.cycle.course_id) == part
    assert Incident.objects.get().infusion == part


def test_the_physicist_entered_one_absorbed_dose(built: Path) -> None:
    assert AbsorbedDose.objects.get().organ == "kidneys"
