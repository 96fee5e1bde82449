"""Change every clinical data file in every small way, and see each change refused or noticed by a case."""

import argparse
import os
import re
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import pytest
from rich.console import Console
from rich.progress import Progress

from courses import library
from courses.data_file import LibraryError
from courses.situation import BadSituation
from tests.case_reader import EXTRA_PROTOCOLS
from tests.mutation.row_mutants import RowMutant, as_toml, row_mutants
from tests.rules.test_ctcae import LINES, test_the_finding_gets_the_grade_of_the_golden_table
from tests.rules.test_reported_terms import LINES as REPORTED
from tests.rules.test_reported_terms import (
    test_a_reported_name_belongs_to_the_rule_and_term_of_the_golden_list as test_of_a_reported_name,
)
from tests.test_cases import CASES, test_the_case_gets_the_answer_its_source_gives

EQUIVALENT = Path(__file__).parent / "equivalent_rows.toml"
AT_ONCE = 12  # neighbouring mutants for one worker: what noticed the last one mostly notices the next


class Fate(StrEnum):
    """What became of a mutant."""

    REFUSED = "refused by the loader"
    NOTICED = "noticed by a case"
    EXPLAINED = "equivalent"
    UNNOTICED = "unnoticed"


@dataclass(slots=True)
class Explained:
    """One row of the list of equivalents: which mutants, and why no case can tell them apart.

    A star in a name stands for any words.
    """

    file: str
    mutants: tuple[str, ...]
    reason: str
    used: set[str] = field(default_factory=set)

    def covers(self, file: str, name: str) -> bool:
        """Whether the row names this mutant; the row remembers which of its names did."""
        found = [pattern for pattern in self.mutants if _fits(self.file, file) and _fits(pattern, name)]
        self.used.update(found)
        return bool(found)


def _fits(pattern: str, words: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), words) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One clinical case or golden line: what it rests on, the words it speaks of, and the test itself."""

    rests_on: str
    words: frozenset[str]
    run: Callable[[], None]

    def fails(self) -> bool:
        """Whether the test fails now."""
        try:
            self.run()
        except (AssertionError, BadSituation, LookupError, pytest.fail.Exception):
            return True
        return False


def trials() -> list[Trial]:
    """Every clinical case and every line of the golden lists of grades and reported names."""
    cases = [
        Trial(
            rests_on=case["protocol"],
            words=frozenset(re.findall(r"[\w-]+", str(case))),
            run=partial(test_the_case_gets_the_answer_its_source_gives, case),
        )
        for case in CASES
    ]
    lines = [
        Trial(
            rests_on=version,
            words=frozenset({line["term"]}),
            run=partial(test_the_finding_gets_the_grade_of_the_golden_table, version, line),
        )
        for version, line in LINES
    ]
    names = [
        Trial(
            rests_on=protocol,
            words=frozenset({line["reported"], line["rule"]}),
            run=partial(test_of_a_reported_name, protocol, line),
        )
        for protocol, line in REPORTED
    ]
    return names + lines + cases


class Judge:
    """Runs what a changed file can touch; first what speaks of the changed row, or noticed the last one."""

    def __init__(self) -> None:
        self._trials = trials()
        self._whole = library.shelf(EXTRA_PROTOCOLS)

    def notices(self, shelf: library.Shelf, around: frozenset[str]) -> bool:
        """Whether a trial fails with these files in the place of the product's own."""
        touched = {id for id, old in self._whole.protocols.items() if shelf.protocols.get(id) != old}
        touched |= {
            version for version, old in self._whole.criteria.items() if shelf.criteria[version] != old
        }
        asked = [trial for trial in self._trials if trial.rests_on in touched]
        asked.sort(key=lambda trial: len(trial.words & around), reverse=True)
        with patch.object(library, "shelf", lambda extra=None: shelf):
            for trial in asked:
                if trial.fails():
                    self._trials.remove(trial)
                    self._trials.insert(0, trial)
                    return True
        return False


@cache
def _judge() -> Judge:
    """One judge for each worker."""
    return Judge()


def read_explained(path: Path = EQUIVALENT) -> list[Explained]:
    """The list of mutants that no case can notice, each with its reason."""
    rows = tomllib.loads(path.read_text("utf-8"))["equivalent"]
    return [Explained(file=row["file"], mutants=tuple(row["mutants"]), reason=row["reason"]) for row in rows]


def mutants_of(file: Path) -> Iterator[RowMutant]:
    """The mutants of one file."""
    yield from row_mutants(tomllib.loads(file.read_text("utf-8"), parse_float=Decimal))


def changed_shelf(file: Path, mutant: RowMutant) -> library.Shelf:
    """The product's files with one of them changed. Raises LibraryError where the loader refuses it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in library.FOLDER.glob("*.toml"):
            (folder / path.name).symlink_to(path)
        (folder / file.name).unlink()
        (folder / file.name).write_text(as_toml(mutant.data), "utf-8")
        return library.Shelf([folder, EXTRA_PROTOCOLS])


def fate_of(tried: tuple[Path, RowMutant]) -> tuple[str, str, Fate]:
    """Try one mutant: its file, its name, what became of it."""
    file, mutant = tried
    try:
        shelf = changed_shelf(file, mutant)
    except LibraryError:
        return file.name, mutant.name, Fate.REFUSED
    return file.name, mutant.name, Fate.NOTICED if _judge().notices(shelf, mutant.around) else Fate.UNNOTICED


def try_all(mutants: list[tuple[Path, RowMutant]], *, workers: int) -> Iterator[tuple[str, str, Fate]]:
    """Try the mutants one after the other, in as many processes."""
    with get_context("fork").Pool(workers) as pool:
        yield from pool.imap(fate_of, mutants, chunksize=AT_ONCE)


def report(
    fates: Iterator[tuple[str, str, Fate]],
    explained: list[Explained],
    *,
    step: Callable[[], None],
    whole: bool = True,
) -> int:
    """Print the survivors as they come, then the figures, and after a whole run what explains nothing."""
    counts: dict[str, dict[Fate, int]] = {}
    for file, name, fate in fates:
        step()
        if fate is Fate.UNNOTICED and any([row.covers(file, name) for row in explained]):
            fate = Fate.EXPLAINED  # noqa: PLW2901  # every row was asked, so that each remembers its use
        if fate is Fate.UNNOTICED:
            print(f"unnoticed: {file}: {name}", flush=True)
        of_file = counts.setdefault(file, dict.fromkeys(Fate, 0))
        of_file[fate] += 1
    for file, of_file in counts.items():
        figures = ", ".join(f"{count} {fate.value}" for fate, count in of_file.items())
        print(f"{file}: {sum(of_file.values())} mutants: {figures}")
    tried = [row for row in explained if whole and any(_fits(row.file, file) for file in counts)]
    idle = [f"{row.file}: {name}" for row in tried for name in row.mutants if name not in row.used]
    for line in idle:
        print(f"{EQUIVALENT.name} explains what no longer survives: {line}")
    return int(bool(idle) or any(of_file[Fate.UNNOTICED] for of_file in counts.values()))


def main() -> int:
    """0 when every mutant is refused, noticed or explained."""
    parser = argparse.ArgumentParser(prog="make mutate-protocol", description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutants whose file or name holds one of these words")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="how many processes")
    asked = parser.parse_args()
    mutants = [
        (file, mutant)
        for file in sorted(library.FOLDER.glob("*.toml"))
        for mutant in mutants_of(file)
        if not asked.words or any(word in f"{file.name}: {mutant.name}" for word in asked.words)
    ]
    explained = read_explained()
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("clinical data files", total=len(mutants))
        fates = try_all(mutants, workers=asked.workers)
        return report(fates, explained, step=lambda: bar.advance(task), whole=not asked.words)


if __name__ == "__main__":
    sys.exit(main())
