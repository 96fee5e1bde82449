"""Typing a result in the browser, and verifying or withdrawing it as the second person."""

from datetime import datetime, timedelta
from html import unescape
from uuid import uuid4

import pytest
from django.urls import reverse

from labs.models import ManualAct, Observation, Patient, Result
from labs.zones import clinic_zone
from tests.builders_labs import make_patient

pytestmark = pytest.mark.django_db
YESTERDAY = datetime.now(clinic_zone()) - timedelta(days=1)


@pytest.fixture
def patient() -> Patient:
    return make_patient()


def text(response) -> str:
    return unescape(response.content.decode())


def form(**changes: str) -> dict[str, str]:
    given = {
        "entry": str(uuid4()),
        "analyte": "PLT",
        "comparator": "",
        "value": "60",
        "unit": "G/l",
        "ref_range": "150-400",
        "collected": f"{YESTERDAY:%Y-%m-%dT%H:%M}",
        "source": "report",
        "caller": "",
        "called": "",
    }
    return given | changes


def new(patient: Patient) -> str:
    return f"/patients/{patient.public_id}/results/new/"


def act_url(name: str, act: ManualAct) -> str:
    return reverse(f"labs:{name}", args=[act.patient.public_id, act.entry])


@pytest.mark.parametrize("role", ["pharmacist", "physicist", "on-call", "auditor", "administrator"])
def test_other_roles_type_nothing(patient, enter, role):
    browser = enter(role)
    assert browser.get(new(patient)).status_code == 403
    assert browser.post(new(patient), form()).status_code == 403
    assert not ManualAct.objects.exists()


def test_a_nurse_types_a_result_and_sees_that_it_is_not_verified(patient, enter):
    browser = enter("nurse", username="nora")
    answer = browser.post(new(patient), form())
    act = ManualAct.objects.get()
    assert (answer.status_code, answer.url) == (302, act_url("result_entry", act))
    shown = text(browser.get(answer.url))
    assert "Not verified: it may hold and delay, and clears nothing yet." in shown
    assert "You entered this yourself" in shown
    assert "Verify with your password" not in shown
    assert Observation.objects.get().quality == ["unverified"]
    assert "not verified" in text(browser.get(new(patient)))
    assert "1 typed or phoned result to be verified" in text(browser.get("/admin/"))
    assert act_url("result_entry", act) in text(browser.get("/labs/quarantine/"))


def test_a_second_person_verifies_with_the_password(patient, enter, send_with_password):
    enter("nurse", username="nora").post(new(patient), form())
    act = ManualAct.objects.get()
    second = enter("nurse", username="sam")
    answer = send_with_password(second, act_url("verify_result", act), {})
    assert answer.status_code == 302
    assert Result.objects.get().is_usable
    assert "Verified against the source by sam" in text(second.get(act_url("result_entry", act)))
    assert "Every typed result has been looked at" in text(second.get("/labs/quarantine/"))
    again = second.post(act_url("verify_result", act))
    assert (again.status_code, "verified before" in text(again)) == (409, True)


def test_whoever_typed_it_cannot_verify_it(patient, enter, send_with_password):
    browser = enter("nurse")
    browser.post(new(patient), form())
    answer = send_with_password(browser, act_url("verify_result", ManualAct.objects.get()), {})
    assert answer.status_code == 403
    assert ManualAct.objects.count() == 1


def test_a_second_person_withdraws_it_with_a_reason(patient, enter, send_with_password):
    enter("nurse", username="nora").post(new(patient), form())
    act = ManualAct.objects.get()
    second = enter("physician")
    assert second.post(act_url("withdraw_result", act), {"reason": " "}).status_code == 400
    send_with_password(second, act_url("withdraw_result", act), {"reason": "another patient's sheet"})
    shown = text(second.get(act_url("result_entry", act)))
    assert "Withdrawn: it counts no longer." in shown
    assert "another patient's sheet" in shown
    assert "<form" not in shown.split('id="result"')[1].split("All typed results")[0]


def test_a_phoned_result_keeps_its_call(patient, enter):
    called = f"{YESTERDAY + timedelta(hours=2):%Y-%m-%dT%H:%M}"
    enter("nurse").post(new(patient), form(source="phoned", caller="Dr Lab", called=called, read_back="on"))
    act = ManualAct.objects.get()
    assert (act.caller, act.read_back) == ("Dr Lab", True)
    assert f"{act.called_at.astimezone(clinic_zone()):%Y-%m-%dT%H:%M}" == called


@pytest.mark.parametrize(
    ("wrong", "field", "fault"),
    [
        ({"analyte": ""}, "analyte", "Fill this in."),
        ({"analyte": "XXX"}, "analyte", "not one of the available choices"),
        ({"value": "1,5"}, "value", "is not a plain number"),
        ({"unit": "furlong"}, "unit", "such as 10*9/L"),
        ({"unit": ""}, "unit", "came without a unit"),
        ({"ref_range": "normal"}, "ref_range", "Write it as 150-400"),
        ({"collected": "04.05.2026"}, "collected", "Enter day and time as"),
        ({"collected": "2026-03-29T02:30"}, "collected", "did not exist"),
        ({"collected": "2126-03-29T02:30"}, "collected", "in the future"),
        ({"source": ""}, "source", "Fill this in."),
        ({"source": "phoned", "caller": "Dr Lab", "read_back": "on"}, "called", "Say when the call was"),
        ({"source": "phoned", "called": "2026-05-04T08:00", "read_back": "on"}, "caller", "Say who phoned"),
        (
            {"source": "phoned", "called": "2026-05-04T08:00", "caller": "Dr Lab"},
            "read_back",
            "Read the number back",
        ),
    ],
)
def test_each_wrong_field_is_named_at_its_place(patient, enter, wrong, field, fault):
    answer = enter("nurse").post(new(patient), form(**wrong))
    assert answer.status_code == 400
    assert any(fault in words for words in answer.context["form"].errors[field])
    assert not ManualAct.objects.exists()


def test_an_unlikely_value_is_asked_twice(patient, enter):
    browser, sent = enter("nurse"), form(value="6000")
    first = browser.get(new(patient))
    assert "I checked the value against the source" not in text(first)
    refused = browser.post(new(patient), sent)
    assert refused.status_code == 400
    assert "is outside what is plausible for Platelets" in text(refused)
    assert "I checked the value against the source" in text(refused)
    assert browser.post(new(patient), sent | {"confirmed": "on"}).status_code == 302
    assert Observation.objects.get().quality == ["implausible", "unverified"]


def test_a_form_sent_twice_is_one_result(patient, enter):
    browser, sent = enter("nurse"), form()
    assert browser.post(new(patient), sent).status_code == 302
    assert browser.post(new(patient), sent).status_code == 302
    assert Observation.objects.count() == 1
    assert browser.post(new(patient), sent | {"value": "61"}).status_code == 400


def test_an_entry_is_found_under_its_own_patient_only(patient, enter):
    browser = enter("nurse")
    browser.post(new(patient), form())
    act = ManualAct.objects.get()
    other = make_patient(mrn="1002")
    assert browser.get(reverse("labs:result_entry", args=[other.public_id, act.entry])).status_code == 404
    assert browser.get(reverse("labs:result_entry", args=[patient.public_id, uuid4()])).status_code == 404


def test_looking_at_verify_and_withdraw_changes_nothing(patient, enter):
    browser = enter("nurse")
    browser.post(new(patient), form())
    act = ManualAct.objects.get()
    for name in ("verify_result", "withdraw_result"):
        assert browser.get(act_url(name, act)).status_code == 302
    assert ManualAct.objects.count() == 1
