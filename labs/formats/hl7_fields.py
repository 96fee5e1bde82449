"""Read the single fields of an OBX: value, test and unit, reference range, time; remember the short ones."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from labs.formats.hl7_syntax import Separators, components_of, unescape
from labs.formats.numbers import read_plain, read_structured, read_text
from labs.formats.parsed import Code, ParsedNumber, ParsedRange, ParsedTime, Problem
from labs.formats.ranges import read_range
from labs.formats.times import read_hl7_time

_SPLIT_EXPONENT = re.compile(r"x?10", re.IGNORECASE)
# Every sign that looks like a hyphen; a soft hyphen is one as well.
_HYPHENS = str.maketrans(dict.fromkeys("\u00ad\u2010\u2011\u2012\u2013\u2014\u2212\u2043\ufe63\uff0d", "-"))
_ATTACHMENTS = frozenset({"ED", "RP"})
_DELETED = Problem(code="value-deleted", reason="The laboratory deleted the value.")
_ATTACHMENT = Problem(
    code="attachment", reason="An attachment came instead of a number; it is kept with the message, unread."
)


class TestSaid(NamedTuple):
    """What an OBX says of the test itself: its codes, unit spellings (best first), and the unit as sent."""

    codes: tuple[Code, ...]
    units: tuple[str, ...]
    sent_unit: str


# The same and the reference range, as text and as bounds. A plain tuple is taken apart in half the time.
WithRange = tuple[tuple[Code, ...], tuple[str, ...], str, str, ParsedRange]


class Readers(NamedTuple):
    """Readers of a field as sent, between the message's delimiters and with its codec."""

    value: Callable[[Separators, str, str, str], tuple[ParsedNumber | Problem, str]]
    test_and_range: Callable[[Separators, str, str, str, str, str], WithRange]
    time: Callable[[Separators, str, str, ZoneInfo], ParsedTime | Problem | None]
    instant: Callable[[str, ZoneInfo], ParsedTime | Problem]


def readers_for(line: str) -> Readers:
    """Laboratories write the same tests, units, limits, numbers and times again and again.

    What a short line says is remembered; a long one must not fill the memory.
    """
    return REMEMBERING if len(line) <= LONGEST_REMEMBERED else READING


def _value(separators: Separators, codec: str, kind: str, raw: str) -> tuple[ParsedNumber | Problem, str]:
    """The number in OBX-5 by the type in OBX-2, and the value as sent; without a type it is text."""
    first = kind.split(separators.repetition, 1)[0]
    kind = components_of(first, separators=separators, codec=codec)[0].strip().upper() or "ST"
    if kind in _ATTACHMENTS:
        return _ATTACHMENT, f"({kind})"
    sent = unescape(raw, separators=separators, codec=codec)
    if separators.repetition in raw:
        return Problem(code="repeated-value", reason="The result carries several values."), sent
    if raw == '""':
        return _DELETED, sent
    if kind == "SN":
        return read_structured(components_of(raw, separators=separators, codec=codec)), sent
    if kind in {"NM", "ST"}:
        return (read_plain if kind == "NM" else read_text)(sent), sent
    return Problem(code="not-a-number", reason=f"A value of type {kind} is not a number."), sent


def _test(separators: Separators, codec: str, named: str, unit: str) -> TestSaid:
    """OBX-3 and OBX-6, the first repetition of each."""
    first = [field.split(separators.repetition, 1)[0] for field in (named, unit)]
    parts = [components_of(each, separators=separators, codec=codec) for each in first]
    names, spelt = ([part.strip() for part in each] for each in parts)
    units, sent_unit = _units(spelt)
    return TestSaid(codes=_codes(names), units=units, sent_unit=sent_unit)


def _range(separators: Separators, codec: str, raw: str, sex: str) -> tuple[str, ParsedRange]:
    """OBX-7 as text and as bounds; one that was split into components keeps a sign between its bounds."""
    bounds = raw.split(separators.repetition, 1)[0].split(separators.component)
    text = "^".join(unescape(part, separators=separators, codec=codec) for part in bounds)
    return text, read_range(text, sex=sex)


def _test_and_range(  # noqa: PLR0917  (by place: what is remembered is found faster so)
    separators: Separators, codec: str, named: str, unit: str, limits: str, sex: str
) -> WithRange:
    """OBX-3, OBX-6 and OBX-7 at once: a test mostly comes with the same unit and limits."""
    return (*_test(separators, codec, named, unit), *_range(separators, codec, limits, sex))


def _codes(parts: Sequence[str]) -> tuple[Code, ...]:
    """The ways a test is named: triplets of code, text and coding system."""
    triplets = (parts[start : start + 3] for start in range(0, len(parts), 3))
    found = []
    for triplet in triplets:
        code, text, system = (*triplet, "", "")[:3]
        if code or text:
            found.append(Code(code=code.translate(_HYPHENS), text=text, system=system.upper()))
    return tuple(found[:3])


def _units(parts: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The unit's spellings in the order to believe them (UCUM first), and the unit as sent."""
    if len(parts) > 1 and _SPLIT_EXPONENT.fullmatch(parts[0]) and parts[1][:1].isdigit():
        whole = f"{parts[0]}^{parts[1]}"
        return (whole,), whole
    triplets = [(*parts[start : start + 3], "", "", "")[:3] for start in range(0, len(parts), 3)]
    triplets.sort(key=lambda triplet: triplet[2].upper() != "UCUM")
    spellings = [spelling for code, text, _system in triplets for spelling in (code, text) if spelling]
    return tuple(spellings), next((spelling for spelling in parts[:2] if spelling), "")


def read_time(separators: Separators, codec: str, raw: str, zone: ZoneInfo) -> ParsedTime | Problem | None:
    """The time in the first repetition of a field, if there is one; a second component is its precision."""
    if not raw:
        return None
    parts = components_of(raw.split(separators.repetition, 1)[0], separators=separators, codec=codec)
    stamp = parts[0]
    if not stamp or stamp.isspace():
        return None
    if len(parts) > 1 and parts[1]:
        return read_hl7_time(stamp, zone=zone, stated_precision=parts[1])
    return readers_for(stamp).instant(stamp, zone)


LONGEST_REMEMBERED, _MOST_REMEMBERED = 400, 4096
_remembered_test = lru_cache(_MOST_REMEMBERED)(_test)
_remembered_range = lru_cache(_MOST_REMEMBERED)(_range)


@lru_cache(_MOST_REMEMBERED)
def _remembered_test_and_range(  # noqa: PLR0917  (the same)
    separators: Separators, codec: str, named: str, unit: str, limits: str, sex: str
) -> WithRange:
    """The same, where other limits of a test that is known need only themselves be read."""
    test = _remembered_test(separators, codec, named, unit)
    return (*test, *_remembered_range(separators, codec, limits, sex))


READING = Readers(
    value=_value,
    test_and_range=_test_and_range,
    time=read_time,
    instant=read_hl7_time,
)
REMEMBERING = Readers(
    value=lru_cache(_MOST_REMEMBERED)(_value),
    test_and_range=_remembered_test_and_range,
    time=lru_cache(_MOST_REMEMBERED)(read_time),
    instant=lru_cache(_MOST_REMEMBERED)(read_hl7_time),
)
