"""Read what a protocol says of planning and of the time after the last cycle; refuse what is odd in it."""

from collections.abc import Mapping

from courses.rules.data_reader import TableReader
from courses.rules.planning import CoverDays, FollowUp, NadirDraw, Planning, VialOrder


def read_planning(table: TableReader, names: Mapping[str, str]) -> Planning:
    """The tables `planning` and `follow_up` of a protocol file; either may be left out. Raises DataError."""
    follow_up = _follow_up(table.table("follow_up"), names) if table.has("follow_up") else None
    if not table.has("planning"):
        return Planning(follow_up=follow_up)
    part = table.table("planning")
    found = Planning(
        vial_order=_vial_order(part.table("vial_order")) if part.has("vial_order") else None,
        nadir_draw=_nadir_draw(part.table("nadir_draw"), names) if part.has("nadir_draw") else None,
        cover=_cover(part.table("steroid_cover")) if part.has("steroid_cover") else None,
        follow_up=follow_up,
    )
    part.finish()
    return found


def _vial_order(table: TableReader) -> VialOrder:
    found = VialOrder(days_before=table.whole("days_before", least=1), source=table.source())
    table.finish()
    return found


def _nadir_draw(table: TableReader, names: Mapping[str, str]) -> NadirDraw:
    found = NadirDraw(
        analytes=_analytes(table, names),
        first_day=table.whole("first_day", least=1),
        last_day=table.whole("last_day"),
        source=table.source(),
    )
    if found.last_day < found.first_day:
        raise table.fault("last_day", "lies before first_day", "exchange the two")
    table.finish()
    return found


def _cover(table: TableReader) -> CoverDays:
    found = CoverDays(
        begin_days_before=table.whole("begin_days_before"),
        over_from_days=table.whole("over_from_days"),
        over_to_days=table.whole("over_to_days"),
        source=table.source(),
    )
    if found.over_to_days < found.over_from_days:
        raise table.fault("over_to_days", "lies before over_from_days", "exchange the two")
    table.finish()
    return found


def _follow_up(table: TableReader, names: Mapping[str, str]) -> FollowUp:
    found = FollowUp(
        months=table.wholes("months"),
        analytes=_analytes(table, names),
        early_days=table.whole("early_days"),
        late_days=table.whole("late_days"),
        source=table.source(),
    )
    if not found.months or list(found.months) != sorted(set(found.months)):
        raise table.fault("months", "must name at least one month, and rise", "sort them, and keep each once")
    table.finish()
    return found


def _analytes(table: TableReader, names: Mapping[str, str]) -> tuple[str, ...]:
    found = table.texts("analytes")
    if not found:
        raise table.fault("analytes", "names nothing to draw", "name at least one analyte")
    for short in found:
        if short not in names:
            raise table.fault("analytes", f"{short!r} is not known", f"known: {', '.join(names)}")
    return found
