"""The words of alerts: which names a text holds, how they are filled, how they are kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.library import policy
from alerts.rules import Kind
from alerts.wording import (
    LETTER,
    LETTER_TOGETHER,
    NAME,
    SENTENCES,
    Wording,
    fill,
    wording_as_data,
    wording_from_data,
)


def wording(kind: Kind) -> Wording:
    return Wording(kind=policy().kinds[kind].words, letters=policy().letters, severities=policy().words)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_its_title_its_meaning_what_to_do_and_its_sentences(kind: Kind) -> None:
    words = policy().kinds[kind].words
    assert words.title
    assert words.meaning.endswith(".")
    assert words.to_do.endswith(".")
    assert {name: set(NAME.findall(text)) for name, text in words.sentences.items()} == {
        name: set(names) for name, names in SENTENCES.get(kind, {}).items()
    }


def test_no_two_kinds_bear_one_title() -> None:
    titles = [entry.words.title for entry in policy().kinds.values()]
    assert len(set(titles)) == len(titles) == len(Kind)


def test_no_letter_has_a_place_for_anything_of_a_patient() -> None:
    places = {name for slots in (LETTER, LETTER_TOGETHER) for names in slots.values() for name in names}
    assert places == {"clinic", "phone", "severity", "ref", "alerts", "critical", "time"}


def test_what_is_filled_in_is_never_read_as_a_place_again() -> None:
    assert fill("{clinic}: ref {ref}", {"clinic": "The {ref} {clinic}", "ref": "7F3K-2Q"}) == (
        "The {ref} {clinic}: ref 7F3K-2Q"
    )


@pytest.mark.parametrize(
    "text", ["{ref.__class__}", "{ref[0]}", "{ref!r}", "{ref:>9}", "{}", "{0}", "{{", "}"]
)
def test_nothing_but_a_plain_name_is_a_place(text: str) -> None:
    assert fill(text, {"ref": "7F3K-2Q"}) == text


@given(st.text(), st.text())
def test_filling_puts_every_word_where_its_name_stood(before: str, said: str) -> None:
    before = before.replace("{", "(").replace("}", ")")
    assert fill(f"{before}{{ref}}", {"ref": said}) == f"{before}{said}"


@pytest.mark.parametrize("kind", list(Kind))
def test_words_frozen_into_an_alert_come_back_the_same(kind: Kind) -> None:
    frozen = wording_as_data(wording(kind))
    other = wording(Kind.STOP if kind is Kind.HOLD else Kind.HOLD)
    back = wording_from_data(frozen, missing=other)
    assert (back.kind.title, back.letters, back.severities) == (
        wording(kind).kind.title,
        policy().letters,
        policy().words,
    )
    assert wording_from_data(frozen, missing=wording(kind)) == wording(kind)


def test_a_text_that_was_not_yet_written_then_is_the_one_of_now() -> None:
    frozen = wording_as_data(wording(Kind.DEVIATION))
    del frozen["sentences"]["not_authorised"], frozen["letter"]["closing"], frozen["to_do"]
    assert wording_from_data(frozen, missing=wording(Kind.DEVIATION)) == wording(Kind.DEVIATION)
