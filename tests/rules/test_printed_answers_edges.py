"""What a physician reads is approved word for word: some cases of every kind, their whole answers."""

from pathlib import Path

import pytest

from tests.case_reader import read_cases
from tests.mutation.approve_answers import approved, printed, title

APPROVED = approved()
CASES = {title(case): case for case in read_cases()}


@pytest.mark.parametrize(("name", "path"), APPROVED.items(), ids=list(APPROVED))
def test_the_answer_is_printed_as_it_was_approved(name: str, path: Path) -> None:
    assert printed(CASES[name]) == path.read_text("utf-8"), (
        "read the difference; when it is meant, print again with `python -m tests.mutation.approve_answers`"
    )


def test_every_kind_of_action_has_an_approved_answer() -> None:
    assert {CASES[name]["expect"]["action"] for name in APPROVED} == {
        "proceed",
        "reduce",
        "hold",
        "delay",
        "stop",
    }
