"""What is asked before a course: read strictly, answered in words, pointed out at, above and below limits."""

import copy
import tomllib
from decimal import Decimal

import pytest

from courses.rules.data_reader import DataError
from courses.rules.start_questions import BadAnswer, read_questions, warnings_of, words_of
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


def test_answers_are_recorded_in_words():
    assert words_of(QUESTIONS["EL-13"], "carcinoma") == "Neuroendocrine carcinoma"
    assert words_of(QUESTIONS["EL-11"], " 4.5 ") == "4.5"
    assert words_of(QUESTIONS["EL-23"], "") == ""


@pytest.mark.parametrize(
    ("place", "key", "value", "fault"),
    [
        (0, "colour", "red", "unknown key"),
        (0, "kind", "guess", "is not known"),
        (0, "source", None, "every number names its source"),
        (1, "id", "EL-23", "stands twice"),
        (2, "most", "many", "must be a number"),
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
