"""Name what departs from a directive in what was given, and open the reviews that this asks for."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from courses.models import Cycle, Directive, Incident, IncidentActKind, IncidentKind, Infusion, InfusionEnd
from courses.rules.activity import both_units
from courses.services.administration import is_far
from courses.services.incidents import open_incident
from courses.services.start import open_unauthorised


def departures_of(
    cycle: Cycle,
    *,
    product: str,
    delivered: Decimal,
    route: str,
    ended_how: InfusionEnd,
    directive: Directive | None,
    other_patient: str = "",
) -> Iterator[tuple[IncidentKind, str]]:
    """What departs from the directive and asks for a review, in words.

    `other_patient`: what says that unit and patient did not belong together; empty where they did.
    """
    if other_patient:
        yield IncidentKind.PATIENT, other_patient
    if directive is not None and product != directive.product:
        yield IncidentKind.PRODUCT, f"{product} was given; the directive says {directive.product}"
    if directive is not None and is_far(cycle, delivered, directive.activity_gbq):
        shown, directed = both_units(delivered), both_units(directive.activity_gbq)
        yield IncidentKind.ACTIVITY, f"{shown} were delivered; the directive says {directed}"
    if route:
        yield IncidentKind.ROUTE, f"another route than directed: {route}"
    elif ended_how == InfusionEnd.EXTRAVASATION:
        yield IncidentKind.ROUTE, "extravasation"


def open_reviews(
    infusion: Infusion, *, why: str, departures: list[tuple[IncidentKind, str]], now: datetime
) -> None:
    """One review for each kind of departure; a correction opens those that no earlier version had.

    A closed review of the activity spoke of the earlier figure: another one is looked at again.
    """
    earlier = list(_earlier_versions(infusion))
    reviews = Incident.objects.filter(infusion__in=earlier)
    before = set(reviews.values_list("kind", flat=True))
    still_open = reviews.filter(kind=IncidentKind.ACTIVITY).exclude(acts__kind=IncidentActKind.CLOSED)
    if earlier and earlier[0].delivered_gbq != infusion.delivered_gbq and not still_open.exists():
        before.discard(IncidentKind.ACTIVITY.value)
    if infusion.authorisation_id is None and IncidentKind.UNAUTHORISED not in before:
        _open_without_authorisation(infusion, why=why, now=now)
    for kind, sentence in departures:
        if kind not in before:
            told = f"Cycle {infusion.cycle.number}: {sentence}."
            open_incident(cycle=infusion.cycle, kind=kind, sentence=told, infusion=infusion, now=now)


def _earlier_versions(infusion: Infusion) -> Iterator[Infusion]:
    """What this row corrects, the newest first."""
    earlier = infusion.corrects
    while earlier is not None:
        yield earlier
        earlier = earlier.corrects


def _open_without_authorisation(infusion: Infusion, *, why: str, now: datetime) -> None:
    """Once: where the start itself was recorded on its day, the incident stands since then."""
    if infusion.corrects is not None and infusion.corrects.authorisation_id is None:
        return
    if infusion.therapy_day is not None:
        open_unauthorised(infusion.therapy_day, why=why, infusion=infusion, now=now)
        return
    open_incident(
        cycle=infusion.cycle,
        kind=IncidentKind.UNAUTHORISED,
        sentence=f"Cycle {infusion.cycle.number}: given without a valid authorisation: {why}.",
        infusion=infusion,
        now=now,
    )
