"""What a physician's override is about: its cycle, the action it overrides, and the values that rests on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from courses.library import UnknownProtocol, protocol
from courses.models import ChartFact, Course, RecordKind
from courses.rules.facts import SHORTEST_OVERRIDE
from courses.rules.override_basis import override_basis
from courses.rules.overrides import OF_TWO, overridable
from courses.services.assess import follows_its_file, recommend_for
from courses.services.authority import BadFact, seen_letters
from courses.services.locking import next_cycle
from courses.situation_acts import write_used
from labs.clinic_days import clinic_day
from labs.zones import clinic_zone

_ASKED = ("rule", "code")


def complete_override(
    data: Mapping[str, Any], *, course: Course, reason: str, now: datetime
) -> tuple[dict[str, Any], bool]:
    """The override with what it covers, on live data, and whether a second physician must confirm it.

    1. check its own words; 2. ask the core what the rule says now; 3. keep cycle, action and values as they
    stand. To override a delay or a stop takes two physicians, and so does whoever overrides a rule of the
    course again. The caller holds the course's lock. Raises BadFact.
    """
    _check_words(data, reason)
    cycle, rule = next_cycle(course), str(data["rule"])
    if cycle is None:
        raise BadFact("course: every cycle has been given; there is nothing to override")
    try:
        if not follows_its_file(course):
            raise BadFact("rule: the protocol file is not the one this course follows; nothing is overridden")
        plan = protocol(course.protocol_id)
    except UnknownProtocol as unknown:
        raise BadFact(f"rule: the course's protocol file is missing ({unknown})") from unknown
    if rule not in overridable(plan):
        raise BadFact(
            f"rule: {rule} is never overridden; what is missing is recorded, a person's hold is taken back"
        )
    today = clinic_day(now, clinic_zone())
    chart, _ = recommend_for(course=course, cycle=cycle, protocol_id=course.protocol_id, today=today)
    basis = override_basis(rule=rule, chart=chart, protocol=plan, today=today)
    if basis is None:
        raise BadFact(f"rule: {rule} asks for nothing that can be overridden now; look at the decision again")
    action, values = basis
    about = {
        "rule": rule,
        "code": data["code"],
        "cycle": cycle.number,
        "action": action.word,
        "on": today.isoformat(),
        "values": [write_used(used) for used in values],
    }
    return about, action in OF_TWO or _was_overridden(rule, course)


def _check_words(data: Mapping[str, Any], reason: str) -> None:
    """A rule, a coded reason, and enough words that can be seen."""
    faults = [f"{key}: is missing" for key in _ASKED if not data.get(key)]
    faults += [f"{key}: is filled in by the service; leave it out" for key in data if key not in _ASKED]
    if seen_letters(reason) < SHORTEST_OVERRIDE:
        faults.append(f"reason: say why in at least {SHORTEST_OVERRIDE} letters that can be read")
    if faults:
        raise BadFact(*faults)


def _was_overridden(rule: str, course: Course) -> bool:
    """Whether this rule was overridden in this course before, whatever became of it."""
    rows = ChartFact.objects.filter(course=course, kind=RecordKind.OVERRIDE, data__isnull=False)
    return rows.filter(data__rule=rule).exists()
