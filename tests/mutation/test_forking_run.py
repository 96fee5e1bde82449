"""What noticed a mutant in one run is tried first in the next."""

import json
from pathlib import Path

from tests.mutation.forking_run import read_killers, write_killers


def test_the_tests_that_noticed_mutants_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "killers.json"
    killers = {"rules.x_two": {"b": None, "a": None}, "rules.x_one": {"a": None}, "": {}}
    write_killers(killers, path)
    found = read_killers(path)
    assert found == killers
    assert list(found["rules.x_two"]) == ["b", "a"]  # the last one last
    assert json.loads(path.read_text("utf-8"))["tests"] == ["a", "b"]


def test_without_an_earlier_run_there_are_none(tmp_path: Path) -> None:
    assert read_killers(tmp_path / "killers.json") == {}
