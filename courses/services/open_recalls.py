"""Ask what is called back and not accounted for; nothing is written here."""

from django.db.models import Q

from courses.models import Cycle, Recall
from courses.rules.order_states import OrderState


def has_open_recall(cycle: Cycle) -> bool:
    """Whether something of this cycle is called back and nobody has said where it is."""
    return Recall.objects.unanswered().filter(order__cycle=cycle).exists()


def is_out_and_recalled(cycle: Cycle) -> bool:
    """Whether a called-back unit of this cycle is unaccounted for: unanswered, or given and not recorded."""
    out = Q(answer__isnull=True) | Q(order__state=OrderState.DISPENSED.value)
    return Recall.objects.filter(out, order__cycle=cycle).exists()


def open_recalls() -> list[Recall]:
    """Every recall that nobody has answered, the oldest first."""
    return list(
        Recall.objects.unanswered()
        .filter(order__cycle__course__patient__is_canary=False)
        .select_related(
            "order__cycle__course__patient", "order__cycle__course__current_decision", "order__directive"
        )
        .order_by("opened_at", "pk")
    )
