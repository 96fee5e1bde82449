"""The queue of results kept apart in the browser: who sees it, what it shows, and what people do there."""

from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from labs.clock import database_now
from labs.models import (
    LocalCode,
    Observation,
    Patient,
    QuarantinedResult,
    QuarantineResolution,
    ResolutionVerdict,
    UnitSpelling,
)
from labs.services.quarantine import state_resolution, take
from tests.builders_labs import make_patient, make_sender, message, obr, obx, pid, receive

pytestmark = pytest.mark.django_db
REASON = "asked the laboratory by phone"


@pytest.fixture
def patient() -> Patient:
    make_sender()
    return make_patient()


def text(response) -> str:
    return unescape(response.content.decode())


def held(**about) -> QuarantinedResult:
    return QuarantinedResult.objects.get(state="open", **about)


def url(name: str, row: QuarantinedResult, *args) -> str:
    return reverse(f"labs:quarantine_{name}", args=[row.public_id, *args])


def say(row, kind, by, **data) -> QuarantineResolution:
    return state_resolution(
        item=row, kind=kind, data=data, reason=REASON, by=by, authenticated_at=database_now()
    )


# --- Who may ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("nurse", 200),
        ("physician", 200),
        ("physicist", 200),
        ("pharmacist", 403),
        ("auditor", 403),
        ("administrator", 403),
    ],
)
def test_each_role_sees_the_queue_or_does_not(patient, enter, role, status):
    receive(message(obr(), obx(unit="furlong")))
    browser = enter(role)
    assert browser.get("/labs/quarantine/").status_code == status
    assert browser.get(url("item", held())).status_code == status
    before = QuarantineResolution.objects.count()
    if status == 403:
        for name in ("own", "again"):
            assert browser.post(url(name, held())).status_code == 403
        assert browser.post(url("say", held(), "reject"), {"reason": REASON}).status_code == 403
    assert QuarantineResolution.objects.count() == before


def test_nobody_sees_it_without_a_log_in(patient, client):
    receive(message(obr(), obx(unit="furlong")))
    assert client.get("/labs/quarantine/").url.startswith("/accounts/login/")
    assert client.get(url("item", held())).status_code == 302


@pytest.mark.parametrize(
    ("role", "offered", "not_offered"),
    [
        ("nurse", ["Reject with your password", "Read it again"], ["Known unit that is meant"]),
        ("physician", ["Known unit that is meant", "Reject with your password"], []),
        ("physicist", ["Known unit that is meant"], ["Reject with your password", "Read it again"]),
    ],
)
def test_each_role_is_offered_what_it_may_say(patient, enter, role, offered, not_offered):
    receive(message(obr(), obx(unit="furlong")))
    shown = text(enter(role).get(url("item", held())))
    assert all(words in shown for words in offered)
    assert not any(words in shown for words in not_offered)


def test_a_nurse_cannot_map_a_unit_by_sending_the_form_herself(patient, enter):
    receive(message(obr(), obx(unit="furlong")))
    form = {"unit": "10*9/L", "reason": REASON}
    assert enter("nurse").post(url("say", held(), "map-unit"), form).status_code == 403


# --- The list --------------------------------------------------------------------------------


def test_the_list_shows_why_since_when_whose_and_who_owns_it_oldest_first(patient, enter, person):
    receive(message(obr(), obx(unit="furlong")))
    receive(message(pid("9^^^CLINIC^MR"), obr("F2"), obx("61"), control_id="M2"))
    old, new = QuarantinedResult.objects.order_by("pk")
    QuarantinedResult.objects.filter(pk=old.pk).update(opened_at=database_now() - timedelta(days=3, hours=4))
    take(item=new, by=person("physician", username="pia"), seen_owner_id=None)
    shown = text(enter("nurse").get("/labs/quarantine/"))
    assert shown.index(str(old.public_id)) < shown.index(str(new.public_id))
    assert "3 d 4 h" in shown
    assert "The unit “furlong” is not known for Platelets." in shown
    assert "Müller, Maria" in shown
    assert "nobody</strong>" in shown
    assert ">pia<" in shown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"unknown-unit", "unknown-patient"}),
        ("?patient=known", {"unknown-unit"}),
        ("?patient=unknown", {"unknown-patient"}),
        ("?reason=unknown-unit", {"unknown-unit"}),
        ("?owner=me", set()),
        ("?owner=nobody", {"unknown-unit", "unknown-patient"}),
        ("?state=resolved", set()),
        ("?state=all", {"unknown-unit", "unknown-patient"}),
        ("?state=burnt&owner=%00&patient=x&reason=nothing", {"unknown-unit", "unknown-patient"}),
    ],
)
def test_filters_narrow_the_list_and_unknown_words_change_nothing(patient, enter, query, found):
    receive(message(obr(), obx(unit="furlong")))
    receive(message(pid("9^^^CLINIC^MR"), obr("F2"), obx("61"), control_id="M2"))
    answer = enter("nurse").get(f"/labs/quarantine/{query}")
    assert {row.reason_code for row in answer.context["rows"]} == found


def test_the_list_takes_the_same_queries_for_one_and_for_twenty(patient, enter):
    browser = enter("nurse")
    counts = []
    for number in (1, 20):
        segments = [obx(unit="furlong", sub_id=str(n)) for n in range(number)]
        receive(message(obr(), *segments, control_id=f"M{number}"))
        browser.get("/labs/quarantine/")
        with CaptureQueriesContext(connection) as asked:
            assert browser.get("/labs/quarantine/").status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_the_first_page_and_the_navigation_lead_to_the_queue(patient, enter):
    receive(message(obr(), obx(unit="furlong")))
    shown = text(enter("nurse").get("/admin/"))
    assert url("item", held()) in shown
    assert 'href="/labs/quarantine/"' in shown
    assert "nobody owns it" in shown


# --- One result ------------------------------------------------------------------------------


def test_hidden_and_turning_characters_of_the_message_are_made_visible(patient, enter):
    receive(message(pid(name="Müll\u202eer\u200b^Maria"), obr(), obx(unit="fur\x07long")))
    shown = text(enter("nurse").get(url("item", held())))
    assert "Müll[U+202E]er[U+200B]" in shown
    assert "fur[U+0007]long" in shown
    assert "\u202e" not in shown
    assert "\u200b" not in shown


def test_markup_in_a_message_is_text(patient, enter):
    receive(message(obr(), obx(unit="<script>alert(1)</script>")))
    page = enter("nurse").get(url("item", held())).content.decode()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_result_is_marked_among_the_segments(patient, enter):
    receive(message(obr(), obx("4", code="751-8^ANC^LN"), obx(unit="furlong")))
    answer = enter("nurse").get(url("item", held()))
    asked = [each for each in answer.context["segments"] if each.is_asked]
    assert [each.text.split("|")[5:7] for each in asked] == [["60", "furlong"]]
    assert 'aria-current="true"' in text(answer)


def test_a_message_that_is_no_hl7_still_opens(enter):
    receive(b"garbage \x00 here")
    receive(message(obr(), obx()))
    browser = enter("nurse")
    for row in QuarantinedResult.objects.all():
        assert browser.get(url("item", row)).status_code == 200


def test_looking_changes_nothing(patient, enter):
    receive(message(obr(), obx(unit="furlong")))
    browser = enter("nurse")
    browser.get(url("item", held()))
    for name, args in (("say", ["reject"]), ("item", [])):
        with CaptureQueriesContext(connection) as asked:
            browser.get(url(name, held(), *args))
        changing = [q["sql"] for q in asked if q["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
        assert changing == []
    for name in ("own", "again"):
        assert browser.get(url(name, held())).status_code == 405


# --- Acts ------------------------------------------------------------------------------------


def test_two_people_map_a_unit_with_their_passwords(patient, enter, send_with_password):
    receive(message(obr(), obx(unit="furlong")))
    row = held()
    first, second = enter("physician", username="pia"), enter("physicist", username="fritz")
    answer = send_with_password(first, url("say", row, "map-unit"), {"unit": "10*9/L", "reason": REASON})
    assert (answer.status_code, answer.url) == (302, url("item", row))
    said = QuarantineResolution.objects.get()
    shown = text(first.get(url("item", row)))
    assert "You said this yourself; another person confirms it." in shown
    assert "Confirm with your password" not in shown
    assert "“furlong” of central-lab means ×10^9/L for Platelets." in text(second.get(url("item", row)))
    answer = send_with_password(second, url("confirm", row, said.public_id), {})
    assert answer.status_code == 302
    shown = text(second.get(url("item", row)))
    assert "The message was read again: 1 stored." in shown
    assert "Resolved" in shown
    assert Observation.objects.get().value == 60
    assert UnitSpelling.objects.count() == 1


def test_a_wrong_password_says_nothing(patient, enter, send_with_password):
    receive(message(obr(), obx(unit="furlong")))
    form = {"unit": "10*9/L", "reason": REASON}
    send_with_password(enter("physician"), url("say", held(), "map-unit"), form, password="guessed")
    assert not QuarantineResolution.objects.exists()


def test_the_one_who_said_it_cannot_confirm_it(patient, enter, person, send_with_password):
    receive(message(obr(), obx(unit="furlong")))
    browser = enter("physician", username="pia")
    send_with_password(browser, url("say", held(), "map-unit"), {"unit": "10*9/L", "reason": REASON})
    said = QuarantineResolution.objects.get()
    answer = browser.post(url("confirm", held(), said.public_id))
    assert answer.status_code == 403
    assert "a second person confirms it" in text(answer)
    assert not ResolutionVerdict.objects.exists()


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"mrn": "1001", "birth_date": "1961-03-03", "reason": REASON}, "No patient of ours has this record"),
        ({"mrn": "", "birth_date": "1961-03-02", "reason": REASON}, "Record number, as on the source"),
        ({"mrn": "1001", "birth_date": "02.03.1961", "reason": REASON}, "year-month-day"),
        ({"mrn": "1001", "birth_date": "1961-03-02", "reason": ""}, "Say in a few words why."),
    ],
)
def test_each_wrong_field_of_a_match_is_named(patient, enter, send_with_password, form, fault):
    receive(message(pid("9^^^CLINIC^MR"), obr(), obx()))
    browser, address = enter("nurse"), url("say", held(), "match")
    answer = browser.post(address, form)
    if answer.status_code == 302:
        answer = browser.post(answer.url, {"password": "a long pass phrase", "next": address})
    assert answer.status_code == 400
    assert fault in text(answer)
    assert not QuarantineResolution.objects.exists()


def test_a_match_is_confirmed_beside_both_records(patient, enter, send_with_password, person):
    receive(message(pid("9^^^CLINIC^MR", name="Muller^Mary"), obr(), obx()))
    row = held()
    said = say(row, "match", person("nurse", username="nora"), mrn="1001", birth_date="1961-03-02")
    browser = enter("physician")
    shown = text(browser.get(url("item", row)))
    side = shown[shown.index("The message says") :]
    assert all(words in side for words in ("Muller", "Mary", "Müller", "Maria", "1001 (CLINIC)"))
    send_with_password(browser, url("confirm", row, said.public_id), {})
    assert Observation.objects.get().patient == patient


def test_a_code_is_mapped_from_the_page(patient, enter, send_with_password, person):
    receive(message(obr(), obx(code="THRO^Thrombozyten^L")))
    row = held()
    browser = enter("physician", username="pia")
    assert "THRO Thrombozyten (L)" in text(browser.get(url("item", row)))
    form = {"code": "THRO", "analyte": "PLT", "reason": REASON}
    send_with_password(browser, url("say", row, "map-code"), form)
    said = QuarantineResolution.objects.get()
    send_with_password(enter("physicist"), url("confirm", row, said.public_id), {})
    assert LocalCode.objects.get().analyte == "PLT"


def test_a_word_is_taken_off_the_table_with_a_reason(patient, enter, person):
    receive(message(obr(), obx("5000")))
    said = say(held(), "reject", person("nurse", username="nora"))
    browser = enter("physician")
    assert browser.post(url("decline", held(), said.public_id), {"reason": ""}).status_code == 400
    assert browser.post(url("decline", held(), said.public_id), {"reason": "it is true"}).status_code == 302
    assert "declined</strong> by" in text(browser.get(url("item", held())))
    assert browser.post(url("decline", held(), said.public_id), {"reason": "again"}).status_code == 409


def test_a_page_that_is_out_of_date_acts_on_nothing(patient, enter, person, send_with_password):
    receive(message(obr(), obx("5000")))
    row = held()
    said = say(row, "reject", person("nurse", username="nora"))
    browser = enter("physician")
    send_with_password(browser, url("confirm", row, said.public_id), {})
    answer = browser.post(url("confirm", row, said.public_id), {})
    assert answer.status_code == 409
    assert "It was resolved before" in text(answer)
    form = {"reason": REASON}
    assert browser.post(url("say", row, "confirm-value"), form).status_code == 400
    assert browser.post(url("own", row), {}).status_code == 409
    assert ResolutionVerdict.objects.count() == 1


def test_a_result_is_taken_and_given_back_from_its_page(patient, enter):
    receive(message(obr(), obx("5000")))
    nora, pia = enter("nurse", username="nora"), enter("physician", username="pia")
    nora.post(url("own", held()), {"seen_owner": ""})
    assert held().owner.username == "nora"
    assert pia.post(url("own", held()), {"seen_owner": ""}).status_code == 409
    pia.post(url("own", held()), {"seen_owner": str(held().owner_id)})
    assert held().owner.username == "pia"
    assert nora.post(url("own", held()), {"act": "give-back"}).status_code == 409
    pia.post(url("own", held()), {"act": "give-back"})
    assert held().owner is None


def test_a_message_is_read_again_from_its_page(enter):
    make_patient()
    receive(message(obr(), obx()))
    browser = enter("nurse")
    answer = browser.post(url("again", held()))
    assert (answer.status_code, "still cannot be read" in text(answer)) == (409, True)
    make_sender()
    row = held()
    assert browser.post(url("again", row)).status_code == 302
    assert "Read again: 1 stored, 0 still waiting." in text(browser.get(url("item", row)))


def test_an_answer_that_does_not_exist_is_not_found(patient, enter, person):
    receive(message(obr(), obx("5000")))
    browser = enter("nurse")
    assert browser.post(url("say", held(), "burn"), {"reason": REASON}).status_code == 404
    receive(message(obr("F2"), obx("5000"), control_id="M2"))
    mine, other = QuarantinedResult.objects.order_by("pk")
    said = say(mine, "reject", person("nurse", username="nora"))
    assert browser.post(url("confirm", other, said.public_id)).status_code == 404
