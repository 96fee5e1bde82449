"""The sample writer: what it writes, the reader reads back unchanged."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from labs.formats.hl7_ack import judge, read_header
from labs.formats.hl7_write import Sample, SampleResult, write_sample
from labs.formats.hl7v2 import parse
from labs.formats.parsed import ParsedMessage, ParsedNumber, ParsedTime, SenderProfile

BERLIN = ZoneInfo("Europe/Berlin")
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), min_size=1, max_size=20
)


@settings(deadline=None)
@given(NAMES, NAMES, NAMES)
def test_a_written_sample_is_read_back_unchanged(family: str, authority: str, order: str) -> None:
    authority = authority.replace("&", "")
    sample = Sample(
        application="LAB",
        facility="HOSPITAL",
        control_id="S1",
        order=order,
        mrn="1001",
        authority=authority,
        id_type="MR",
        family=family,
        given="Maria",
        birth_date=date(1961, 3, 2),
        sex="female",
        results=(
            SampleResult(loinc="777-3", name="Platelets", value="60", unit="10^9/L", low="150", high="400"),
        ),
        status="F",
        collected_at=datetime(2026, 5, 4, 8, 0, tzinfo=BERLIN),
        sent_at=datetime(2026, 5, 4, 9, 0, tzinfo=BERLIN),
    )
    body = write_sample(sample)
    assert judge(read_header(body)).code == "AA"
    parsed = parse(body, profile=SenderProfile(zone=BERLIN, charset="utf-8"))
    assert isinstance(parsed, ParsedMessage)
    [report] = parsed.reports
    [result] = report.observations
    assert (report.patient.family, report.patient.numbers[0].authorities) == (
        family,
        (authority,) if authority else (),
    )
    assert report.filler_order == order
    assert isinstance(result.number, ParsedNumber)
    assert isinstance(result.collected, ParsedTime)
    assert (result.number.value, result.units, result.range.low) == (60, ("10^9/L",), 150)
    assert result.collected.instant == sample.collected_at
