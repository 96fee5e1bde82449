"""The page of telephone numbers through HTTP."""

import pytest
from django.test import Client

from labs.models import ContactDetails
from labs.services.contacts import record_contacts
from tests.builders_alerts import make_course, make_person

pytestmark = pytest.mark.django_db


def page(course) -> str:
    return f"/patients/{course.patient.public_id}/contacts/"


def test_a_nurse_records_numbers_and_goes_back_to_the_alert(client: Client) -> None:
    course = make_course()
    client.force_login(make_person("nora", "nurse"))
    assert "No telephone number has been recorded yet." in client.get(page(course)).content.decode()
    sent = {"telephone": "+49 30 123456", "doctor_name": "Dr <b>Haus</b>", "doctor_telephone": "030 888"}
    answer = client.post(page(course), {**sent, "seen": "", "next": "/alerts/"})
    assert (answer.status_code, answer["Location"]) == (302, "/alerts/")
    text = client.get(page(course)).content.decode()
    assert "Dr &lt;b&gt;Haus&lt;/b&gt;: 030 888" in text
    assert "Next of kin" in text
    assert ContactDetails.objects.get().telephone == "+49 30 123456"


def test_a_fault_stands_at_its_field_and_an_old_page_is_refused(client: Client) -> None:
    course, nurse = make_course(), make_person("nora", "nurse")
    client.force_login(nurse)
    answer = client.post(page(course), {"telephone": "none", "seen": ""})
    assert answer.status_code == 400
    assert "Write a telephone number with digits" in answer.content.decode()
    record_contacts(patient=course.patient, details={"telephone": "040 1234"}, by=nurse, seen=None)
    answer = client.post(page(course), {"telephone": "030 1234", "seen": ""})
    assert answer.status_code == 409
    assert "040 1234" in answer.content.decode()
    assert ContactDetails.objects.count() == 1


def test_it_leads_nowhere_outside(client: Client) -> None:
    course = make_course()
    client.force_login(make_person("nora", "nurse"))
    answer = client.post(
        page(course), {"telephone": "030 1234", "seen": "", "next": "https://elsewhere.example/"}
    )
    assert answer["Location"] == page(course)


def test_who_is_on_call_reads_them_and_records_none(client: Client) -> None:
    course = make_course()
    client.force_login(make_person("oncall1", "on-call"))
    assert (
        "<form" not in client.get(page(course)).content.decode().split("standing")[1].split("</section>")[0]
    )
    assert client.post(page(course), {"telephone": "030 1234", "seen": ""}).status_code == 403


@pytest.mark.parametrize("role", ["pharmacist", "physicist", "auditor", "administrator"])
def test_others_do_not_read_them(client: Client, role: str) -> None:
    course = make_course()
    client.force_login(make_person("p", role))
    assert client.get(page(course)).status_code == 403


def test_nobodys_patient_has_no_such_page(client: Client) -> None:
    course = make_course()
    course.patient.is_canary = True
    course.patient.save()
    client.force_login(make_person("nora", "nurse"))
    assert client.get(page(course)).status_code == 404
