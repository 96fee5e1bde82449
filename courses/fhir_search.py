"""Find what this door shows by id, patient, status and day, in a number of queries that does not grow."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_date
from rest_framework.exceptions import PermissionDenied

from courses.fhir_kinds import Kind, Source
from courses.fhir_shapes import Shape, Viewer
from labs.clinic_days import add_days
from labs.formats.fhir_json import SYNTAX, FhirFault
from labs.formats.parsed import PatientNumber
from labs.models import Patient
from labs.same_person import read_people
from labs.services.identity import is_number_of, patients_with

PAGE, LARGEST_PAGE = 50, 200
_WHO = ("patient", "subject")
_NUMBERS = ("patient.identifier", "subject.identifier")
_OTHERS = ("_count", "_after", "_format")
_OID = "urn:oid:"
_DAY = re.compile(r"(eq|ge|le|gt|lt)?([0-9]{4}-[0-9]{2}-[0-9]{2})")
_PLACE = re.compile(r"([0-9])\.([0-9]{1,18})\.([0-9]{1,4})")
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)  # beyond them a year was mistyped
Query = Mapping[str, Sequence[str]]


class Place(NamedTuple):
    """Where a page ends: in which source, at which row, and how many resources of that row were shown."""

    source: int
    row: int
    shown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search as it was understood; days from `low` on and before `high`, patients None for everybody."""

    patients: frozenset[int] | None
    statuses: tuple[str, ...]
    low: date | None
    high: date | None
    count: int
    after: Place


def date_names(kind: Kind) -> tuple[str, ...]:
    """What its date may be called: `date`, and FHIR's own name."""
    return ("date", kind.date_name) if kind.date_name else ("date",)


def read_one(kind: Kind, id_: str, *, may: frozenset[str], viewer: Viewer) -> Shape | None:
    """One resource by its id, if the caller may read the rows it is made of."""
    for source in kind.sources:
        if source.right in may and (found := source.find(id_)) is not None:
            for row in _real(source).filter(found):
                for shape in source.show(row, viewer):
                    if shape["id"] == id_:
                        return shape
    return None


def search(kind: Kind, query: Query, *, base: str, may: frozenset[str], viewer: Viewer) -> dict[str, Any]:
    """A searchset of one kind, oldest row first. Raises FhirFault."""
    asked = _understood(kind, query, viewer)
    found: list[tuple[Place, Shape]] = []
    for number, source in enumerate(kind.sources):
        if number >= asked.after.source and source.right in may and len(found) <= asked.count:
            found += _page(source, number, asked, viewer, wanted=asked.count + 1 - len(found))
    page = found[: asked.count]
    links = [{"relation": "self", "url": _address(base, kind, query)}]
    if len(found) > len(page):
        after = ".".join(map(str, page[-1][0]))
        links.append({"relation": "next", "url": _address(base, kind, {**query, "_after": [after]})})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "link": links}
    entries = [
        {"fullUrl": f"{base}{kind.name}/{shape['id']}", "resource": shape, "search": {"mode": "match"}}
        for _place, shape in page
    ]
    return bundle | ({"entry": entries} if entries else {})


def _page(
    source: Source, number: int, asked: Asked, viewer: Viewer, *, wanted: int
) -> Iterable[tuple[Place, Shape]]:
    """Up to so many resources of one source that fit, from where the page before ended."""
    rows = _fitting(source, asked)
    begun = asked.after if asked.after.source == number else Place(number, 0, 0)
    # The row that the page before ended in is read once more: it may have further resources.
    rows = rows.filter(pk__gte=begun.row).order_by("pk")[: wanted + 1]
    found = [
        (Place(number, row.pk, place), shape)
        for row in rows
        for place, shape in enumerate(source.show(row, viewer), start=1)
        if (row.pk, place) > (begun.row, begun.shown)
    ]
    return found[:wanted]


def _real(source: Source) -> QuerySet[Any]:
    """Its rows without those of nobody: the patients of the hourly trial."""
    return source.rows().filter(**{f"{source.patient}__is_canary": False})


def _fitting(source: Source, asked: Asked) -> QuerySet[Any]:
    rows = _real(source)
    if asked.patients is not None:
        rows = rows.filter(**{f"{source.patient}__in": asked.patients})
    if asked.low is not None or asked.high is not None:
        rows = rows.filter(source.days(asked.low, asked.high))
    if not asked.statuses:
        return rows.filter(source.listed)
    fitting = Q(pk__in=[])
    for status in asked.statuses:
        if status in source.statuses:
            fitting |= source.statuses[status]
    return rows.filter(fitting)


def _understood(kind: Kind, query: Query, viewer: Viewer) -> Asked:
    """Every parameter read; one that is unknown, unreadable or stands twice is refused."""
    dates = date_names(kind)
    known = {*_WHO, *_NUMBERS, *dates, *(["status"] if kind.statuses else []), *_OTHERS}
    for name, texts in query.items():
        if name not in known:
            raise _fault(f"There is no search parameter {name[:40]!r}.", "not-supported", name[:40])
        if len(texts) > 1 and name not in dates:
            raise _fault(f"{name} stands twice.", "not-supported", name)
        if any("\0" in text for text in texts):
            raise _fault("A text holds a character that no text may hold (NUL).", "value", name)
    low, high = _days(query, dates)
    return Asked(
        patients=_patients(query, viewer),
        statuses=_statuses(kind, query),
        low=low,
        high=high,
        count=_count(query),
        after=_place(kind, query),
    )


def _patients(query: Query, viewer: Viewer) -> frozenset[int] | None:
    """All numbers of the person that is named, by our id or by system|value; None where nobody is."""
    named = [name for name in (*_WHO, *_NUMBERS) if name in query]
    if not named:
        return None
    if len(named) > 1:
        raise _fault(f"{named[0]} and {named[1]} both name the patient; use one.", "value", named[1])
    [name], text = named, query[named[0]][0]
    if name in _NUMBERS or "|" in text:
        found = _with_number(name, text, viewer)
    else:
        try:
            found = list(Patient.objects.filter(public_id=UUID(text.removeprefix("Patient/"))))
        except ValueError:
            reason = f"{name} must be the id of a patient here, or system|value of the patient's number."
            raise _fault(reason, "value", name) from None
    if not found:
        return frozenset()
    people = read_people()
    return frozenset().union(*(people.numbers_of(patient.pk) for patient in found))


def _with_number(name: str, text: str, viewer: Viewer) -> list[Patient]:
    """Patients by a number with its system; only for those who may know whose number it is."""
    system, _mark, value = text.partition("|")
    if not (system and value):
        raise _fault(f"Write {name}=system|value, with both parts.", "value", name)
    if not viewer.names:
        raise PermissionDenied(
            f"You may not look patients up by their number; use {name.partition('.')[0]}=Patient/id."
        )
    bare = system.removeprefix(_OID) if system.startswith(_OID) else ""
    number = PatientNumber(number=value, authorities=tuple(filter(None, (system, bare))))
    return [row for row in patients_with({value}) if is_number_of(number, row, bare_number_ok=False)]


def _statuses(kind: Kind, query: Query) -> tuple[str, ...]:
    if "status" not in query:
        return ()
    asked = tuple(query["status"][0].split(","))
    if not set(asked) <= kind.statuses:
        raise _fault(f"status must be one of: {', '.join(sorted(kind.statuses))}.", "value", "status")
    return asked


def _days(query: Query, names: Iterable[str]) -> tuple[date | None, date | None]:
    """The days that all dates together leave, as from one day on and before another."""
    low: date | None = None
    high: date | None = None
    for first, last in (_span(name, text) for name in names for text in query.get(name, ())):
        low = first if low is None else max(low, first or low)
        high = last if high is None else min(high, last or high)
    return low, high


def _span(name: str, text: str) -> tuple[date | None, date | None]:
    """One date with its prefix, as from one day on and before another."""
    found = _DAY.fullmatch(text)
    try:
        day = None if found is None else parse_date(found[2])
    except ValueError:
        day = None
    if found is None or day is None or not _FIRST_DAY <= day <= _LAST_DAY:
        raise _fault(
            f"{name} must be a day of the clinic, YYYY-MM-DD, alone or after eq, ge, le, gt or lt.",
            "value",
            name,
        )
    after = add_days(day, 1)
    spans = {"ge": (day, None), "gt": (after, None), "le": (None, after), "lt": (None, day)}
    return spans.get(found[1] or "eq", (day, after))


def _count(query: Query) -> int:
    text = query.get("_count", [str(PAGE)])[0]
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= LARGEST_PAGE):
        raise _fault(f"_count must be 1 to {LARGEST_PAGE}.", "value", "_count")
    return int(text)


def _place(kind: Kind, query: Query) -> Place:
    if "_after" not in query:
        return Place(0, 0, 0)
    found = _PLACE.fullmatch(query["_after"][0])
    if found is None or int(found[1]) >= len(kind.sources):
        raise _fault("This is no place of ours; follow `next`.", "value", "_after")
    return Place(int(found[1]), int(found[2]), int(found[3]))


def _address(base: str, kind: Kind, query: Query) -> str:
    pairs = [(name, text) for name, texts in query.items() if name != "_format" for text in texts]
    words = urlencode(pairs, safe="|/:")
    return f"{base}{kind.name}?{words}" if words else f"{base}{kind.name}"


def _fault(reason: str, code: str, where: str) -> FhirFault:
    return FhirFault(kind=SYNTAX, code=code, reason=reason, where=where)
