"""The syntax below a message: character sets, escapes and times at their edges."""

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from labs.formats.hl7_syntax import Separators, Syntax, escape, read_separators, read_syntax, unescape
from labs.formats.numbers import read_structured
from labs.formats.parsed import ParsedNumber, Problem, Rejected
from labs.formats.times import place, read_hl7_day, read_hl7_time
from tests.builders_labs import message

TOKYO = ZoneInfo("Asia/Tokyo")


def usual() -> Separators:
    found = read_separators("MSH|^~\\&|")
    assert isinstance(found, Separators)
    return found


def read(body: bytes, *, charset: str = "", fallback: str = "utf-8") -> Syntax | Rejected:
    return read_syntax(body, charset=charset, fallback=fallback)


def test_an_unknown_character_set_name_is_remarked_on_and_the_senders_is_used() -> None:
    found = read(message(), charset="KLINGON")
    assert isinstance(found, Syntax)
    assert "unknown character set" in found.notes[0]


def test_a_senders_character_set_that_does_not_exist_refuses() -> None:
    found = read(message(), fallback="klingon")
    assert isinstance(found, Rejected)
    assert found.code == "unknown-charset"


def test_what_is_no_message_has_no_syntax() -> None:
    assert isinstance(read(b"hello, this is text"), Rejected)


def test_a_header_counts_its_fields_from_the_separator() -> None:
    found = read(message())
    assert isinstance(found, Syntax)
    assert [found.segments[0].raw(number) for number in (2, 3, 10, 99)] == ["^~\\&", "LAB", "M1", ""]
    assert found.segments[1].components(99) == ()
    assert found.segments[1].subcomponents("a^b", 9) == ()


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r"a\.sp\b", "a\nb"),
        (r"a\.sp3\b", "a\n\n\nb"),
        ("a\\.sp" + "9" * 5000 + "\\b", "a\\.sp" + "9" * 5000 + "\\b"),
        (r"\XC3BC\ ".rstrip(), "ü"),
        (r"\XFF\ ".rstrip(), r"\XFF\ ".rstrip()),
    ],
)
def test_more_escapes(sent: str, meant: str) -> None:
    assert unescape(sent, separators=usual(), codec="utf-8") == meant


def test_our_own_text_is_escaped_for_any_delimiters() -> None:
    assert escape("a|b^c&d~e\\f", separators=usual()) == r"a\F\b\S\c\T\d\R\e\E\f"


def test_structured_numbers_with_a_bad_comparator_or_number() -> None:
    for parts in (("about", "5"), ("<", "five")):
        assert isinstance(read_structured(parts), Problem)
    assert read_structured(("", "5")) == ParsedNumber(value=Decimal(5))


@pytest.mark.parametrize("text", ["00010101", "000101010000", "000101010000+1400", "999912312359-1400"])
def test_times_at_the_edge_of_the_calendar_are_refused(text: str) -> None:
    found = read_hl7_time(text, zone=TOKYO)
    assert isinstance(found, Problem)
    assert found.code == "bad-time"


def test_a_day_with_an_offset_starts_at_its_midnight() -> None:
    found = read_hl7_time("20260504+0200", zone=TOKYO)
    assert not isinstance(found, Problem)
    assert (found.instant.isoformat(), found.precision) == ("2026-05-03T22:00:00+00:00", "day")


def test_a_day_that_a_country_skipped_is_refused() -> None:
    found = read_hl7_time("20111230", zone=ZoneInfo("Pacific/Apia"))
    assert isinstance(found, Problem)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("19610302", date(1961, 3, 2)),
        ("196103022359+1400", date(1961, 3, 2)),
        ("19610231", None),
        ("1961", None),
        ("unknown", None),
        ("", None),
    ],
)
def test_a_birth_date_is_the_day_as_written(text: str, day: date | None) -> None:
    assert read_hl7_day(text) == day


def test_a_local_time_is_placed_in_its_zone() -> None:
    found = read_hl7_time("202605040800", zone=TOKYO)
    assert not isinstance(found, Problem)
    again = place(
        found.instant.astimezone(TOKYO).replace(tzinfo=None), zone=TOKYO, precision="minute", text="x"
    )
    assert not isinstance(again, Problem)
    assert again.instant == found.instant


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("20260231080000+9900", "not a real date"),
        ("20260504080000+9900", "impossible offset"),
        ("20260504080000+0160", "impossible offset"),
    ],
)
def test_an_offset_is_judged_after_the_time_it_belongs_to(text: str, reason: str) -> None:
    found = read_hl7_time(text, zone=TOKYO)
    assert isinstance(found, Problem)
    assert reason in found.reason


@pytest.mark.parametrize("head", ["MSH|^~\\&", "MSH|^~\\&|LAB", "MSH|^~\\&|OTHER LABORATORY|SITE"])
def test_the_same_delimiters_are_one_object_whatever_follows_them(head: str) -> None:
    assert read_separators(head) is usual()


@pytest.mark.parametrize("declared", ["^~\\", "^~\\&#%", "^~\\&#%!$", "^~\\^", "^~\\&^"])
def test_too_few_too_many_or_equal_delimiters_are_refused(declared: str) -> None:
    found = read_separators(f"MSH|{declared}|LAB")
    assert isinstance(found, Rejected)
    assert found.code == "bad-delimiters"


def test_a_fifth_delimiter_is_taken() -> None:
    found = read_separators("MSH|^~\\&#|LAB")
    assert isinstance(found, Separators)
    assert (found.declared, found is usual()) == ("^~\\&#", False)


@pytest.mark.parametrize(("name", "taken"), [("ZBE", True), ("Z1A", True), ("OBXX", False), ("obx", False)])
def test_a_segment_name_need_not_be_a_usual_one(name: str, taken: bool) -> None:
    assert isinstance(read(message() + f"{name}|1\r".encode()), Syntax) == taken


def test_one_component_is_the_first_subcomponent_of_the_first_repetition_without_its_escapes() -> None:
    found = read(b"MSH|^~\\&|LAB\rZAA|| a\\T\\b &c^ d &e~f^g|x y|plain|~f|&c\r")
    assert isinstance(found, Syntax)
    segment = found.segments[1]
    assert [segment.component(2, which) for which in (1, 2, 3)] == ["a&b", "d", ""]
    assert [segment.component(3, which) for which in (1, 2)] == ["x y", ""]
    assert [segment.component(4, which) for which in (1, 2)] == ["plain", ""]
    assert [segment.component(number) for number in (1, 5, 6, 99)] == ["", "", "", ""]
    assert segment.subcomponents(" a & b ^c&d", 1) == ("a", "b")
