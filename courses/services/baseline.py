"""Fix each analyte's baseline with the first administration, and change it only as two physicians say."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from django.contrib.auth.models import User

from courses.chart import read_chart
from courses.models import BaselineLock, ChartFact, Course, RecordKind
from courses.rules.evidence import Sample, read_history
from courses.rules.values import GivenCycle
from labs.clinic_days import clinic_day
from labs.zones import clinic_zone

_RESULT, _FACT = "result-", "fact-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The baseline of one analyte as it counts now: proposed while `locked_at` is None, then locked."""

    sample: Sample
    locked_at: datetime | None


def baselines_of(*, course: Course, today: date) -> dict[str, Baseline]:
    """The baseline of every analyte that has one, by the analyte's short name, in its order.

    A locked analyte that is not among them has lost its result: the laboratory withdrew it or calls it
    unreliable.
    """
    history = read_history(read_chart(course=course, planned_on=today, today=today))
    locks = {lock.analyte: lock for lock in BaselineLock.objects.current().filter(course=course)}
    return {
        analyte: Baseline(sample=sample, locked_at=locks[analyte].locked_at if analyte in locks else None)
        for analyte, sample in sorted(history.baselines.items())
    }


def lock_baselines(*, course: Course, by: User, now: datetime, begun: GivenCycle | None = None) -> None:
    """Fix the baselines that count now; what is locked already stays as it is.

    The caller holds the course's lock and has written the first administration; or an infusion that is none
    yet, and names it by `begun`: a specimen of its day is no baseline.
    """
    if course.baseline_locked_at is not None:
        return
    today = clinic_day(now, clinic_zone())
    chart = read_chart(course=course, planned_on=today, today=today)
    if begun is not None and not chart.cycles:
        chart = replace(chart, cycles=(begun,))
    history = read_history(chart)
    BaselineLock.objects.bulk_create(
        BaselineLock(course=course, analyte=analyte, locked_by=by, locked_at=now, **_pinned(sample))
        for analyte, sample in sorted(history.baselines.items())
    )
    course.baseline_locked_at = now
    course.save(update_fields=["baseline_locked_at"])


def _pinned(sample: Sample) -> dict[str, int]:
    """The result or declaration that a sample came from, as the columns of a lock."""
    name = sample.measurement.result
    if name.startswith(_FACT):
        fact = ChartFact.objects.get(public_id=UUID(name.removeprefix(_FACT)))
        return {"declared_id": fact.pk}
    return {"result_id": int(name.removeprefix(_RESULT))}


def amend_baseline(*, fact: ChartFact, second: User, now: datetime) -> None:
    """Put what two physicians stated in the place of a locked baseline; before the lock nothing is to do.

    The caller holds the course's lock. Later assessments read the new baseline; past decisions stay.
    """
    course = fact.course
    if course is None or course.baseline_locked_at is None or fact.data is None:
        return
    analyte = fact.data["analyte"]
    before = BaselineLock.objects.current().filter(course=course, analyte=analyte).first()
    is_declared = fact.kind == RecordKind.DECLARED_BASELINE
    BaselineLock.objects.create(
        course=course,
        analyte=analyte,
        result_id=None if is_declared else fact.result_id,
        declared=fact if is_declared else None,
        supersedes=before,
        amendment=fact,
        locked_by=fact.recorded_by,
        second_by=second,
        locked_at=now,
    )
