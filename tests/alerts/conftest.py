"""What the alert tests share: a real mail server, and settings that point at it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.open_policy import round_the_clock
from tests.smtp_server import SmtpServer


@pytest.fixture
def never_closed(tmp_path: Path, settings: Any) -> None:
    """A clinic that works day and night, for tests that run by the real clock."""
    settings.ALERT_POLICY = round_the_clock(tmp_path)


@pytest.fixture
def smtp(free_port: Callable[[], int], settings: Any) -> Iterator[SmtpServer]:
    """A mail server that is open, and the service set up to use it."""
    server = SmtpServer(free_port())
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    server.open()
    yield server
    server.close()
