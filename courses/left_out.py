"""What a physician left out of a cycle's order set, by whom and why, for the pages that show it."""

from dataclasses import dataclass

from courses.models import Cycle, Order, OrderEvent
from courses.rules.order_states import LEFT_OUT, OrderState
from courses.services.authority import printed_name
from labs.templatetags.clinic_text import instant, visible


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """One order of the set that a physician left out, in words."""

    name: str
    sentence: str


def left_out_words(event: OrderEvent) -> str:
    """Left out by whom, when, because of what; empty for any other event."""
    if event.reason_code != LEFT_OUT or event.to_state != OrderState.CANCELLED.value:
        return ""
    who = printed_name(event.actor) if event.actor else "nobody known"
    return visible(f"Left out by {who}, {instant(event.at)}, because: {event.note}")


def left_out_of(cycle: Cycle) -> list[LeftOut]:
    """What was left out of a cycle and not ordered again since."""
    events = (
        OrderEvent.objects.filter(
            order__cycle=cycle, reason_code=LEFT_OUT, to_state=OrderState.CANCELLED.value
        )
        .exclude(order__kind__in=Order.objects.live().filter(cycle=cycle).values("kind"))
        .select_related("actor", "order")
        .order_by("pk")
    )
    return [
        LeftOut(name=event.order.get_kind_display().capitalize(), sentence=left_out_words(event))
        for event in events
    ]
