"""Load or update patients and laboratory set-up from a site's four CSV files: all of it or none."""

import codecs
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.db import models, transaction

from labs import library
from labs.clock import database_now
from labs.formats.csv_text import decode, strict_rows
from labs.formats.hl7_syntax import codec_of
from labs.formats.parsed import Rejected
from labs.models import CsvFeed, LocalCode, Patient, Sender
from labs.services.expecting import EXPECTATION_COLUMNS, expect_traffic
from labs.signals import evidence_changed

_YES, _NO = {"true", "1", "yes", "y"}, {"false", "0", "no", "n", ""}
_SEXES = {"f": "female", "m": "male", "o": "other", "u": "unknown", "": "unknown"}
_DECIMAL_MARKS = {".": ".", ",": ",", "point": ".", "dot": ".", "comma": ","}


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupRow:
    """What became of one row of a set-up file."""

    file: str
    row: int
    state: str
    subject: str
    reason: str = ""


class SetupRefused(Exception):
    """At least one row is wrong, so nothing was changed; every row's report is here."""

    def __init__(self, rows: Sequence[SetupRow]) -> None:
        super().__init__("The set-up was refused.")
        self.rows = tuple(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """One set-up file: its columns, its table, what identifies a row, and how a row is read."""

    model: type[models.Model]
    columns: tuple[str, ...]
    key: tuple[str, ...]
    read: Callable[[dict[str, str]], dict[str, Any]]
    optional: tuple[str, ...] = ()


def load_setup(*, files: Mapping[str, bytes]) -> tuple[SetupRow, ...]:
    """Load the given files, by name, in the order in which they lean on each other."""
    rows: list[SetupRow] = []
    changed: list[int] = []
    unknown = sorted(files.keys() - KINDS.keys())
    rows += [
        SetupRow(file=name, row=0, state="error", subject=name, reason="Not a set-up file.")
        for name in unknown
    ]
    if not files:
        reason = f"None of {', '.join(KINDS)} was found."
        rows.append(SetupRow(file="", row=0, state="error", subject="", reason=reason))
    with transaction.atomic():
        for name, kind in KINDS.items():
            if name in files:
                rows += _FileLoader(name=name, kind=kind, changed=changed).load(files[name])
        rows += _unknown_code_tables()
        if any(row.state == "error" for row in rows):
            raise SetupRefused(rows)
        if changed:
            tell = partial(evidence_changed.send_robust, sender=Patient, patient_ids=sorted(set(changed)))
            transaction.on_commit(tell, robust=True)
    return tuple(rows)


class _FileLoader:
    """Loads one file row by row; notes whose identity changed."""

    def __init__(self, *, name: str, kind: _Kind, changed: list[int]) -> None:
        self.name, self.kind, self.changed = name, kind, changed
        self.seen: dict[tuple[str, ...], int] = {}

    def load(self, body: bytes) -> list[SetupRow]:
        """Every row's report; a damaged file is one error."""
        text = decode(body, encoding="utf-8")
        records = text if isinstance(text, Rejected) else strict_rows(text, delimiter="comma")
        if isinstance(records, Rejected):
            return [self.error(0, records.reason)]
        header = [cell.strip() for cell in records[0]] if records else []
        columns, known = set(self.kind.columns), {*self.kind.columns, *self.kind.optional}
        if len(header) != len(set(header)) or not columns <= set(header) <= known:
            may = f"; and may have {', '.join(self.kind.optional)}" if self.kind.optional else ""
            return [self.error(1, f"The header must be: {', '.join(self.kind.columns)}{may}.")]
        expecting = set(EXPECTATION_COLUMNS) & set(header)
        if expecting and len(expecting) < len(EXPECTATION_COLUMNS):
            together = ", ".join(EXPECTATION_COLUMNS)
            return [self.error(1, f"The columns {together} stand together: give all of them or none.")]
        return [
            self.row(number, header, [cell.strip() for cell in cells])
            for number, cells in enumerate(records[1:], start=2)
            if any(cell.strip() for cell in cells)
        ]

    def error(self, number: int, reason: str, subject: str = "") -> SetupRow:
        return SetupRow(file=self.name, row=number, state="error", subject=subject, reason=reason)

    def row(self, number: int, header: list[str], cells: list[str]) -> SetupRow:
        if len(cells) != len(header):
            return self.error(number, f"The row has {len(cells)} cells where the header has {len(header)}.")
        given = dict(zip(header, cells, strict=True))
        try:
            facts = self.kind.read(given)
            key = tuple(str(facts[field]) for field in self.kind.key)
            if key in self.seen:
                raise ValueError(f"The same as row {self.seen[key]}.")
            self.seen[key] = number
            state, row = _upsert(self.kind, facts)
            if isinstance(row, Sender | CsvFeed) and expect_traffic(row, given) and state == "unchanged":
                state = "updated"
        except ValidationError as error:
            return self.error(number, " ".join(error.messages), cells[0])
        except ValueError as error:
            return self.error(number, str(error), cells[0])
        if isinstance(row, Patient) and state == "updated":
            self.changed.append(row.pk)
        return SetupRow(file=self.name, row=number, state=state, subject=" ".join(filter(None, key)))


def _upsert(kind: _Kind, facts: dict[str, Any]) -> tuple[str, models.Model]:
    """Create the row, or change it where the file says something new; each change leaves its history."""
    manager = kind.model._default_manager
    row = manager.select_for_update().filter(**{field: facts[field] for field in kind.key}).first()
    if row is None:
        row = kind.model(**facts)
        if isinstance(row, Patient):
            row.registered_at = database_now()
        row.full_clean()
        row.save(force_insert=True)
        return "created", row
    new = {field: value for field, value in facts.items() if getattr(row, field) != value}
    if not new:
        return "unchanged", row
    for field, value in new.items():
        setattr(row, field, value)
    row.full_clean()
    row.save()
    return "updated", row


def _unknown_code_tables() -> list[SetupRow]:
    """Feeds whose codes are neither LOINC nor in any local table: they could map nothing."""
    known = {"LOINC", *LocalCode.objects.values_list("sender", flat=True)}
    return [
        SetupRow(
            file="csv_feeds.csv",
            row=0,
            state="error",
            subject=feed.name,
            reason=f"codes is {feed.codes!r}: neither LOINC nor a sender of local_codes.csv.",
        )
        for feed in CsvFeed.objects.all()
        if feed.codes not in known
    ]


def _patient(cells: dict[str, str]) -> dict[str, Any]:
    try:
        born = date.fromisoformat(cells["dob"])
    except ValueError as error:
        raise ValueError(f"dob is {cells['dob']!r}; write it as 1961-03-02.") from error
    if born > database_now().date():
        raise ValueError("dob lies in the future.")
    return {
        "mrn": cells["mrn"],
        "assigning_authority": cells["assigning_authority"],
        "id_type": cells["id_type"] or "MR",
        "fhir_system": cells["fhir_system"],
        "alt_id": cells["alt_id"],
        "alt_authority": cells["alt_authority"],
        "family": cells["family"],
        "given": cells["given"],
        "birth_date": born,
        "sex": _SEXES.get(cells["sex"].lower(), cells["sex"].lower()),
    }


def _sender(cells: dict[str, str]) -> dict[str, Any]:
    column, field, asks = "status_from_report", "blank_status_from_report", "fhir_demographics"
    return {
        "name": cells["sender"],
        "msh3": cells["msh3"],
        "msh4": cells["msh4"],
        "zone": _zone(cells["tz"]),
        "default_charset": _charset(cells["default_charset"] or "UTF-8"),
        "bare_mrn_ok": _flag(cells, "bare_mrn_ok"),
        # A file without a column says nothing of it, and changes nothing.
        **({field: _flag(cells, column)} if column in cells else {}),
        **({asks: _flag(cells, asks)} if asks in cells else {}),
        **({"certificate": cells["certificate"].lower()} if "certificate" in cells else {}),
    }


def _flag(cells: dict[str, str], column: str) -> bool:
    word = cells[column].lower()
    if word not in _YES | _NO:
        raise ValueError(f"{column} is {cells[column]!r}; write true or false.")
    return word in _YES


def _local_code(cells: dict[str, str]) -> dict[str, Any]:
    short = cells["analyte"].upper()
    if short not in library.analytes():
        raise ValueError(f"analyte is {cells['analyte']!r}; known: {', '.join(library.analytes())}.")
    return {
        "sender": cells["sender"],
        "code": cells["code"],
        "coding_system": cells["coding_system"],
        "analyte": short,
    }


def _feed(cells: dict[str, str]) -> dict[str, Any]:
    decimal = _DECIMAL_MARKS.get(cells["decimal"].lower())
    if decimal is None:
        raise ValueError(f"decimal is {cells['decimal']!r}; write . or ,")
    return {
        "name": cells["feed"],
        "layout": cells["layout"].lower(),
        "encoding": _encoding(cells["encoding"]),
        "delimiter": cells["delimiter"].lower(),
        "decimal": decimal,
        "datetime_format": _time_format("datetime", cells["datetime"]),
        "date_format": _time_format("date", cells["date"]),
        "zone": _zone(cells["tz"]),
        "codes": "LOINC" if cells["codes"].upper() == "LOINC" else cells["codes"],
    }


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"tz is {name!r}; write an IANA name such as Europe/Berlin.")
    return ZoneInfo(name).key


def _charset(name: str) -> str:
    """The name as given, once it is known that a decoder exists for it."""
    try:
        codecs.lookup(codec_of(name) or name)
    except LookupError as error:
        raise ValueError(f"The character set {name!r} is not known.") from error
    return name


def _encoding(name: str) -> str:
    """The name as given, once it is known to turn bytes into text; HL7's own names are none of these."""
    try:
        readable = "mrn".encode(name).decode(name) == "mrn"
    except (LookupError, UnicodeError):
        readable = False
    if not readable:
        raise ValueError(
            f"encoding is {name!r}; write utf-8, utf-16, cp1252 or another name that Python knows."
        )
    return name


def _time_format(column: str, form: str) -> str:
    if form.lower() == "iso":
        return "iso"
    # An evening hour: a form with the hours of a half day must say which half it is.
    sample = datetime(2026, 5, 14, 20, 30)  # noqa: DTZ001  (a sample to try the form with)
    try:
        read = datetime.strptime(sample.strftime(form), form)  # noqa: DTZ007
    except ValueError:
        read = None
    if read is None or read.date() != sample.date() or read.hour not in {0, sample.hour}:
        raise ValueError(f"{column} is {form!r}; write iso or a form such as %d.%m.%Y.")
    return form


KINDS: Mapping[str, _Kind] = {
    "patients.csv": _Kind(
        model=Patient,
        columns=(
            "mrn",
            "assigning_authority",
            "id_type",
            "fhir_system",
            "alt_id",
            "alt_authority",
            "family",
            "given",
            "dob",
            "sex",
        ),
        key=("assigning_authority", "mrn"),
        read=_patient,
    ),
    "senders.csv": _Kind(
        model=Sender,
        columns=("sender", "msh3", "msh4", "tz", "default_charset", "bare_mrn_ok"),
        optional=("status_from_report", "fhir_demographics", "certificate", *EXPECTATION_COLUMNS),
        key=("name",),
        read=_sender,
    ),
    "local_codes.csv": _Kind(
        model=LocalCode,
        columns=("sender", "code", "coding_system", "analyte"),
        key=("sender", "code", "coding_system"),
        read=_local_code,
    ),
    "csv_feeds.csv": _Kind(
        model=CsvFeed,
        columns=(
            "feed",
            "layout",
            "encoding",
            "delimiter",
            "decimal",
            "datetime",
            "date",
            "tz",
            "codes",
        ),
        key=("name",),
        read=_feed,
        optional=EXPECTATION_COLUMNS,
    ),
}
