"""What a physician's waiver is about, and whether it can help: only where a usable result exists."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from courses.library import UnknownProtocol, protocol
from courses.models import Course
from courses.rules.facts import WaivedThing
from courses.rules.protocol import LabRow, Protocol
from courses.rules.recommend import case_of
from courses.services.assess import recommend_for
from courses.services.authority import BadFact
from courses.services.locking import next_cycle
from labs.clinic_days import clinic_day
from labs.zones import clinic_zone

_ASKED = ("analyte", "what", "days")


def complete_waiver(data: Mapping[str, Any], *, course: Course, now: datetime) -> dict[str, Any]:
    """The waiver with its cycle and day, checked against live data; the caller holds the course's lock.

    Identity and unit are not among what can be named. Raises BadFact.
    """
    cycle = next_cycle(course)
    if cycle is None:
        raise BadFact("course: every cycle has been given; there is nothing to waive")
    try:
        plan = protocol(course.protocol_id)
    except UnknownProtocol as unknown:
        raise BadFact(f"analyte: the course's protocol file is missing ({unknown})") from unknown
    today = clinic_day(now, clinic_zone())
    chart, _ = recommend_for(course=course, cycle=cycle, protocol_id=course.protocol_id, today=today)
    case, _dates = case_of(chart=chart, protocol=plan, today=today)
    row = plan.lab(str(data.get("analyte", "")))
    usable = row is not None and case.history.newest_clearing(row.analyte) is not None
    if faults := list(_faults(data, row, plan, usable=usable)):
        raise BadFact(*faults)
    return {**data, "cycle": cycle.number, "on": today.isoformat()}


def _faults(data: Mapping[str, Any], row: LabRow | None, plan: Protocol, *, usable: bool) -> Iterator[str]:
    yield from (f"{key}: is filled in by the service; leave it out" for key in data if key not in _ASKED)
    if row is None or not row.always:
        needed = ", ".join(each.analyte for each in plan.labs if each.always)
        yield f"analyte: is not one that the protocol always asks for: {needed}"
        return
    name = plan.names[row.analyte]
    if not usable:
        yield f"analyte: {name} has no usable result since the last cycle; nothing can be waived, draw it"
    if data.get("what") == WaivedThing.EARLIER_DRAW.value:
        if row.earlier is None:
            yield f"what: the protocol asks for no earlier draw of {name}"
    elif data.get("what") == WaivedThing.WINDOW.value:
        yield from _faults_of_days(data.get("days"), plan)
    else:
        yield f"what: must be one of: {', '.join(WaivedThing)}"


def _faults_of_days(days: object, plan: Protocol) -> Iterator[str]:
    if plan.waiver is None:
        yield "what: this protocol lets no window be extended; draw the result again"
    elif not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= plan.waiver.days:
        yield f"days: must be a whole number from 1 to {plan.waiver.days}, which the protocol allows"
