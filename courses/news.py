"""Say what last arrived of a course's evidence, and which courses nobody judged since."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

from django.db.models import BooleanField, ExpressionWrapper, F, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Greatest
from django.db.models.lookups import GreaterThan, LessThan

from courses.models import Administration, ChartFact, Course, FactConfirmation
from labs.models import BodyWeight, Observation, QuarantinedResult
from labs.same_person import People, ever_merged, read_people

_NEVER = Value(datetime(1970, 1, 1, tzinfo=UTC))
Rows = QuerySet[Any]


def arrivals() -> tuple[tuple[Rows, str, str], ...]:
    """Whatever is evidence beside a stored result: its rows, when each came, and whose it is."""
    return (
        (QuarantinedResult.objects.all(), "opened_at", "patient"),
        (QuarantinedResult.objects.all(), "resolved_at", "patient"),
        (BodyWeight.objects.all(), "recorded_at", "patient"),
        (ChartFact.objects.all(), "recorded_at", "patient"),
        (FactConfirmation.objects.all(), "confirmed_at", "fact__patient"),
        (Administration.objects.all(), "recorded_at", "cycle__course__patient"),
    )


def with_news_unjudged(*, before: datetime) -> Iterator[Course]:
    """Open courses whose last news is younger than their decision, and came before an instant.

    One query, with one look for each course and table by an index on the patient: what was ever stored does
    not count. Of a person with two numbers the news may stand under either: these few are asked one by one.
    """
    courses = Course.objects.open().real().select_related("current_decision").order_by("pk")
    people: People | None = None
    for course in courses.filter(ever_merged() | _is_left(before=before)).annotate(
        was_merged=ExpressionWrapper(ever_merged(), output_field=BooleanField())
    ):
        if vars(course)["was_merged"]:
            people = people or read_people()
            numbers = people.numbers_of(course.patient_id)
            if not courses.filter(pk=course.pk).filter(_is_left(before=before, numbers=numbers)).exists():
                continue
        yield course


def _is_left(*, before: datetime, numbers: Collection[int] | None = None) -> Q:
    """Whether the last news of a course came after its decision and before an instant."""
    last = Greatest(
        F("started_at"),
        Coalesce(Subquery(_last_result(numbers)), _NEVER),
        *(Coalesce(Subquery(_last(*each, numbers)), _NEVER) for each in arrivals()),
    )
    decided = Coalesce(F("current_decision__made_at"), _NEVER)
    return Q(GreaterThan(last, decided)) & Q(LessThan(last, Value(before)))


def _last_result(numbers: Collection[int] | None) -> Rows:
    """When the newest stored result of a patient was read: its message may have come long before that."""
    rows = _of(Observation.objects.all(), "patient", numbers).order_by("-pk")
    timed: Rows = rows.annotate(last=Coalesce("message__outcome__at", "received_at"))
    return timed.values("last")[:1]


def _last(rows: Rows, at: str, of: str, numbers: Collection[int] | None) -> Rows:
    """When the last of these rows came, of all numbers together."""
    together: Rows = _of(rows, of, numbers).order_by().annotate(all=Value(1)).values("all")
    counted: Rows = together.annotate(last=Max(at))
    return counted.values("last")


def _of(rows: Rows, of: str, numbers: Collection[int] | None) -> Rows:
    """The rows of the course's own patient, or of all these numbers."""
    wanted = {of: OuterRef("patient")} if numbers is None else {f"{of}__in": numbers}
    found: Rows = rows.filter(**wanted)
    return found
