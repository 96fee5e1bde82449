"""What every fault row starts from: an installation on a database of its own, and a team to be told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.alerts.plant import Plant, free_port
from tests.faults.alerts.sink import Sink
from tests.open_policy import round_the_clock


@pytest.fixture
def plant(real_commits: str, tmp_path: Path, settings: Any) -> Iterator[Plant]:
    """Broker and mail server run; the row starts the processes it wants. Nothing is left running."""
    made = Plant(database_url=real_commits, folder=tmp_path)
    settings.ALERT_POLICY = Path(made.environment["ALERT_POLICY"])
    try:
        made.open()
        yield made
    finally:
        made.close()


@pytest.fixture
def mail(real_commits: str, tmp_path: Path, settings: Any) -> Iterator[Sink]:
    """A mail server that is open, and this process set up to use it, in a clinic that never closes."""
    settings.ALERT_POLICY = round_the_clock(tmp_path)
    sink = Sink(free_port())
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
    sink.open()
    yield sink
    sink.close()
