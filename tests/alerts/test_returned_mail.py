"""What a mail that came back says: of which letter, and what became of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.models.report import ReportKind
from alerts.returned_mail import Returned, read_returned
from tests.builders_mail import OUT_OF_OFFICE, WRITTEN_BY_A_PERSON, answer, report

TOKEN = "0123456789abcdef0123456789abcdef"
MESSAGE_ID = f"<{TOKEN}@prrt.example>"
OTHER = "f" * 32


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("failed", "5.1.1", ReportKind.BOUNCED),
        ("failed", "4.4.7", ReportKind.BOUNCED),  # the server has given up
        ("Failed", "5.7.1 (policy)", ReportKind.BOUNCED),
        ("delayed", "4.4.1", ReportKind.DELAYED),
        ("delivered", "2.0.0", ReportKind.DELIVERED),
        ("relayed", "2.0.0", ReportKind.PASSED_ON),
        ("expanded", "2.0.0", ReportKind.PASSED_ON),
        ("", "5.1.1", ReportKind.BOUNCED),
        ("", "4.2.0", ReportKind.DELAYED),
        ("vanished", "", ReportKind.OTHER),
    ],
)
def test_a_delivery_report_says_what_the_server_did(action: str, status: str, kind: ReportKind) -> None:
    said = read_returned(report(MESSAGE_ID, action=action, status=status))
    assert (said.kind, said.token, said.status) == (kind, TOKEN, status.partition(" ")[0])


def test_the_address_it_came_back_to_names_the_letter_before_anything_it_quotes() -> None:
    said = read_returned(report(f"<{OTHER}@x.example>", to=f"bounce+{TOKEN}@alerts.example"))
    assert said.token == TOKEN
    assert read_returned(report("<none@x.example>", to=f"Bounce+{TOKEN.upper()}@A.EXAMPLE")).token == TOKEN


def test_a_whole_letter_may_be_quoted_instead_of_its_headers() -> None:
    assert read_returned(report(MESSAGE_ID, quoted_type="message/rfc822")).token == TOKEN


def test_what_names_no_letter_of_ours_has_no_token() -> None:
    assert read_returned(report("<somebody@else.example>")).token == ""


@pytest.mark.parametrize(
    ("form", "kind"),
    [(OUT_OF_OFFICE, ReportKind.AUTO_REPLY), (WRITTEN_BY_A_PERSON, ReportKind.OTHER)],
)
def test_an_answer_is_no_delivery_report_whatever_it_says(form: str, kind: ReportKind) -> None:
    said = read_returned(answer(form, MESSAGE_ID))
    assert said == Returned(kind=kind, token=TOKEN)


def test_older_marks_of_automatic_answers_are_known_too() -> None:
    for mark in ("X-Autoreply: yes", "Precedence: bulk", "X-Auto-Response-Suppress: All"):
        raw = f"From: a@b.example\n{mark}\n\nAway.\n".encode()
        assert read_returned(raw).kind == ReportKind.AUTO_REPLY


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"Content-Type: multipart/report; boundary=b1\n\n--b1\n"])
)
def test_any_bytes_are_read_without_a_fault_and_say_nothing_happened(noise: bytes, before: bytes) -> None:
    assert read_returned(before + noise).kind in {ReportKind.OTHER, ReportKind.AUTO_REPLY}
