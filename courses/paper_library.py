"""Read the numbers and the words of patients' papers, each file once; a damaged one is refused."""

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

from courses.data_file import LibraryError, faults_of, read_data_file
from courses.rules.data_reader import DataError
from courses.rules.precautions import PaperNumbers, read_numbers

FOLDER = Path(__file__).parent / "protocols" / "papers"
NUMBERS = FOLDER / "lutetium_177_dotatate.toml"
LANGUAGES = ("en", "de")
_WEEKDAYS, _MONTHS = 7, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedNumbers:
    """The numbers, with the SHA-256 of the file they were read from."""

    numbers: PaperNumbers
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What one language says: texts by part and key, and how it writes days and numbers."""

    language: str
    name: str
    parts: Mapping[str, Mapping[str, Any]]
    sha256: str

    def say(self, key: str, **facts: object) -> str:
        """One text with what it tells filled in; `key` is `part.name`."""
        part, _, name = key.partition(".")
        return str(self.parts[part][name]).format(**facts)


def numbers_file() -> Path:
    """The clinic's own file where one is named, else the one that is shipped."""
    return settings.PATIENT_PAPERS or NUMBERS


def paper_numbers() -> PinnedNumbers:
    """The numbers of this installation. Raises LibraryError where the file is not whole."""
    return _numbers(numbers_file())


@cache
def _numbers(file: Path) -> PinnedNumbers:
    read = read_data_file(file)
    with faults_of(file):
        return PinnedNumbers(numbers=read_numbers(read.data), sha256=read.sha256)


@cache
def paper_words() -> Mapping[str, Words]:
    """The words by language. Raises LibraryError where one language says less than another."""
    found = {language: _words(FOLDER / f"words_{language}.toml") for language in LANGUAGES}
    first = found[LANGUAGES[0]]
    for words in found.values():
        for key in sorted(set(_blanks(first)) ^ set(_blanks(words))):
            raise _fault(words, key, "stands in one language only", "write it in every language")
        for key, blanks in _blanks(words).items():
            if blanks != _blanks(first)[key]:
                raise _fault(words, key, "tells other facts than another language", "use the same braces")
    return found


def _words(file: Path) -> Words:
    read = read_data_file(file)
    data, parts = read.data, {key: part for key, part in read.data.items() if isinstance(part, dict)}
    found = Words(
        language=str(data.get("language", "")),
        name=str(data.get("name", "")),
        parts=parts,
        sha256=read.sha256,
    )
    form = parts.get("form", {})
    if (len(form.get("weekdays", ())), len(form.get("months", ()))) != (_WEEKDAYS, _MONTHS):
        raise _fault(found, "form", "does not name every weekday and month", "write them all")
    return found


def _blanks(words: Words) -> dict[str, frozenset[str]]:
    """By text, the facts that it is filled with."""
    return {
        f"{part}.{name}": frozenset(field for _, field, _, _ in string.Formatter().parse(str(text)) if field)
        for part, texts in words.parts.items()
        for name, text in texts.items()
    }


def _fault(words: Words, key: str, reason: str, remedy: str) -> LibraryError:
    return LibraryError(
        file=f"words_{words.language}.toml", error=DataError(key=key, reason=reason, remedy=remedy)
    )
