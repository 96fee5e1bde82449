"""Word what a protocol says of planning and follow-up with its sources, so that a clinician can sign it."""

from collections.abc import Iterator

from courses.rules.protocol import Protocol
from courses.rules.values import Source


def planning_rows(protocol: Protocol) -> Iterator[tuple[str, str, Source]]:
    """Every row: what it is for, value in words, source."""
    part = protocol.planning
    if part.vial_order is not None:
        days = f"at the latest {part.vial_order.days_before} days before the planned day"
        yield "vial ordered", days, part.vial_order.source
    if part.nadir_draw is not None:
        draw = part.nadir_draw
        days = (
            f"{', '.join(draw.analytes)} on day {draw.first_day} to {draw.last_day} after each administration"
        )
        yield "draw between cycles", days, draw.source
    if part.cover is not None:
        cover = part.cover
        begins = (
            f"begins {cover.begin_days_before} days before"
            if cover.begin_days_before
            else "begins on the day"
        )
        days = f"{begins}, over between {cover.over_from_days} and {cover.over_to_days} days after it"
        yield "corticosteroid cover", days, cover.source
    if part.follow_up is not None:
        after = part.follow_up
        months = ", ".join(str(each) for each in after.months)
        words = (
            f"{', '.join(after.analytes)} {months} months after the last administration; "
            f"up to {after.early_days} days early, overdue after {after.late_days} days"
        )
        yield "follow-up", words, after.source
