"""The words of a protocol on planning: what hangs on a planned day, and who is seen after the last cycle."""

from dataclasses import dataclass

from courses.rules.values import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class VialOrder:
    """How many days before the planned day a vial is ordered with the supplier at the latest."""

    days_before: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class NadirDraw:
    """The draw between two cycles, in days after an administration: the deepest counts lie there."""

    analytes: tuple[str, ...]
    first_day: int
    last_day: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverDays:
    """On which day corticosteroid cover begins, and between which days after the planned one it is over."""

    begin_days_before: int
    over_from_days: int
    over_to_days: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """When the patient is seen after the last administration, in months, and what is drawn then.

    A visit may be so many days early, and is overdue so many days after its day.
    """

    months: tuple[int, ...]
    analytes: tuple[str, ...]
    early_days: int
    late_days: int
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """What a protocol says of planning beside its rows of evidence; each part may be missing."""

    vial_order: VialOrder | None = None
    nadir_draw: NadirDraw | None = None
    cover: CoverDays | None = None
    follow_up: FollowUp | None = None
