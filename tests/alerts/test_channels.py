"""One letter by e-mail: what it says, what it never says, and an honest word on how it went."""

import smtplib
from datetime import UTC, datetime
from typing import Any

import pytest

from alerts.channels import send
from alerts.letters import Letter, compose
from alerts.models.notification import AttemptOutcome
from tests.smtp_server import SmtpServer

RAISED = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)


def letter(**facts: Any) -> Letter:
    given: dict[str, Any] = {
        "to": "doctor@clinic.example",
        "ref": "7F3K-2Q",
        "severity": 1,
        "severity_word": "critical",
        "raised_at": RAISED,
        "told": ("on-call", "physician"),
        "escalates_at": datetime(2026, 5, 4, 8, 15, tzinfo=UTC),
        "path": "/alerts/abc_DEF-1",
        "message_id": "<one@clinic.example>",
        "message_date": RAISED,
        "thread_id": "<alert-7f3k-2q@clinic.example>",
        "attempt": 2,
    }
    return Letter(**{**given, **facts})


def test_subject_and_headers_are_fixed_and_only_the_attempt_number_changes() -> None:
    first, second = compose(letter(attempt=1)).message(), compose(letter(attempt=2)).message()
    assert first["Subject"] == "[SAFETY 1] Action needed - ref 7F3K-2Q"
    assert first["Message-ID"] == "<one@clinic.example>"
    assert first["Date"] == "Mon, 04 May 2026 08:00:00 +0000"
    assert first["References"] == "<alert-7f3k-2q@clinic.example>"
    assert first["Auto-Submitted"] == "auto-generated"
    assert (first["X-PRRT-Attempt"], second["X-PRRT-Attempt"]) == ("1", "2")
    del first["X-PRRT-Attempt"], second["X-PRRT-Attempt"]
    assert first.as_string() == second.as_string()
    assert "List-Unsubscribe" not in first


def test_the_text_says_what_when_who_next_and_where(settings: Any) -> None:
    settings.CLINIC_NAME, settings.CLINIC_PHONE = "Clinic <North> & Co", "+49 30 1234"
    settings.SITE_URL, settings.CLINIC_TIME_ZONE = "https://prrt.example.org", "Europe/Berlin"
    body = str(compose(letter()).body)
    for words in (
        "Clinic <North> & Co",
        "1 (critical)",
        "04 May 2026 10:00 (Europe/Berlin), 04 May 2026 08:00 UTC",
        "on-call, physician",
        "04 May 2026 10:15 (Europe/Berlin)",
        "https://prrt.example.org/alerts/abc_DEF-1",
        "+49 30 1234",
    ):
        assert words in body
    assert "therapy" not in body.lower()


def test_a_letter_has_no_field_for_a_patient() -> None:
    assert set(Letter.__slots__) == {
        "to", "ref", "severity", "severity_word", "raised_at", "told", "escalates_at", "path",
        "message_id", "message_date", "thread_id", "attempt", "alerts", "critical",
    }  # fmt: skip


def test_a_letter_the_server_takes_is_accepted_and_has_one_recipient(smtp: SmtpServer) -> None:
    sent = send(letter())
    assert (sent.outcome, sent.code) == (AttemptOutcome.ACCEPTED, 250)
    assert smtp.room.recipients == [["doctor@clinic.example"]]
    assert smtp.room.letters[0]["Message-ID"] == "<one@clinic.example>"


def test_a_server_that_is_away_is_a_temporary_trouble(smtp: SmtpServer) -> None:
    smtp.close()
    sent = send(letter())
    assert (sent.outcome, sent.silent) == (AttemptOutcome.TEMPORARY, True)
    assert sent.error_class == "ConnectionRefusedError"


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [("451 Greylisted", AttemptOutcome.TEMPORARY, 451), ("550 No such user", AttemptOutcome.PERMANENT, 550)],
)
@pytest.mark.parametrize("stage", ["answer_to_recipient", "answer_to_data"])
def test_the_server_s_word_decides_between_for_now_and_for_good(
    smtp: SmtpServer, stage: str, answer: str, outcome: AttemptOutcome, code: int
) -> None:
    setattr(smtp.room, stage, answer)
    sent = send(letter())
    assert (sent.outcome, sent.code) == (outcome, code)
    assert not sent.silent


def test_a_connection_lost_after_the_text_leaves_the_outcome_unknown(smtp: SmtpServer) -> None:
    smtp.room.vanish_after_data = True
    sent = send(letter())
    assert (sent.outcome, sent.error_class) == (AttemptOutcome.UNKNOWN, "SMTPServerDisconnected")


def test_an_address_no_server_would_be_offered_is_refused_for_good(smtp: SmtpServer) -> None:
    sent = send(letter(to="doctor@clinic.example\nBcc: everybody@example.org"))
    assert sent.outcome == AttemptOutcome.PERMANENT
    assert smtp.room.letters == []


def test_a_wrong_password_is_ours_to_mend_and_tried_again(smtp: SmtpServer, settings: Any) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "user", "wrong"
    sent = send(letter())
    assert sent.outcome == AttemptOutcome.TEMPORARY
    assert issubclass(getattr(smtplib, sent.error_class), smtplib.SMTPException)
