"""The tables made in one step are those that the steps before it made, one after the other."""

from typing import Any

import pytest
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

OURS = ("labs", "courses", "alerts")


def _changes(before: ProjectState, after: ProjectState) -> dict[str, Any]:
    return MigrationAutodetector(before, after).changes(graph=MigrationLoader(None).graph)


def _made(*, at_once: bool) -> ProjectState:
    return MigrationLoader(None, replace_migrations=at_once).project_state()


def test_a_new_database_and_one_that_took_every_step_hold_the_same() -> None:
    steps, at_once = _made(at_once=False), _made(at_once=True)
    assert {app for app, _ in at_once.models} >= set(OURS)
    assert _changes(steps, at_once) == {}
    assert _changes(at_once, steps) == {}


@pytest.mark.parametrize("app", OURS)
def test_the_one_step_replaces_every_step_there_was(app: str) -> None:
    loader = MigrationLoader(None, replace_migrations=False)
    ours = {key: each for key, each in loader.disk_migrations.items() if key[0] == app}
    (whole,) = (each for each in ours.values() if each.replaces)
    first_new = max(name for _, name in whole.replaces)
    steps = {key for key, each in ours.items() if not each.replaces}
    assert {(app, name) for _, name in whole.replaces} == {key for key in steps if key[1] <= first_new}
