"""The demonstration clinic's rota has no gap, and something for its visitors to answer."""

from datetime import UTC, datetime, timedelta

import pytest

from alerts.models import Alert, RotaSwap
from alerts.services.on_call import on_call_at
from alerts.services.rota_coverage import coverage
from prrt_clinic.demo_people import create_people
from prrt_clinic.demo_rota import keep_demo_rota

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("calendar", ["", "DE-BY"])
@pytest.mark.parametrize(
    "moment", ["2026-05-04T05:00", "2026-05-10T21:30", "2026-10-24T23:30", "2026-12-24T12:00"]
)
def test_the_demonstrations_rota_covers_every_minute_whenever_it_is_built(
    moment: str, calendar: str, settings, tmp_path
) -> None:
    settings.HOLIDAY_CALENDAR, settings.VAR_DIR = calendar, tmp_path
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    keep_demo_rota(people=create_people(), now=now)
    assert coverage(begin=now, end=now + timedelta(days=80)).is_whole
    assert not Alert.objects.exists()
    assert RotaSwap.objects.get().state == "proposed"
    assert len(on_call_at(now).people) == 1
