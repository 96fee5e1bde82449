"""What a cycle given in part still waits for: a physician's word, or the remainder that word asked for."""

from decimal import Decimal

from django.db.models import F

from courses.models import Cycle, CycleJudgement, Decision, Infusion
from courses.rules.activity import both_units
from courses.services.authority import NotAllowed


def waiting_infusion(course_id: int) -> Infusion | None:
    """A part that was given in a course and waits for a physician's word on what it counts for.

    Of a cycle still open, or of one on record as given whose infusion turned out, corrected, to be a part.
    """
    return (
        Infusion.objects.waiting()
        .filter(cycle__course=course_id)
        .select_related("cycle", "directive")
        .order_by("cycle__number", "pk")
        .first()
    )


def held_by_a_part(course_id: int) -> tuple[str, str] | None:
    """Why a part that was given keeps the course from going on, and what ends that; None where none does."""
    waiting = waiting_infusion(course_id)
    if waiting is not None:
        return (
            f"A part of cycle {waiting.cycle.number} was given and nobody has judged it.",
            "A physician first signs, on the day's page, whether it counts, and any remainder.",
        )
    empty = _given_by_nothing_that_counts(course_id)
    if empty is not None:
        return (
            f"Cycle {empty.number} is on record as given, and a physician judged that it does not count.",
            "A cycle on record is not given anew: end this course and start another, which counts what was "
            "given; or, where the record is wrong, correct it and judge it again.",
        )
    return None


def _given_by_nothing_that_counts(course_id: int) -> Cycle | None:
    """A cycle on record as given of which, by a later judgement, no infusion counts."""
    of_given = Infusion.objects.effective().filter(
        cycle__course=course_id, cycle__administration__isnull=False
    )
    denied = of_given.filter(
        judgement__counts=False, judgement__signed_at__gt=F("cycle__administration__recorded_at")
    )
    left = of_given.exclude(judgement__counts=False)
    cycles = Cycle.objects.filter(pk__in=denied.values("cycle")).exclude(pk__in=left.values("cycle"))
    return cycles.order_by("number").first()


def check_nothing_waits(cycle: Cycle) -> None:
    """While a part waits for its judgement nothing is signed, dispensed or started in its course.

    Raises NotAllowed.
    """
    held = held_by_a_part(cycle.course_id)
    if held is not None:
        raise NotAllowed(" ".join(held))


def given_in_parts(cycle: Cycle) -> Decimal:
    """What all parts of a cycle delivered, without those that a physician does not count for it."""
    parts = Infusion.objects.effective().filter(cycle=cycle).exclude(judgement__counts=False)
    return sum(parts.values_list("delivered_gbq", flat=True), Decimal(0))


def remainder_asked(cycle: Cycle) -> CycleJudgement | None:
    """The judgement of a cycle's newest part, where it asks for a remainder still to be given."""
    if hasattr(cycle, "administration"):
        return None
    newest = (
        Infusion.objects.effective()
        .filter(cycle=cycle)
        .select_related("judgement")
        .order_by("started_at", "pk")
        .last()
    )
    judgement: CycleJudgement | None = getattr(newest, "judgement", None)
    return judgement if judgement is not None and judgement.remainder_gbq is not None else None


def to_direct(decision: Decision) -> tuple[Decimal, CycleJudgement | None]:
    """The activity that a go directs: the decision's own, or the remainder of a cycle given in part.

    Raises NotAllowed where the decision now says less than part and remainder come to.
    """
    assert decision.activity_gbq is not None
    judgement = remainder_asked(decision.cycle)
    if judgement is None or judgement.remainder_gbq is None:
        return decision.activity_gbq, None
    left = decision.activity_gbq - given_in_parts(decision.cycle)
    if judgement.remainder_gbq > left:
        raise NotAllowed(
            f"The remainder of {both_units(judgement.remainder_gbq)} was judged when more was to be given; "
            f"this decision says {both_units(decision.activity_gbq)} in all. Correct the infusion's record "
            "and judge it again."
        )
    return judgement.remainder_gbq, judgement
