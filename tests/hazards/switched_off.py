"""A pytest plugin: each test it is given runs with the control of its hazard switched off, and must fail."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.core.exceptions import ObjectDoesNotExist

if TYPE_CHECKING:
    from tests.hazards.switches import Switch

# A test notices by what it asserts, or by asking for a row or a field that is not there; anything else that
# goes wrong is a fault of the switch.
NOTICED = (AssertionError, pytest.fail.Exception, LookupError, ObjectDoesNotExist)


def _switch_of(item: pytest.Item) -> "Switch":
    from tests.hazards.switches import SWITCHES  # noqa: PLC0415  # after conftest has made Django ready

    bare = item.nodeid.partition("[")[0]
    return next(switch for switch in SWITCHES.values() if switch.noticed_by == bare)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Only the call: what a test stands on is built with every control at work."""
    with pytest.MonkeyPatch.context() as patch:
        _switch_of(item).plant(patch)
        return (yield)


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Say what each test noticed, for the one who asked."""
    if call.when == "call":
        failed = call.excinfo is not None and call.excinfo.errisinstance(NOTICED)
        how = "NOTICED" if failed else "BROKE" if call.excinfo else "OVERLOOKED"
        print(f"\n{how} {item.nodeid}", flush=True)
