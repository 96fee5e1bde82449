"""Ask what became of a vial; nothing is written here."""

from courses.models import Vial, VialEvent, VialFate

# After these there is nothing left to hand out.
GONE = (VialFate.WASTED.value, VialFate.DAMAGED.value, VialFate.SPILLED.value)


def versions_of(vial: Vial) -> list[int]:
    """This row and the ones it corrects: what hung on them hangs on it."""
    found = [vial.pk]
    earlier = vial.corrects
    while earlier is not None:
        found.append(earlier.pk)
        earlier = earlier.corrects
    return found


def is_usable(vial: Vial) -> bool:
    """Whether nothing recorded says that the vial is gone."""
    return not VialEvent.objects.filter(vial_id__in=versions_of(vial), fate__in=GONE).exists()
