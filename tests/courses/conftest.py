"""What the tests of browser pages share: somebody logged in, and an act confirmed with the password."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

PASSWORD = "a long pass phrase"
Enter = Callable[..., Client]


@pytest.fixture
def enter(person) -> Enter:
    """A browser in which somebody with these roles is logged in."""

    def make(*roles: str, username: str = "") -> Client:
        browser = Client()
        browser.force_login(person(*roles, username=username))
        return browser

    return make


@pytest.fixture
def send_with_password() -> Callable[..., Any]:
    """Send a form, answer the page that asks for the password, and give what comes back."""

    def send(browser: Client, url: str, form: dict[str, str], password: str = PASSWORD) -> Any:
        asked: Any = browser.post(url, form)
        assert asked.status_code == 302
        assert asked.url.startswith(reverse("account_reauthenticate"))
        return browser.post(asked.url, {"password": password, "next": url})

    return send
