"""The readers of FHIR JSON, alone: exact both ways, and nothing sent makes them stumble."""

import json
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.formats.fhir_json import FhirFault, copied, dump, load
from labs.formats.fhir_request import read_request
from labs.formats.fhir_words import Ask, Profile
from tests.builders_fhir import WHOLE, changed_at, places_in
from tests.strategies_fhir import JSON, TEXTS

PROFILE = Profile(
    zone=ZoneInfo("Europe/Berlin"), base="https://here.example.org/fhir/", deepest=40, most=2000
)


def read(body: Any) -> Any:
    data = body if isinstance(body, bytes) else dump(body).encode()
    return read_request(data, ask=Ask(method="POST", target=""), profile=PROFILE)


@given(st.dictionaries(TEXTS, JSON, max_size=4))
def test_what_is_written_is_read_back_digit_for_digit(value: dict[str, Any]) -> None:
    again = load(dump(value).encode(), deepest=100)
    assert dump(again) == dump(value)
    assert again == value
    assert copied(value) == value
    json.loads(dump(value))  # another reader agrees that it is JSON


@pytest.mark.parametrize("text", ["143.0", "0.10", "1E+2", "1e-7", "-0.0", "123456789012345.123456789"])
def test_a_number_is_exactly_what_was_written(text: str) -> None:
    found = load(f'{{"value":{text}}}'.encode(), deepest=3)["value"]
    assert isinstance(found, Decimal)
    assert str(found) == str(Decimal(text))


def test_a_number_that_only_costs_time_is_refused() -> None:
    with pytest.raises(FhirFault, match="more than 60 characters"):
        load(b'{"value":1' + b"0" * 60 + b"}", deepest=3)


def test_the_whole_example_is_read() -> None:
    request = read(WHOLE)
    assert [type(each).__name__ for each in request.entries] == [
        "Beside",
        "Beside",
        "Asked",
        "Asked",
        "Asked",
    ]
    first, panel, listed = (each.sent for each in request.entries[2:])
    assert first.observations[0].quality == ("clotted",)
    assert first.patient.numbers[0].number == "v"
    assert [one.part for one in panel.observations] == ["777-3"]
    assert [one.position for one in listed.contained] == [4]


@given(st.sampled_from(places_in(WHOLE)), JSON | st.just(...))
def test_whatever_stands_in_place_of_a_part_is_read_or_refused(path: tuple[Any, ...], other: Any) -> None:
    body = changed_at(WHOLE, path, other)
    try:
        request = read(body)
    except FhirFault as fault:
        assert fault.reason
        return
    assert len(request.entries) == len(body["entry"])


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(FhirFault):
        read(body)
