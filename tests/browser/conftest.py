"""What a test of pages needs: the static files of the run, and a web server on the test's own database."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from labs.zones import clinic_zone
from tests.running_clinic import Clinic

Serving = Callable[..., AbstractContextManager[Clinic]]


@contextmanager
def _serving(
    *before: str, static: Path, var: Path, free_port: Callable[[], int], **settings: str
) -> Iterator[Clinic]:
    zone = {"CLINIC_TIME_ZONE": clinic_zone().key}
    given = {"PRRT_STATIC_DIR": str(static)} | zone | settings
    clinic = Clinic(var_dir=var, web_port=free_port(), mllp_port=free_port(), settings=given)
    for command in before:
        clinic.run(command)
    clinic.start_web()
    try:
        clinic.wait_until_ready(page="live", within=60)
        yield clinic
    finally:
        clinic.stop()


@pytest.fixture(autouse=True)
def by_day(request: pytest.FixtureRequest, settings: Any) -> None:
    """Clocks of somewhere where it is day, and the same day: near midnight a patient's day would be two.

    A test that sets the clock itself keeps the clinic's own.
    """
    hour = datetime.now(clinic_zone()).hour
    if "clock" not in request.fixturenames and (hour < 3 or hour >= 21):
        elsewhere = "Asia/Tokyo" if hour < 3 else "America/New_York"
        settings.CLINIC_TIME_ZONE = settings.TIME_ZONE = elsewhere


@pytest.fixture
def serving(static_files: Path, tmp_path: Path, free_port: Callable[[], int]) -> Serving:
    """A web server with these settings, after the management commands named first."""
    return partial(_serving, static=static_files, var=tmp_path / "var", free_port=free_port)


@pytest.fixture
def address(real_commits: str, serving: Serving) -> Iterator[str]:
    """A web server of this test's own, on this test's own database."""
    with serving(PRRT_ENV="test", DATABASE_URL=real_commits) as clinic:
        yield clinic.address
