"""The treatment machine's second profile: the same acts, through pages and API, with the same promises."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.fuzz import treatment_acts as act
from tests.fuzz import treatment_doors as doors
from tests.fuzz.test_treatment_machine import TreatmentMachine
from tests.fuzz.treatment_acts import Clinic
from tests.fuzz.treatment_walks import STAGES, WALKS, do, quietly, undone

LONG = os.environ.get("PRRT_LONG") == "1"
# A correction of what was delivered has a door of its own, which no walk of the API takes.
SERVICE_ONLY = {"correct_infusion"}
# Walks from the signature to the end of a day, and the ones that must be refused on the way.
WALKED = (
    "a whole day",
    "a late result at the start",
    "low platelets and back",
    "29 minutes",
    "one person for two",
    "another label",
    "a part and its remainder",
    "a fifth too much",
    "a stop and back",
    "an old password",
    "not given and moved",
    "overridden and worse",
)


class DoorMachine(TreatmentMachine):
    """What people do, through the doors that they have."""

    def __init__(self) -> None:
        super().__init__()
        doors.close_browsers()

    def do(self, name: Any, **given: Any) -> None:
        """The act through its door, where it has one."""
        super().do(doors.THROUGH.get(name.__name__, name), **given)


def _shown(monkeypatch: pytest.MonkeyPatch) -> list[Clinic]:
    """The clinic that every clock shows; the first one stands at eight in the morning, signed."""
    shown = [act.open_clinic()]
    doors.let_in()
    act.let_stand(monkeypatch, lambda: shown[0])
    doors.let_pass(monkeypatch, lambda: shown[0])
    return shown


def test_every_act_of_the_machine_has_a_door_or_needs_none() -> None:
    acts = {
        name
        for name, found in vars(act).items()
        if callable(found) and getattr(found, "__module__", "") == act.__name__ and name[0].islower()
    }
    no_acts = {"open_clinic", "let_stand", "perform", "settle", "step_data", "newest_order", "newest_day"}
    no_acts |= {"merge_of", "one_person"}
    people = {"physician", "second_physician", "nurse", "second_nurse", "pharmacist"}
    assert acts - no_acts - people == set(doors.THROUGH) | set(doors.NO_DOOR) | SERVICE_ONLY


@pytest.mark.django_db
def test_whatever_people_do_through_their_doors_every_promise_holds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = _shown(monkeypatch)

    def show(clinic: Clinic) -> None:
        shown[0] = clinic

    tried = type("Tried", (DoorMachine,), {"base": shown[0], "show": staticmethod(show)})
    run_state_machine_as_test(
        tried,
        settings=settings(
            max_examples=100 if LONG else 3,
            stateful_step_count=50 if LONG else 20,
            deadline=None,
            database=None,
            derandomize=not LONG,
            phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db
def test_walks_end_through_the_doors_as_they_end_through_the_services(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = _shown(monkeypatch)
    base = shown[0]
    for stage, acts in STAGES.items():
        quietly(base, acts)
        for name in WALKED:
            begins, walk = WALKS[name]
            if begins != stage:
                continue
            ended = []
            for through in ({}, doors.THROUGH):
                with undone(base) as clinic:
                    shown[0] = clinic
                    doors.close_browsers()
                    told = [
                        bool(do(clinic, through.get(each.func.__name__, each.func), **each.keywords))
                        for each in walk
                    ]
                    ended.append(told)
                shown[0] = base
            assert ended[0] == ended[1], f"{name}: refused through services and doors"
