"""Try mutants in copies of one process that has collected every test: no mutant waits for collection again.

mutmut makes the mutants and finds out which tests reach which function. Its own run starts pytest anew for
each mutant and goes through a wrapper at every call; here a mutant's code takes the place of the function's
own. What killed the last mutant of a function is tried first on the next one.
"""

import gc
import json
import os
import random
import resource
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mutmut.mutation import trampoline
from rich.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

KILLED, SURVIVED, NO_TESTS, NOT_TRIED, LONGER_LOOK = 1, 0, 33, 34, 35
STATS = Path("mutmut-stats.json")
ASKED_FOR = Path("asked-for.json")  # the names of the mutants to try, in the tree
# The tests that noticed mutants in earlier runs, by function. They are tried first and prove themselves anew;
# a mutant that they let live meets the others as if there were no such file.
KILLERS = Path(__file__).parent / "killers.json"
# A mutant that the first tests let live waits for the others until all have had their short look: most that
# will survive are known early, and are looked at longest.
SHORT_LOOK_SECONDS = 10.0
SAVED_EVERY = 50  # a run that is broken off loses no more than this
_KILLERS_KEPT = 12


@dataclass(kw_only=True)
class Mutants:
    """The mutants of a tree by their names, each with how it ended, as mutmut keeps them."""

    tree: Path
    files: dict[Path, dict[str, object]] = field(default_factory=dict)
    file_of: dict[str, Path] = field(default_factory=dict)
    unsaved: set[Path] = field(default_factory=set)

    def load(self) -> list[str]:
        """Read the files; the names of those that are not settled yet."""
        waiting = []
        for path in sorted(self.tree.rglob("*.meta")):
            self.files[path] = json.loads(path.read_text("utf-8"))
            for name, code in self._codes(path).items():
                self.file_of[name] = path
                if code in {None, LONGER_LOOK}:
                    waiting.append(name)
        return waiting

    def code(self, name: str) -> int | None:
        """How one ended so far."""
        return self._codes(self.file_of[name])[name]

    def ended(self, name: str, code: int) -> None:
        """Write down how one ended."""
        self._codes(self.file_of[name])[name] = code
        self.unsaved.add(self.file_of[name])

    def save(self) -> None:
        """Put what was written down onto the disk."""
        for path in self.unsaved:
            path.write_text(json.dumps(self.files[path], indent=4), "utf-8")
        self.unsaved.clear()

    def _codes(self, path: Path) -> dict[str, int | None]:
        codes = self.files[path]["exit_code_by_key"]
        assert isinstance(codes, dict)
        return codes


class Functions:
    """The functions that have mutants, gathered while the mutated modules are imported."""

    def __init__(self) -> None:
        self._seen: list[tuple[dict[str, Any], Any]] = []

    def instead_of_wrapping(self, mutants: dict[str, Any], is_classmethod: bool = False) -> Any:
        """What mutmut's decorator is replaced by: it leaves the function as it is, and remembers it."""
        del is_classmethod

        def remember(function: Any) -> Any:
            self._seen.append((mutants, function))
            return function

        return remember

    def become(self, name: str) -> bool:
        """Give a function the code of one of its mutants; false where there is no such mutant."""
        module, _, mutant = name.rpartition(".")
        for mutants, function in self._seen:
            if function.__module__ == module and mutant in mutants:
                mutated = getattr(mutants[mutant], "__func__", mutants[mutant])
                function.__code__ = mutated.__code__
                function.__defaults__ = mutated.__defaults__
                function.__kwdefaults__ = mutated.__kwdefaults__
                return True
        return False


@dataclass(kw_only=True)
class Running:
    """One mutant under trial: its name, and the pipe in which its process names the test that noticed it."""

    name: str
    reader: int


class ForkingRun:
    """A pytest plugin: instead of one run of the tests, one for each mutant, in a copy of the process.

    A run that is broken off goes on where it was.
    """

    def __init__(
        self, *, mutants: Mutants, waiting: "Sequence[str]", functions: Functions, workers: int
    ) -> None:
        stats = json.loads((mutants.tree / STATS).read_text("utf-8"))
        self.reached: dict[str, list[str]] = stats["tests_by_mangled_function_name"]
        self.seconds: dict[str, float] = stats["duration_by_test"]
        self.mutants, self.functions, self.workers = mutants, functions, workers
        self.waiting = sorted(waiting, key=lambda name: (sum(self._seconds(name)), name))
        self.killers: dict[str, dict[str, None]] = defaultdict(dict)
        self.killers |= read_killers()
        self.running: dict[int, Running] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try every mutant that waits."""
        items = {item.nodeid: item for item in session.items}
        gc.collect()
        gc.freeze()  # the copies share what the collector does not touch
        with Progress() as progress:
            for words, asked in (("short look", self._unseen), ("long look", self._unsettled)):
                names = asked()
                task = progress.add_task(words, total=len(names))
                for number, name in enumerate(names, start=1):
                    while len(self.running) >= self.workers:
                        self._drain()
                    self._start(name, items, is_short=asked == self._unseen)
                    progress.update(task, completed=number)
                    if not number % SAVED_EVERY:
                        self.mutants.save()
                while self.running:
                    self._drain()
                self.mutants.save()
                write_killers(self.killers)
        return True

    def _unseen(self) -> list[str]:
        return [name for name in self.waiting if self.mutants.code(name) is None]

    def _unsettled(self) -> list[str]:
        return [name for name in self.waiting if self.mutants.code(name) == LONGER_LOOK]

    def _seconds(self, name: str) -> "Sequence[float]":
        return [self.seconds[test] for test in self.reached.get(_function(name), ())]

    def _start(self, name: str, items: dict[str, pytest.Item], *, is_short: bool) -> None:
        function = _function(name)
        tests = [test for test in self.reached.get(function, ()) if test in items]
        if not tests:
            self.mutants.ended(name, NO_TESTS)
            return
        random.Random(name).shuffle(tests)  # of those that notice it one soon comes
        own = f"/test_{function.split('.')[-2]}"
        tests.sort(key=lambda test: (own not in test, _size(self.seconds[test])))
        first: dict[str, int] = {}
        for known in _widening(function):
            for test in reversed(self.killers[known]):
                first.setdefault(test, len(first))
        tests.sort(key=lambda test: first.get(test, len(first)))
        chosen = [items[test] for test in (self._first(tests) if is_short else tests)]
        survival = LONGER_LOOK if len(chosen) < len(tests) else SURVIVED
        reader, writer = os.pipe()
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            os.close(reader)
            self._try(name, chosen, writer, survival)
        os.close(writer)
        self.running[pid] = Running(name=name, reader=reader)

    def _first(self, tests: list[str]) -> list[str]:
        """As many of the tests as a short look has time for, and at least one."""
        until = accumulate(self.seconds[test] for test in tests)
        fit = [test for test, seconds in zip(tests, until, strict=True) if seconds <= SHORT_LOOK_SECONDS]
        return fit or tests[:1]

    def _try(self, name: str, items: "Sequence[pytest.Item]", writer: int, survival: int) -> None:
        """In the copy: run the tests against one mutant, name the first that fails, and end."""
        allowed = int(5 * sum(self.seconds[item.nodeid] for item in items)) + 20  # of the processor
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, allowed + 1))
        code = NOT_TRIED  # also where not the mutant but the run breaks down: nothing is killed by accident
        try:
            if self.functions.become(name):
                failed: list[str] = []
                items[0].config.pluginmanager.register(_Watch(failed.append))
                for item, following in zip(items, [*items[1:], None], strict=True):
                    item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
                    if failed:
                        code = KILLED
                        os.write(writer, item.nodeid.encode())
                        break
                else:
                    code = survival
        finally:
            os._exit(code)

    def _drain(self) -> None:
        """Wait until one has ended, and write down how."""
        pid, status = os.wait()
        done = self.running.pop(pid)
        with os.fdopen(done.reader) as said:
            killer = said.read()
        code = os.waitstatus_to_exitcode(status)
        for known in _widening(_function(done.name)) if killer else ():
            self.killers[known].pop(killer, None)
            self.killers[known][killer] = None
            for old in list(self.killers[known])[:-_KILLERS_KEPT]:
                del self.killers[known][old]
        self.mutants.ended(done.name, code)


def read_killers(path: Path = KILLERS) -> dict[str, dict[str, None]]:
    """The tests that noticed mutants of each function, the last one last; none where nothing was written."""
    if not path.exists():
        return {}
    known = json.loads(path.read_text("utf-8"))
    tests = known["tests"]
    return {function: {tests[place]: None for place in places} for function, places in known["by"].items()}


def write_killers(killers: "Mapping[str, Iterable[str]]", path: Path = KILLERS) -> None:
    """Write them down for the next run, each test by its name once."""
    tests = sorted({test for found in killers.values() for test in found})
    place = {test: number for number, test in enumerate(tests)}
    by = {function: [place[test] for test in killers[function]] for function in sorted(killers)}
    lines = ",\n".join(f"{json.dumps(function)}: {json.dumps(places)}" for function, places in by.items())
    path.write_text(f'{{"tests": {json.dumps(tests, indent=0)},\n"by": {{\n{lines}\n}}}}\n', "utf-8")


def _function(name: str) -> str:
    return name.partition("__mutmut_")[0]


def _widening(function: str) -> tuple[str, str, str]:
    """Where to look for tests that killed before: the function, its module, anywhere."""
    return function, function.rpartition(".")[0], ""


def _size(seconds: float) -> int:
    """How long a test takes, by powers of four from a millisecond on: quick ones first, in a random order."""
    return max(0, int(seconds * 1000)).bit_length() // 2


class _Watch:
    """Hears of every test that failed."""

    def __init__(self, failed: "Callable[[str], None]") -> None:
        self._failed = failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._failed(report.nodeid)


def main(workers: int) -> int:
    """Try what waits in the tree that is the current folder; 0 when all was tried."""
    sys.path.insert(0, "")
    functions = Functions()
    vars(trampoline)["wrap_in_trampoline"] = functions.instead_of_wrapping
    mutants = Mutants(tree=Path())
    asked_for = set(json.loads(ASKED_FOR.read_text("utf-8")))
    waiting = [name for name in mutants.load() if name in asked_for]
    plugin = ForkingRun(mutants=mutants, waiting=waiting, functions=functions, workers=workers)
    code = pytest.main(["-p", "no:terminal", "tests/rules", "tests/labs"], plugins=[plugin])
    return 0 if code in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED} else 2


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
