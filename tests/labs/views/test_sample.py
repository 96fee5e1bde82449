"""A pasted sample is understood as a live message would be, and leaves no trace."""

from html import unescape

import pytest
from django.apps import apps

from labs.models import Patient, UnitSpelling
from labs.services.read import read_waiting_messages
from labs.services.sample import explain_sample
from tests.builders_labs import (
    csv_row,
    long_csv,
    make_feed,
    make_local_code,
    make_patient,
    make_sender,
    message,
    msh,
    obr,
    obx,
    pid,
    receive,
)
from tests.labs.test_read import HELD

pytestmark = pytest.mark.django_db
ADDRESS = "/labs/sample/"


@pytest.fixture
def patient() -> Patient:
    make_sender()
    return make_patient()


def text(response) -> str:
    return unescape(response.content.decode())


def pasted(body: bytes) -> str:
    """As a browser sends it: lines end with CR LF."""
    return body.decode().replace("\r", "\r\n")


def rows_in_labs() -> dict[str, int]:
    return {
        model.__name__: model._default_manager.count() for model in apps.get_app_config("labs").get_models()
    }


def reasons(body: bytes) -> list[str]:
    explained = explain_sample(text=pasted(body), look_up_patients=True)
    return [
        each.code for report in explained.reports for result in report.results for each in result.problems
    ]


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("physician", 200),
        ("physicist", 200),
        ("administrator", 200),
        ("nurse", 403),
        ("pharmacist", 403),
        ("auditor", 403),
    ],
)
def test_those_who_set_up_feeds_try_samples(patient, enter, role, status):
    browser = enter(role)
    assert browser.get(ADDRESS).status_code == status
    assert browser.post(ADDRESS, {"text": pasted(message())}).status_code == status


def test_a_good_message_is_shown_segment_by_segment_and_nothing_is_stored(patient, enter):
    browser, before = enter("physician"), rows_in_labs()
    answer = browser.post(ADDRESS, {"text": pasted(message(obr(), obx("60", unit="10^3/uL")))})
    shown = text(answer)
    for words in (
        "central-lab, times without a zone in Europe/Berlin",
        "AA, accepted",
        "1</strong> would be taken in",
        "PLT, LOINC 777-3",
        "60 ×10^9/L",
        "10^3/uL → read as 10^3/uL, × 1",
        "150 to 400",
        "F → final: stored",
        "to the second; zone as sent",
        "Müller, Maria",
        "patient: numbers, name, birth date, sex",
    ):
        assert words in shown, words
    assert rows_in_labs() == before
    assert read_waiting_messages() == 0


def test_every_reason_is_named_and_not_only_the_first(patient):
    body = message(
        pid("9^^^CLINIC^MR"), obr(), obx("None", unit="furlong", status="Z", collected="20990504080000+0200")
    )
    assert set(reasons(body)) == {
        "unknown-patient",
        "unknown-status",
        "future-time",
        "not-a-number",
        "unknown-unit",
    }


# Of these the reason lies in what was stored before, which a sample does not look at.
STORED_BEFORE = {"nothing-to-promote"}


@pytest.mark.parametrize(("segment", "reason"), HELD)
def test_a_sample_waits_for_the_reason_for_which_the_reader_holds_it(patient, segment, reason):
    assert (reason in reasons(message(obr(), segment))) == (reason not in STORED_BEFORE)


def test_an_unknown_sender_is_said_and_the_rest_is_shown_all_the_same(enter):
    make_patient()
    shown = text(enter("physician").post(ADDRESS, {"text": pasted(message())}))
    assert "not set up" in shown
    assert "unknown-sender" in shown
    assert "PLT, LOINC 777-3" in shown


def test_a_header_that_is_refused_says_how_it_is_acknowledged(patient):
    explained = explain_sample(text=pasted(message(msh(f11="T"), pid(), obr(), obx())), look_up_patients=True)
    assert explained.ack is not None
    assert (explained.ack.code, explained.ack.reason_code) == ("AR", "not-production")


@pytest.mark.parametrize(
    "sample", ["garbage", "MSH", "MSH|^~\\&|", "\x0b\x1c\r", "MSH|^~\\&|LAB|HOSPITAL", "\x00\x07"]
)
def test_no_paste_breaks_the_page(patient, enter, sample):
    assert enter("physician").post(ADDRESS, {"text": sample}).status_code in (200, 400)


def test_a_message_framed_as_on_the_wire_is_read(patient):
    framed = f"\x0b{pasted(message())}\x1c\r\n"
    assert explain_sample(text=framed, look_up_patients=True).stored == 1


def test_text_is_read_in_the_character_set_it_declares(patient):
    body = pasted(message(msh(f18="8859/1"), pid(), obr(), obx()))
    explained = explain_sample(text=body, look_up_patients=True)
    assert (explained.reports[0].patient, explained.notes) == (patient, ())


def test_local_codes_and_spellings_of_the_sender_are_used(patient):
    make_local_code()
    UnitSpelling.objects.create(sender="central-lab", analyte="PLT", spelling="furlong", unit="10*9/L")
    explained = explain_sample(
        text=pasted(message(obr(), obx(code="THRO^T^L", unit="furlong"))), look_up_patients=True
    )
    assert (explained.stored, explained.waits) == (1, 0)


def test_whoever_reads_no_patients_has_none_looked_up(patient, enter):
    shown = text(enter("administrator").post(ADDRESS, {"text": pasted(message())}))
    assert "not looked up: your role reads no patients" in shown
    stranger = text(
        enter("administrator", username="b").post(ADDRESS, {"text": pasted(message(pid("9"), obr(), obx()))})
    )
    assert "unknown-patient" not in stranger


def test_csv_text_is_read_in_the_dialect_of_its_feed(patient, enter):
    make_feed(delimiter="semicolon", decimal=",")
    cells = csv_row("3,8", test_code="751-8", ref_range="")
    sample = ";".join(long_csv().decode().strip().split(",")) + "\r\n" + ";".join(cells)
    before = rows_in_labs()
    shown = text(enter("physicist").post(ADDRESS, {"text": sample, "feed": "csv-lab"}))
    assert "ANC, LOINC 751-8" in shown
    assert "3.8 ×10^9/L" in shown
    assert rows_in_labs() == before


def test_a_csv_header_that_is_damaged_refuses_the_whole(patient, enter):
    make_feed()
    shown = text(enter("physician").post(ADDRESS, {"text": "mrn,family\r\n1,2", "feed": "csv-lab"}))
    assert "bad-header" in shown


def test_an_empty_paste_is_asked_for_again(patient, enter):
    answer = enter("physician").post(ADDRESS, {"text": ""})
    assert (answer.status_code, "Paste a sample first." in text(answer)) == (400, True)


def test_hidden_characters_of_a_sample_are_visible(patient, enter):
    shown = text(
        enter("physician").post(ADDRESS, {"text": pasted(message(pid(name="M\u202e^x"), obr(), obx()))})
    )
    assert "M[U+202E]" in shown
    assert "\u202eM" not in shown.split("Segment by segment")[1]


def test_what_a_sample_promises_is_what_the_reader_does(patient):
    body = message(obr(), obx(), obx("x"), obx("", status="I"))
    explained = explain_sample(text=pasted(body), look_up_patients=True)
    outcome = receive(body).outcome
    assert (explained.stored, explained.waits) == (outcome.stored, outcome.held) == (1, 1)
