"""What is asked before a course is started, and what an answer points out; no answer blocks by itself."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from courses.rules.data_reader import TableReader
from courses.rules.values import Source


class AnswerKind(StrEnum):
    """How a question is answered."""

    CHOICE = "choice"
    NUMBER = "number"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One answer to choose, and what it points out; empty where nothing."""

    value: str
    text: str
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A number beyond which something is pointed out."""

    limit: Decimal
    warning: str
    is_upper: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question: a choice must be made; a number or day may stay empty, which is pointed out."""

    id: str
    text: str
    kind: AnswerKind
    source: Source
    options: tuple[Option, ...] = ()
    least: Decimal | None = None
    most: Decimal | None = None
    limits: tuple[Limit, ...] = ()
    when_empty: str = ""


class BadAnswer(ValueError):
    """An answer that cannot be; the text says why and what to do."""


def read_questions(data: object) -> tuple[Question, ...]:
    """Read the file of questions; each id once. Raises DataError."""
    table = TableReader(data)
    table.text("id")
    table.text("title")
    found: dict[str, Question] = {}
    for item in table.tables("question"):
        question = _question(item)
        if question.id in found:
            raise item.fault("id", f"{question.id} stands twice", "keep one")
        found[question.id] = question
    table.finish()
    return tuple(found.values())


def _question(table: TableReader) -> Question:
    kind = table.choice("kind", AnswerKind)
    is_number = kind is AnswerKind.NUMBER
    found = Question(
        id=table.text("id"),
        text=table.text("text"),
        kind=kind,
        source=table.source(),
        options=tuple(_options(table)) if kind is AnswerKind.CHOICE else (),
        least=table.number("least") if is_number else None,
        most=table.number("most") if is_number else None,
        limits=tuple(_limits(table)) if is_number else (),
        when_empty=table.text("when_empty") if kind is not AnswerKind.CHOICE else "",
    )
    table.finish()
    return found


def _options(table: TableReader) -> Iterator[Option]:
    for item in table.tables("options"):
        warning = item.text("warning") if item.has("warning") else ""
        yield Option(value=item.text("value"), text=item.text("text"), warning=warning)
        item.finish()


def _limits(table: TableReader) -> Iterator[Limit]:
    for key, is_upper in (("above", True), ("at_most", False)):
        for item in table.tables(key) if table.has(key) else ():
            yield Limit(limit=item.number("limit"), warning=item.text("warning"), is_upper=is_upper)
            item.finish()


def words_of(question: Question, answer: str) -> str:
    """An answer as it is recorded; empty where a number or day was left out. Raises BadAnswer."""
    said = answer.strip()
    match question.kind:
        case AnswerKind.CHOICE:
            option = next((each for each in question.options if each.value == said), None)
            if option is None:
                raise BadAnswer("choose one of the answers")
            return option.text
        case AnswerKind.NUMBER:
            return "" if not said else f"{_number(question, said):f}"
        case AnswerKind.DAY:
            return "" if not said else _day(said).isoformat()


def warnings_of(questions: tuple[Question, ...], answers: Mapping[str, str]) -> Iterator[str]:
    """What the answers point out, in the order of the questions. Raises BadAnswer."""
    for question in questions:
        said = answers.get(question.id, "").strip()
        if question.kind is AnswerKind.CHOICE:
            yield from (each.warning for each in question.options if each.value == said and each.warning)
        elif not said:
            yield question.when_empty
        elif question.kind is AnswerKind.NUMBER:
            number = _number(question, said)
            for each in question.limits:
                if number > each.limit if each.is_upper else number <= each.limit:
                    yield each.warning


def _number(question: Question, said: str) -> Decimal:
    try:
        number = Decimal(said)
    except InvalidOperation as error:
        raise BadAnswer("write a number, for example 15") from error
    if not number.is_finite():
        raise BadAnswer("write a number, for example 15")
    assert question.least is not None
    assert question.most is not None
    if not question.least <= number <= question.most:
        raise BadAnswer(f"write a number from {question.least} to {question.most}")
    return number


def _day(said: str) -> date:
    try:
        return date.fromisoformat(said)
    except ValueError as error:
        raise BadAnswer("write a day as year-month-day, for example 2026-05-04") from error
