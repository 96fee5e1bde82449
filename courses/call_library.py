"""Read the file of calls before and after the day of therapy, once."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from courses.data_file import faults_of, read_data_file
from courses.models import RecordKind
from courses.rules.calls import OTHER, CallPlans, read_calls
from courses.rules.data_reader import DataError

FILE = Path(__file__).parent / "protocols" / "calls" / "questions.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedCalls:
    """The calls, with the SHA-256 of the file they were read from."""

    plans: CallPlans
    sha256: str


@cache
def call_plans(file: Path = FILE) -> PinnedCalls:
    """The calls of this installation. Raises LibraryError where the file is not whole."""
    read = read_data_file(file)
    with faults_of(file):
        plans = read_calls(read.data)
        _check_kinds(plans)
    return PinnedCalls(plans=plans, sha256=read.sha256)


def _check_kinds(plans: CallPlans) -> None:
    """A question leads to a kind of fact that exists."""
    for call in plans.calls.values():
        for question in call.questions:
            if question.records and question.records not in RecordKind.values:
                raise DataError(
                    key=f"call.{call.id}.question.{question.id}.records",
                    reason=f"{question.records!r} is no kind of fact",
                    remedy=f"use one of: {', '.join(RecordKind.values)}",
                )


def title_of(occasion: str) -> str:
    """What a call is called; one that the file names no longer keeps its id."""
    if occasion == OTHER:
        return "Call or visit"
    call = call_plans().plans.calls.get(occasion)
    return call.title if call is not None else occasion
