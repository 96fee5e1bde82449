"""The tables made in one step are those that the steps before it made, one after the other."""

from typing import Any

import pytest
from django.db.migrations import Migration
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState

OURS = ("labs", "courses", "alerts")


def _changes(before: ProjectState, after: ProjectState) -> dict[str, Any]:
    return MigrationAutodetector(before, after).changes(graph=MigrationLoader(None).graph)


def _whole(app: str) -> Migration:
    """The one step of an app that replaces the others."""
    found = MigrationLoader(None, replace_migrations=False).disk_migrations
    (whole,) = (each for (label, _), each in found.items() if label == app and each.replaces)
    return whole


def test_a_new_database_and_one_that_took_every_step_hold_the_same() -> None:
    last_steps = [max(_whole(app).replaces) for app in OURS]
    steps = MigrationLoader(None, replace_migrations=False).project_state(last_steps)
    at_once = MigrationLoader(None).project_state([(app, _whole(app).name) for app in OURS])
    assert {app for app, _ in at_once.models} >= set(OURS)
    assert set(steps.models) == set(at_once.models)
    assert _changes(steps, at_once) == {}
    assert _changes(at_once, steps) == {}


@pytest.mark.parametrize("app", OURS)
def test_the_one_step_replaces_every_step_there_was(app: str) -> None:
    found = MigrationLoader(None, replace_migrations=False).disk_migrations
    whole = _whole(app)
    last = max(name for _, name in whole.replaces)
    steps = {key for key, each in found.items() if key[0] == app and not each.replaces}
    assert set(whole.replaces) == {key for key in steps if key[1] <= last}
