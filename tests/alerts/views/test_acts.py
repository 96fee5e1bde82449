"""The buttons below an alert, through HTTP: what each does, whom it refuses, and in which words."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client

from alerts.models import Alert, AlertEvent, Closing, HandOver, ReachRecord, Suppression
from alerts.rules import Kind
from labs.clock import database_now
from labs.services.contacts import record_contacts
from tests.builders_acts import hold_alert, stand, take
from tests.builders_alerts import make_alert, make_course, make_person

pytestmark = pytest.mark.django_db
WHY = "The ward draws blood at eleven."
ACTS = ("hand-over", "escalate", "silence", "close", "call", "acknowledge")


@pytest.fixture
def browser(client: Client) -> Callable[[User], Client]:
    def sign_in(person: User) -> Client:
        client.force_login(person)
        return client

    return sign_in


def page(alert: Alert) -> str:
    return f"/alerts/{alert.public_id}"


def form(alert: Alert, act: str, **fields: object) -> dict[str, object]:
    """The fields of one act as a page made now would send them."""
    alert.refresh_from_db()
    shown = {"seen_severity": alert.severity, "seen_event": alert.events.latest("pk").pk}
    return {f"{act}-{name}": value for name, value in (shown | fields).items()}


def test_from_reading_to_closed_by_buttons_alone(browser: Callable[[User], Client]) -> None:
    nurse, doctor, course = make_person("nora", "nurse"), make_person("doctor", "physician"), make_course()
    alert = make_alert(course, now=database_now())
    client = browser(nurse)
    text = client.get(page(alert)).content.decode()
    assert "Hand over to somebody" in text
    assert "Escalate now" in text
    assert "never silenced" in text
    answer = client.post(
        f"{page(alert)}/hand-over", form(alert, "hand_over", to=doctor.pk, note="See the ECG."), follow=True
    )
    assert answer.redirect_chain == [(page(alert), 302)]
    text = answer.content.decode()
    assert "nora handed it over to doctor" in text
    assert "Note: See the ECG." in text
    assert "Handed over to doctor, who is mailed now." in text
    take(alert, doctor, now=database_now())
    decision = stand(course, "delay", signer=doctor)
    client = browser(doctor)
    text = client.get(page(alert)).content.decode()
    assert f'href="/courses/decisions/{decision.public_id}/"' in text
    answer = client.post(
        f"{page(alert)}/close", form(alert, "close", outcome="delay", reason=WHY), follow=True
    )
    text = answer.content.decode()
    assert "by doctor: The cycle is delayed" in text
    assert WHY in text
    assert Closing.objects.get().decision == decision


def test_silence_and_escalation_by_button(browser: Callable[[User], Client]) -> None:
    nurse, _doctor = make_person("nora", "nurse"), make_person("doctor", "physician")
    alert = hold_alert(now=database_now())
    client = browser(nurse)
    answer = client.post(
        f"{page(alert)}/silence", form(alert, "suppress", minutes=30, reason=WHY), follow=True
    )
    text = answer.content.decode()
    assert "Silenced until" in text
    assert WHY in text
    answer = client.post(f"{page(alert)}/escalate", form(alert, "escalate", reason=WHY), follow=True)
    assert "The next people are told now." in answer.content.decode()
    alert.refresh_from_db()
    assert alert.step == 2
    assert "Silenced until" not in client.get(page(alert)).content.decode().split("What happened to")[0]


@pytest.mark.parametrize("outcome", ["read-back", "reached", "not-reached"])
def test_a_call_is_recorded_below_the_numbers(browser: Callable[[User], Client], outcome: str) -> None:
    nurse, course = make_person("nora", "nurse"), make_course()
    details = {
        "telephone": "+49 30 123456",
        "kin_name": "Adele Kanarienvogel, sister",
        "kin_telephone": "030 999",
        "doctor_name": "Dr Haus",
        "doctor_telephone": "030 888",
        "pharmacy_name": "Hospital pharmacy",
        "pharmacy_telephone": "030 777",
    }
    record_contacts(patient=course.patient, details=details, by=nurse, seen=None)
    alert = make_alert(course)
    client = browser(nurse)
    text = client.get(page(alert)).content.decode()
    for words in details.values():
        assert words in text
    sent = {
        "call-key": str(uuid4()),
        "call-whom": "next-of-kin",
        "call-outcome": outcome,
        "call-note": "Twice.",
    }
    for _ in range(2):
        answer = client.post(f"{page(alert)}/call", sent, follow=True)
    assert "nora called the next of kin" in answer.content.decode()
    assert ReachRecord.objects.get().outcome == outcome
    alert.refresh_from_db()
    assert alert.state == "open"


@pytest.mark.parametrize("roles", [("auditor",), ("pharmacist",), ("administrator",), ("physicist",)])
def test_telephone_numbers_are_for_those_who_care_for_the_patient(
    browser: Callable[[User], Client], roles: tuple[str, ...]
) -> None:
    course = make_course()
    nurse = make_person("nora", "nurse")
    record_contacts(patient=course.patient, details={"telephone": "+49 30 123456"}, by=nurse, seen=None)
    person = make_person("somebody", *roles)
    for kind in (Kind.DELAY, Kind.RECALL_UNANSWERED, Kind.DEVIATION, Kind.SYSTEM_FAULT):
        assert "123456" not in browser(person).get(page(make_alert(course, kind=kind))).content.decode()


def test_a_stale_page_shows_what_was_read_and_what_stands_now(browser: Callable[[User], Client]) -> None:
    nurse, doctor = make_person("nora", "nurse"), make_person("doctor", "physician")
    alert = make_alert()
    old = form(alert, "escalate", reason=WHY)
    take(alert, doctor)
    answer = browser(nurse).post(f"{page(alert)}/escalate", old)
    text = answer.content.decode()
    assert answer.status_code == 409
    for words in (
        "Nothing was done",
        "You read",
        "Stands now",
        "Nobody has it",
        "Acknowledged",
        "doctor",
        "(changed)",
    ):
        assert words in text, words
    alert.refresh_from_db()
    assert alert.acked_by == doctor


def test_the_second_clinician_reads_who_was_first(browser: Callable[[User], Client]) -> None:
    nurse, doctor = make_person("nora", "nurse"), make_person("doctor", "physician")
    alert = make_alert()
    shown = {"seen_severity": alert.severity, "seen_event": alert.events.latest("pk").pk}
    take(alert, doctor)
    answer = browser(nurse).post(f"{page(alert)}/acknowledge", shown, follow=True)
    assert "doctor was first" in answer.content.decode()


@pytest.mark.parametrize(
    ("path", "act", "fields", "field"),
    [
        ("hand-over", "hand_over", {"to": ""}, "Hand over to: Choose a person."),
        ("hand-over", "hand_over", {"to": "999999"}, "Hand over to: Choose a person from the list."),
        ("escalate", "escalate", {"reason": ""}, "Say in a few words why."),
        ("silence", "suppress", {"minutes": "300", "reason": WHY}, "For how long"),
        ("silence", "suppress", {"minutes": "", "reason": WHY}, "For how long"),
        ("close", "close", {"outcome": "maybe", "reason": WHY}, "What came of it"),
        ("escalate", "escalate", {"reason": WHY, "seen_event": "x"}, "Open the alert again."),
        ("escalate", "escalate", {"reason": WHY, "seen_event": "9" * 30}, "Open the alert again."),
    ],
)
def test_what_is_filled_in_wrongly_is_named_and_nothing_is_stored(
    browser: Callable[[User], Client], path: str, act: str, fields: dict[str, str], field: str
) -> None:
    nurse, alert = make_person("nora", "nurse"), hold_alert()
    if path == "close":
        alert = make_alert(kind=Kind.LAB_QUARANTINE)
        take(alert, nurse)
    before = AlertEvent.objects.count()
    answer = browser(nurse).post(f"{page(alert)}/{path}", form(alert, act, **fields))
    assert answer.status_code == 400
    assert field in answer.content.decode()
    assert "Nothing was done." in answer.content.decode()
    assert AlertEvent.objects.count() == before
    assert not any(model.objects.exists() for model in (HandOver, Suppression, Closing))


def test_a_refusal_of_the_service_stands_beside_its_form(browser: Callable[[User], Client]) -> None:
    doctor, course = make_person("doctor", "physician"), make_course()
    alert = make_alert(course)
    stand(course, "delay")
    take(alert, doctor)
    answer = browser(doctor).post(f"{page(alert)}/close", form(alert, "close", outcome="delay", reason=WHY))
    assert answer.status_code == 409
    assert "nobody has signed it. Sign it first." in answer.content.decode()
    assert '<details open id="act-close">' in answer.content.decode()


@pytest.mark.parametrize("act", ACTS)
def test_every_button_needs_a_log_in_and_the_pages_own_token(client: Client, act: str) -> None:
    nurse, alert = make_person("nora", "nurse"), make_alert()
    answer = client.post(f"{page(alert)}/{act}")
    assert answer["Location"] == f"/accounts/login/?next={page(alert)}"
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(nurse)
    assert strict.post(f"{page(alert)}/{act}").status_code == 403


@pytest.mark.parametrize("role", ["auditor", "pharmacist", "physicist", "administrator"])
def test_who_may_not_take_an_alert_gets_no_button_and_a_refusal(
    browser: Callable[[User], Client], role: str
) -> None:
    alert, doctor = hold_alert(), make_person("doctor", "physician")
    client = browser(make_person("somebody", role))
    assert "<form" not in client.get(page(alert)).content.decode()
    sent = {
        "hand-over": form(alert, "hand_over", to=doctor.pk),
        "escalate": form(alert, "escalate", reason=WHY),
        "silence": form(alert, "suppress", minutes=30, reason=WHY),
        "close": form(alert, "close", outcome="handled", reason=WHY),
        "call": {"call-key": str(uuid4()), "call-whom": "ward", "call-outcome": "reached"},
    }
    before = AlertEvent.objects.exclude(kind="viewed").count()
    for act, fields in sent.items():
        assert client.post(f"{page(alert)}/{act}", fields).status_code == 403, act
    assert AlertEvent.objects.exclude(kind="viewed").count() == before


def test_who_reads_no_alert_at_all_is_refused_before_anything_is_looked_up(
    browser: Callable[[User], Client],
) -> None:
    client = browser(make_person("stranger"))
    for act in ACTS[:-1]:
        assert client.post(f"/alerts/nothing-here/{act}").status_code == 403


def test_the_record_of_an_alert_is_told_in_words(browser: Callable[[User], Client]) -> None:
    nurse, doctor = make_person("nora", "nurse"), make_person("doctor", "physician")
    alert = hold_alert(now=database_now() - timedelta(minutes=1))
    client = browser(nurse)
    client.post(f"{page(alert)}/escalate", form(alert, "escalate", reason=WHY))
    client.post(f"{page(alert)}/hand-over", form(alert, "hand_over", to=doctor.pk))
    text = client.get(page(alert)).content.decode()
    for words in (
        "Raised",
        "Nobody there to tell: step 1, on-call",
        f"Escalated by hand: {WHY}, by nora",
        "People told: step 2, physician, on-call (doctor)",
        "Handed over: doctor, by nora",
        "by name, round",
    ):
        assert words in text, words
