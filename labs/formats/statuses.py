"""Read result status letters (HL7 table 0085): every letter has its row, and none is final by default."""

from labs.formats.parsed import Act, ParsedStatus

_STORE = {
    "F": "final",
    "C": "corrected",
    "A": "amended",
    "P": "preliminary",
    "R": "preliminary",  # entered, not verified
    "S": "preliminary",  # partial
    "V": "final",  # reviewed, value unchanged
    "B": "final",  # appended, value unchanged
}
_WITHDRAW = {"X": "cancelled", "D": "entered-in-error", "W": "entered-in-error"}
_NO_RESULT = {"I": "pending", "O": "ordered", "N": "not asked"}

STATUSES: dict[str, ParsedStatus] = {
    **{letter: ParsedStatus(word=word, act=Act.STORE) for letter, word in _STORE.items()},
    **{letter: ParsedStatus(word=word, act=Act.WITHDRAW) for letter, word in _WITHDRAW.items()},
    **{letter: ParsedStatus(word=word, act=Act.NO_RESULT) for letter, word in _NO_RESULT.items()},
    "U": ParsedStatus(word="final", act=Act.PROMOTE),
}


def read_status(letter: str) -> ParsedStatus | None:
    """The status a letter stands for; none for a blank or unknown one."""
    return STATUSES.get(letter.strip())
