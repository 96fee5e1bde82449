"""The last days on which a vial can still be ordered in time, or its order changed or cancelled."""

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Exists, OuterRef, QuerySet

from courses.library import UnknownProtocol, protocol
from courses.models import BookingState, Cycle, Vial, VialBooking
from courses.services.vial_state import GONE
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone

DAYS_AHEAD = 21  # of planned days: further away nobody has to order
SOON = 7  # of deadlines, as pages list them
OPEN_BOOKINGS = (BookingState.PLACED.value, BookingState.CONFIRMED.value)
_MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class VialDeadline:
    """A cycle, the last day of what can still be done about its vial, and what that is."""

    cycle: Cycle
    on: date
    words: str
    booking: VialBooking | None = None


def vial_deadlines(*, today: date, now: datetime) -> list[VialDeadline]:
    """The deadlines of all cycles soon to come, the soonest first; two queries, however many they are.

    Pages list those of the next `SOON` days; the next one counts however far it is.
    """
    found = [
        VialDeadline(
            cycle=each.cycle,
            on=clinic_day(each.cut_off_at, clinic_zone()),
            words=f"Until then {each.supplier} takes a change or a cancellation.",
            booking=each,
        )
        for each in _with_cut_off(now)
        if each.cut_off_at is not None
    ]
    found += [
        VialDeadline(cycle=cycle, on=on, words="No vial is ordered; by then it should be.")
        for cycle in unbooked(today)[:_MOST]
        if (on := _order_by(cycle)) is not None
    ]
    return sorted(found, key=lambda each: (each.on, each.cycle.pk))


def soon_of(deadlines: list[VialDeadline], *, today: date) -> list[VialDeadline]:
    """Those that pages list."""
    return [each for each in deadlines if each.on <= add_days(today, SOON)]


def next_deadline(deadlines: list[VialDeadline], *, today: date) -> date | None:
    """The first of them that has not passed."""
    return min((each.on for each in deadlines if each.on >= today), default=None)


def unbooked(today: date) -> QuerySet[Cycle]:
    """Cycles soon to come for which no vial is ordered, and none is here that lasts until the planned day."""
    lasting = Vial.objects.effective().filter(
        cycle=OuterRef("pk"), expires_at__date__gte=OuterRef("planned_on")
    )
    lasting = lasting.exclude(fates__fate__in=GONE)
    return (
        Cycle.objects.filter(
            administration__isnull=True,
            course__status__in=["planned", "active"],
            course__patient__is_canary=False,
            planned_on__range=(today, add_days(today, DAYS_AHEAD)),
        )
        .exclude(bookings__state__in=OPEN_BOOKINGS)
        .exclude(Exists(lasting))
        .select_related("course__patient")
        .order_by("planned_on", "pk")
    )


def _with_cut_off(now: datetime) -> list[VialBooking]:
    rows = VialBooking.objects.filter(
        state__in=OPEN_BOOKINGS,
        cut_off_at__gte=now,
        cycle__administration__isnull=True,
        cycle__course__patient__is_canary=False,
    )
    return list(rows.select_related("cycle__course__patient").order_by("cut_off_at", "pk")[:_MOST])


def _order_by(cycle: Cycle) -> date | None:
    """The day by which the protocol orders the vial; none where it names none."""
    try:
        order = protocol(cycle.course.protocol_id).planning.vial_order
    except UnknownProtocol:
        return None
    return None if order is None else add_days(cycle.planned_on, -order.days_before)
