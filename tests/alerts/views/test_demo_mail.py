"""The mail directory in the browser, where there is no mail server."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client

from alerts.services.dispatch import dispatch_due
from alerts.views.demo_mail import EMBEDDED_BACKEND
from tests.builders_alerts import NOW, make_alert, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def directory(settings: Any, tmp_path: Path) -> Path:
    settings.EMAIL_BACKEND = EMBEDDED_BACKEND
    settings.MAIL_DIR = tmp_path / "mail"
    return tmp_path / "mail"


@pytest.fixture
def browser(client: Client) -> Client:
    client.force_login(make_person("oncall1", "on-call"))
    return client


def test_an_alert_mail_can_be_read_and_its_link_followed(directory: Path, browser: Client) -> None:
    alert = make_alert()
    assert dispatch_due(now=NOW) == 1
    listed = browser.get("/demo/mail/").content.decode()
    assert f"[SAFETY 1] Action needed - ref {alert.ref}" in listed
    found = re.search(r'href="(/demo/mail/[^"]+)"', listed)
    assert found is not None
    text = browser.get(found[1]).content.decode()
    assert f'href="http://127.0.0.1:8000/alerts/{alert.public_id}"' in text


def test_what_a_mail_holds_is_shown_and_never_run(directory: Path, browser: Client) -> None:
    EmailMessage(
        subject="<script>alert(1)</script>", body="<script>alert(2)</script>", to=["a@clinic.example"]
    ).send()
    listed = browser.get("/demo/mail/").content.decode()
    assert "<script>" not in listed
    found = re.search(r'href="(/demo/mail/[^"]+)"', listed)
    assert found is not None
    assert "<script>" not in browser.get(found[1]).content.decode()


def test_an_empty_directory_is_no_fault(directory: Path, browser: Client) -> None:
    assert "No mail yet." in browser.get("/demo/mail/").content.decode()


def test_nobody_reads_mail_without_signing_in(directory: Path, client: Client) -> None:
    assert client.get("/demo/mail/")["Location"].startswith("/accounts/login/")
    assert client.get("/demo/mail/x")["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("key", ["missing", "..", "%2e%2e%2fsecret_key"])
def test_only_mails_can_be_asked_for(directory: Path, browser: Client, key: str) -> None:
    assert browser.get(f"/demo/mail/{key}").status_code == 404


def test_with_a_mail_server_there_is_no_such_page(browser: Client, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    assert browser.get("/demo/mail/").status_code == 404
