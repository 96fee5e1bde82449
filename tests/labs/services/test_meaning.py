"""What one observation means: its fingerprint, and what is worked out once for all that name it alike."""

import hashlib
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labs.formats.parsed import (
    Act,
    Code,
    ParsedNumber,
    ParsedObservation,
    ParsedRange,
    ParsedStatus,
    ParsedTime,
    Problem,
)
from labs.library import analytes
from labs.life_cycle import DATED
from labs.services import measure
from labs.services.meaning import Understood, plain, understand
from labs.services.measure import Context

NOW = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
COLLECTED = ParsedTime(instant=NOW, precision="second", text="20260504083000+0000", zone_source="sent")
NO_RANGE = ParsedRange()
PLATELETS = Code(code="777-3", text="Platelets", system="LN")
NUMBERS = st.none() | st.decimals(
    allow_nan=False, allow_infinity=False, places=4, min_value=0, max_value=9999
)


def sent(
    *,
    unit: str = "10*9/L",
    code: Code = PLATELETS,
    limits: ParsedRange = NO_RANGE,
    quality: tuple[str, ...] = (),
) -> ParsedObservation:
    return ParsedObservation(
        position=3,
        codes=(code,),
        number=ParsedNumber(value=Decimal(60)),
        sent_value="60",
        units=(unit,) if unit else (),
        sent_unit=unit,
        range=limits,
        status=ParsedStatus(word="final", act=Act.STORE),
        status_sent="F",
        collected=COLLECTED,
        raw="",
        quality=quality,
    )


def context() -> Context:
    return Context(local_codes={}, birth_date=date(1961, 3, 2), sent_at=None, received_at=NOW)


@given(
    status=st.sampled_from(["final", "corrected", "cancelled", "entered-in-error"]),
    value=NUMBERS,
    comparator=st.sampled_from(["", "<", ">="]),
    low=NUMBERS,
    high=NUMBERS,
    quality=st.lists(st.text(max_size=8), max_size=3),
    ordered_by=st.sampled_from(["OBR-22", "reported", "MSH-7", "received"]),
)
def test_the_fingerprint_is_that_of_a_json_list_of_the_content(
    *,
    status: str,
    value: Decimal | None,
    comparator: str,
    low: Decimal | None,
    high: Decimal | None,
    quality: list[str],
    ordered_by: str,
) -> None:
    understood = Understood(
        sent=sent(quality=tuple(quality)),
        analyte=analytes()["PLT"],
        loinc="777-3",
        status=status,
        act=Act.STORE,
        collected=COLLECTED,
        value=value,
        comparator=comparator,
        range=ParsedRange(low=low, high=high),
    )
    content = [status, plain(value), comparator, plain(low), plain(high), sorted(quality)]
    content.append(NOW.isoformat() if ordered_by in DATED else "")
    wanted = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    assert understood.digest(ordered_at=NOW, ordered_by=ordered_by) == wanted


def test_what_is_named_alike_is_worked_out_once_and_nothing_else_is_taken_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[Code, ...]] = []
    whole = measure.name_analyte

    def counting(codes: tuple[Code, ...], **facts: object) -> object:
        asked.append(codes)
        return whole(codes, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(measure, "name_analyte", counting)
    judging = context()
    told = [
        understand(each, context=judging)
        for each in (
            sent(),
            sent(),
            sent(unit="furlong"),
            sent(unit=""),
            sent(code=Code(code="718-7", text="Haemoglobin", system="LN"), unit="g/dL"),
            sent(limits=ParsedRange(low=Decimal(150), high=Decimal(400))),
            sent(limits=ParsedRange(low=Decimal(150))),
            sent(),
        )
    ]
    assert len(asked) == len(judging.known) == 6
    codes = [each.code if isinstance(each, Problem) else "" for each in told]
    assert codes == ["", "", "unknown-unit", "no-unit", "implausible", "", "", ""]
    ranges = [each.range for each in told if isinstance(each, Understood)]
    assert ranges == [
        ParsedRange(),
        ParsedRange(),
        ParsedRange(low=Decimal(150), high=Decimal(400)),
        ParsedRange(low=Decimal(150)),
        ParsedRange(),
    ]


def test_another_pass_works_it_out_anew() -> None:
    first, second = context(), context()
    understand(sent(), context=first)
    assert first.known and not second.known
