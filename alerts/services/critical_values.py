"""Judge every value once it is stored or held, and tell of those that are critical."""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from alerts.critical_rules import Bounds, Critical, Side, judge
from alerts.critical_table import critical_table
from alerts.library import policy
from alerts.models import Alert, CriticalFinding, ReadBack
from alerts.models.alert import EventKind
from alerts.models.read_back import ENDS_THE_ALERT
from alerts.rules import Kind, State
from alerts.services.escalation import take_due_step
from alerts.services.raising import Subject, mark_cleared, note, raise_alert
from alerts.services.settling import key_of
from courses.models import Course
from labs.formats.parsed import ParsedNumber
from labs.models import Observation, QuarantinedResult
from labs.models.quarantine import STORED_ALL_THE_SAME
from labs.models.result import WITHDRAWN
from labs.same_person import numbers_of
from labs.services.item import read_item

log = logging.getLogger(__name__)
HELD_LIMIT = 200


class JudgingFailed(Exception):
    """Some values could not be judged; the others were. They are tried again on the next pass."""


def judge_critical_values(*, now: datetime) -> int:
    """Tell of every critical value nobody was told of yet, and lower the tone where it was taken back.

    What is stored counts as the laboratory states it now, preliminary or doubtful too; so does what waits for
    a person, where its patient and value are known. A later version of a result that was read back, and no
    worse, tells nobody anew. Returns how many alerts changed. Raises JudgingFailed.
    """
    since = now - timedelta(days=policy().watch.critical_days)
    failed: list[str] = []
    changed = 0
    for ids, act in (
        (_keys(stored_unjudged(since=since)), _judge_stored),
        (_keys(held_unjudged(since=since))[:HELD_LIMIT], _judge_held),
        (_standing(), _clear),
    ):
        changed += _each(ids, act, now=now, failed=failed)
    if failed:
        raise JudgingFailed(f"{len(failed)} values could not be judged: {', '.join(failed[:20])}")
    return changed


def _each(ids: Iterable[int], act: Callable[..., bool], *, now: datetime, failed: list[str]) -> int:
    """Each in a commit of its own; one that fails keeps no other waiting."""
    done = 0
    for row_id in list(ids):
        try:
            with transaction.atomic():
                done += act(row_id, now=now)
        except Exception:
            log.exception("%s failed for row %s.", act.__name__, row_id)
            failed.append(f"{act.__name__} {row_id}")
    return done


def _keys(rows: QuerySet[Any]) -> QuerySet[Any, int]:
    return rows.order_by("pk").values_list("pk", flat=True)


def stored_unjudged(*, since: datetime) -> QuerySet[Observation]:
    """What stands beyond a bound, of specimens drawn since then, and was not found before."""
    return (
        Observation.objects.filter(reduce(or_, (_beyond(each) for each in critical_table().bounds.values())))
        .filter(current_of__isnull=False, collected_at__gte=since, critical_finding__isnull=True)
        .exclude(value__isnull=True)
        .exclude(status__in=WITHDRAWN)
        .exclude(patient__is_canary=True)
    )


def _beyond(bounds: Bounds) -> Q:
    """Which rows of an analyte may be critical: wider than the rule, which judges what this finds."""
    found = Q(pk__in=())
    if bounds.below:
        found |= Q(value__lt=bounds.below[0]) | Q(comparator__startswith="<")
    if bounds.above:
        found |= Q(value__gt=bounds.above[0]) | Q(comparator__startswith=">")
    return Q(analyte=bounds.analyte) & found


def _judge_stored(observation_id: int, *, now: datetime) -> bool:
    """One stored value, unless somebody else judges it at this moment or has done so."""
    rows = Observation.objects.select_for_update(no_key=True, skip_locked=True, of=("self",)).select_related(
        "message"
    )
    observation = rows.filter(pk=observation_id).first()
    if observation is None or CriticalFinding.objects.filter(observation=observation).exists():
        return False
    critical = _judged(observation.analyte, observation.value, observation.comparator)
    if critical is None:
        return False
    doubtful = critical.doubtful or not observation.is_usable
    alert = _passed_on_before(observation, critical)
    if alert is None:
        alert = _tell(observation, critical, doubtful=doubtful, now=now)
    else:
        note(alert, EventKind.SEEN_AGAIN, now=now, detail={"message": observation.message_id})
    _write(critical, alert=alert, doubtful=doubtful, now=now, observation=observation)
    return True


def _passed_on_before(observation: Observation, critical: Critical) -> Alert | None:
    """The ended alert of an earlier version of this very result, if what was read back was no better.

    Another number of the same grade is news to whoever was told the first one, unless it is less far beyond.
    """
    read_back = ReadBack.objects.filter(alert=OuterRef("alert"), outcome__in=ENDS_THE_ALERT)
    findings = CriticalFinding.objects.filter(
        Exists(read_back),
        observation__result=observation.result_id,
        side=critical.side.value,
        level__gte=critical.level,
        alert__state=State.CLOSED.value,
    )
    before = findings.select_related("observation", "alert").order_by("-pk").first()
    if before is None or before.observation is None:
        return None
    told, found = before.observation, observation
    if told.value is None or found.value is None or told.comparator != found.comparator:
        return None
    is_better = found.value >= told.value if critical.side is Side.LOW else found.value <= told.value
    return before.alert if is_better else None


def held_unjudged(*, since: datetime) -> QuerySet[QuarantinedResult]:
    """What waits for a person since then, of a known patient and analyte, and was not looked at before."""
    return (
        QuarantinedResult.objects.filter(
            state=QuarantinedResult.State.OPEN,
            analyte__in=list(critical_table().bounds),
            patient__isnull=False,
            opened_at__gte=since,
            critical_finding__isnull=True,
        )
        .exclude(reason_code__in=STORED_ALL_THE_SAME)
        .exclude(patient__is_canary=True)
    )


def _judge_held(held_id: int, *, now: datetime) -> bool:
    """One value kept apart; that it was looked at is written down in any case, for reading it takes time."""
    rows = QuarantinedResult.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
    held = rows.select_related("message").filter(pk=held_id).first()
    if held is None or CriticalFinding.objects.filter(held=held).exists():
        return False
    reading = read_item(held)
    number = reading.sent.number if reading.sent else None
    comparator = number.comparator if isinstance(number, ParsedNumber) else ""
    critical = _judged(held.analyte, reading.value, comparator)
    alert = None if critical is None else _tell(held, critical, doubtful=True, now=now)
    _write(critical, alert=alert, doubtful=True, now=now, held=held)
    return critical is not None


def _judged(analyte: str, value: Decimal | None, comparator: str) -> Critical | None:
    bounds = critical_table().bounds.get(analyte)
    return None if value is None or bounds is None else judge(value, comparator, bounds)


def _tell(
    row: Observation | QuarantinedResult, critical: Critical, *, doubtful: bool, now: datetime
) -> Alert:
    """The alert of this patient, analyte and side; a further bound opens it again, a repeat does not."""
    key = key_of(Kind.CRITICAL_VALUE, f"patient-{row.patient_id}", row.analyte, critical.side.value)
    standing = Alert.objects.standing().select_for_update(no_key=True).filter(condition_key=key).first()
    before = int(standing.about["level"]) if standing else critical.level
    level = max(before, critical.level)
    about = {"analyte": row.analyte, "side": critical.side.value, "level": level, "doubtful": doubtful}
    alert = raise_alert(
        kind=Kind.CRITICAL_VALUE,
        condition_key=key,
        subject=Subject(course=_course_of(row.patient_id), message=row.message, about=about),
        now=now,
        graver={"from_level": before, "to_level": level} if level > before else None,
    )
    take_due_step(alert, now=now)
    return alert


def _course_of(patient_id: int | None) -> Course | None:
    """The person's newest course, open or not."""
    numbers = numbers_of(patient_id) if patient_id is not None else ()
    return Course.objects.filter(patient__in=numbers).order_by("-pk").first()


def _write(
    critical: Critical | None,
    *,
    alert: Alert | None,
    doubtful: bool,
    now: datetime,
    observation: Observation | None = None,
    held: QuarantinedResult | None = None,
) -> None:
    CriticalFinding.objects.create(
        observation=observation,
        held=held,
        alert=alert,
        side=critical.side.value if critical else "",
        level=critical.level if critical else 0,
        doubtful=doubtful,
        table_version=critical_table().version,
        found_at=now,
    )


def _standing() -> QuerySet[Alert, int]:
    """Open alerts of which no finding stands any more: corrected, withdrawn, or settled otherwise."""
    stands = CriticalFinding.objects.filter(alert=OuterRef("pk")).filter(
        Q(observation__current_of__isnull=False) & ~Q(observation__status__in=WITHDRAWN)
        | Q(held__state=QuarantinedResult.State.OPEN)
    )
    return (
        Alert.objects.filter(kind=Kind.CRITICAL_VALUE.value, state=State.OPEN.value)
        .exclude(Exists(stands))
        .order_by("pk")
        .values_list("pk", flat=True)
    )


def _clear(alert_id: int, *, now: datetime) -> bool:
    """Its values were taken back: people were told of them, so only a person ends it."""
    alert = (
        Alert.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(pk=alert_id, state=State.OPEN)
        .first()
    )
    if alert is None:
        return False
    mark_cleared(alert, now=now)
    return True
