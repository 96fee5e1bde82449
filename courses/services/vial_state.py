"""Ask what became of a vial; nothing is written here."""

from courses.models import DispensedUnit, UnitForm, Vial, VialEvent, VialFate
from courses.rules.order_states import OrderState

# After these there is nothing left to hand out.
GONE = (VialFate.WASTED.value, VialFate.DAMAGED.value, VialFate.SPILLED.value)

# A unit of an order in one of these is out; one of a cancelled order is back.
OUT = (OrderState.DISPENSED.value, OrderState.DONE.value)


def versions_of(vial: Vial) -> list[int]:
    """This row and the ones it corrects: what hung on them hangs on it."""
    found = [vial.pk]
    earlier = vial.corrects
    while earlier is not None:
        found.append(earlier.pk)
        earlier = earlier.corrects
    return found


def newest_of(vial: Vial) -> Vial:
    """The row that counts, which corrects this one over however many steps; itself where nothing does."""
    while later := Vial.objects.select_related("cycle__course__patient").filter(corrects=vial).first():
        vial = later
    return vial


def is_usable(vial: Vial) -> bool:
    """Whether nothing recorded says that the vial is gone."""
    return not VialEvent.objects.filter(vial_id__in=versions_of(vial), fate__in=GONE).exists()


def nothing_left() -> set[int]:
    """Vials of cycles not yet given of which nothing can be handed out: gone, or handed out as a whole.

    With every later version of each: what became of a vial became of it, however its label is written.
    """
    open_cycles = {"vial__cycle__administration__isnull": True}
    gone = VialEvent.objects.filter(fate__in=GONE, **open_cycles)
    out = DispensedUnit.objects.filter(form=UnitForm.VIAL.value, order__state__in=OUT, **open_cycles)
    newest = {*gone.values_list("vial", flat=True), *out.values_list("vial", flat=True)}
    found = set(newest)
    while newest:
        newest = set(Vial.objects.filter(corrects__in=newest).values_list("pk", flat=True)) - found
        found |= newest
    return found
