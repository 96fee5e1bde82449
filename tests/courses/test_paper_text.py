"""What patients read: the same numbers and days in every language, short sentences, nothing guessed."""

import re
from collections import Counter
from typing import Any

import pytest

from courses.models import PaperKind
from courses.paper_library import FOLDER, paper_numbers, paper_words
from courses.paper_text import Paper, word_paper

LONGEST_SENTENCE = 20  # words
CLINIC = {"name": "Clinic", "phone": "030 5550100", "place": "House C"}
COMMON: dict[str, Any] = {
    "patient": {"name": "Ada Ahorn", "born": "1961-03-02", "number": "T-1"},
    "clinic": CLINIC,
    "fever_celsius": "38",
}
VISITS = [
    {"kind": "last_draw", "cycle": 2, "first": "2026-12-21", "last": "2027-01-04", "unknown": False},
    {"kind": "long_acting_stop", "cycle": 2, "first": "2026-12-14", "last": "2026-12-14", "unknown": False},
    {"kind": "pregnancy_test", "cycle": 2, "first": "2027-01-01", "last": "2027-01-08", "unknown": True},
    {"kind": "therapy", "cycle": 2, "first": "2027-01-11", "last": "2027-01-11", "unknown": False},
    {"kind": "months", "months": 6, "first": "2027-07-01", "last": "2027-07-25", "unknown": False},
]
DAY = {
    "cycle": 2, "on": "2027-01-11", "start": "10:00", "stay_hours": 5, "full_meal_hours": 4,
    "glasses_per_hour": 1, "amino_lead_minutes": "30", "amino_hours": "4.5", "observation_minutes": "120",
    "short_acting_off_hours": "24", "long_acting_stop": "2026-12-14",
}  # fmt: skip
HOME: dict[str, Any] = {
    "cycle": 1, "ask": "", "on": "2026-05-04", "sex": "female", "birth_months": [7],
    "birth_until": ["2026-12-04"], "breast_days": 77, "breast_until": "2026-07-20",
    "rules": [
        {"kind": each.kind.value, "days": each.days, "metres": "1.5", "minutes": 15, "until": "2026-05-11"}
        for each in paper_numbers().numbers.precautions
    ],
}  # fmt: skip
CARD: dict[str, Any] = {
    "cycle": 1, "ask": "", "product": "lutetium Lu 177 dotatate", "nuclide": "Lu-177",
    "half_life_days": "6.647", "given": [{"on": "2026-05-04", "gbq": "7.21"}],
    "survey": {"rate": "18.5", "metres": "1", "at": "2026-05-04T14:55+02:00"},
    "carry_until": "2026-07-10", "fluids_until": "2026-06-03", "distance_until": "2026-05-11",
}  # fmt: skip
UNKNOWN = {"until": None}
PAPERS: dict[str, tuple[PaperKind, dict[str, Any]]] = {
    "plan": (PaperKind.SCHEDULE, {"visits": VISITS}),
    "no visit": (PaperKind.SCHEDULE, {"visits": []}),
    "day": (PaperKind.DAY, DAY),
    "day without a washout": (PaperKind.DAY, DAY | {"long_acting_stop": None}),
    "home": (PaperKind.HOME, HOME),
    "home before it": (
        PaperKind.HOME,
        HOME
        | {"ask": "not_given", "on": None, "birth_until": [], "breast_until": None}
        | {"rules": [each | UNKNOWN for each in HOME["rules"]]},
    ),
    "home after more": (
        PaperKind.HOME,
        HOME | {"ask": "activity", "rules": [each | UNKNOWN for each in HOME["rules"]]},
    ),
    "home of a man": (PaperKind.HOME, HOME | {"sex": "male", "birth_months": [4], "breast_days": None}),
    "home of nobody known": (PaperKind.HOME, HOME | {"sex": "", "birth_months": [7, 4]}),
    "card": (PaperKind.CARD, CARD),
    "card unmeasured": (PaperKind.CARD, CARD | {"survey": None, "carry_until": None}),
}


def made(name: str, language: str, **more: Any) -> Paper:
    kind, facts = PAPERS[name]
    return word_paper(kind, COMMON | facts | more, paper_words()[language])


def lines_of(paper: Paper) -> list[str]:
    found = [paper.title, paper.born]
    for section in paper.sections:
        found.append(section.title)
        for block in section.blocks:
            found += [*block.lines, *block.head, *(cell for row in block.rows for cell in row)]
    return found


def numbers_of(paper: Paper) -> Counter[str]:
    """Every number of a paper, and every day with its month as a number, whatever the language writes."""
    form, text = paper.words.parts["form"], " ".join(lines_of(paper)).replace("\u00a0", " ")
    for place, (month, weekday) in enumerate(
        zip(form["months"], [*form["weekdays"]] + [""] * 5, strict=True)
    ):
        text = re.sub(rf"\b{month}\b", f"month-{place + 1}", text)
        text = re.sub(rf"\b{weekday}\b", f"weekday-{place + 1}", text) if weekday else text
    text = re.sub(r"(\d),(\d)", r"\1.\2", text) if form["decimal"] == "," else text
    return Counter(re.findall(r"(?:weekday-|month-)?\d+(?:[.:]\d+)*", text))


@pytest.mark.parametrize("name", PAPERS)
def test_every_language_tells_the_same_numbers_and_days(name):
    english, german = made(name, "en"), made(name, "de")
    assert numbers_of(english) == numbers_of(german)
    assert numbers_of(english)
    assert len(lines_of(english)) == len(lines_of(german))


def test_days_and_numbers_are_written_as_the_language_writes_them():
    german = " ".join(lines_of(made("card", "de"))).replace("\u00a0", " ")
    assert "7,21 GBq am Montag, 4. Mai 2026" in german
    assert "18,5 Mikrosievert pro Stunde in 1 m, gemessen am Montag, 4. Mai 2026 um 14:55 Uhr" in german
    english = " ".join(lines_of(made("plan", "en"))).replace("\u00a0", " ")
    assert "Monday, 21 December 2026 to Monday, 4 January 2027" in english
    assert "Friday, 1 January to Friday, 8 January 2027" in english
    assert "We do not know yet whether you need this. Please ask us." in english


def test_what_is_not_known_is_asked_and_never_guessed():
    before = " ".join(lines_of(made("home before it", "en")))
    assert "for 15 days after the treatment" in before
    assert "we count the day with you" in before
    assert "May" not in before
    more = " ".join(lines_of(made("home after more", "en")))
    assert more.count("The clinic writes the day here:") == len(HOME["rules"])
    assert "Please ask us" in " ".join(lines_of(made("home of nobody known", "en")))
    bare = made("day", "en", clinic={"name": "Clinic", "phone": "", "place": ""})
    to_write = [line for section in bare.sections for block in section.blocks if block.kind == "write"
                for line in block.lines]  # fmt: skip
    assert to_write == [
        "The clinic writes the place here:",
        "Come at this time (the clinic writes it here):",
        "The clinic writes its telephone number here:",
    ]


def test_the_words_hold_no_number_and_no_long_sentence():
    for words in paper_words().values():
        for part, texts in words.parts.items():
            for name, text in texts.items():
                if part == "form":
                    continue
                plain = re.sub(r"\{\w+\}", "x", text)
                assert not re.search(r"\d", plain), f"{words.language} {part}.{name}"
                for sentence in re.split(r"[.?!:] ", plain):
                    assert len(sentence.split()) <= LONGEST_SENTENCE, f"{part}.{name}: {sentence}"


def test_every_word_that_is_written_is_used():
    source = " ".join(
        path.read_text(encoding="utf-8")
        for path in [*FOLDER.parents[1].glob("paper_*.py"), FOLDER.parents[1] / "views" / "papers.py"]
    )
    made_up = {"visit", "form"} | {f"home.{each['kind']}" for each in HOME["rules"]}
    for part, texts in paper_words()["en"].parts.items():
        for name in texts:
            key = f"{part}.{name}"
            known = part in made_up or key in made_up or key in source or f'"{name}"' in source
            assert known or key.startswith("home.birth_") or key.endswith(".title"), key
