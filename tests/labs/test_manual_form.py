"""What a person typed, read back from its JSON: no bytes crash the reader, and none are half read."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.formats import manual_form
from labs.formats.manual_form import ManualMessage
from labs.formats.parsed import Problem, Rejected

ENTRY: dict[str, Any] = {
    "act": "enter",
    "entry": "5f0f3c5e-6b0c-4a3e-9a53-0d7d0a5a1c11",
    "patient": {
        "id": "0a2f3c5e-6b0c-4a3e-9a53-0d7d0a5a1c22",
        "mrn": "1001",
        "authority": "CLINIC",
        "family": "Müller",
        "given": "Maria",
        "born": "1961-03-02",
        "sex": "female",
    },
    "loinc": "777-3",
    "analyte": "PLT",
    "value": "60",
    "comparator": "<",
    "unit": "10*9/L",
    "ref_range": "150-400",
    "collected": "2026-05-04T08:00",
    "zone": "Europe/Berlin",
    "confirmed_value": "",
    "comment": "Typed from a report.",
}
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def read(**changes: Any) -> ManualMessage | Rejected:
    return manual_form.parse(json.dumps({**ENTRY, **changes}).encode())


@pytest.mark.parametrize(
    ("act", "letter", "word", "quality"),
    [
        ("enter", "R", "preliminary", ("unverified",)),
        ("verify", "F", "final", ()),
        ("withdraw", "D", "entered-in-error", ()),
    ],
)
def test_each_act_is_a_status_of_its_own(act: str, letter: str, word: str, quality: tuple[str, ...]) -> None:
    found = read(act=act)
    assert isinstance(found, ManualMessage)
    [sent] = found.parsed.reports[0].observations
    assert sent.status is not None
    assert (sent.status_sent, sent.status.word, sent.quality) == (letter, word, quality)
    assert (sent.sub_id, sent.ref_text, sent.sent_value) == (ENTRY["entry"], "150-400", "<60")


def test_a_time_that_did_not_exist_is_a_problem_and_not_another_time() -> None:
    found = read(collected="2026-03-29T02:30")
    assert isinstance(found, ManualMessage)
    assert isinstance(found.parsed.reports[0].observations[0].collected, Problem)


@pytest.mark.parametrize("key", sorted(ENTRY))
def test_an_entry_without_one_of_its_keys_is_refused_whole(key: str) -> None:
    damaged = {name: value for name, value in ENTRY.items() if name != key}
    assert isinstance(manual_form.parse(json.dumps(damaged).encode()), Rejected)


@given(st.sampled_from(sorted(ENTRY)), ANY_JSON)
def test_no_value_of_any_key_crashes_the_reader(key: str, value: Any) -> None:
    assert isinstance(read(**{key: value}), ManualMessage | Rejected)


@given(st.binary() | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_crash_the_reader(body: bytes) -> None:
    assert isinstance(manual_form.parse(body), Rejected)
