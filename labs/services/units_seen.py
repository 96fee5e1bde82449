"""Remember in which units each source has sent each analyte, so that a new one can be noticed."""

from collections.abc import Sequence
from decimal import Decimal
from operator import itemgetter

from labs.models import LabMessage, UnitUse
from labs.services.record import Recorder


def note_units(recorders: Sequence[Recorder]) -> None:
    """Write down the spellings that one source used for the first time in these messages.

    In a fixed order, so that two workers never wait for each other; the caller holds the transaction.
    """
    sender, site = recorders[0].sender, recorders[0].site
    known = site.units_used(sender)
    new: dict[tuple[str, str], tuple[Decimal, LabMessage]] = {}
    for recorder in recorders:
        for entry in recorder.entries:
            analyte, spelling = entry.understood.analyte, entry.understood.spelling
            if spelling is not None and (analyte.short, spelling) not in known:
                new.setdefault((analyte.short, spelling), (analyte.units[spelling], recorder.message))
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
            for (analyte, unit), (factor, message) in sorted(new.items(), key=itemgetter(0))
        ],
        ignore_conflicts=True,
    )
    site.add_units(sender, new)
