"""The words of a course: activities in both units, states with an icon, codes as words."""

from decimal import Decimal

import pytest

from courses.models import TherapyStep
from courses.rules.order_states import OrderState
from courses.templatetags.course_words import (
    action_badge,
    activity,
    item_words,
    state_badge,
    step_words,
    words,
)


@pytest.mark.parametrize(
    ("gbq", "shown"),
    [
        ("7.4", "7.4 GBq (200 mCi)"),
        (Decimal("3.7000"), "3.7 GBq (100 mCi)"),
        (Decimal("7.25"), "7.25 GBq (195.9 mCi)"),
        (None, "–"),
    ],
)
def test_an_activity_is_told_in_gigabecquerel_and_millicurie(gbq, shown):
    assert activity(gbq) == shown


@pytest.mark.parametrize("action", ["proceed", "reduce", "hold", "delay", "stop"])
def test_every_action_has_a_word_and_an_icon_of_its_own(action):
    badge = action_badge(action)
    assert badge["word"].lower() == action
    others = [action_badge(other)["icon"] for other in ("proceed", "reduce", "hold", "delay", "stop")]
    assert others.count(badge["icon"]) == 1


def test_an_unknown_action_is_shown_as_it_stands_and_marked_as_unknown():
    assert action_badge("new") == {"kind": "new", "word": "new", "icon": "help"}


@pytest.mark.parametrize("state", list(OrderState))
def test_every_order_state_has_a_word_and_an_icon(state):
    badge = state_badge(state.value)
    assert badge["word"].lower() == state.value
    assert badge["icon"] != "help"


def test_codes_become_words():
    assert words("steroid_cover") == "steroid cover"
    assert words("sstr_imaging") == "SSTR imaging"


def test_an_order_line_reads_as_a_sentence():
    line = {"product": "amino acids", "volume": "1 L", "text": "Start before.", "route": ""}
    assert item_words(line) == "amino acids, volume 1 L. Start before."
    assert item_words("as written") == "as written"


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        ("pregnancy", {"finding": "not_possible"}, "Pregnancy: Pregnancy is not possible"),
        ("antiemetic", {"medicine": "granisetron", "amount": "1 mg"}, "medicine: granisetron; amount: 1 mg"),
        (
            "residual",
            {"activity": "0.1 GBq", "gbq": "0.1", "what": "vial"},
            "activity: 0.1 GBq; Of what: Vial",
        ),
        ("not_given", {"reason": "vial_late", "note": "", "vial": "kept"}, "reason: vial late; vial: kept"),
    ],
)
def test_an_entry_of_a_day_is_told_in_the_words_it_was_asked_in(kind, data, told):
    assert step_words(TherapyStep(kind=kind, data=data)) == told


def test_a_time_in_an_entry_of_a_day_stands_on_the_clinics_clock():
    data = {
        "short_acting": "last",
        "short_acting_at": "2026-05-04T06:10:00+00:00",
        "long_acting": "none",
    }
    assert "4 May 2026 08:10 CEST" in step_words(TherapyStep(kind="analogue", data=data))


def test_what_is_called_back_has_a_word_and_an_icon_of_its_own():
    assert state_badge("called_back") == {"kind": "called_back", "word": "Called back", "icon": "undo"}
