"""A clinic's own words are what its mails and pages say; an alert keeps the words it began with."""

import html
import re
from collections.abc import Iterable
from datetime import timedelta
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client

from alerts.library import POLICY_FILE, plan_as_data, policy, read_policy
from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.dispatch import dispatch_due
from alerts.services.escalation import take_due_step
from alerts.services.raising import Subject, raise_alert
from tests.builders_alerts import CANARIES, NOW, make_course, make_person
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db
SHIPPED = POLICY_FILE.read_text(encoding="utf-8")
TITLE, MEANING = 'title = "Delay"', "The protocol says: delay this cycle."
TO_DO = "Do not treat on the planned day. Read why, acknowledge, and tell those who prepare the cycle."
# What the clinic writes in place of what is shipped.
OWN = {
    TITLE: 'title = "Put off"',
    MEANING: "This cycle is put off <for now>.",
    TO_DO: "Ring the ward on extension 12. Then acknowledge.",
    'word = "urgent"': 'word = "pressing"',
    "] Action needed - ref": "] Please act - reference",
    "an alert needs somebody to act.": "somebody has to act <today>.",
    '"Log in, read why, and acknowledge"': '"Log in, read, take it over"',
    "Cannot log in? Call the clinic and give": "No way in? Ring the clinic and give",
}


@pytest.fixture(autouse=True)
def _clinic(settings: Any) -> None:
    settings.CLINIC_NAME, settings.CLINIC_PHONE = "The {ref} clinic", ""


def follow(settings: Any, folder: Path, *, words: dict[str, str], version: str = "2027-01-04.1") -> None:
    """From here on the clinic follows a policy of its own, with other words."""
    text = SHIPPED.replace(f'version = "{policy().version}"', f'version = "{version}"')
    for before, after in words.items():
        assert before in text
        text = text.replace(before, after, 1)
    settings.ALERT_POLICY = folder / f"{version}.toml"
    settings.ALERT_POLICY.write_text(text, encoding="utf-8")


def delayed(key: str, *, worse: bool = False, hours: int = 0) -> Alert:
    """The alert of a delayed cycle, with its first step taken."""
    course = make_course()
    subject = Subject(course=course, cycle=course.cycles.get())
    at = NOW + timedelta(hours=hours)
    with transaction.atomic():
        alert = raise_alert(kind=Kind.DELAY, condition_key=key, subject=subject, now=at, worse=worse)
        take_due_step(alert, now=at)
    return alert


def page_of(alert: Alert, person: User) -> str:
    client = Client()
    client.force_login(person)
    return html.unescape(client.get(f"/alerts/{alert.public_id}").content.decode())


def body_of(letter: Message, kind: str) -> str:
    [part] = [part for part in letter.walk() if part.get_content_type() == kind]
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def missing(words: Iterable[str], text: str) -> list[str]:
    return [word for word in words if word not in text]


@pytest.fixture
def physician() -> User:
    person = make_person("doctor", "physician", "on-call")
    person.is_staff = True
    person.save()
    return person


def test_a_word_changed_in_the_clinic_s_own_policy_is_what_the_mail_and_the_page_say(
    settings: Any, tmp_path: Path, smtp: SmtpServer, physician: User
) -> None:
    follow(settings, tmp_path, words=OWN)
    alert = delayed("delay:1")
    dispatch_due(now=NOW)
    [letter] = smtp.room.letters
    assert letter["Subject"] == f"[SAFETY 2] Please act - reference {alert.ref}"
    text, markup = body_of(letter, "text/plain"), body_of(letter, "text/html")
    shown = html.unescape(re.sub(r"<[^>]+>", " ", markup))
    words = (
        "The {ref} clinic: somebody has to act <today>.",
        "2 (pressing)",
        "Log in, read, take it over",
        "No way in? Ring the clinic and give the reference.",
    )
    assert missing(words, text) == missing(words, shown) == []
    assert "<today>" not in markup
    assert "needs somebody to act" not in text + shown
    page = page_of(alert, physician)
    assert (
        missing(("This cycle is put off <for now>.", "Ring the ward on extension 12.", "pressing"), page)
        == []
    )
    assert missing(("2027-01-04.1", policy().sha256[:12]), page) == []
    assert missing(CANARIES, letter.as_string()) == list(CANARIES)
    client = Client()
    client.force_login(physician)
    for door in ("/alerts/", "/admin/", "/alerts/readiness/"):
        assert "Put off" in client.get(door).content.decode(), door


def test_the_page_of_readiness_says_which_policy_is_followed_and_who_approved_it(
    settings: Any, tmp_path: Path, physician: User
) -> None:
    nobody = 'approved_by = "nobody yet: shipped values, to be approved by the department"'
    follow(settings, tmp_path, words={nobody: "approved_by = 'Dr <K.>'"})
    client = Client()
    client.force_login(physician)
    page = html.unescape(client.get("/alerts/readiness/").content.decode())
    assert "Alert policy: version 2027-01-04.1, approved by Dr <K.>" in page
    assert f"Its ladders and words: 2027-01-04.1 ({policy().sha256[:12]})" in page


def test_an_alert_raised_under_the_earlier_version_still_reads_as_it_did(
    settings: Any, tmp_path: Path, smtp: SmtpServer, physician: User
) -> None:
    alert = delayed("delay:1")
    before = page_of(alert, physician)
    dispatch_due(now=NOW)
    follow(settings, tmp_path, words=OWN)
    later = NOW + timedelta(minutes=30)
    with transaction.atomic():
        take_due_step(Alert.objects.get(), now=later)
    dispatch_due(now=later)
    first, reminder = smtp.room.letters
    assert first["Message-ID"] != reminder["Message-ID"]
    assert first["Subject"] == reminder["Subject"] == f"[SAFETY 2] Action needed - ref {alert.ref}"
    for letter in (first, reminder):
        text = body_of(letter, "text/plain")
        assert missing(("an alert needs somebody to act.", "2 (urgent)", "Log in, read why,"), text) == []
    after = page_of(alert, physician)
    assert missing((MEANING, TO_DO, "urgent", alert.policy_version), before) == []
    assert missing((MEANING, TO_DO, "urgent", alert.policy_version), after) == []
    assert "2027-01-04.1" not in after
    client = Client()
    client.force_login(physician)
    listed = client.get("/alerts/").content.decode()
    assert re.search(r'data-label="About">Delay', listed)
    newer = delayed("delay:2", hours=1)
    assert "This cycle is put off <for now>." in page_of(newer, physician)
    assert newer.policy_version != alert.policy_version


def test_an_alert_that_becomes_worse_takes_over_the_ladder_the_version_and_the_words_together(
    settings: Any, tmp_path: Path, physician: User
) -> None:
    delayed("delay:1")
    follow(settings, tmp_path, words=OWN)
    delayed("delay:1", hours=1)
    assert MEANING in page_of(Alert.objects.get(), physician)
    delayed("delay:1", worse=True, hours=2)
    alert = Alert.objects.get()
    assert (alert.severity, alert.policy_version) == (1, policy().edition)
    assert "This cycle is put off <for now>." in page_of(alert, physician)


def test_an_alert_from_before_words_were_kept_reads_in_the_shipped_ones(
    settings: Any, tmp_path: Path, physician: User
) -> None:
    alert = delayed("delay:1")
    Alert.objects.update(plan=plan_as_data(policy().kinds[Kind.DELAY].plan))
    follow(settings, tmp_path, words=OWN)
    page = page_of(alert, physician)
    assert missing((MEANING, TO_DO), page) == []
    assert "put off" not in page


def test_the_sentences_of_a_case_are_the_clinic_s_too(settings: Any, tmp_path: Path, physician: User) -> None:
    follow(
        settings,
        tmp_path,
        words={"No message from {source} since {since}.": "Since {since}, {source} is silent."},
    )
    about = {"source": "central-lab {since}", "since": NOW.isoformat(), "started": True}
    with transaction.atomic():
        alert = raise_alert(
            kind=Kind.FEED_SILENT, condition_key="feed:1", subject=Subject(about=about), now=NOW
        )
    assert "Since 4 May 2026 10:00 CEST, central-lab {since} is silent." in page_of(alert, physician)


@pytest.mark.parametrize(("before", "after"), OWN.items())
def test_whoever_changes_one_word_changes_what_each_new_alert_names_as_its_policy(
    before: str, after: str, settings: Any, tmp_path: Path
) -> None:
    assert before in SHIPPED
    changed = read_policy(SHIPPED.replace(before, after, 1).encode())
    shipped = read_policy(SHIPPED.encode())
    assert changed.version == shipped.version
    assert changed.edition != shipped.edition
    first = delayed("delay:1")
    follow(settings, tmp_path, words={before: after}, version=shipped.version)
    assert delayed("delay:2").policy_version != first.policy_version
