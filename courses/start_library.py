"""Read the file of questions asked before a course is started, once."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from courses.data_file import faults_of, read_data_file
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
    read = read_data_file(file)
    with faults_of(file):
        found = read_questions(read.data)
    return StartQuestions(questions=found, sha256=read.sha256)
