"""Which waiver of a physician covers an earlier draw, or lets a result be older than its row says."""

from courses.rules.derived import Case
from courses.rules.facts import WaivedThing, Waiver
from courses.rules.protocol import LabRow
from courses.rules.schedule import Dates


def waivers_of(case: Case, dates: Dates) -> list[Waiver]:
    """The waivers of the next cycle, in a fixed order; those of another cycle cover nothing."""
    mine = (waiver for waiver in case.chart.waivers if waiver.cycle == dates.cycle)
    return sorted(mine, key=lambda waiver: (waiver.on, waiver.analyte, waiver.what, waiver.days, waiver.ref))


def waives_earlier_draw(row: LabRow, case: Case, dates: Dates) -> bool:
    """Whether the earlier draw is waived: only where the last one has brought a usable result."""
    if case.history.newest_clearing(row.analyte) is None:
        return False
    return any(
        waiver.analyte == row.analyte and waiver.what is WaivedThing.EARLIER_DRAW
        for waiver in waivers_of(case, dates)
    )


def valid_days(row: LabRow, case: Case, dates: Dates) -> int:
    """For how many days a result of a row counts, with what a physician added: no more than the protocol's.

    A result of the earlier draw never serves as the last one too.
    """
    most = case.protocol.waiver.days if case.protocol.waiver else 0
    added = [
        waiver.days
        for waiver in waivers_of(case, dates)
        if waiver.analyte == row.analyte and waiver.what is WaivedThing.WINDOW
    ]
    longest = row.validity_days + min(most, max(added, default=0))
    return longest if row.earlier is None else min(longest, row.earlier.to_days_before - 1)
