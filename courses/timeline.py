"""Read everything that happened to a course, and is planned, as entries of one time axis."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from django.db.models import Prefetch
from django.urls import reverse

from courses.fact_words import fact_words
from courses.models import ChartFact, Course, Cycle, CycleMove, Decision, OrderEvent, RecordKind, Signature
from courses.read_case import read_case
from courses.rules.activity import both_units
from courses.rules.derived import Case
from courses.rules.evidence import Standing
from courses.rules.explaining import finding_words
from courses.rules.toxicity import Episode, follow
from courses.rules.trends import Reading, readings
from courses.rules.wording import day_words, event_span_words
from courses.timeline_picture import Entry, Lane, Timeline, axis_of, draw_timeline
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone

# So many entries stand on one page; what is older stands on the pages before it.
SHOWN = 150
# Without which right a lane is left out; the results, and what follows from them, need the chart.
RIGHTS: Mapping[Lane, tuple[str, ...]] = {
    Lane.CYCLES: ("courses.view_cycle",),
    Lane.GIVEN: ("courses.view_administration",),
    Lane.MOVES: ("courses.view_cyclemove",),
    Lane.DELAYS: ("courses.view_chartfact",),
    Lane.HOLDS: ("courses.view_chartfact",),
    Lane.DECISIONS: ("courses.view_decision",),
    Lane.ORDERS: ("courses.view_order",),
    Lane.TOXICITIES: ("labs.view_result", "courses.view_chartfact"),
    Lane.RESULTS: ("labs.view_result",),
}
_FACTS = {Lane.DELAYS: RecordKind.DELAY, Lane.HOLDS: RecordKind.PRECAUTIONARY_HOLD}


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseTimeline:
    """One page of the timeline: the drawing, the same entries newest first, and what is not on it."""

    picture: Timeline
    entries: tuple[Entry, ...]
    first: date
    last: date
    earlier: date | None
    is_newest: bool
    hidden: tuple[Lane, ...]


def timeline_of(
    course: Course, *, today: date, may: Callable[[str], bool], until: date | None = None
) -> CourseTimeline:
    """What a person may read of a course on one axis; a fixed number of queries, whatever happened.

    Raises UnknownProtocol, and Fault where a recorded fact cannot be read.
    """
    shown = {lane for lane, rights in RIGHTS.items() if all(may(right) for right in rights)}
    found = sorted(_entries(course, shown, today=today), key=lambda entry: (entry.first, entry.key))
    newest = max([today, *(entry.first for entry in found)])
    last = newest if until is None else min(until, newest)
    known = [entry for entry in found if entry.first <= last]
    first = known[-SHOWN:][0].first if known else last
    earlier = add_days(first, -1) if any(entry.first < first for entry in known) else None
    axis = axis_of(min(first, add_days(last, -1)), last)
    on_page = [entry for entry in known if _touches(entry, first)]
    return CourseTimeline(
        picture=draw_timeline(on_page, axis=axis, today=today),
        entries=tuple(reversed(on_page)),
        first=first,
        last=last,
        earlier=earlier,
        is_newest=last == newest,
        hidden=tuple(lane for lane in Lane if lane not in shown),
    )


def _touches(entry: Entry, first: date) -> bool:
    """Whether an entry began on a page, or lasts into it."""
    return entry.first >= first or (entry.is_span and (entry.last is None or entry.last >= first))


def _entries(course: Course, shown: set[Lane], *, today: date) -> Iterator[Entry]:
    """Every entry of the lanes that are shown."""
    plain: Mapping[Lane, Callable[[Course], Iterable[Entry]]] = {
        Lane.CYCLES: _planned,
        Lane.MOVES: _moves,
        Lane.DECISIONS: _decisions,
        Lane.ORDERS: _orders,
    }
    for lane, read in plain.items():
        if lane in shown:
            yield from read(course)
    if shown & _FACTS.keys():
        yield from (entry for entry in _facts(course) if entry.lane in shown)
    if shown & {Lane.GIVEN, Lane.TOXICITIES, Lane.RESULTS}:
        case = read_case(course, today=today)
        of_case: Mapping[Lane, Callable[[], Iterable[Entry]]] = {
            Lane.GIVEN: partial(_given, course, case),
            Lane.TOXICITIES: partial(_toxicities, course, case),
            Lane.RESULTS: partial(_results, course, case),
        }
        for lane, tell in of_case.items():
            if lane in shown:
                yield from tell()


def _day(instant: datetime) -> date:
    return clinic_day(instant, clinic_zone())


def _planned(course: Course) -> Iterator[Entry]:
    """The cycles that have not been given, on their planned days."""
    if not course.is_open:
        return
    url = reverse("admin:courses_course_change", args=[course.pk])  # whoever reads this axis reads that page
    for cycle in Cycle.objects.filter(course=course, administration__isnull=True).order_by("number"):
        words = f"Cycle {cycle.number} planned"
        yield Entry(key=f"cycle-{cycle.pk}", lane=Lane.CYCLES, first=cycle.planned_on, words=words, url=url)


def _given(course: Course, case: Case) -> Iterator[Entry]:
    """The administrations as they stand after corrections."""
    url = reverse("courses:ledger", args=[course.patient.public_id])
    for cycle in case.chart.cycles:
        place = f" at {cycle.elsewhere}" if cycle.elsewhere else ""
        words = f"Cycle {cycle.number} given{place}: {both_units(cycle.activity_gbq)}"
        yield Entry(key=f"given-{cycle.number}", lane=Lane.GIVEN, first=cycle.on, words=words, url=url)


def _moves(course: Course) -> Iterator[Entry]:
    """Each move of a cycle, on the day it was made."""
    url = reverse("admin:courses_course_change", args=[course.pk])  # whoever reads this axis reads that page
    for move in CycleMove.objects.filter(cycle__course=course).select_related("cycle").order_by("pk"):
        way = f"from {day_words(move.from_on)} to {day_words(move.to_on)}"
        words = f"Cycle {move.cycle.number} moved {way} ({move.get_cause_display()}): {move.reason}"
        yield Entry(key=f"move-{move.pk}", lane=Lane.MOVES, first=_day(move.moved_at), words=words, url=url)


def _facts(course: Course) -> Iterator[Entry]:
    """Delays and people's holds, from their beginning to their end."""
    kinds = {kind.value: lane for lane, kind in _FACTS.items()}
    rows = ChartFact.objects.filter(course=course, kind__in=list(kinds), data__isnull=False)
    for row in rows.select_related("withdrawn_by").order_by("pk"):
        data, ended = row.data or {}, getattr(row, "withdrawn_by", None)
        lane = kinds[row.kind]
        if lane is Lane.DELAYS and ended is not None:
            continue  # taken back: it was none, or another row says it anew
        last = data.get("to") if lane is Lane.DELAYS else None
        words = f"{row.get_kind_display().capitalize()}: {fact_words(row)}"
        if lane is Lane.HOLDS:
            words = f"Held by {row.printed_name}: {row.reason}"
        yield Entry(
            key=f"fact-{row.pk}",
            lane=lane,
            first=date.fromisoformat(str(data.get("from") or data["on"])),
            last=date.fromisoformat(str(last)) if last else (_day(ended.recorded_at) if ended else None),
            is_span=True,
            words=words,
            url=reverse("courses:record_fact", args=[course.public_id, row.kind]),
            tone="hold" if lane is Lane.HOLDS else "delay",
        )


def _decisions(course: Course) -> Iterator[Entry]:
    """Each new verdict; decisions that only confirmed one are left to the course's page."""
    signatures = Prefetch("signatures", queryset=Signature.objects.order_by("pk"))
    rows = Decision.objects.filter(course=course, confirms__isnull=True).select_related("cycle")
    for row in rows.defer("situation", "answer").prefetch_related(signatures).order_by("pk"):
        action = "waiting for labs" if row.awaiting_labs else row.action
        signed = "".join(f", signed by {each.printed_name}" for each in row.signatures.all())
        yield Entry(
            key=f"decision-{row.pk}",
            lane=Lane.DECISIONS,
            first=_day(row.made_at),
            words=f"Cycle {row.cycle.number}: {action}{signed}",
            url=reverse("courses:decision", args=[row.public_id]),
            tone="waiting" if row.awaiting_labs else row.action,
        )


def _orders(course: Course) -> Iterator[Entry]:
    """What became of the orders: those of one cycle that changed alike on one day together."""
    events = OrderEvent.objects.filter(order__cycle__course=course).select_related("order__cycle")
    groups: dict[tuple[date, int, str, str], list[OrderEvent]] = defaultdict(list)
    for event in events.order_by("pk"):
        groups[_day(event.at), event.order.cycle.number, event.to_state, event.reason_code].append(event)
    url = f"{reverse('admin:courses_course_change', args=[course.pk])}#orders"
    for (on, number, state, reason), found in groups.items():
        kinds = ", ".join(dict.fromkeys(event.order.get_kind_display() for event in found))
        why = f" ({reason})" if reason else ""
        yield Entry(
            key=f"order-{found[0].pk}",
            lane=Lane.ORDERS,
            first=on,
            words=f"Cycle {number}: {state}{why}: {kinds}",
            url=url,
            tone=state,
        )


def _toxicities(course: Course, case: Case) -> Iterator[Entry]:
    """What people reported, and each episode of a toxicity that the protocol acts on until it resolved."""
    yield from _reported(course, case)
    url = reverse("courses:trends", args=[course.public_id])
    for place, episode in enumerate(follow(case).episodes):
        yield Entry(
            key=f"toxicity-{place}",
            lane=Lane.TOXICITIES,
            first=episode.onset,
            last=episode.resolved_on,
            is_span=True,
            words=_episode_words(episode, case),
            url=url,
            tone="stop" if episode.fatal else "delay",
        )


def _reported(course: Course, case: Case) -> Iterator[Entry]:
    """What people recorded, of every grade and cause: an episode is only what the protocol acts on."""
    url = reverse("courses:record_fact", args=[course.public_id, RecordKind.ADVERSE_EVENT.value])
    for place, event in enumerate(case.chart.adverse_events):
        yield Entry(
            key=f"reported-{place}",
            lane=Lane.TOXICITIES,
            first=event.began_on,
            last=event.ended_on,
            is_span=True,
            words=f"Reported: {event.term} grade {event.grade}, {event_span_words(event)}",
            url=url,
        )


def _episode_words(episode: Episode, case: Case) -> str:
    grade = f", grade {episode.grade}" if episode.grade is not None and episode.event is None else ""
    name = episode.family.name
    family = f"{name[:1].upper()}{name[1:]} ({episode.family.id})"
    return f"{family}: worst {finding_words(episode, case)}{grade}"


def _results(course: Course, case: Case) -> Iterator[Entry]:
    """Each day on which specimens were collected, with the worst grade they show."""
    by_day: dict[date, list[Reading]] = defaultdict(list)
    for found in readings(case).values():
        for each in found:
            if each.quantity == each.sample.analyte:
                by_day[each.sample.day].append(each)
    base = reverse("courses:trends", args=[course.public_id])
    for on, own in by_day.items():
        worst = max(
            (each.worst_grade for each in own if each.worst_grade),
            key=lambda each: each.found.low,
            default=None,
        )
        graded = f"; worst grade {worst.found.low}, {worst.term}" if worst and worst.found.low else ""
        perhaps = max((each.worst_grade.found.high for each in own if each.worst_grade), default=0)
        if perhaps > (worst.found.low if worst else 0):
            graded += f"; perhaps grade {perhaps}"
        doubt = sum(each.sample.standing is not Standing.DECISIVE for each in own)
        unsure = f"; {doubt} not relied on" if doubt else ""
        count = f"{len(own)} result{'' if len(own) == 1 else 's'}"
        yield Entry(
            key=f"results-{on.isoformat()}",
            lane=Lane.RESULTS,
            first=on,
            words=f"{count}{graded}{unsure}",
            url=f"{base}?until={on.isoformat()}",
        )
