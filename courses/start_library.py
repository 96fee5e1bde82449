"""Read the file of questions asked before a course is started, once."""

import hashlib
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path

from courses.library import LibraryError
from courses.rules.data_reader import DataError
from courses.rules.start_questions import Question, read_questions

FILE = Path(__file__).parent / "protocols" / "start" / "questions.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class StartQuestions:
    """The questions, with the SHA-256 of the file they were read from."""

    questions: tuple[Question, ...]
    sha256: str


@cache
def start_questions(file: Path = FILE) -> StartQuestions:
    """The questions of this installation. Raises LibraryError where the file is not whole."""
    raw = file.read_bytes()
    try:
        found = read_questions(tomllib.loads(raw.decode("utf-8"), parse_float=Decimal))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        fault = DataError(key="(file)", reason=f"is not readable TOML: {error}", remedy="correct that line")
        raise LibraryError(file=file.name, error=fault) from error
    except DataError as error:
        raise LibraryError(file=file.name, error=error) from error
    return StartQuestions(questions=found, sha256=hashlib.sha256(raw).hexdigest())
