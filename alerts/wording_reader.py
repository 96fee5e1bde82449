"""Read the words of policy.toml from plain data, naming every fault and its remedy."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alerts.rules import Kind
from alerts.wording import (
    LETTER,
    LETTER_TOGETHER,
    NAME,
    SENTENCES,
    KindWords,
    LetterWords,
    Slots,
    fill,
)

_SHIPPED = "copy it from the shipped alerts/policy.toml and change its words"
_KIND = {"title": 40, "meaning": 120, "to_do": 600}
_LINE_LONGEST = 300
_WORD_LONGEST = 30
# "Subject: " and this are one line of a mail's head, 78 characters, at the most alerts there can be.
_SUBJECT_LONGEST = 69
_WIDEST = {"severity": "1", "ref": "7F3K-2Q", "alerts": "99999", "critical": "99999"}
# What says of somebody that they are a patient here, and of what; beside the names of analytes.
_TELLING = (
    "therapy",
    "treatment",
    "radioligand",
    "radionuclide",
    "lutetium",
    "177lu",
    "dotatate",
    "lutathera",
    "gbq",
    "mbq",
    "tumour",
    "tumor",
    "cancer",
    "cycle",
    "infusion",
    "platelets",
    "blood",
)
_LONG_NUMBER = re.compile(r"\d{2,}|\d[.,]\d")
_ADDRESS = re.compile(r"://|www\.|@")


def read_kind_words(row: Any, kind: Kind, faults: list[str]) -> KindWords | None:
    """The words of one kind; faults are added to the list, and nothing is returned where there is one."""
    where = f"kind {kind.value!r}, words"
    if not isinstance(row, Mapping):
        faults.append(f"{where}: [kind.words] is missing; {_SHIPPED}.")
        return None
    before = len(faults)
    slots = SENTENCES.get(kind, {})
    table = _Table(row=row, where=where, faults=faults)
    table.check_keys({*_KIND, "sentences"} if slots else set(_KIND))
    texts = {key: table.text(key, frozenset(), longest=most) for key, most in _KIND.items()}
    sentences = _texts(row.get("sentences"), slots, f"{where}.sentences", faults) if slots else {}
    return KindWords(**texts, sentences=sentences) if len(faults) == before else None


def read_letters(data: Mapping[str, Any], analytes: Sequence[str], faults: list[str]) -> LetterWords | None:
    """The texts of the letters, in which nothing of a patient may stand; `analytes`: names none may say."""
    before = len(faults)
    alone = _texts(data.get("letter"), LETTER, "letter", faults)
    together = _texts(data.get("letter_together"), LETTER_TOGETHER, "letter_together", faults)
    for table, texts in (("letter", alone), ("letter_together", together)):
        for key, text in texts.items():
            _check_harmless(text, f"{table}: {key}", analytes, faults)
        _check_subject(texts.get("subject", ""), table, faults)
    return LetterWords(alone=alone, together=together) if len(faults) == before else None


def check_in_letters(word: str, where: str, analytes: Sequence[str], faults: list[str]) -> None:
    """A word of another table that letters say as well: short, plain, and nothing of a patient."""
    if len(word) > _WORD_LONGEST or not word.isprintable():
        faults.append(f"{where} must be plain letters in one line, at most {_WORD_LONGEST}; shorten it.")
    _check_harmless(word, where, analytes, faults)


def _texts(row: Any, slots: Slots, where: str, faults: list[str]) -> dict[str, str]:
    """Every text of one table, each with exactly its names."""
    if not isinstance(row, Mapping):
        faults.append(f"[{where}] is missing; {_SHIPPED}.")
        return {}
    table = _Table(row=row, where=where, faults=faults)
    table.check_keys(set(slots))
    return {key: table.text(key, names, longest=_LINE_LONGEST) for key, names in slots.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """One table of texts, where it stands, and the faults found so far."""

    row: Mapping[str, Any]
    where: str
    faults: list[str]

    def check_keys(self, wanted: set[str]) -> None:
        """A key that nobody reads would look as if it counted."""
        self.faults.extend(
            f"{self.where}: unknown key {key!r}; take it out." for key in sorted(set(self.row) - wanted)
        )

    def text(self, key: str, names: frozenset[str], *, longest: int) -> str:
        """One line of plain text that holds each of its names, and no other."""
        value = self.row.get(key)
        if not isinstance(value, str) or not value.strip():
            self.faults.append(f"{self.where}: {key} must be a text; {_SHIPPED}.")
            return ""
        if not value.isprintable() or value != value.strip():
            self.faults.append(
                f"{self.where}: {key} must be one line without hidden characters or blanks around it; "
                "write it anew."
            )
        if len(value) > longest:
            self.faults.append(
                f"{self.where}: {key} has {len(value)} characters; shorten it to at most {longest}."
            )
        _check_names(value, names, f"{self.where}: {key}", self.faults)
        return value


def _check_names(text: str, names: frozenset[str], where: str, faults: list[str]) -> None:
    held = set(NAME.findall(text))
    may = f"only {', '.join(f'{{{name}}}' for name in sorted(names))}" if names else "no name in braces"
    faults += [
        f"{where} may not hold {{{name}}}: it may hold {may}, and nothing that could name a patient."
        for name in sorted(held - names)
    ]
    # A fact that is left out is one that nobody reads.
    faults += [f"{where} must hold {{{name}}}; put it back." for name in sorted(names - held)]
    if set(NAME.sub("", text)) & {"{", "}"}:
        faults.append(f"{where}: a brace may only stand around one of its names, such as {{since}}; {may}.")


def _check_subject(text: str, table: str, faults: list[str]) -> None:
    """How long it is once it is filled, at its longest."""
    length = len(fill(text, _WIDEST)) if set(NAME.findall(text)) <= set(_WIDEST) else 0
    if length > _SUBJECT_LONGEST:
        faults.append(
            f"{table}: subject is {length} characters long once it is filled, too long for a subject line; "
            f"shorten it to at most {_SUBJECT_LONGEST}."
        )


def _check_harmless(text: str, where: str, analytes: Sequence[str], faults: list[str]) -> None:
    """No word, number or address that could tell anything of a patient: a letter is read by anybody."""
    plain = NAME.sub(" ", text)
    lower = plain.lower()
    telling = [word for word in _TELLING if word in lower]
    telling += [name for name in analytes if _stands_in(name, plain)]
    faults += [
        f"{where} says {word!r}, which tells of a patient what a letter must not; use other words."
        for word in dict.fromkeys(telling)
    ]
    if _LONG_NUMBER.search(plain):
        faults.append(
            f"{where} holds a number that could be a value, a day or a patient's number; leave it out."
        )
    if _ADDRESS.search(plain):
        faults.append(f"{where} holds an address; leave it out, the letter brings its own link.")


def _stands_in(name: str, text: str) -> bool:
    """Whether an analyte is named: a short name as it is written, a longer one however it is written."""
    flags = re.IGNORECASE if len(name) > 4 else re.NOFLAG
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, flags) is not None
