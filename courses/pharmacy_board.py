"""What pharmacy has to do, in the order in which it wants attention; reads alone, and writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from courses.day_library import NoDayRules, day_rules
from courses.models import BookingState, Cycle, Directive, Order, Recall, Vial, VialBooking
from courses.rules.activity import Measured
from courses.rules.order_states import NOT_PHARMACYS, OrderKind, OrderState
from courses.rules.prediction import Prediction, decay_table
from courses.services.open_recalls import open_recalls
from courses.services.vial_state import GONE, nothing_left
from courses.services.vials import predicted
from courses.vial_deadlines import unbooked
from labs.similar_names import similar_to_each_other

SHOWN = 100
TABLE_EVERY = timedelta(hours=6)
_OPEN_BOOKINGS = (BookingState.PLACED.value, BookingState.CONFIRMED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pile:
    """Orders that want the same thing done."""

    title: str
    empty: str
    orders: list[Order]


@dataclass(frozen=True, slots=True, kw_only=True)
class VialLine:
    """A vial, the directive that holds for its cycle, and what it holds at the planned start.

    `is_used_up`: it is gone or handed out as a whole.
    """

    vial: Vial
    is_used_up: bool
    directive: Directive | None
    prediction: Prediction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """The whole board."""

    recalls: list[Recall]
    piles: tuple[Pile, ...]
    vials: list[VialLine]
    bookings: list[VialBooking]
    unbooked: list[Cycle]

    @property
    def recalled(self) -> set[int]:
        """The orders that are called back and not answered for."""
        return {recall.order_id for recall in self.recalls}

    @property
    def alike(self) -> set[int]:
        """The keys of those on the board whose name may be taken for somebody else's on it."""
        cycles = [recall.order.cycle for recall in self.recalls]
        cycles += [order.cycle for pile in self.piles for order in pile.orders]
        cycles += [line.vial.cycle for line in self.vials]
        cycles += [booking.cycle for booking in self.bookings]
        return similar_to_each_other([cycle.course.patient for cycle in [*cycles, *self.unbooked]])


_PILES = (
    (OrderState.PREPARED, "To dispense", "Nothing is prepared."),
    (OrderState.ACCEPTED, "To prepare", "Nothing is accepted."),
    (OrderState.ACTIVE, "To accept", "Nothing waits to be accepted."),
    (OrderState.DISPENSED, "Handed out, not yet given", "Nothing is out."),
    (OrderState.SUSPENDED, "Suspended: nothing is done about them", "Nothing is suspended."),
)


def board(*, today: date) -> Board:
    """Everything pharmacy looks at; the number of queries does not depend on the number of orders."""
    states = [state.value for state, *_ in _PILES]
    orders = list(
        Order.objects.filter(state__in=states, cycle__course__patient__is_canary=False)
        .exclude(kind__in=[kind.value for kind in NOT_PHARMACYS])
        .select_related("cycle__course__patient", "cycle__course__current_decision", "decision", "directive")
        .order_by("cycle__planned_on", "cycle", "pk")[:SHOWN]
    )
    return Board(
        recalls=open_recalls(),
        piles=tuple(
            Pile(title=title, empty=empty, orders=[each for each in orders if each.state == state.value])
            for state, title, empty in _PILES
        ),
        vials=vial_lines(_vials_in_hand()[:SHOWN]),
        bookings=list(
            VialBooking.objects.filter(
                state__in=_OPEN_BOOKINGS, cycle__course__patient__is_canary=False
            ).select_related("cycle__course__patient")[:SHOWN]
        ),
        unbooked=list(unbooked(today)[:SHOWN]),
    )


def _vials_in_hand() -> QuerySet[Vial]:
    """Vials of which something can still be handed out, of a cycle that has not been given."""
    return (
        Vial.objects.effective()
        .filter(cycle__administration__isnull=True, cycle__course__patient__is_canary=False)
        .exclude(pk__in=nothing_left())
        .select_related("cycle__course__patient")
        .order_by("expires_at", "pk")
    )


def vial_lines(vials: Sequence[Vial] | QuerySet[Vial]) -> list[VialLine]:
    """Each vial beside the directive that holds for its cycle, in the same few queries for all of them."""
    found = list(vials)
    used_up = nothing_left()
    holding = {
        directive.cycle_id: directive
        for directive in Directive.objects.filter(
            cycle__in={vial.cycle_id for vial in found}, voided__isnull=True
        ).order_by("revision")
    }
    return [
        VialLine(
            vial=vial,
            is_used_up=vial.pk in used_up,
            directive=holding.get(vial.cycle_id),
            prediction=predicted(
                vial=vial,
                protocol_id=vial.cycle.course.protocol_id,
                directive=holding.get(vial.cycle_id),
            ),
        )
        for vial in found
    ]


def vials_for(order: Order) -> list[VialLine]:
    """The vials received for the cycle of a radioactive order, those that are handed out too."""
    if order.kind != OrderKind.RADIOPHARMACEUTICAL.value:
        return []
    vials = Vial.objects.effective().filter(cycle=order.cycle).exclude(fates__fate__in=GONE)
    return vial_lines(vials.select_related("cycle__course__patient"))


def decay_of(vial: Vial) -> list[tuple[datetime, Decimal]]:
    """A vial's activity every few hours from its calibration to its expiry; empty where no rules say how."""
    try:
        rules = day_rules(vial.cycle.course.protocol_id).rules.dispensing
    except NoDayRules:
        return []
    rows = decay_table(
        Measured(gbq=vial.calibrated_gbq, at=vial.calibrated_at),
        until=vial.expires_at,
        half_life=rules.half_life,
        every=TABLE_EVERY,
    )
    return [(at, gbq.quantize(Decimal("0.001"))) for at, gbq in rows]
