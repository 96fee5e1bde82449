"""What is still open of a course that is to end, in words: nothing that was handed out is forgotten."""

from collections.abc import Iterator

from courses.models import Course, EndCause, Order, Recall, Vial, VialFate
from courses.plan_state import open_bookings
from courses.rules.order_states import OrderKind, OrderState
from labs.templatetags.clinic_text import day

_GONE = [fate for fate in VialFate.values if fate != VialFate.KEPT]


def open_duties(course: Course, *, cause: str = "") -> Iterator[str]:
    """One sentence for each thing that somebody has still to do, or that the end does by itself."""
    live = list(Order.objects.live().filter(cycle__course=course).select_related("cycle").order_by("pk"))
    recalled = set(
        Recall.objects.unanswered().filter(order__cycle__course=course).values_list("order", flat=True)
    )
    for order in live:
        if order.kind != OrderKind.RADIOPHARMACEUTICAL.value or order.state != OrderState.DISPENSED.value:
            continue
        if order.pk not in recalled:
            yield (
                f"The unit of cycle {order.cycle.number} is handed out: it is called back, and pharmacy "
                "answers where it is."
            )
    for order in live:
        if order.pk in recalled:
            yield f"A recall of cycle {order.cycle.number} is not answered: pharmacy still answers it."
    vials = Vial.objects.effective().filter(cycle__course=course, cycle__administration__isnull=True)
    for vial in vials.exclude(fates__fate__in=_GONE).select_related("cycle").order_by("pk"):
        yield (
            f"The vial {vial.lot} received for cycle {vial.cycle.number} is in the clinic: pharmacy records "
            "what becomes of it."
        )
    for booking in open_bookings(course):
        yield (
            f"The vial ordered with {booking.supplier} for {day(booking.needed_on)} is called off: the "
            "supplier is told."
        )
    for order in live:
        is_restart = order.kind == OrderKind.ANALOGUE_RESTART.value
        if is_restart and cause != EndCause.DEATH and hasattr(order.cycle, "administration"):
            yield f"The analogue's restart after cycle {order.cycle.number} stays ordered until it is given."
