"""Whether an administration that took place was covered: by an authorised start, or by an order that held."""

from django.db.models import Exists, OuterRef, Q

from courses.models import Infusion, Order
from courses.rules.order_states import OrderKind, OrderState


def is_covered() -> Q:
    """Of administrations: an authorised infusion of the cycle, or its order carried out under a directive.

    The directive must have held when the administration was written down.
    """
    held = Q(directive__voided__isnull=True) | Q(directive__voided__at__gt=OuterRef("recorded_at"))
    orders = Order.objects.filter(
        held,
        cycle=OuterRef("cycle"),
        kind=OrderKind.RADIOPHARMACEUTICAL.value,
        state=OrderState.DONE.value,
        directive__isnull=False,
    )
    parts = Infusion.objects.effective().filter(cycle=OuterRef("cycle"), authorisation__isnull=False)
    return Q(Exists(orders)) | Q(Exists(parts))
