"""What changed of an order or a vial since somebody read the page that a form was sent from."""

import re
from dataclasses import dataclass

from courses.models import AminoAcidBag, Directive, DispensedUnit, Order, OrderEvent, Vial, VialEvent
from courses.reason_words import why_sentence
from courses.rules.activity import both_units
from courses.services.authority import printed_name
from courses.services.vials import version_of
from courses.templatetags.course_words import words
from labs.templatetags.clinic_text import day, instant, number, visible

_TOKEN = re.compile(r"(\d{1,12})\.(\d{1,6})\.(\d{1,4})")
_NOT_TOLD = "not told by the page"
_NOTHING, _NO_DIRECTIVE, _NO_UNIT = "nothing is recorded", "none", "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLine:
    """One thing as it was read and as it stands now."""

    what: str
    read: str
    now: str

    @property
    def differs(self) -> bool:
        """Whether it is another one now."""
        return self.read != self.now


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Both versions side by side, and what happened between them, the oldest first."""

    lines: tuple[SeenLine, ...]
    happened: tuple[str, ...]


def token_of(order: Order) -> str:
    """The order as its page shows it, as a form carries it: newest event, directive, units handed out."""
    event = order.events.order_by("-pk").first()
    revision = order.directive.revision if order.directive is not None else 0
    return f"{event.pk if event else 0}.{revision}.{_handed_out(order)}"


def order_changes(order: Order, *, seen: str) -> Changed:
    """The order as its page was read, beside the order as it stands."""
    found = _TOKEN.fullmatch(seen)
    event_pk, revision, units = (int(part) for part in found.groups()) if found else (None, None, None)
    events = list(order.events.select_related("actor", "decision").order_by("pk"))
    read = [each for each in events if event_pk is not None and each.pk <= event_pk]
    since = [each for each in events if event_pk is not None and each.pk > event_pk]
    directives = {each.revision: each for each in Directive.objects.filter(cycle=order.cycle)}
    lines = (
        SeenLine(
            what="State",
            read=words(read[-1].to_state).capitalize() if read else _NOT_TOLD,
            now=words(order.state).capitalize(),
        ),
        SeenLine(
            what="Written directive",
            read=_NOT_TOLD if revision is None else _directive(directives.get(revision)),
            now=_directive(order.directive),
        ),
        SeenLine(
            what="Handed out",
            read=_NOT_TOLD if units is None else _units(units),
            now=_units(_handed_out(order)),
        ),
    )
    return Changed(lines=lines, happened=tuple(_event(each) for each in since))


def vial_changes(vial: Vial, *, seen: int) -> Changed | None:
    """What is said of the vial beside what was said when its page was read; None where nothing came since."""
    if seen >= version_of(vial):
        return None
    fates = list(vial.fates.select_related("actor").order_by("pk"))
    read, since = fates[: seen - 1], fates[seen - 1 :]
    line = SeenLine(what="What became of it", read=_fate(read), now=_fate(fates))
    return Changed(lines=(line,), happened=tuple(_said(each) for each in since))


def label_changes(read: Vial, counts: Vial) -> Changed:
    """A label as it was read beside the one that counts, and who wrote it anew in between."""
    lines = tuple(
        SeenLine(what=what, read=before, now=after)
        for (what, before), (_what, after) in zip(_label(read), _label(counts), strict=True)
    )
    between: list[Vial] = []
    row: Vial | None = counts
    while row is not None and row != read:
        between.insert(0, row)
        row = row.corrects
    return Changed(lines=lines, happened=tuple(_rewritten(each) for each in between))


def _label(vial: Vial) -> list[tuple[str, str]]:
    return [
        ("Product", f"{vial.product} ({vial.product_code})"),
        ("Lot", vial.lot),
        ("Calibrated", f"{both_units(vial.calibrated_gbq)} for {instant(vial.calibrated_at)}"),
        ("Volume", f"{number(vial.volume_ml)} mL"),
        ("Expires", instant(vial.expires_at)),
        ("Received", instant(vial.received_at)),
    ]


def _rewritten(vial: Vial) -> str:
    return f"{instant(vial.recorded_at)}: written anew, {printed_name(vial.recorded_by)}. {vial.reason}"


def _directive(directive: Directive | None) -> str:
    if directive is None:
        return _NO_DIRECTIVE
    activity, on = both_units(directive.activity_gbq), day(directive.administer_on)
    return f"revision {directive.revision}, {activity} on {on}"


def _handed_out(order: Order) -> int:
    made = (DispensedUnit.objects.filter(order=order), AminoAcidBag.objects.filter(order=order))
    return sum(rows.count() for rows in made)


def _units(count: int) -> str:
    return _NO_UNIT if not count else f"{count} unit{'s' if count > 1 else ''}"


def _event(event: OrderEvent) -> str:
    by = f", {printed_name(event.actor)}" if event.actor is not None else ""
    why = why_sentence(event.reason_code, event.decision)
    note = f" “{visible(event.note)}”" if event.note else ""
    return f"{instant(event.at)}: {event.to_state}{by}.{note} {why}".strip()


def _fate(fates: list[VialEvent]) -> str:
    return fates[-1].get_fate_display() if fates else _NOTHING


def _said(event: VialEvent) -> str:
    return f"{instant(event.at)}: {event.get_fate_display()}, {printed_name(event.actor)}. {event.reason}"
