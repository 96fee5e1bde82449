"""Template filters: what hangs on a planned day, and what became of a visit, in words a nurse reads."""

from django import template

from courses.models import MoveCause, VisitOutcome
from courses.rules.derived_days import DayKind, DerivedDay
from labs.templatetags.clinic_text import analyte_name, day

register = template.Library()
_WORDS = {
    DayKind.THERAPY: "Therapy",
    DayKind.VIAL_ORDER: "Order the vial with the supplier",
    DayKind.LONG_ACTING_STOP: "Last day for a long-acting somatostatin analogue",
    DayKind.SHORT_ACTING_STOP: "Last day for a short-acting somatostatin analogue",
    DayKind.EARLIER_DRAW: "Earlier blood draw",
    DayKind.LAST_DRAW: "Blood draw before the cycle",
    DayKind.WEIGHT: "Body weight",
    DayKind.ALLERGY_REVIEW: "Review of allergies and earlier reactions",
    DayKind.PREGNANCY_TEST: "Pregnancy test",
    DayKind.COVER_BEGIN: "Corticosteroid cover begins",
    DayKind.COVER_END: "Corticosteroid cover is tapered off",
    DayKind.ANALOGUE_RESTART: "Long-acting somatostatin analogue comes back",
    DayKind.NADIR_DRAW: "Blood draw for the lowest counts",
}
_IF = "; whether it is needed is not known yet"


@register.filter
def hangs(item: DerivedDay) -> str:
    """What is to be done, of draws with what is drawn."""
    names = ", ".join(analyte_name(short) for short in item.analytes)
    return _WORDS[item.kind] + (f": {names}" if names else "") + (_IF if item.is_asked is None else "")


@register.filter
def span(item: DerivedDay | None) -> str:
    """On which day, or from which day on and until when."""
    if item is None:
        return "–"
    return day(item.first) if item.first == item.last else f"{day(item.first)} to {day(item.last)}"


@register.filter
def cause_words(cause: str) -> str:
    """Why a cycle was moved."""
    return str(MoveCause(cause).label)


@register.filter
def outcome_words(outcome: str) -> str:
    """What became of a visit."""
    return str(VisitOutcome(outcome).label)
