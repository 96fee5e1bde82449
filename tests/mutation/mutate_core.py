"""Run mutmut on the decision core, the units and the calendar, and hold its survivors against the list."""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import unified_diff
from importlib.util import find_spec
from pathlib import Path

from tests.mutation.forking_run import ASKED_FOR, KILLED, LONGER_LOOK, NOT_TRIED, STATS, SURVIVED
from tests.mutation.settled import SETTLED, read_settled, unchanged, write_settled

ROOT = Path(__file__).parent.parent.parent
EQUIVALENT = Path(__file__).parent / "equivalent.toml"
# The mutants that lived when the last run ended and that nobody has explained: what is left to be done.
OPEN = Path(__file__).parent / "open.json"
FORKING_RUN = Path(__file__).parent / "forking_run.py"
CONFTEST = Path(__file__).parent / "conftest_of_the_tree.py"
GOAL_PERCENT = 95
# What the pure tests need, in a tree without the suite's conftest, so that no Django settings load.
PACKAGES = ("courses", "labs")
TESTS = (
    "*.py",
    "cases/*",
    "day_cases/*",
    "golden/*.csv",
    "golden/answers/*",
    "mutation/approve_answers.py",
    "protocols/*",
    "rules/*.py",
    "labs/test_units*.py",
    "labs/test_clinic_days*.py",
)
# Each asks the engine thousands of times, or starts processes with Django. Kills are claimed without them,
# and a survivor costs seconds only.
SLOW = (
    "test_calendar_properties.py",
    "test_decision_tables.py",
    "test_explanation_is_complete.py",
    "test_oracle.py",
    "test_other_processes.py",
)
LEFT_OUT = shutil.ignore_patterns("__pycache__", "migrations", "templates")
MUTATED = ("courses/rules/*.py", "labs/units.py", "labs/clinic_days.py")
NOTICED, TIMED_OUT = (KILLED, 3), (-24, 24, 152, 36)
SETTINGS = """
[tool.pytest.ini_options]
pythonpath = ["."]
addopts = "--import-mode=importlib -p no:randomly -p no:django -p no:cacheprovider"
[tool.mutmut]
source_paths = ["courses", "labs"]
only_mutate = {mutated}
pytest_add_cli_args_test_selection = {selected}
use_git_change_detection = false
track_dependencies = false
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeMutant:
    """One mutant: its module, its function and that one's text, the lines it changed, and how it ended."""

    name: str
    module: str
    function: str
    text: str
    was: str
    becomes: str
    exit_code: int | None

    @property
    def of(self) -> str:
        """Its function, with the module."""
        return f"{self.module}.{self.function}"

    @property
    def key(self) -> tuple[str, str, str]:
        """What the list of equivalents knows it by; it holds when other lines of the module move."""
        return self.of, self.was, self.becomes

    @property
    def survived(self) -> bool:
        """Whether no test failed."""
        return self.exit_code not in (*NOTICED, *TIMED_OUT)


def build(tree: Path, mutated: list[str]) -> None:
    """Lay out the tree that mutmut works in."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=LEFT_OUT)
    for pattern in TESTS:
        for path in (path for path in (ROOT / "tests").glob(pattern) if path.name not in SLOW):
            target = tree / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    shutil.copyfile(CONFTEST, tree / "tests" / "conftest.py")
    selected = ["tests/rules", "tests/labs"]
    settings = SETTINGS.format(mutated=json.dumps(mutated), selected=json.dumps(selected))
    (tree / "pyproject.toml").write_text(settings, "utf-8")


def read_mutants(tree: Path) -> Iterator[CodeMutant]:
    """Every mutant that mutmut made, with its outcome."""
    for meta in sorted((tree / "mutants").rglob("*.meta")):
        path = meta.relative_to(tree / "mutants").with_suffix("")
        codes = json.loads(meta.read_text("utf-8"))["exit_code_by_key"]
        spans = json.loads(meta.with_suffix(".spans").read_text("utf-8"))["spans"] if codes else {}
        lines = meta.with_suffix("").read_text("utf-8").splitlines()
        for key, code in codes.items():
            name = key.rpartition(".")[2]
            function = re.sub(r"__mutmut_\d+$", "", name)
            original = _lines(lines, spans[f"{function}__mutmut_orig"], f"{function}__mutmut_orig")
            was, becomes = _changed(original, _lines(lines, spans[name], name))
            yield CodeMutant(
                name=key,
                module=".".join(path.with_suffix("").parts),
                function=_plain(function),
                text="\n".join(original),
                was=was,
                becomes=becomes,
                exit_code=code,
            )


def _lines(lines: list[str], span: list[int], name: str) -> list[str]:
    """The text of one copy of a function, under a name that is the same for all copies."""
    first, last = span
    return [line.replace(name, "function") for line in lines[first - 1 : last]]


def _plain(mangled: str) -> str:
    """x_is_below -> is_below; xǁIntervalǁscaled -> Interval.scaled."""
    return mangled.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")


def _changed(was: list[str], becomes: list[str]) -> tuple[str, str]:
    """The lines taken out and the lines put in, each joined into one."""
    found = [
        line for line in unified_diff(was, becomes, n=0, lineterm="") if not line.startswith(("---", "+++"))
    ]
    taken = [line[1:].strip() for line in found if line.startswith("-")]
    put = [line[1:].strip() for line in found if line.startswith("+")]
    return " ".join(taken), " ".join(put)


def read_equivalent(path: Path = EQUIVALENT) -> dict[tuple[str, str, str], str]:
    """The survivors that change nothing, each with its reason."""
    rows = tomllib.loads(path.read_text("utf-8"))["equivalent"]
    return {(row["function"], row["was"], row["becomes"]): row["reason"] for row in rows}


def read_open(path: Path = OPEN) -> set[tuple[str, str, str]]:
    """What mutants the last run left open, by the key that holds when other lines move."""
    return {(function, was, becomes) for function, was, becomes in json.loads(path.read_text("utf-8"))}


def write_open(
    mutants: Iterable[CodeMutant],
    equivalent: Mapping[tuple[str, str, str], str],
    *,
    modules: Iterable[str],
    path: Path = OPEN,
) -> None:
    """Write down what is left to be done; a mutant that was not tried is not in it.

    What an earlier run left open of modules that this one did not look at stays.
    """
    lived = (SURVIVED, LONGER_LOOK, NOT_TRIED)
    known = read_open(path) if path.exists() else set()
    looked_at = tuple(f"{module}." for module in modules)
    left = {key for key in known if not key[0].startswith(looked_at)}
    left |= {mutant.key for mutant in mutants if mutant.exit_code in lived} - equivalent.keys()
    path.write_text(json.dumps(sorted(left), indent=0, ensure_ascii=False) + "\n", "utf-8")


def report(mutants: list[CodeMutant], equivalent: dict[tuple[str, str, str], str]) -> int:
    """Print the figures of each module and every survivor without a reason; 1 when there is one."""
    unexplained = [mutant for mutant in mutants if mutant.survived and mutant.key not in equivalent]
    for module in sorted({mutant.module for mutant in mutants}):
        print(
            f"{module:34} {_figures([mutant for mutant in mutants if mutant.module == module], equivalent)}"
        )
    print(f"{'together':34} {_figures(mutants, equivalent)}")
    for mutant in unexplained:
        print(f"\nsurvived: {mutant.module}.{mutant.function}\n- {mutant.was}\n+ {mutant.becomes}")
    modules = {mutant.module for mutant in mutants}
    survivors = {mutant.key for mutant in mutants if mutant.survived}
    idle = [key for key in equivalent if key[0].rsplit(".", 1)[0] in modules and key not in survivors]
    for function, was, becomes in idle:
        print(f"\n{EQUIVALENT.name} explains what no longer survives: {function}\n- {was}\n+ {becomes}")
    killed = sum(not mutant.survived for mutant in mutants)
    return int(bool(unexplained or idle) or killed * 100 < GOAL_PERCENT * len(mutants))


def _figures(mutants: list[CodeMutant], equivalent: dict[tuple[str, str, str], str]) -> str:
    survived = [mutant for mutant in mutants if mutant.survived]
    explained = sum(mutant.key in equivalent for mutant in survived)
    killed = len(mutants) - len(survived)
    return (
        f"{len(mutants):5} mutants, {killed:5} killed ({killed * 100 / max(len(mutants), 1):5.1f} %),"
        f" {explained:3} equivalent, {len(survived) - explained:3} unexplained"
    )


def main() -> int:
    """0 when enough mutants were killed and every survivor has its reason."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument(
        "mutated", nargs="*", default=list(MUTATED), help="patterns of files, such as labs/*.py"
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="how many processes")
    parser.add_argument(
        "--tree", type=Path, help="work in this folder and keep it: the next run goes on there"
    )
    parser.add_argument(
        "--open", action="store_true", help=f"try only what {OPEN.name} says the last run left open"
    )
    parser.add_argument(
        "--changed",
        action="store_true",
        help=f"leave out the functions that are as they were when {SETTLED.name} wrote them down",
    )
    asked = parser.parse_args()
    if find_spec("mutmut") is None:
        print(
            "mutmut is not installed: `make mutate` installs it with the development tools.", file=sys.stderr
        )
        return 2
    with tempfile.TemporaryDirectory(prefix="prrt-mutants-") as name:
        tree = asked.tree or Path(name) / "tree"
        if not make(tree, asked.mutated, asked.workers):
            return 2
        if asked.open:
            return run_open(tree, asked.workers)
        return run(tree, asked.workers, read_settled() if asked.changed else {})


def make(tree: Path, mutated: list[str], workers: int) -> bool:
    """Lay the tree out and have the mutants made in it, where that was not done; whether they are there."""
    if not tree.exists():
        build(tree, mutated)
    stats = tree / "mutants" / STATS
    if not stats.exists():
        # Asked for a mutant that there is not, mutmut makes them all, runs the tests once, and tries none.
        command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(workers), "none"]
        said = subprocess.run(
            command, cwd=tree, env=_environment(), check=False, capture_output=True, text=True
        )
        if not stats.exists():
            print(said.stdout, said.stderr, "mutmut made no mutants: its own words stand above.", sep="\n")
    return stats.exists()


def attempt(tree: Path, names: set[str], workers: int) -> bool:
    """Try those of these mutants that this tree has not tried yet; whether all were."""
    made = tree / "mutants"
    (made / ASKED_FOR).write_text(json.dumps(sorted(names)), "utf-8")
    command = [sys.executable, str(FORKING_RUN), str(workers)]
    done = subprocess.run(command, cwd=made, env=_environment(), check=False)
    if done.returncode:
        print("Not every mutant was tried: what stopped it stands above.", file=sys.stderr)
    return not done.returncode


def run_open(tree: Path, workers: int) -> int:
    """Try what is left open, and write down what still is; 0 when nothing is."""
    known, made = read_open(), list(read_mutants(tree))
    names = {mutant.name for mutant in made if mutant.key in known}
    if not attempt(tree, names, workers):
        return 2
    tried = [mutant for mutant in read_mutants(tree) if mutant.name in names]
    write_open(tried, read_equivalent(), modules={mutant.module for mutant in made})
    left = len(read_open())
    print(f"Of {len(known)} mutants left open {len(tried)} are still there, and {left} live.")
    return int(left > 0)


def run(tree: Path, workers: int, settled: Mapping[str, str]) -> int:
    """Try every mutant but those of settled functions, and report all; a broken run keeps its part."""
    made, equivalent = list(read_mutants(tree)), read_equivalent()
    left_out = unchanged(made, settled)
    was_finished = attempt(tree, {mutant.name for mutant in made if mutant.of not in left_out}, workers)
    mutants = [_settled(each, equivalent) if each.of in left_out else each for each in read_mutants(tree)]
    modules = {mutant.module for mutant in mutants}
    write_settled(mutants, equivalent, modules=modules)
    if not was_finished:
        return 2
    write_open(mutants, equivalent, modules=modules)
    if left_out:
        print(f"{sum(each.of in left_out for each in mutants)} mutants were tried by earlier runs.")
    return report(mutants, equivalent)


def _settled(mutant: CodeMutant, equivalent: Mapping[tuple[str, str, str], str]) -> CodeMutant:
    """How a mutant of a settled function ended when it was tried."""
    return replace(mutant, exit_code=SURVIVED if mutant.key in equivalent else KILLED)


def _environment() -> dict[str, str]:
    return dict(os.environ, PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1")


if __name__ == "__main__":
    sys.exit(main())
