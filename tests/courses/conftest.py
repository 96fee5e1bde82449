"""What the tests of browser pages share: somebody logged in, and an act confirmed with the password."""

import importlib
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from labs import clock

PASSWORD = "a long pass phrase"
SetClock = Callable[[datetime], None]
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


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Moves the clock that every service reads; a password asked for by a page was given just before."""
    # What is first imported under a test's clock would keep it.
    for late in (settings.ROOT_URLCONF, "prrt_clinic.dashboard", "prrt_clinic.navigation"):
        importlib.import_module(late)
    shown: list[datetime] = []
    now = clock.database_now
    ours = [module for name, module in sys.modules.items() if name.startswith(("courses.", "labs."))]
    for module in ours:
        if getattr(module, "database_now", None) is now:
            monkeypatch.setattr(module, "database_now", lambda: shown[-1])
        if getattr(module, "authenticated_at", None) is not None and ".views." in module.__name__:
            monkeypatch.setattr(module, "authenticated_at", lambda _request: shown[-1] - timedelta(seconds=5))
    return shown.append
