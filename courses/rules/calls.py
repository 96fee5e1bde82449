"""Say which calls belong to a cycle, what is asked, by when they are due, and which answers concern."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from courses.rules.data_reader import TableReader
from courses.rules.values import Sex, Source
from labs.clinic_days import add_days

OTHER = "other"  # a call or visit that no plan asks for
# A clinic that is closed for longer rings on the day before (our choice).
LONGEST_CLOSURE_DAYS = 14


class Answer(StrEnum):
    """What was answered; not knowing is an answer of its own."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Anchor(StrEnum):
    """The day a call hangs on: the planned day of a cycle, or the day on which it was given."""

    PLANNED = "planned"
    GIVEN = "given"


class CallState(StrEnum):
    """Where a call stands on a day; a missed one is not chased any more."""

    COMING = "coming"
    DUE = "due"
    OVERDUE = "overdue"
    MISSED = "missed"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQuestion:
    """One question: the answer that needs nobody, what to do about any other, and if that asks for a hold.

    `records` names the kind of fact such an answer is recorded as; `not_asked_of` those it cannot concern.
    """

    id: str
    text: str
    expected: Answer
    advice: str
    asks_for_hold: bool
    source: Source
    records: str = ""
    not_asked_of: tuple[Sex, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """One call of each cycle; `open_days_before` counts back from a planned day, the rest on from a given."""

    id: str
    title: str
    anchor: Anchor
    questions: tuple[CallQuestion, ...]
    source: Source
    open_days_before: int = 0
    first_day: int = 0
    last_day: int = 0
    missed_after_day: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDays:
    """From `first` on, overdue after `last`, missed after `until`."""

    first: date
    last: date
    until: date

    def state(self, *, today: date, is_done: bool) -> CallState:
        """Where the call stands on a day."""
        if is_done:
            return CallState.DONE
        if today < self.first:
            return CallState.COMING
        if today <= self.last:
            return CallState.DUE
        return CallState.OVERDUE if today <= self.until else CallState.MISSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """An answer that somebody must do something about."""

    question: CallQuestion
    answer: Answer

    @property
    def words(self) -> str:
        """The question with its answer."""
        return f"{self.question.text} {ANSWER_WORDS[self.answer]}"


ANSWER_WORDS: Mapping[Answer, str] = {
    Answer.YES: "Yes",
    Answer.NO: "No",
    Answer.UNKNOWN: "Not known",
}


def days_of(call: CallPlan, *, on: date, is_open: Callable[[date], bool]) -> CallDays:
    """When a call about a therapy of this day is due; before it, nobody is rung on a closed day."""
    if call.anchor is Anchor.PLANNED:
        first = on
        for _ in range(call.open_days_before):
            first = _open_day_before(first, is_open)
        return CallDays(first=first, last=add_days(on, -1), until=on)
    return CallDays(
        first=add_days(on, call.first_day),
        last=add_days(on, call.last_day),
        until=add_days(on, call.missed_after_day),
    )


def _open_day_before(day: date, is_open: Callable[[date], bool]) -> date:
    """The last day before this one on which the clinic works; after a long closure simply the day before."""
    found = (add_days(day, -n) for n in range(1, LONGEST_CLOSURE_DAYS + 1))
    return next((each for each in found if is_open(each)), add_days(day, -1))


def asked_of(call: CallPlan, sex: Sex | None) -> tuple[CallQuestion, ...]:
    """The questions of a call that can concern this patient; where the sex is not known, all of them."""
    return tuple(question for question in call.questions if sex not in question.not_asked_of)


def concerns(questions: Iterable[CallQuestion], answers: Mapping[str, str]) -> Iterator[Concern]:
    """Every answer other than the expected one; what nobody answered is no answer and concerns as unknown."""
    for question in questions:
        answer = Answer(answers.get(question.id, Answer.UNKNOWN))
        if answer is not question.expected:
            yield Concern(question=question, answer=answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlans:
    """Everything the file of calls says: each call by its id, and the terms offered for complaints."""

    calls: Mapping[str, CallPlan]
    symptom_terms: tuple[str, ...]


def read_calls(data: object) -> CallPlans:
    """Read the file of calls; each id once. Raises DataError."""
    table = TableReader(data)
    table.text("id")
    table.text("title")
    terms = table.table("symptoms")
    symptom_terms = terms.texts("terms")
    terms.source()
    terms.finish()
    found: dict[str, CallPlan] = {}
    for item in table.tables("call"):
        call = _call(item)
        if call.id in found or call.id == OTHER:
            raise item.fault("id", f"{call.id} stands twice, or means any other call", "take another word")
        found[call.id] = call
    table.finish()
    return CallPlans(calls=found, symptom_terms=symptom_terms)


def _call(table: TableReader) -> CallPlan:
    anchor = table.choice("anchor", Anchor)
    before = table.whole("open_days_before", least=1) if anchor is Anchor.PLANNED else 0
    first, last, missed = (
        (table.whole("first_day"), table.whole("last_day"), table.whole("missed_after_day"))
        if anchor is Anchor.GIVEN
        else (0, 0, 0)
    )
    if not first <= last <= missed:
        raise table.fault("last_day", "lies before first_day, or after missed_after_day", "let them rise")
    found = CallPlan(
        id=table.text("id"),
        title=table.text("title"),
        anchor=anchor,
        questions=tuple(_questions(table)),
        source=table.source(),
        open_days_before=before,
        first_day=first,
        last_day=last,
        missed_after_day=missed,
    )
    table.finish()
    return found


def _questions(table: TableReader) -> Iterator[CallQuestion]:
    known: set[str] = set()
    for item in table.tables("question"):
        question = CallQuestion(
            id=item.text("id"),
            text=item.text("text"),
            expected=item.choice("expected", Answer),
            advice=item.text("advice"),
            asks_for_hold=item.flag("asks_for_hold"),
            source=item.source(),
            records=item.text("records") if item.has("records") else "",
            not_asked_of=_not_asked_of(item) if item.has("not_asked_of") else (),
        )
        if question.expected is Answer.UNKNOWN:
            raise item.fault("expected", "not knowing is never what is expected", "write yes or no")
        if question.id in known:
            raise item.fault("id", f"{question.id} stands twice", "keep one")
        known.add(question.id)
        item.finish()
        yield question


def _not_asked_of(table: TableReader) -> tuple[Sex, ...]:
    words = table.texts("not_asked_of")
    known = [sex.value for sex in Sex]
    unknown = [word for word in words if word not in known]
    if unknown:
        raise table.fault("not_asked_of", f"{unknown[0]!r} is not known", f"use one of: {', '.join(known)}")
    return tuple(Sex(word) for word in words)
