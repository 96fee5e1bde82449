"""Remember in which units each source has sent each analyte, so that a new one can be noticed."""

from collections.abc import Iterable
from decimal import Decimal

from labs.models import LabMessage, UnitUse
from labs.services.meaning import Understood
from labs.services.site import Site
from labs.units import fold_unit


def note_units(*, sender: str, understood: Iterable[Understood], message: LabMessage, site: Site) -> None:
    """Write down the spellings this source used for the first time; the caller holds the transaction.

    In a fixed order, so that two messages at once never wait for each other.
    """
    used: dict[tuple[str, str], Decimal] = {}
    for each in understood:
        spelling = _spelling(each)
        if spelling is not None:
            used[each.analyte.short, spelling] = each.analyte.units[spelling]
    known = site.units_used(sender)
    new = sorted((unit, factor) for unit, factor in used.items() if unit not in known)
    if not new:
        return
    UnitUse.objects.bulk_create(
        [
            UnitUse(
                sender=sender,
                analyte=analyte,
                unit=unit[:64],
                factor=factor,
                first_at=message.received_at,
                message=message,
            )
            for (analyte, unit), factor in new
        ],
        ignore_conflicts=True,
    )
    site.add_units(sender, (unit for unit, _factor in new))


def _spelling(understood: Understood) -> str | None:
    """The spelling that was believed, folded; none where no value was stated."""
    if understood.value is None:
        return None
    spellings = understood.sent.units or ("",)
    return next((fold_unit(each) for each in spellings if fold_unit(each) in understood.analyte.units), None)
