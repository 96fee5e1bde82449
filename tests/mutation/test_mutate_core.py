"""What a run leaves open is written down by what the mutant changes, and read again by the next."""

import os
import subprocess
import sys
from pathlib import Path

from tests.mutation.forking_run import KILLED, LONGER_LOOK, NOT_TRIED, SURVIVED
from tests.mutation.mutate_core import MUTATED, CodeMutant, build, read_open, write_open


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


def test_the_tests_of_the_core_load_without_django(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    build(tree, list(MUTATED))
    environment = {name: text for name, text in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "tests/rules", "tests/labs"]
    said = subprocess.run(command, cwd=tree, env=environment, check=False, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout[-2000:]
