"""A function is left out of the next run only while it is as it was when all of its mutants were noticed."""

from dataclasses import replace
from pathlib import Path

from tests.mutation.forking_run import KILLED, SURVIVED
from tests.mutation.settled import read_settled, unchanged, write_settled
from tests.mutation.test_mutate_core import mutant


def test_a_function_is_settled_when_none_of_its_mutants_lives_unexplained(tmp_path: Path) -> None:
    path = tmp_path / "settled.json"
    same = replace(mutant("same", SURVIVED), becomes="a == b")
    mutants = [mutant("killed", KILLED), mutant("lived", SURVIVED), mutant("untried", None), same]
    write_settled(mutants, {same.key}, modules=["rules.one"], path=path)
    assert unchanged(mutants, read_settled(path)) == {"rules.one.killed", "rules.one.same"}


def test_one_mutant_that_lives_unsettles_its_function(tmp_path: Path) -> None:
    path = tmp_path / "settled.json"
    write_settled([mutant("one", KILLED), mutant("one", None)], (), modules=["rules.one"], path=path)
    assert read_settled(path) == {}


def test_a_function_that_changed_or_has_other_mutants_is_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "settled.json"
    was = mutant("one", KILLED)
    write_settled([was], (), modules=["rules.one"], path=path)
    assert unchanged([was], read_settled(path)) == {was.of}
    assert unchanged([replace(was, text="def one(a):")], read_settled(path)) == set()
    assert unchanged([was, was], read_settled(path)) == set()


def test_what_is_settled_of_modules_that_were_not_looked_at_stays(tmp_path: Path) -> None:
    path = tmp_path / "settled.json"
    write_settled([mutant("one", KILLED)], (), modules=["rules.one"], path=path)
    write_settled([], (), modules=["rules.on"], path=path)
    assert set(read_settled(path)) == {"rules.one.one"}
    write_settled([], (), modules=["rules.one"], path=path)
    assert read_settled(path) == {}


def test_without_an_earlier_run_nothing_is_settled(tmp_path: Path) -> None:
    assert read_settled(tmp_path / "settled.json") == {}
