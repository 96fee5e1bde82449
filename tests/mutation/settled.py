"""Remember of which functions every mutant was noticed or explained, for a run that tries what changed."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol

SETTLED = Path(__file__).parent / "settled.json"


class Tried(Protocol):
    """What is asked of a mutant: whose it is, the text of that function, and whether it lived."""

    @property
    def of(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def key(self) -> tuple[str, str, str]: ...
    @property
    def survived(self) -> bool: ...


def read_settled(path: Path = SETTLED) -> dict[str, str]:
    """The digest of each settled function as it was then; none where nothing was written."""
    settled: dict[str, str] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return settled


def write_settled(
    mutants: Iterable[Tried], equivalent: Collection[object], *, modules: Iterable[str], path: Path = SETTLED
) -> None:
    """Write down what is settled in these modules; of other modules what an earlier run settled stays.

    A function with one mutant that was not tried, or that lives unexplained, is not settled.
    """
    looked_at = tuple(f"{module}." for module in modules)
    kept = {of: was for of, was in read_settled(path).items() if not of.startswith(looked_at)}
    digests = function_digests(mutants := list(mutants))
    lives = {mutant.of for mutant in mutants if mutant.survived and mutant.key not in equivalent}
    kept |= {of: digest for of, digest in digests.items() if of not in lives}
    path.write_text(json.dumps(kept, indent=0, sort_keys=True) + "\n", "utf-8")


def function_digests(mutants: Iterable[Tried]) -> dict[str, str]:
    """Of each function: its own text and how many mutants are made of it, in a few letters."""
    texts, numbers = {}, defaultdict[str, int](int)
    for mutant in mutants:
        texts[mutant.of] = mutant.text
        numbers[mutant.of] += 1
    return {
        of: hashlib.sha256(f"{numbers[of]}\n{text}".encode()).hexdigest()[:12] for of, text in texts.items()
    }


def unchanged(mutants: Iterable[Tried], settled: Mapping[str, str]) -> set[str]:
    """The functions that are as they were when all their mutants were noticed."""
    return {of for of, digest in function_digests(mutants).items() if settled.get(of) == digest}
