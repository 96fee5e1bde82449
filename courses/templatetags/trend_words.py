"""Template filters for pictures of results: what a mark shows, how far it counts, and where it is read."""

from datetime import date
from typing import Any

from django import template
from django.urls import reverse

from courses.models import RecordKind
from courses.rules.evidence import Standing
from courses.rules.grades_by_cycle import WorstGrade
from courses.rules.protocol import DERIVED
from courses.rules.trends import Reading, TermGrade
from courses.rules.wording import event_span_words, interval_words, measured, shown, value_words
from courses.timeline_picture import Entry, PointMark
from courses.trend_picture import Mark, Shape, shape_of
from courses.trends import Trend
from labs.templatetags.clinic_text import NOTHING, day, number, visible

register = template.Library()
register.filter("event_words", event_span_words)

_SHAPES = {
    Shape.RELIABLE: "final, relied on",
    Shape.PRELIMINARY: "preliminary",
    Shape.DOUBTFUL: "in doubt",
    Shape.CONTRADICTED: "contradicted by another version",
    Shape.UNREAD: "not read: waits for a person, or holds no number",
    Shape.WITHDRAWN: "withdrawn by the laboratory",
}
_RESULT, _QUARANTINE, _FACT = "result-", "quarantine-", "fact-"


@register.filter
def shape_words(shape: Shape) -> str:
    """What a shape stands for."""
    return _SHAPES[shape]


@register.filter
def mark_shapes(trend: Trend) -> list[Shape]:
    """The shapes that occur in a picture, for its legend."""
    found = {mark.shape for mark in trend.picture.marks} if trend.picture else set()
    return [shape for shape in Shape if shape in found]


@register.filter
def value_of(reading: Reading, unit: str) -> str:
    """The value with its comparator and unit; of a computed quantity what it was computed to."""
    if reading.value is None:
        return "no number"
    if reading.quantity in DERIVED:
        return measured(interval_words(reading.value, shown), unit)
    return measured(value_words(reading.sample), unit)


@register.filter
def range_of(reading: Reading) -> str:
    """The reference range that came with the result."""
    m = reading.sample.measurement
    if reading.quantity in DERIVED or (m.low is None and m.high is None):
        return "not given" if reading.quantity not in DERIVED else NOTHING
    return f"{number(m.low)} to {number(m.high)}"


@register.filter
def counts(reading: Reading) -> str:
    """How far a reading may be relied on, and why no further."""
    standing, why = reading.sample.standing, reading.sample.why
    if standing is Standing.DECISIVE and not why:
        return "final" if reading.quantity not in DERIVED else "computed"
    word = _SHAPES[shape_of(reading)]
    return f"{word}: {why}" if why else word


@register.filter
def term_grade(each: TermGrade) -> str:
    """A grade, or the grades that remain possible and why."""
    found = each.found
    if found.is_exact:
        return f"grade {found.low}"
    return f"grade {found.low} to {found.high}, not known which: {found.ungradable}"


@register.filter
def worst_words(worst: WorstGrade) -> str:
    """The worst grade of one column; not knowing and not measuring are words of their own."""
    unused = ""
    if worst.not_used:
        unused = f"{worst.not_used} result{'' if worst.not_used == 1 else 's'} not relied on"
    if worst.grade is None:
        return f"not graded: {unused}" if unused else "not measured"
    sure = f"grade {worst.grade}"
    if worst.perhaps is not None:
        sure = f"{sure}, perhaps {worst.perhaps}: {worst.why}"
    return f"{sure} ({unused})" if unused else sure


@register.filter
def mark_label(mark: Mark, trend: Trend) -> str:
    """One mark in a sentence, for whoever does not see it."""
    reading = mark.reading
    parts = [f"{trend.name} {value_of(reading, trend.unit)}", day(reading.sample.day)]
    parts += [term_grade(each) for each in reading.grades if each is reading.worst_grade]
    parts.append(counts(reading))
    if reading.is_worst:
        parts.append(f"the worst after cycle {reading.interval}")
    return ", ".join(parts)


@register.filter
def until(first: date, last: date) -> str:
    """From one day to another."""
    return f"{day(first)} to {day(last)}"


@register.simple_tag(takes_context=True)
def source_url(context: dict[str, Any], reading: Reading) -> str:
    """Where the result is read with its source; empty where the reader may not open that page."""
    named, perms = reading.sample.measurement.result, context["perms"]
    if named.startswith(_RESULT):
        return reverse("admin:labs_result_change", args=[named.removeprefix(_RESULT)])
    if named.startswith(_QUARANTINE) and perms["labs"]["view_quarantinedresult"]:
        return reverse("labs:quarantine_item", args=[reading.sample.measurement.ref])
    if named.startswith(_FACT) and perms["courses"]["view_chartfact"]:
        kind = RecordKind.DECLARED_BASELINE.value
        return reverse("courses:record_fact", args=[context["course"].public_id, kind])
    return ""


@register.filter
def entry_words(entry: Entry) -> str:
    """One entry of a timeline in a sentence, with its days."""
    if not entry.is_span:
        return visible(f"{day(entry.first)}: {entry.words}")
    end = "not ended" if entry.last is None else f"until {day(entry.last)}"
    return visible(f"{day(entry.first)}, {end}: {entry.words}")


@register.filter
def mark_words(mark: PointMark) -> str:
    """Everything one mark of a timeline stands for."""
    words = "; ".join(entry_words(entry) for entry in mark.entries)
    return words if len(mark.entries) == 1 else f"{len(mark.entries)} entries: {words}"


@register.filter
def mark_url(mark: PointMark) -> str:
    """Where one entry is read whole; of several the first one's place in the list."""
    first = mark.entries[0]
    return first.url if len(mark.entries) == 1 else f"#entry-{first.key}"
