"""The banner above every page of one patient: full name, birth date, number, allergies, who is alike."""

import re
from datetime import date
from html import unescape
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from alerts.models import Alert
from courses.models import Course, Decision, Order
from courses.models.course import CourseStatus
from labs.models import Patient, QuarantinedResult, Result
from labs.services.patients import register_patient
from prrt_clinic.roles import roles
from tests.builders import clinic_time, make_patient, panel_message, receive, state
from tests.builders_alerts import make_alert
from tests.builders_alerts import make_course as make_closed_course
from tests.prrt_clinic.doors import all_doors
from tests.prrt_clinic.test_doors import world_of

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-13")]
FAMILY, GIVEN = "Ahorn", "Testa"
# Doors whose address names something, yet no page of one patient answers there.
OF_NO_PATIENT = {
    "alerts:calendar", "alerts:rota_import", "alerts:rota_rule", "courses:protocol", "lab_files:file",
}  # fmt: skip


# On paper nobody else is named: it stays in this patient's file.
ON_PAPER = {"courses:day_print", "courses:decision_print"}

# What the patient takes home: name, birth date and number, and nothing of what the staff must bear in mind.
FOR_THE_PATIENT = {"courses:paper_preview", "courses:printed_paper"}


def text(response: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


@pytest.fixture
def everything() -> Client:
    """Somebody with every role of a person: whatever page exists opens."""
    user = User.objects.create_user("everybody", password="a long pass phrase", is_staff=True)
    names = [role.name for role in roles().values() if role.kind in ("person", "mark")]
    user.groups.set(Group.objects.filter(name__in=names))
    browser = Client()
    browser.force_login(user)
    return browser


def assert_banner(page: Any, where: str) -> None:
    said = text(page)
    if where in FOR_THE_PATIENT:
        assert all(words in said for words in (f"{GIVEN} {FAMILY}", "2 March 1961", "DOOR")), where
        assert "Ahorne" not in said, f"{where} names somebody else"
        return
    if where in ON_PAPER:
        assert "Ahorne" not in said, f"{where} names somebody else"
        said = said.replace(
            "Similar name or birth date as another patient", "Similar name or birth date: Ahorne, Testa"
        )
    for words in (
        f"{FAMILY}, {GIVEN}",
        "2 Mar 1961",
        "Allergies",
        "Similar name or birth date: Ahorne, Testa",
    ):
        assert words in said, f"{where} does not say {words!r}"


def test_every_page_of_one_patient_bears_the_whole_banner(everything):
    world = world_of()
    register_patient(
        mrn="ALIKE", assigning_authority="TEST", family="Ahorne", given="Testa",
        birth_date=date(1970, 1, 1), sex="female",
    )  # fmt: skip
    walked = set()
    for door in all_doors():
        if not door.takes or door.family not in {"courses", "labs", "alerts", "lab_files"}:
            continue
        page = everything.get(world.address(door))
        if page.status_code == 200 and "text/html" in page["Content-Type"] and door.name not in OF_NO_PATIENT:
            walked.add(door.name)
            assert_banner(page, door.name)
    ours = """decision day day_print timeline trends plan ledger incident pharmacy_order pharmacy_vial
        move_cycle record_fact back_entry"""
    expected = {f"courses:{name}" for name in ours.split()}
    assert expected | {"labs:weight", "labs:new_result", "labs:contacts"} <= walked
    assert len(walked) > 25


def test_the_admins_pages_of_a_patients_records_and_an_alert_bear_it_too(everything):
    world_of()
    register_patient(
        mrn="ALIKE", assigning_authority="TEST", family="Ahorne", given="Testa",
        birth_date=date(1970, 1, 1), sex="female",
    )  # fmt: skip
    patient = Patient.objects.get(mrn="DOOR")
    receive(panel_message(patient, drawn_at=clinic_time(date(2026, 2, 27)), PLT="5000", only=("PLT",)))
    earlier = make_closed_course(status=CourseStatus.COMPLETED)
    earlier.patient = patient
    earlier.save(update_fields=["patient"])
    alert = make_alert(earlier)  # at some hours another one, of a gap in the rota, stands before it
    walked = set()
    for model in (Patient, Result, QuarantinedResult, Course, Decision, Order, Alert):
        assert model in admin.site._registry
        row = alert if model is Alert else model.objects.order_by("pk").first()
        assert row is not None, model
        page = everything.get(
            reverse(f"admin:{model._meta.label_lower.replace('.', '_')}_change", args=[row.pk]), follow=True
        )
        assert page.status_code == 200
        walked.add(model)
        assert_banner(page, model.__name__)
    rest = {
        model for model in admin.site._registry if hasattr(admin.site._registry[model], "patient_of")
    } - walked
    # Messages speak of no patient or of several; mails and what a site declares, of none. A merge is read on
    # its own page.
    assert {model.__name__ for model in rest} == {
        "LabMessage", "ExpectedTraffic", "PatientMerge", "CanaryRun", "DeliveryReport", "DeliveryAttempt",
        "Sender", "LocalCode", "UnitSpelling", "CsvFeed",
    }  # fmt: skip


def test_the_banner_says_what_was_answered_of_allergies_or_that_nobody_was_asked(everything):
    patient = make_patient()
    url = reverse("labs:weight", args=[patient.public_id])
    page = text(everything.get(url))
    assert "Allergies not recorded" in page
    assert "Similar" not in page
    state(patient, "allergy_review", date(2026, 3, 2), finding="contraindicated")
    assert "Allergies severe reaction, treatment is contraindicated (asked 2 Mar 2026)" in text(
        everything.get(url)
    )


def test_whoever_reads_no_names_reads_nobody_elses_either_and_more_patients_cost_no_query_more(everything):
    patient = make_patient()
    course_url = reverse("labs:weight", args=[patient.public_id])

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert everything.get(course_url).status_code == 200
        return len(captured)

    asked()
    few = asked()
    for n in range(40):
        make_patient(mrn=f"N-{n}", family=f"Ahorn{chr(97 + n % 20)}")
    assert asked() == few
    assert "and 37 more" in text(everything.get(course_url))


def test_the_auditor_sees_neither_name_nor_allergy_nor_who_is_alike(person):
    world = world_of()
    make_patient(mrn="ALIKE", family="Ahorne")
    browser = Client()
    browser.force_login(person("auditor"))
    door = next(door for door in all_doors() if door.name == "courses:decision")
    page = browser.get(world.address(door)).content.decode()
    banner = page[page.index('class="prrt-banner"') :]
    banner = banner[: banner.index("</section>")]
    assert "stand-in number" in banner
    assert FAMILY not in page
    for words in ("Allergies", "Similar"):
        assert words not in banner
