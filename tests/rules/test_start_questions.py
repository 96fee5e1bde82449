"""What is asked before a course: read strictly, answered in words, pointed out at, above and below limits."""

import copy
import tomllib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from courses.rules.data_reader import DataError
from courses.rules.start_questions import (
    AnswerKind,
    BadAnswer,
    Limit,
    Option,
    Question,
    read_questions,
    warnings_of,
    words_of,
)
from courses.rules.values import Source
from courses.start_library import FILE, start_questions

QUESTIONS = {each.id: each for each in start_questions().questions}
USUAL = {
    "EL-23": "2026-01-07", "EL-13": "well", "EL-11": "4", "EL-08": "yes", "EL-09": "no", "EL-16": "no",
    "EL-15": "no", "EL-19": "90", "EL-22": "no",
}  # fmt: skip


def pointed_out(**said: str) -> list[str]:
    return list(
        warnings_of(tuple(QUESTIONS.values()), USUAL | {k.replace("_", "-"): v for k, v in said.items()})
    )


def test_usual_answers_point_nothing_out():
    assert pointed_out() == []


@pytest.mark.parametrize(
    ("ki67", "count"), [("20", 0), ("20.1", 1), ("21", 1), ("55", 1), ("55.1", 2), ("100", 2), ("0", 0)]
)
def test_ki67_is_pointed_out_above_its_limits_only(ki67, count):
    assert len(pointed_out(EL_11=ki67)) == count


@pytest.mark.parametrize(("karnofsky", "count"), [("51", 0), ("50", 1), ("0", 1)])
def test_karnofsky_is_pointed_out_at_its_limit_and_below(karnofsky, count):
    assert len(pointed_out(EL_19=karnofsky)) == count


def test_every_unknown_and_every_empty_answer_is_pointed_out():
    for question in QUESTIONS.values():
        unknown = [each for each in question.options if each.value in {"unknown", "not_imaged"}]
        said = unknown[0].value if unknown else ""
        assert len(pointed_out(**{question.id.replace("-", "_"): said})) == 1, question.id


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("EL-11", "-1"),
        ("EL-11", "101"),
        ("EL-11", "NaN"),
        ("EL-11", "much"),
        ("EL-11", "1e999"),
        ("EL-13", ""),
        ("EL-13", "good"),
        ("EL-23", "7.1.2026"),
    ],
)
def test_what_is_no_answer_is_refused_with_what_to_do(question, said):
    with pytest.raises(BadAnswer, match=r"write a|choose one"):
        words_of(QUESTIONS[question], said)


@pytest.mark.parametrize(
    ("question", "said", "refusal"),
    [
        ("EL-13", "good", "choose one of the answers"),
        ("EL-11", "much", "write a number, for example 15"),
        ("EL-11", "Infinity", "write a number, for example 15"),
        ("EL-11", "101", "write a number from 0 to 100"),
        ("EL-23", "7.1.2026", "write a day as year-month-day, for example 2026-05-04"),
    ],
)
def test_a_refusal_says_how_to_answer(question, said, refusal):
    with pytest.raises(BadAnswer) as caught:
        words_of(QUESTIONS[question], said)
    assert str(caught.value) == refusal


@pytest.mark.parametrize(
    ("question", "said", "recorded"),
    [
        ("EL-13", "carcinoma", "Neuroendocrine carcinoma"),
        ("EL-11", " 4.5 ", "4.5"),
        ("EL-11", "2e1", "20"),
        ("EL-11", " ", ""),
        ("EL-23", "2026-01-07", "2026-01-07"),
        ("EL-23", "", ""),
    ],
)
def test_answers_are_recorded_in_words(question, said, recorded):
    assert words_of(QUESTIONS[question], said) == recorded


def test_a_question_that_nobody_answered_points_out_what_an_empty_answer_does():
    questions = (QUESTIONS["EL-23"], QUESTIONS["EL-13"], QUESTIONS["EL-11"])
    assert list(warnings_of(questions, {})) == [
        "No decision of a tumour board is recorded.",
        "No Ki-67 index is recorded.",
    ]


def a_file() -> dict[str, Any]:
    """One question of each kind, as a file has them."""
    source = {"document": "a review", "section": "EL-01", "confidence": "S", "checked": date(2026, 11, 27)}
    options = [{"value": "yes", "text": "Yes, all"}, {"value": "no", "text": "No", "warning": "Not all."}]
    share = {
        "least": 5,
        "most": Decimal("99.5"),
        "when_empty": "No share.",
        "above": [{"limit": Decimal("20.5"), "warning": "Much."}, {"limit": 55, "warning": "Very much."}],
        "at_most": [{"limit": 10, "warning": "Little."}],
    }
    return {
        "id": "start",
        "title": "Before a course",
        "question": [
            {"id": "A", "text": "On which day?", "kind": "day", "when_empty": "No day.", "source": source},
            {"id": "B", "text": "Do all?", "kind": "choice", "options": options, "source": source},
            {"id": "C", "text": "Which share?", "kind": "number", "source": source, **share},
        ],
    }


def test_a_file_is_read_as_it_says():
    source = Source(document="a review", section="EL-01", confidence="S", checked=date(2026, 11, 27))
    assert read_questions(a_file()) == (
        Question(id="A", text="On which day?", kind=AnswerKind.DAY, source=source, when_empty="No day."),
        Question(
            id="B",
            text="Do all?",
            kind=AnswerKind.CHOICE,
            source=source,
            options=(
                Option(value="yes", text="Yes, all", warning=""),
                Option(value="no", text="No", warning="Not all."),
            ),
        ),
        Question(
            id="C",
            text="Which share?",
            kind=AnswerKind.NUMBER,
            source=source,
            least=Decimal(5),
            most=Decimal("99.5"),
            limits=(
                Limit(limit=Decimal("20.5"), warning="Much.", is_upper=True),
                Limit(limit=Decimal(55), warning="Very much.", is_upper=True),
                Limit(limit=Decimal(10), warning="Little.", is_upper=False),
            ),
            when_empty="No share.",
        ),
    )


def test_a_number_may_be_without_limits():
    data = a_file()
    del data["question"][2]["above"], data["question"][2]["at_most"]
    assert read_questions(data)[2].limits == ()


def test_an_id_that_stands_twice_is_refused_with_its_place_and_what_to_do():
    data = a_file()
    data["question"][2]["id"] = "A"
    with pytest.raises(DataError) as caught:
        read_questions(data)
    assert str(caught.value) == "question[2].id: A stands twice; keep one"


@pytest.mark.parametrize(
    ("place", "key", "value", "fault"),
    [
        (0, "colour", "red", "unknown key"),
        (0, "kind", "guess", "is not known"),
        (0, "source", None, "every number names its source"),
        (1, "id", "EL-23", "stands twice"),
        (2, "most", "many", "must be a number"),
        (0, "above", [{"limit": 20, "warning": "Late."}], "unknown key"),
        (1, "at_most", [{"limit": 20, "warning": "Few."}], "unknown key"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(place, key, value, fault):
    data = copy.deepcopy(tomllib.loads(FILE.read_text("utf-8"), parse_float=Decimal))
    if value is None:
        del data["question"][place][key]
    else:
        data["question"][place][key] = value
    with pytest.raises(DataError, match=fault):
        read_questions(data)
