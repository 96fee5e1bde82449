"""Read result status letters (HL7 table 0085): every letter has its row, and none is final by default."""

from labs.formats.parsed import Act, ParsedStatus

_STORE = {
    "F": "final",
    "C": "corrected",
    "A": "amended",
    "P": "preliminary",
    "R": "preliminary",  # entered, not verified
    "S": "preliminary",  # partial
}
# Reviewed, or appended to: the value is unchanged, and need not come again.
_CONFIRM = {"V": "final", "B": "final"}
_WITHDRAW = {"X": "cancelled", "D": "entered-in-error", "W": "entered-in-error"}
_NO_RESULT = {"I": "pending", "O": "ordered", "N": "not asked"}

STATUSES: dict[str, ParsedStatus] = {
    **{letter: ParsedStatus(word=word, act=Act.STORE) for letter, word in _STORE.items()},
    **{letter: ParsedStatus(word=word, act=Act.CONFIRM) for letter, word in _CONFIRM.items()},
    **{letter: ParsedStatus(word=word, act=Act.WITHDRAW) for letter, word in _WITHDRAW.items()},
    **{letter: ParsedStatus(word=word, act=Act.NO_RESULT) for letter, word in _NO_RESULT.items()},
    "U": ParsedStatus(word="final", act=Act.PROMOTE),
}


# The letters of a report's status (table 0123) that say as much of a result which has none of its own.
_OF_REPORT = frozenset({"F", "C", "P"})


def read_status(letter: str) -> ParsedStatus | None:
    """The status a letter stands for; none for a blank or unknown one."""
    return STATUSES.get(letter.strip())


def status_of_report(letter: str) -> ParsedStatus | None:
    """What a report's status says of a result that carries none; most of its letters say nothing of it."""
    return STATUSES[letter.strip()] if letter.strip() in _OF_REPORT else None
