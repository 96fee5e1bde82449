"""Read one CSV file in its declared dialect into plain values; nothing about the file is guessed."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from labs.formats.numbers import read_text, shown
from labs.formats.parsed import (
    Code,
    ParsedMessage,
    ParsedNumber,
    ParsedObservation,
    ParsedPatient,
    ParsedRange,
    ParsedReport,
    ParsedTime,
    PatientNumber,
    Problem,
    Rejected,
    too_many,
)
from labs.formats.ranges import read_range
from labs.formats.specimen import faults_in_text
from labs.formats.statuses import read_status
from labs.formats.times import place

LONG = (
    "mrn",
    "family",
    "given",
    "dob",
    "sex",
    "order_no",
    "test_code",
    "test_name",
    "value",
    "unit",
    "ref_range",
    "flag",
    "status",
    "collected_at",
    "reported_at",
    "comment",
)
WIDE = ("MRN", "Name", "DOB", "Sex", "Collected")
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
_ANALYTE_COLUMN = re.compile(r"(.+?)\s*\((.*)\)")
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_SEXES = {"f": "female", "female": "female", "m": "male", "male": "male", "o": "other", "other": "other"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedProfile:
    """The declared dialect of one feed."""

    layout: str
    encoding: str
    delimiter: str
    decimal: str
    datetime_format: str
    date_format: str
    zone: ZoneInfo
    coding_system: str


def parse(body: bytes, *, feed: FeedProfile, most: int | None = None) -> ParsedMessage | Rejected:
    """Read a file whole. A damaged dialect or header refuses it; a damaged row is a problem of that row."""
    rows = _rows(body, feed)
    if isinstance(rows, Rejected):
        return rows
    if not rows:
        return Rejected(code="empty-file", reason="The file has no header line.")
    header = tuple(name.strip() for name in rows[0])
    fault = _header_fault(header, feed)
    if fault:
        return Rejected(code="bad-header", reason=fault)
    read_row = _long_row if feed.layout == "long" else _wide_row
    reports: list[ParsedReport] = []
    count = 0
    for position, row in enumerate(rows[1:], start=2):
        if not any(cell.strip() for cell in row):
            continue
        if len(row) != len(header):
            reports.append(_damaged(position, row, len(header)))
            continue
        found = tuple(
            read_row(position, dict(zip(header, (cell.strip() for cell in row), strict=True)), feed)
        )
        reports.extend(found)
        count += sum(len(report.observations) for report in found)
        if refusal := too_many(count, most=most):
            return refusal
    return ParsedMessage(reports=tuple(reports))


def _rows(body: bytes, feed: FeedProfile) -> list[list[str]] | Rejected:
    encoding = "utf-8-sig" if feed.encoding.lower() in {"utf-8", "utf8", "utf-8-sig"} else feed.encoding
    try:
        text = body.decode(encoding)
    except (UnicodeDecodeError, LookupError):
        return Rejected(code="bad-encoding", reason=f"The file is not {feed.encoding}, as its feed declares.")
    if "\0" in text:
        return Rejected(
            code="bad-encoding", reason="The file holds NUL characters; its encoding is not as declared."
        )
    try:
        return list(
            csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[feed.delimiter], strict=True)
        )
    except csv.Error as error:
        return Rejected(code="bad-dialect", reason=f"The file's quoting is damaged: {error}.")


def _header_fault(header: tuple[str, ...], feed: FeedProfile) -> str:
    """What is wrong with the header, or nothing."""
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        return f"A column stands twice: {', '.join(twice)}."
    needed = LONG if feed.layout == "long" else WIDE
    missing = [name for name in needed if name not in header]
    if missing:
        return f"A column is missing: {', '.join(missing)}. Check the delimiter of the feed."
    others = [name for name in header if name not in needed]
    if feed.layout == "wide":
        others = [name for name in others if not _ANALYTE_COLUMN.fullmatch(name)]
    return f"A column is not known: {', '.join(others)}." if others else ""


def _long_row(position: int, row: dict[str, str], feed: FeedProfile) -> Iterator[ParsedReport]:
    reported = _time(row["reported_at"], feed)
    observation = _observation(
        position=position,
        part="",
        code=Code(code=row["test_code"], text=row["test_name"], system=feed.coding_system),
        value=row["value"],
        unit=row["unit"],
        ref_text=row["ref_range"],
        sex=_SEXES.get(row["sex"].lower(), "unknown"),
        flags=row["flag"],
        status=row["status"],
        collected=_time(row["collected_at"], feed),
        comment=row["comment"],
        raw=" | ".join(row.values()),
        feed=feed,
    )
    yield ParsedReport(
        position=position,
        patient=_patient(
            mrn=row["mrn"],
            family=row["family"],
            given=row["given"],
            dob=row["dob"],
            sex=row["sex"],
            feed=feed,
        ),
        filler_order=row["order_no"],
        ordered_at=reported.instant if isinstance(reported, ParsedTime) else None,
        ordered_by="reported" if isinstance(reported, ParsedTime) else "",
        observations=(observation,),
    )


def _wide_row(position: int, row: dict[str, str], feed: FeedProfile) -> Iterator[ParsedReport]:
    family, _, given = row["Name"].partition(",")
    observations = []
    for column, value in row.items():
        match = _ANALYTE_COLUMN.fullmatch(column)
        if column in WIDE or match is None or not value:
            continue
        observations.append(
            _observation(
                position=position,
                part=column,
                code=Code(code=match[1].strip(), system=feed.coding_system),
                value=value,
                unit=match[2].strip(),
                ref_text="",
                sex="",
                flags="",
                status="F",
                collected=_time(row["Collected"], feed),
                comment="",
                raw=f"{column}: {value}; collected {row['Collected']}; {row['MRN']}",
                feed=feed,
            )
        )
    yield ParsedReport(
        position=position,
        patient=_patient(
            mrn=row["MRN"],
            family=family.strip(),
            given=given.strip(),
            dob=row["DOB"],
            sex=row["Sex"],
            feed=feed,
        ),
        observations=tuple(observations),
    )


def _damaged(position: int, row: list[str], expected: int) -> ParsedReport:
    """A row with too few or too many cells: none of them can be trusted to stand in its column."""
    problem = Problem(
        code="damaged-row", reason=f"The row has {len(row)} cells where the header has {expected}."
    )
    nobody = ParsedPatient(numbers=(), family="", given="", birth_date=None, sex="unknown")
    observation = ParsedObservation(
        position=position,
        codes=(),
        number=problem,
        sent_value="",
        units=(),
        sent_unit="",
        range=ParsedRange(),
        status=None,
        status_sent="",
        collected=problem,
        raw=" | ".join(row),
    )
    return ParsedReport(position=position, patient=nobody, observations=(observation,), damage=problem)


def _observation(
    *,
    position: int,
    part: str,
    code: Code,
    value: str,
    unit: str,
    ref_text: str,
    sex: str,
    flags: str,
    status: str,
    collected: ParsedTime | Problem,
    comment: str,
    raw: str,
    feed: FeedProfile,
) -> ParsedObservation:
    number = _number(value, feed)
    words = comment if isinstance(number, ParsedNumber) else f"{comment}\n{value}"
    return ParsedObservation(
        position=position,
        part=part,
        codes=(code,) if code.code else (),
        number=number,
        sent_value=value,
        units=(unit,) if unit else (),
        sent_unit=unit,
        range=read_range(_plain_decimals(ref_text, feed), sex=sex),
        ref_text=ref_text,
        flags=flags,
        status=read_status(status),
        status_sent=status,
        collected=collected,
        quality=faults_in_text(words),
        comment=comment,
        raw=raw,
    )


def _number(text: str, feed: FeedProfile) -> ParsedNumber | Problem:
    if feed.decimal == "," and "." in text:
        return Problem(
            code="not-a-number", reason=f"{shown(text)} has a point; this feed writes a decimal comma."
        )
    return read_text(text.replace(",", ".", 1) if feed.decimal == "," else text)


def _plain_decimals(text: str, feed: FeedProfile) -> str:
    if feed.decimal != ",":
        return text
    return "" if "." in text else text.replace(",", ".")


def _patient(*, mrn: str, family: str, given: str, dob: str, sex: str, feed: FeedProfile) -> ParsedPatient:
    return ParsedPatient(
        numbers=(PatientNumber(number=mrn),) if mrn else (),
        family=family,
        given=given,
        birth_date=_date(dob, feed),
        sex=_SEXES.get(sex.lower(), "unknown"),
    )


def _date(text: str, feed: FeedProfile) -> date | None:
    try:
        if feed.date_format == "iso":
            return date.fromisoformat(text) if len(text) == len("2026-05-04") else None
        return datetime.strptime(text, feed.date_format).replace(tzinfo=UTC).date()
    except ValueError:
        return None


def _time(text: str, feed: FeedProfile) -> ParsedTime | Problem:
    """A time in the declared form; where it carries no offset it is local time of the feed's zone."""
    if not text:
        return Problem(code="no-collection-time", reason="The row does not say when the specimen was taken.")
    try:
        if feed.datetime_format == "iso":
            match = _ISO.fullmatch(text)
            if match is None:
                raise ValueError
            read = datetime.fromisoformat(text)
            precision = "second" if match[1] else "minute" if ":" in text else "day"
        else:
            read = datetime.strptime(text, feed.datetime_format)  # noqa: DTZ007  (zone attached below)
            precision = _precision(feed.datetime_format)
    except ValueError:
        return Problem(code="bad-time", reason=f"{shown(text)} is not in the feed's declared form.")
    if read.tzinfo is None:
        return place(read, zone=feed.zone, precision=precision, text=text)
    try:
        return ParsedTime(instant=read.astimezone(UTC), precision=precision, text=text, zone_source="sent")
    except OverflowError:
        return Problem(code="bad-time", reason=f"{shown(text)} lies outside the calendar.")


def _precision(form: str) -> str:
    if any(mark in form for mark in ("%S", "%T", "%X", "%c")):
        return "second"
    if "%M" in form:
        return "minute"
    return "hour" if any(mark in form for mark in ("%H", "%I")) else "day"
