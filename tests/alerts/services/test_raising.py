"""Beginning an alert: what nobody may be left untold for."""

import secrets
from collections.abc import Sequence

import pytest

from alerts.models import Alert
from tests.builders_alerts import make_alert, make_person

pytestmark = pytest.mark.django_db


@pytest.mark.hazard("HZ-66")
def test_a_drawn_reference_that_another_alert_has_already_is_drawn_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_person("oncall", "on-call")
    first = make_alert()
    taken, chance = list(first.ref.replace("-", "")), secrets.choice

    def drawn(letters: Sequence[str]) -> str:
        return taken.pop(0) if taken else chance(letters)

    monkeypatch.setattr("alerts.models.alert.secrets.choice", drawn)
    second = make_alert()
    assert taken == []
    assert Alert.objects.count() == 2
    assert second.ref != first.ref
    assert second.notifications.count() == 1
