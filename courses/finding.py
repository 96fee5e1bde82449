"""Find people by name, number, birth date or course, and say whose name may be taken for another's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Case, IntegerField, Prefetch, Q, QuerySet, Value, When

from courses.models import Course
from labs.models import Patient
from labs.same_person import read_people
from labs.similar_names import similar_among

MOST = 20
FEWEST_LETTERS = 2
_MOST_WORDS = 5
_LONGEST = 100
_MOST_COMPARED = 5000
# A letter with a mark, and how it is written where it is not to be had: both are the same name.
_SPELLINGS = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"))
_PREFIX = re.compile(r"[0-9a-f]{6,8}|[0-9a-f]{8}-[0-9a-f-]{1,27}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One person found, with the courses, and whoever has a name like it."""

    patient: Patient
    courses: tuple[Course, ...]
    alike: tuple[Patient, ...]
    # Another number of the same person, which is the one that goes on.
    goes_on_as: Patient | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Everybody found, the number asked for first; `more` stand behind, or `too_short` to look."""

    people: tuple[Found, ...] = ()
    more: bool = False
    too_short: bool = False


def find(words: str) -> Findings:
    """Whoever all the words are about; the number of queries does not depend on how many people there are."""
    asked = [word for word in words.replace("\x00", " ").replace(",", " ")[:_LONGEST].split()][:_MOST_WORDS]
    if not asked or max(len(word) for word in asked) < FEWEST_LETTERS:
        return Findings(too_short=True)
    rows = list(_matching(asked)[: MOST + 1])
    return Findings(people=_told(rows[:MOST]), more=len(rows) > MOST)


def _matching(asked: Sequence[str]) -> QuerySet[Patient]:
    wanted = Q()
    for word in asked:
        wanted &= _about(word)
    whole = Case(
        When(Q(mrn__iexact=asked[0]) | Q(alt_id__iexact=asked[0]), then=Value(0)),
        When(family__iexact=asked[0], then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    courses = Course.objects.select_related("current_decision__cycle").order_by("-pk")
    return (
        Patient.objects.real()
        .filter(wanted)
        .prefetch_related(Prefetch("courses", queryset=courses, to_attr="every_course"))
        .order_by(whole, "family", "given", "pk")
    )


def _about(word: str) -> Q:
    """One word: part of a name, a number, the birth date, or how the number of a course begins."""
    found = Q(mrn__icontains=word) | Q(alt_id__icontains=word)
    for spelling in _spellings(word):
        found |= Q(family__icontains=spelling) | Q(given__icontains=spelling)
    born = _day(word)
    if born is not None:
        found |= Q(birth_date=born)
    if _PREFIX.fullmatch(word.lower()):
        courses = Course.objects.filter(public_id__startswith=word.lower()[:8])
        found |= Q(pk__in=courses.values("patient"))
        found |= Q(public_id__startswith=word.lower()[:8])
    return found


def _spellings(word: str) -> list[str]:
    """The word as typed, and with marked letters written out, and the other way round."""
    small = word.lower()
    written_out, marked = small, small
    for letter, instead in _SPELLINGS:
        written_out, marked = written_out.replace(letter, instead), marked.replace(instead, letter)
    # SQLite takes Ü and ü for different letters.
    return list(dict.fromkeys([word, written_out, marked, marked.capitalize(), marked.upper()]))


def _day(word: str) -> date | None:
    """A day as 1961-03-02 or as 2.3.1961."""
    parts = re.fullmatch(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", word)
    try:
        if parts:
            return date(int(parts[3]), int(parts[2]), int(parts[1]))
        return date.fromisoformat(word) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", word) else None
    except ValueError:
        return None


def _told(rows: list[Patient]) -> tuple[Found, ...]:
    people = read_people()
    treated = Patient.objects.real().filter(courses__status__in=["planned", "active"]).distinct()
    known = {each.pk: each for each in (*treated.order_by("pk")[:_MOST_COMPARED], *rows)}
    alike = similar_among(rows, known.values())
    survivors = {
        each.pk: each for each in Patient.objects.filter(pk__in={people.survivor_of(row.pk) for row in rows})
    }
    told = []
    for row in rows:
        same = people.survivor_of(row.pk)
        others = [known[key] for key in alike.get(row.pk, ()) if people.survivor_of(key) != same]
        told.append(
            Found(
                patient=row,
                courses=tuple(getattr(row, "every_course", ())),
                alike=tuple(others[:3]),
                goes_on_as=survivors.get(same) if same != row.pk else None,
            )
        )
    return tuple(told)
