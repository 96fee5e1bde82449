"""Turn the rows of one CSV file into results and their patients, by the layout its feed declares."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from labs.formats.csv_cells import (
    FeedProfile,
    is_swapped,
    plain_decimals,
    read_day,
    read_number,
    read_time,
)
from labs.formats.csv_text import garbled, has_line_break
from labs.formats.numbers import shown
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
_ANALYTE_COLUMN = re.compile(r"(.+?)\s*\((.*)\)")
_SEXES = {"f": "female", "female": "female", "m": "male", "male": "male", "o": "other", "other": "other"}


# A file names the same people and tests over and over.
_REMEMBERED = 4096
_GARBLED = Problem(
    code="garbled-text",
    reason="Letters of the row were lost or changed on the way; what it says cannot be trusted.",
)


def parse(
    rows: Sequence[Sequence[str]], *, feed: FeedProfile, most: int | None = None
) -> ParsedMessage | Rejected:
    """Read a file's rows of text, header first. A damaged header refuses the file, a damaged row itself."""
    try:
        return _parse(rows, feed=feed, most=most)
    finally:
        for remembered in (_patient, _code, read_day, read_number, read_time):
            remembered.cache_clear()  # of a file nothing stays in memory, whatever its cells held


def _parse(rows: Sequence[Sequence[str]], *, feed: FeedProfile, most: int | None) -> ParsedMessage | Rejected:
    if not rows:
        return Rejected(code="empty-file", reason="The file has no header line.")
    header = tuple(name.strip() for name in rows[0])
    fault = _header_fault(header, feed)
    if fault:
        return Rejected(code="bad-header", reason=fault)
    read_row = _long_row if feed.layout == "long" else _wide_row
    dated = _declared_forms(header, feed)
    reports: list[ParsedReport] = []
    empty: list[int] = []
    count = 0
    for position, row in enumerate(rows[1:], start=2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            empty.append(position)
            continue
        if problem := _damage(cells, header):
            reports.append(_damaged(position, cells, problem))
            continue
        named = dict(zip(header, cells, strict=True))
        if refusal := _other_date_order(position, named, dated):
            return refusal
        report = read_row(position, named, feed)
        if report.observations:
            reports.append(report)
        else:
            empty.append(position)
        count += len(report.observations)
        if refusal := too_many(count, most=most):
            return refusal
    return ParsedMessage(reports=tuple(reports), empty_rows=tuple(empty))


def _damage(cells: Sequence[str], header: tuple[str, ...]) -> Problem | None:
    """Why the cells of a row cannot be trusted to stand in their columns."""
    if len(cells) != len(header):
        reason = f"The row has {len(cells)} cells where the header has {len(header)}."
        return Problem(code="damaged-row", reason=reason)
    if not has_line_break("".join(cells)):
        return None
    for name, cell in zip(header, cells, strict=True):
        if name != "comment" and has_line_break(cell):
            return Problem(code="damaged-row", reason=f"The cell of {shown(name)} runs over several lines.")
    return None


def _declared_forms(header: tuple[str, ...], feed: FeedProfile) -> list[tuple[str, str]]:
    """The columns of times and days whose declared form could be read with day and month exchanged."""
    times = ("collected_at", "reported_at", "Collected")
    forms = chain(
        ((name, feed.datetime_format) for name in times if name in header),
        ((name, feed.date_format) for name in ("dob", "DOB") if name in header),
    )
    return [(name, form) for name, form in forms if form != "iso"]


def _other_date_order(
    position: int, row: dict[str, str], dated: Sequence[tuple[str, str]]
) -> Rejected | None:
    """The refusal of a file of which one date can only be read with day and month exchanged: all may be."""
    for name, form in dated:
        if is_swapped(row[name], form=form):
            reason = (
                f"{name} of row {position} is {shown(row[name])}: day and month stand the other "
                f"way round than the feed declares ({form}). No date of the file can be trusted."
            )
            return Rejected(code="bad-date-order", reason=reason)
    return None


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


def _long_row(position: int, row: dict[str, str], feed: FeedProfile) -> ParsedReport:
    reported = read_time(row["reported_at"], feed=feed)
    observation = _observation(
        position=position,
        part="",
        code=_code(row["test_code"], row["test_name"], feed.coding_system),
        value=row["value"],
        unit=row["unit"],
        ref_text=row["ref_range"],
        sex=_SEXES.get(row["sex"].lower(), "unknown"),
        flags=row["flag"],
        status=row["status"],
        collected=read_time(row["collected_at"], feed=feed),
        comment=row["comment"],
        raw=" | ".join(row.values()),
        feed=feed,
    )
    return ParsedReport(
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


def _wide_row(position: int, row: dict[str, str], feed: FeedProfile) -> ParsedReport:
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
                code=_code(match[1].strip(), "", feed.coding_system),
                value=value,
                unit=match[2].strip(),
                ref_text="",
                sex="",
                flags="",
                status="F",
                collected=read_time(row["Collected"], feed=feed),
                comment="",
                raw=f"{column}: {value}; collected {row['Collected']}; {row['MRN']}",
                feed=feed,
            )
        )
    return ParsedReport(
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


def _damaged(position: int, row: Sequence[str], problem: Problem) -> ParsedReport:
    """A row whose cells cannot be trusted to stand in their columns: it is about nobody."""
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
    number = _GARBLED if garbled(raw) else read_number(value, feed=feed)
    words = comment if isinstance(number, ParsedNumber) else f"{comment}\n{value}"
    return ParsedObservation(
        position=position,
        part=part,
        codes=(code,) if code.code else (),
        number=number,
        sent_value=value,
        units=(unit,) if unit else (),
        sent_unit=unit,
        range=read_range(plain_decimals(ref_text, feed=feed), sex=sex),
        ref_text=ref_text,
        flags=flags,
        status=read_status(status),
        status_sent=status,
        collected=collected,
        quality=faults_in_text(words),
        comment=comment,
        raw=raw,
    )


@lru_cache(maxsize=_REMEMBERED)
def _code(code: str, text: str, system: str) -> Code:
    return Code(code=code, text=text, system=system)


@lru_cache(maxsize=_REMEMBERED)
def _patient(*, mrn: str, family: str, given: str, dob: str, sex: str, feed: FeedProfile) -> ParsedPatient:
    return ParsedPatient(
        numbers=(PatientNumber(number=mrn),) if mrn else (),
        family=family,
        given=given,
        birth_date=read_day(dob, feed=feed),
        sex=_SEXES.get(sex.lower(), "unknown"),
    )
