"""What delivery promises holds, and each promise breaks when the control that keeps it is switched off."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.alerts.services.delivery_faults import FAULTS, PROMISES, Promise
from tests.alerts.services.planted import Plant
from tests.builders_alerts import make_person
from tests.smtp_server import SmtpServer

pytestmark = [
    pytest.mark.usefixtures("real_commits"),
    pytest.mark.hazard("HZ-66"),
    pytest.mark.hazard("HZ-67"),
    pytest.mark.hazard("HZ-70"),
    pytest.mark.hazard("HZ-71"),
    pytest.mark.hazard("HZ-73"),
    pytest.mark.hazard("HZ-76"),
    pytest.mark.hazard("HZ-77"),
]


@pytest.fixture(autouse=True)
def on_call(real_commits: str) -> Iterator[None]:
    """One person on call."""
    make_person("oncall1", "on-call")
    yield


def name_of(promise: Callable[..., None]) -> str:
    return promise.__name__


@pytest.mark.parametrize("promise", PROMISES, ids=name_of)
def test_a_promise_of_delivery_holds(promise: Promise, smtp: SmtpServer, settings: Any) -> None:
    promise(smtp, settings)


@pytest.mark.parametrize(("promise", "plant"), FAULTS.values(), ids=list(FAULTS))
def test_a_planted_fault_breaks_its_promise(
    promise: Promise, plant: Plant, smtp: SmtpServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        promise(smtp, settings)


def test_every_promise_is_broken_by_a_fault() -> None:
    assert {name_of(promise) for promise, _ in FAULTS.values()} == {name_of(each) for each in PROMISES}
