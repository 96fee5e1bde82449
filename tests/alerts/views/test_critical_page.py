"""The page of a critical value says whose it is and what it is, also of a patient who has no course yet."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from alerts import inbox
from alerts.critical_table import critical_table
from alerts.findings import SHOWN
from alerts.library import policy
from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.critical_values import judge_critical_values
from alerts.services.dispatch import dispatch_due
from courses.models import Course
from labs.models import ContactDetails, Patient, QuarantinedResult, Result
from tests.builders_alerts import make_person
from tests.builders_labs import make_patient, make_sender, message, obr, obx, pid, receive
from tests.smtp_server import SmtpServer

pytestmark = [pytest.mark.django_db, pytest.mark.hazard("HZ-68")]
NIGHT = datetime(2026, 5, 5, 1, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def patient() -> Patient:
    """Maria Müller, who has no course, with a telephone number."""
    make_sender()
    found = make_patient()
    ContactDetails.objects.create(
        patient=found,
        telephone="+49 30 123456",
        recorded_by=make_person("writer", "nurse", email=""),
        recorded_at=NIGHT,
    )
    assert not Course.objects.exists()
    return found


@pytest.fixture
def oncall(client: Client) -> User:
    """The person on call, logged in."""
    person = make_person("oncall1", "on-call")
    person.is_staff = True
    person.save()
    client.force_login(person)
    return person


def told(value: str = "9", *, order: str = "F1", number: str = "1001", name: str = "Müller^Maria") -> Alert:
    """The alert of a platelet count drawn on 4 May at 08:00."""
    receive(
        message(
            pid(f"{number}^^^CLINIC^MR", name=name),
            obr(order),
            obx(value),
            control_id=f"C{number}{order}",
        )
    )
    judge_critical_values(now=NIGHT)
    return Alert.objects.filter(kind=Kind.CRITICAL_VALUE).latest("pk")


def page(client: Client, alert: Alert) -> str:
    answer = client.get(f"/alerts/{alert.public_id}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_it_names_the_patient_the_value_and_the_telephone(client: Client, oncall: User) -> None:
    alert = told()
    assert alert.course is None
    shown = page(client, alert)
    result = Result.objects.get()
    assert result.current is not None
    received = result.current.received_at
    for words in (
        "Müller, Maria",
        "2 Mar 1961",
        "1001",
        "Platelets <strong>9 ×10^9/L</strong>",
        "4 May 2026 08:00 CEST",
        f"{received:%Y}",
        "+49 30 123456",
        f'href="/admin/labs/result/{result.pk}/change/"',
    ):
        assert words in shown, words
    assert "<dt>In doubt</dt>" not in shown


def test_it_says_which_policy_and_table_it_follows_and_that_no_clinic_approved_them(
    client: Client, oncall: User
) -> None:
    shown = page(client, told())
    assert f"Policy: version {policy().version}, not yet approved by a clinic." in shown
    table = f"version {critical_table().version}, not yet approved by a clinic."
    assert f"Table of critical values, as it is now: {table}" in shown


def test_every_value_it_tells_of_stands_there_the_newest_first(client: Client, oncall: User) -> None:
    told("24")
    shown = page(client, told("9", order="F2"))
    assert shown.index("Platelets <strong>9 ") < shown.index("Platelets <strong>24 ")


def test_where_there_are_many_it_says_that_older_ones_stand_elsewhere(client: Client, oncall: User) -> None:
    words = f"The newest {SHOWN} are shown; older ones stand in the patient's results."
    for number in range(SHOWN):
        alert = told(order=f"F{number}")
    assert words not in page(client, alert)
    shown = page(client, told(order="F99"))
    assert words in shown
    assert shown.count("<dt>Received</dt>") == SHOWN


def test_a_value_that_was_corrected_is_shown_as_no_longer_counting(client: Client, oncall: User) -> None:
    alert = told("9")
    receive(message(obr("F1"), obx("190", status="C"), control_id="C2", at="20260504113000+0200"))
    judge_critical_values(now=NIGHT)
    shown = page(client, alert)
    assert "Platelets <strong>9 ×10^9/L</strong>" in shown
    assert "It no longer counts: the laboratory has changed or withdrawn it" in shown


def test_a_value_kept_apart_stands_there_in_doubt_and_leads_a_reader_of_the_quarantine_to_it(
    client: Client, oncall: User
) -> None:
    alert = told("0.5")
    held = QuarantinedResult.objects.get()
    shown = page(client, alert)
    for words in ("Müller, Maria", "Platelets <strong>0.5 ×10^9/L</strong>", "kept apart", "+49 30 123456"):
        assert words in shown, words
    assert f"/labs/quarantine/{held.public_id}/" not in shown
    client.force_login(make_person("nora", "nurse"))
    assert f'href="/labs/quarantine/{held.public_id}/"' in page(client, alert)


def test_whoever_reads_no_names_and_no_results_reads_neither_here(client: Client, oncall: User) -> None:
    alert = told()
    client.force_login(make_person("eve", "auditor"))
    shown = page(client, alert)
    for words in ("Müller", "1001", "×10^9/L", "+49 30 123456"):
        assert words not in shown, words


@pytest.mark.parametrize("address", ["/alerts/", "/"])
def test_the_lists_name_the_patient_too(client: Client, oncall: User, address: str) -> None:
    told()
    answer = client.get(address, follow=True)
    assert answer.status_code == 200
    assert "Müller" in answer.content.decode()


def test_more_patients_without_a_course_cost_the_list_no_query_more(oncall: User) -> None:
    def asked() -> int:
        person = User.objects.get(pk=oncall.pk)
        with CaptureQueriesContext(connection) as queries:
            found = inbox.inbox(person=person, filters=inbox.Filters())
            named = {alert.patient for alert in found.alerts}
        assert None not in named
        return len(queries)

    told()
    few = asked()
    for number in range(1002, 1006):
        make_patient(mrn=str(number), family="Ahorn", given=f"Anton{number}")
        told(number=str(number), name=f"Ahorn^Anton{number}")
    assert Alert.objects.count() == 5
    assert asked() == few


@pytest.mark.hazard("HZ-77")
def test_the_mail_says_nothing_of_the_patient(oncall: User, smtp: SmtpServer) -> None:
    told()
    dispatch_due(now=NIGHT)
    assert len(smtp.room.letters) == 1
    parts = [str(part.get_content()) for part in smtp.room.letters[0].walk() if not part.is_multipart()]
    whole = smtp.room.letters[0].as_string() + "".join(parts)
    for words in ("Müller", "Maria", "1001", "Platelets", "×10", "123456"):
        assert words not in whole, words


def test_the_register_of_alerts_names_the_patient_too(client: Client) -> None:
    reader = make_person("doctor", "physician")
    reader.is_staff = True
    reader.save()
    client.force_login(reader)
    alert = told()
    listed = client.get("/admin/alerts/alert/").content.decode()
    assert alert.ref in listed
    assert "Müller, Maria, born 2 Mar 1961, no. 1001" in listed
