"""What a run leaves open is written down by what the mutant changes, and read again by the next."""

from pathlib import Path

from tests.mutation.forking_run import KILLED, LONGER_LOOK, NOT_TRIED, SURVIVED
from tests.mutation.mutate_core import CodeMutant, read_open, write_open


def mutant(name: str, code: int | None) -> CodeMutant:
    return CodeMutant(
        name=name,
        module="rules.one",
        function=name,
        text=f"def {name}():",
        was="a < b",
        becomes="a <= b",
        exit_code=code,
    )


def test_what_lived_and_is_not_explained_is_left_open(tmp_path: Path) -> None:
    path = tmp_path / "open.json"
    mutants = [
        mutant("killed", KILLED),
        mutant("lived", SURVIVED),
        mutant("short", LONGER_LOOK),
        mutant("broken", NOT_TRIED),
        mutant("untried", None),
        mutant("same", SURVIVED),
    ]
    write_open(mutants, {mutants[-1].key: "it changes nothing"}, modules=["rules.one"], path=path)
    assert read_open(path) == {mutant.key for mutant in mutants[1:4]}


def test_what_is_open_of_modules_that_were_not_looked_at_stays(tmp_path: Path) -> None:
    path = tmp_path / "open.json"
    write_open([mutant("lived", SURVIVED)], {}, modules=["rules.one"], path=path)
    write_open([], {}, modules=["rules.on", "rules.two"], path=path)
    assert read_open(path) == {mutant("lived", SURVIVED).key}
    write_open([], {}, modules=["rules.one"], path=path)
    assert read_open(path) == set()
