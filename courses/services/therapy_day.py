"""Open a day of therapy, record what happens on it, and correct what was recorded wrongly."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from courses.day_data import DIRECT, RUN, STEPS, read_step, takes_password
from courses.day_library import NoDayRules, PinnedRules, day_rules
from courses.json_table import Fault
from courses.models import Course, Cycle, Order, TherapyDay, TherapyStep
from courses.rules.day_values import Happened
from courses.rules.order_states import OrderKind, OrderState
from courses.services.assess import assess_at_gate
from courses.services.authority import NotAllowed, Refused, check_fresh, check_right, printed_name, stated
from courses.services.by_hand import finish_restart
from courses.services.day_findings import write_grave_finding
from courses.services.day_version import check_version
from courses.services.remainder import held_by_a_part
from courses.services.start import authorisation_for, look_again, open_unauthorised
from labs.clock import database_now

# Further back a date was mistyped: what happened before is recorded by the doors for back-entry.
_EARLIEST = timedelta(hours=36)
_READY = (OrderState.ACTIVE, OrderState.ACCEPTED, OrderState.PREPARED, OrderState.DISPENSED)
_ELSE_SAY = {
    "courses.run_therapy_day": "Nurses and physicians run the day of therapy.",
    "courses.measure_activity": "Pharmacists and physicists record measured activities.",
    "courses.authorise_start": "Nurses and physicians check a start.",
}


class BadStep(ValueError):
    """The step cannot be recorded like this; one line per fault, each beginning with its field."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


def open_day(*, cycle: Cycle, by: User, now: datetime | None = None) -> TherapyDay:
    """Open the day of a cycle, from admission to release.

    1. check the right; 2. lock the course; 3. the cycle is not given, waits for no judgement and has an
    active order; 4. pin the rules of the day.

    Raises NotAllowed, Refused.
    """
    check_right(by, RUN, else_say=_ELSE_SAY[RUN])
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=cycle.course_id)
        now = now or database_now()
        pinned = rules_of(course)
        if hasattr(Cycle.objects.select_related("administration").get(pk=cycle.pk), "administration"):
            raise Refused(f"Cycle {cycle.number} has been given; its day is on the course's page.")
        if TherapyDay.objects.open().filter(cycle=cycle).exists():
            raise Refused(f"The day of cycle {cycle.number} is open already; go on with it.")
        if (held := held_by_a_part(course.pk)) is not None:
            raise Refused(" ".join(held))
        ready = [state.value for state in _READY]
        orders = Order.objects.filter(cycle=cycle, kind=OrderKind.RADIOPHARMACEUTICAL.value, state__in=ready)
        if not orders.exists():
            raise Refused(
                f"Cycle {cycle.number} has no active order for the radiopharmaceutical. A physician signs "
                "the decision first; then the day can be opened."
            )
        return TherapyDay.objects.create(
            cycle=cycle,
            rules_id=pinned.rules.id,
            rules_sha256=pinned.sha256,
            opened_at=now,
            opened_by=by,
        )


def rules_of(course: Course) -> PinnedRules:
    """The rules of the day under a course's protocol. Raises Refused where there are none."""
    try:
        return day_rules(course.protocol_id)
    except NoDayRules as none:
        raise Refused(f"The day of therapy is not described: {none}") from none


def record_step(
    *,
    day: TherapyDay,
    kind: str,
    data: Mapping[str, Any],
    by: User,
    happened_at: datetime | None = None,
    second: User | None = None,
    authenticated_at: datetime | None = None,
    version: int | None = None,
    now: datetime | None = None,
) -> TherapyStep:
    """Record one thing that happened; `second` is the other person, whom the caller has verified.

    1. check the right, and where it takes one the password; 2. lock the course, and refuse another version
    of the day than the one that was read; 3. read the data by the kind's table; 4. append the step; 5. a
    start without a valid authorisation opens an incident at once, and so does one that an entry of an earlier
    instant no longer lets stand.

    What happened is never refused for being wrong, only for saying nothing. Raises NotAllowed, BadStep,
    StaleDay.
    """
    known = _kind(kind)
    proven_at = _check_person(
        known, data, by=by, second=second, authenticated_at=authenticated_at, now=now or database_now()
    )
    with transaction.atomic():
        day = locked_day(day, version=version)
        now = now or database_now()
        at = _instant(happened_at, day=day, now=now)
        if day.ended_at is not None and not STEPS[known].after_end:
            raise BadStep("kind: this day has ended; record a note, or correct an entry of it")
        step = TherapyStep.objects.create(
            therapy_day=day,
            kind=known.value,
            data=_data(known, data),
            happened_at=at,
            **_people(known, by=by, second=second, proven_at=proven_at),
            recorded_at=now,
        )
        touch(day)
        write_grave_finding(step, by=by, now=now)
        if known is Happened.ANALOGUE_RESTART:
            finish_restart(cycle=day.cycle, by=by, now=now)
        if known is Happened.INFUSION_START:
            assess_at_gate(course_id=day.cycle.course_id, now=now)
            _, why = authorisation_for(day, started_at=at)
            if why:
                open_unauthorised(day, why=why, now=now)
        else:
            look_again(day, since=at, now=now)
    return step


def correct_step(
    *,
    step: TherapyStep,
    reason: str,
    by: User,
    data: Mapping[str, Any] | None = None,
    happened_at: datetime | None = None,
    second: User | None = None,
    authenticated_at: datetime | None = None,
    take_back: bool = False,
    version: int | None = None,
    now: datetime | None = None,
) -> TherapyStep:
    """Write a new version of a step, or take it back; the earlier one stays on record with the reason.

    What is left out stays as it was, but not the second person: what two people saw is seen by two again.
    To take an entry back is one person's act. A start that the entries no longer carry opens its incident.
    Raises NotAllowed, BadStep, StaleDay.
    """
    known = Happened(step.kind)
    if known not in STEPS:
        raise BadStep("kind: what ended the day is not corrected here; record a note")
    kept = {key: value for key, value in step.data.items() if key != "gbq"}
    said = {} if take_back else kept if data is None else data
    proven_at = _check_person(
        known,
        said,
        by=by,
        second=second,
        authenticated_at=authenticated_at,
        now=now or database_now(),
        alone=take_back,
    )
    why = stated(reason)
    if not why:
        raise BadStep("reason: is missing; say in a few words what was wrong")
    with transaction.atomic():
        day = locked_day(step.therapy_day, version=version)
        now = now or database_now()
        if TherapyStep.objects.filter(corrects=step).exists():
            raise BadStep("step: it was corrected before; correct the newest version")
        corrected = TherapyStep.objects.create(
            therapy_day=day,
            kind=known.value,
            data=step.data if take_back else _data(known, said),
            happened_at=_instant(happened_at or step.happened_at, day=day, now=now),
            **_people(known, by=by, second=second, proven_at=proven_at),
            recorded_at=now,
            corrects=step,
            taken_back=take_back,
            reason=why,
        )
        touch(day)
        write_grave_finding(corrected, by=by, now=now)
        look_again(day, since=min(step.happened_at, corrected.happened_at), now=now)
    return corrected


def locked_day(day: TherapyDay, *, version: int | None = None) -> TherapyDay:
    """The day as it stands, its course locked first; the course may be complete or stopped meanwhile.

    Raises StaleDay where it is another version than the one that was read.
    """
    Course.objects.select_for_update().get(pk=day.cycle.course_id)
    found = TherapyDay.objects.select_related("cycle__course__patient").get(pk=day.pk)
    check_version(found, version)
    return found


def touch(day: TherapyDay) -> None:
    """Another version of the day: whoever holds an older one has not seen what was just written."""
    day.version += 1
    day.save(update_fields=["version"])


def _kind(kind: str) -> Happened:
    known = {each.value: each for each in STEPS}
    if kind not in known:
        raise BadStep(f"kind: {kind!r} is not one of: {', '.join(known)}")
    return known[kind]


def _check_person(
    kind: Happened,
    said: object,
    *,
    by: User,
    second: User | None,
    authenticated_at: datetime | None,
    now: datetime,
    alone: bool = False,
) -> datetime | None:
    """Who records what, with whom, and with how fresh a password: when it was given, where one is taken.

    `alone`: what is taken back counts no longer, so that nobody need stand by. Raises NotAllowed, BadStep.
    """
    row, signed = STEPS[kind], takes_password(kind, said)
    if not any(by.has_perm(right) for right in row.rights):
        raise NotAllowed(_ELSE_SAY[row.rights[0]])
    if signed and row.signed_if is not None:
        check_right(by, DIRECT, else_say="Only a physician leaves out the corticosteroid cover.")
    proven_at = check_fresh(authenticated_at, now=now) if signed else None
    if not row.two_people or (alone and second is None):
        return proven_at
    if second is None:
        raise BadStep("second: is missing; a second person proves with name and password to be there")
    if second.pk == by.pk:
        raise BadStep("second: is you again; another person is needed")
    if not any(second.has_perm(right) for right in row.rights):
        raise NotAllowed("The second person must be a nurse or a physician.")
    return proven_at


def _data(kind: Happened, data: Mapping[str, Any]) -> dict[str, str]:
    """The data as the kind's table reads it. Raises BadStep."""
    try:
        return read_step(kind, data)
    except Fault as fault:
        raise BadStep(*str(fault).splitlines()) from fault


def _people(kind: Happened, *, by: User, second: User | None, proven_at: datetime | None) -> dict[str, Any]:
    two = second is not None and STEPS[kind].two_people
    return {
        "recorded_by": by,
        "printed_name": printed_name(by),
        "second_by": second if two else None,
        "second_name": printed_name(second) if second is not None and two else "",
        "authenticated_at": proven_at,
    }


def _instant(happened_at: datetime | None, *, day: TherapyDay, now: datetime) -> datetime:
    """When it happened, as entered or stamped now. Raises BadStep."""
    if happened_at is None:
        return now
    if happened_at.tzinfo is None:
        raise BadStep("happened_at: has no time zone; write the offset as well")
    if happened_at > now:
        raise BadStep("happened_at: lies in the future; check the time")
    if happened_at < day.opened_at - _EARLIEST:
        raise BadStep("happened_at: lies more than 36 hours before this day was opened; check the date")
    return happened_at
