"""Incidents: the regulator's days in words, what may be recorded when, and who may record it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from courses.incidents import line_of, open_incidents
from courses.models import Course, Cycle, Incident, IncidentAct, PeritonealDisease
from courses.services.authority import NotAllowed, Refused
from courses.services.incident_review import act_on_incident
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone
from tests.builders import clinic_time, colleague, make_patient

pytestmark = pytest.mark.django_db
DAY = date(2026, 1, 12)
NOW = clinic_time(DAY, 15)
FRESH = NOW - timedelta(seconds=10)


def an_incident(*, mrn: str = "T-1", kind: str = "activity", **days) -> Incident:
    course = Course.objects.create(
        patient=make_patient(mrn=mrn),
        protocol_id="lutathera_us_2024_04",
        protocol_sha256="ab" * 32,
        status="active",
        peritoneal_disease=PeritonealDisease.NO,
        started_at=clinic_time(DAY),
        started_by=colleague("planner", "nurse"),
    )
    facts = {"notify_by": add_days(DAY, 1), "report_by": add_days(DAY, 15)} | days
    return Incident.objects.create(
        cycle=Cycle.objects.create(course=course, number=1, planned_on=DAY),
        kind=kind,
        sentence="Delivered 5.2 GBq, directed 7.4 GBq: 29.7 % below.",
        opened_at=clinic_time(DAY, 14),
        **facts,
    )


def acted(incident: Incident, kind: str, text: str = "called the authority", **about) -> IncidentAct:
    facts: dict[str, Any] = {
        "by": colleague("reviewer", "physician"),
        "authenticated_at": FRESH,
        "now": NOW,
    } | about
    return act_on_incident(incident=incident, kind=kind, text=text, **facts)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "Notify the regulator: due tomorrow, Tue 13 Jan 2026"),
        (1, "Notify the regulator: due today, Tue 13 Jan 2026"),
        (2, "Notify the regulator: overdue since Tue 13 Jan 2026"),
        (-1, "Notify the regulator: due on Tue 13 Jan 2026, in 2 days"),
    ],
)
def test_the_regulators_day_is_said_as_people_say_it(days, words):
    assert line_of(an_incident()).words(add_days(DAY, days))[0] == words


def test_what_was_done_is_waited_for_no_longer():
    incident = an_incident()
    acted(incident, "notified")
    assert line_of(incident).words(DAY) == ["Send the written report: due on Tue 27 Jan 2026, in 15 days"]
    acted(incident, "reported")
    assert line_of(incident).words(DAY) == []
    assert line_of(incident).is_open


def test_a_review_that_finds_no_event_waits_for_nothing():
    incident = an_incident()
    acted(incident, "no_event", "effective dose difference below 0.05 Sv")
    assert line_of(incident).deadlines == ()
    acted(incident, "closed", "done")
    assert not line_of(incident).is_open


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (
            (),
            "the regulator was notified and that the written report was sent, or that it is no medical event",
        ),
        (("notified",), "record that the written report was sent, or"),
    ],
)
def test_a_review_is_not_closed_while_the_regulator_waits(done, words):
    incident = an_incident()
    for kind in done:
        acted(incident, kind)
    with pytest.raises(Refused, match=words):
        acted(incident, "closed")


def test_where_the_regulator_asks_for_nothing_the_review_is_closed_at_once():
    incident = an_incident(notify_by=None, report_by=None)
    acted(incident, "closed", "looked at")
    assert not line_of(incident).is_open


def test_a_closed_review_takes_notes_and_nothing_else():
    incident = an_incident(notify_by=None, report_by=None)
    acted(incident, "closed")
    for kind in ("notified", "reported", "no_event", "closed"):
        with pytest.raises(Refused, match="closed"):
            acted(incident, kind)
    acted(incident, "note", "letter filed")
    assert incident.acts.count() == 2


def test_what_is_said_once_is_not_said_twice_and_a_reported_event_is_no_longer_none():
    incident = an_incident()
    acted(incident, "notified")
    with pytest.raises(Refused, match="recorded this already"):
        acted(incident, "notified")
    acted(incident, "reported")
    with pytest.raises(Refused, match="taken for an event"):
        acted(incident, "no_event")


@pytest.mark.parametrize(
    ("about", "refusal", "words"),
    [
        ({"kind": "forgotten"}, Refused, "from the list"),
        ({"text": "\u200b"}, Refused, "Write what was done"),
        ({"authenticated_at": None}, NotAllowed, "not fresh enough"),
        ({"authenticated_at": NOW - timedelta(hours=1)}, NotAllowed, "not fresh enough"),
    ],
)
def test_an_act_without_words_kind_or_fresh_password_is_refused(about, refusal, words):
    incident = an_incident()
    with pytest.raises(refusal, match=words):
        acted(incident, **({"kind": "note"} | about))
    assert not IncidentAct.objects.exists()


def test_a_nurse_and_a_pharmacist_review_no_incident_and_a_physicist_does():
    incident = an_incident()
    for role in ("nurse", "pharmacist"):
        with pytest.raises(NotAllowed, match="Only physicians and medical physicists"):
            acted(incident, "note", by=colleague(f"other-{role}", role))
    acted(incident, "note", by=colleague("physicist-1", "physicist"))


def test_open_incidents_stand_by_the_nearest_day_and_those_without_one_last():
    late = an_incident(mrn="T-1", notify_by=add_days(DAY, 3))
    soon = an_incident(mrn="T-2")
    none = an_incident(mrn="T-3", notify_by=None, report_by=None)
    assert [line.incident for line in open_incidents()] == [soon, late, none]


# --- Pages ---------------------------------------------------------------------------------------


@pytest.fixture
def due_tomorrow() -> Incident:
    today = clinic_day(datetime.now(UTC), clinic_zone())
    return an_incident(notify_by=add_days(today, 1), report_by=add_days(today, 15))


def test_the_list_and_the_first_page_say_what_is_due_tomorrow(enter, due_tomorrow):
    browser = enter("physician")
    for address in (reverse("courses:incidents"), reverse("admin:index")):
        page = browser.get(address).content.decode()
        assert "Notify the regulator: due tomorrow" in page
        assert "Delivered 5.2 GBq" in page
        assert "Ahorn" in page


def test_an_auditor_reads_the_review_without_the_patients_name(enter, due_tomorrow):
    browser = enter("auditor")
    for address in (reverse("courses:incidents"), reverse("courses:incident", args=[due_tomorrow.public_id])):
        page = browser.get(address).content.decode()
        assert "Delivered 5.2 GBq" in page
        assert "Ahorn" not in page
    assert enter("pharmacist").get(reverse("courses:incidents")).status_code == 403


def test_a_physician_records_what_was_done_with_the_password(enter, due_tomorrow, send_with_password):
    browser = enter("physician")
    address = reverse("courses:incident", args=[due_tomorrow.public_id])
    answer = send_with_password(browser, address, {"kind": "notified", "text": "called at 16:10"})
    page = browser.get(address).content.decode()
    assert "called at 16:10" in page, answer.content.decode()
    assert "Notify the regulator: due" not in page
    assert due_tomorrow.acts.get().kind == "notified"


def test_what_was_typed_stays_when_the_act_is_refused(enter, due_tomorrow, send_with_password):
    browser = enter("physician")
    address = reverse("courses:incident", args=[due_tomorrow.public_id])
    empty = browser.post(address, {"kind": "", "text": "called at 16:10"})
    assert empty.status_code == 400
    assert "called at 16:10" in empty.content.decode()
    send_with_password(browser, address, {"kind": "note", "text": "first"})
    refused = browser.post(address, {"kind": "closed", "text": "all is done"})
    assert refused.status_code == 409
    assert "Before it is closed record" in refused.content.decode()
    assert "all is done" in refused.content.decode()


def test_a_nurse_reads_the_incident_and_cannot_act(enter, due_tomorrow):
    browser = enter("nurse")
    address = reverse("courses:incident", args=[due_tomorrow.public_id])
    assert "Record what was done" not in browser.get(address).content.decode()
    assert browser.post(address, {"kind": "note", "text": "x"}).status_code == 403
    missing = reverse("courses:incident", args=["00000000-0000-0000-0000-000000000000"])
    assert browser.get(missing).status_code == 404
