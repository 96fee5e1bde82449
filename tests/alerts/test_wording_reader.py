"""The words of policy.toml: each fault is refused, with the key it stands at and what to do about it."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from alerts.library import POLICY_FILE, BadPolicy, read_policy
from labs.library import analytes

SHIPPED = POLICY_FILE.read_text(encoding="utf-8")
STOP = 'meaning = "The protocol says: stop this course."'
STOPPED = 'stopped = "No message from {source} since {since}."'
SUBJECT = 'subject = "[SAFETY {severity}] Action needed - ref {ref}"'
TO_DO = 'to_do = "Log in, read why, and acknowledge"'


def faults_of(before: str, after: str) -> list[str]:
    """What is said of the shipped policy with one of its texts changed, where that stands first."""
    assert before in SHIPPED
    with pytest.raises(BadPolicy) as refused:
        read_policy(SHIPPED.replace(before, after, 1).encode())
    return refused.value.faults


@pytest.mark.parametrize(
    ("before", "after", "faults"),
    [
        ('title = "Stop"\n', "", ["kind 'stop', words: title must be a text; copy it from the shipped"]),
        ('title = "Stop"', 'title = " "', ["kind 'stop', words: title must be a text; copy it"]),
        ('title = "Stop"', "title = 3", ["kind 'stop', words: title must be a text; copy it"]),
        (STOP, "", ["kind 'stop', words: meaning must be a text; copy it"]),
        (
            '[kind.words]\ntitle = "Stop"',
            '[kind.word]\ntitle = "Stop"',
            ["kind 'stop': unknown key 'word'", "kind 'stop', words: [kind.words] is missing; copy it"],
        ),
        (
            'title = "Stop"',
            'title = "Stop"\ncolour = "red"',
            ["kind 'stop', words: unknown key 'colour'; take it out."],
        ),
        (
            'title = "Stop"',
            'title = "Stop"\nsentences = { x = "y" }',
            ["kind 'stop', words: unknown key 'sentences'; take it out."],
        ),
        (STOPPED, "", ["kind 'feed-silent', words.sentences: stopped must be a text; copy it"]),
        (
            f"[kind.words.sentences]\n{STOPPED}",
            f"[kind.words.sentence]\n{STOPPED}",
            [
                "kind 'feed-silent', words: unknown key 'sentence'",
                "[kind 'feed-silent', words.sentences] is missing; copy it",
            ],
        ),
        (
            'title = "Stop"',
            f'title = "{"Stop " * 8}now"',
            ["kind 'stop', words: title has 43 characters; shorten it to at most 40."],
        ),
        (
            STOP,
            f'meaning = "{"s" * 121}"',
            ["kind 'stop', words: meaning has 121 characters; shorten it to at most 120."],
        ),
        (
            'title = "Stop"',
            'title = "Stop\\nBcc: x"',
            ["kind 'stop', words: title must be one line without hidden characters"],
        ),
        (
            'title = "Stop"',
            'title = "St\u202eop"',
            ["kind 'stop', words: title must be one line without hidden characters"],
        ),
        (
            "[letter]\n",
            "[letters]\n",
            ["unknown key 'letters'", "letter is missing", "[letter] is missing; copy"],
        ),
        (
            "[letter_together]\n",
            "[letter_many]\n",
            ["unknown key 'letter_many'", "letter_together is missing"],
        ),
        (TO_DO, "", ["letter: to_do must be a text; copy it"]),
        (TO_DO, f"{TO_DO}\nfooter = 'Bye'", ["letter: unknown key 'footer'; take it out."]),
        (
            SUBJECT,
            SUBJECT.replace("Action needed", "Somebody has to do something about this at once, please"),
            [
                "letter: subject is 80 characters long once it is filled, too long for a subject line; "
                "shorten it to at most 69."
            ],
        ),
        (
            "Action needed - {alerts} open alerts",
            "Action needed very soon - {alerts} open alerts",
            ["letter_together: subject is 75 characters long once it is filled, too long"],
        ),
        (SUBJECT, SUBJECT.replace("{ref}", ""), ["letter: subject must hold {ref}; put it back."]),
        (
            SUBJECT,
            SUBJECT.replace("needed", "needed\\r\\nBcc: x"),
            ["letter: subject must be one line without hidden characters"],
        ),
        ('word = "urgent"', f'word = "{"u" * 31}"', ["severity 2: word must be plain letters in one line"]),
        (
            'word = "urgent"',
            'word = "platelets"',
            ["severity 2: word says 'platelets', which tells of a patient"],
        ),
        ('version = "', 'version = "of the whole department ', ["version must have at most 24 characters"]),
        ('id = "stop"', 'id = ["stop"]', ["kind: id must be a text or a number, not ['stop']"]),
    ],
)
def test_a_fault_in_the_words_is_refused_with_its_key_and_its_remedy(
    before: str, after: str, faults: list[str]
) -> None:
    found = faults_of(before, after)
    for fault in faults:
        assert any(each.startswith("policy.toml: ") and fault in each for each in found), found


@pytest.mark.parametrize("name", ["patient", "family", "birth_date", "mrn", "value", "analyte", "cycle"])
@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("letter: subject", "ref {ref}"),
        ("letter: opening", "an alert needs somebody to act."),
        ("kind 'stop', words: meaning", "The protocol says: stop this course."),
        ("kind 'feed-silent', words.sentences: stopped", "No message from {source} since {since}."),
    ],
)
def test_a_text_has_no_place_for_what_could_name_a_patient(key: str, place: str, name: str) -> None:
    [fault] = faults_of(place, f"{place} {{{name}}}")
    assert f"{key} may not hold {{{name}}}: it may hold " in fault
    assert fault.endswith("nothing that could name a patient.")


@pytest.mark.parametrize(
    "place",
    [
        "{source.__class__}",
        "{source[0]}",
        "{source!r}",
        "{source:>99}",
        "{}",
        "{0}",
        "{{source}}",
        "{Source}",
        "{",
    ],
)
def test_only_a_plain_name_may_stand_in_braces(place: str) -> None:
    found = faults_of(STOPPED, STOPPED.replace("{source}", f"{{source}} {place}"))
    assert any(
        "kind 'feed-silent', words.sentences: stopped: a brace may only stand around one of its names"
        in fault
        for fault in found
    ), found


def test_a_sentence_that_would_no_longer_say_what_it_is_about_is_refused() -> None:
    [fault] = faults_of(STOPPED, STOPPED.replace("{source}", "a laboratory"))
    assert "kind 'feed-silent', words.sentences: stopped must hold {source}; put it back." in fault


def test_another_name_than_the_text_s_own_is_both_unknown_and_missing() -> None:
    unknown, missing = faults_of(STOPPED, STOPPED.replace("{source}", "{sender}"))
    assert "stopped may not hold {sender}: it may hold only {since}, {source}" in unknown
    assert "stopped must hold {source}" in missing


@pytest.mark.parametrize(
    "words",
    [
        "before therapy",
        "before the next Infusion",
        "Lutathera",
        "7.4 GBq",
        "low platelets",
        "HGB is low",
        "of HAEMOGLOBIN",
        "bilirubin",
        "61.5",
        "MRN-77",
        "on 4 May 2026",
        "https://elsewhere.example",
        "write to a@clinic.example",
    ],
)
@pytest.mark.parametrize(
    ("key", "end"),
    [
        ("subject", "ref {ref}"),
        ("opening", "an alert needs somebody to act."),
        ("everybody_told_no_phone", "calls the telephone desk."),
        ("to_do", "read why, and acknowledge"),
        ("no_log_in", "and give the reference."),
        ("closing", "that takes a log-in and a button."),
    ],
)
def test_a_letter_may_not_say_what_could_tell_of_a_patient(key: str, end: str, words: str) -> None:
    assert any(f"letter: {key} " in fault for fault in faults_of(end, f"{end} {words}"))


def test_every_analyte_is_a_word_that_no_letter_says() -> None:
    for analyte in analytes().values():
        for name in (analyte.short, analyte.name.split(",")[0].split(" (")[0]):
            found = faults_of(
                "Log in, read why, and acknowledge", f"Log in, read why ({name}), and acknowledge"
            )
            assert any("letter: to_do says" in fault for fault in found), name


def test_words_of_another_language_are_as_good() -> None:
    changed = SHIPPED.replace(TO_DO, 'to_do = "Anmelden, Grund lesen, übernehmen"', 1)
    assert read_policy(changed.encode()).letters.alone["to_do"] == "Anmelden, Grund lesen, übernehmen"


def test_a_kind_whose_words_are_at_fault_is_not_called_missing_as_well() -> None:
    [fault] = faults_of('title = "Stop"\n', "")
    assert "title must be a text" in fault


def test_the_service_does_not_start_with_words_that_cannot_be_used(tmp_path: Path, settings: Any) -> None:
    settings.ALERT_POLICY = tmp_path / "policy.toml"
    settings.ALERT_POLICY.write_text(SHIPPED.replace("ref {ref}", "ref {mrn}", 1), encoding="utf-8")
    with pytest.raises(SystemCheckError, match=r"alerts\.E001.*letter: subject may not hold \{mrn\}"):
        call_command("check")
    settings.ALERT_POLICY.write_text(SHIPPED, encoding="utf-8")
    call_command("check")
