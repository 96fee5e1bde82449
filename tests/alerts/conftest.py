"""What the alert tests share: a real mail server, and settings that point at it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.smtp_server import SmtpServer


@pytest.fixture
def smtp(free_port: Callable[[], int], settings: Any) -> Iterator[SmtpServer]:
    """A mail server that is open, and the service set up to use it."""
    server = SmtpServer(free_port())
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    server.open()
    yield server
    server.close()
