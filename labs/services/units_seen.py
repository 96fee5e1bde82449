"""Remember in which units each source has sent each analyte, so that a new one can be noticed."""

from collections.abc import Iterable
from decimal import Decimal

from labs.models import LabMessage, UnitUse
from labs.services.meaning import Understood
from labs.units import fold_unit


def note_units(*, sender: str, understood: Iterable[Understood], message: LabMessage) -> None:
    """Write down the spellings this source used for the first time; the caller holds the transaction.

    One statement, which does nothing where nothing is new. In a fixed order, so that two messages at once
    never wait for each other.
    """
    used: dict[tuple[str, str], Decimal] = {}
    for each in understood:
        spelling = _spelling(each)
        if spelling is not None:
            used[each.analyte.short, spelling] = each.analyte.units[spelling]
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
            for (analyte, unit), factor in sorted(used.items())
        ],
        ignore_conflicts=True,
    )


def _spelling(understood: Understood) -> str | None:
    """The spelling that was believed, folded; none where no value was stated."""
    if understood.value is None:
        return None
    spellings = understood.sent.units or ("",)
    return next((fold_unit(each) for each in spellings if fold_unit(each) in understood.analyte.units), None)
