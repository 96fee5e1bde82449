"""What a cycle given in part still waits for: a physician's word, or the remainder that word asked for."""

from decimal import Decimal

from courses.models import Cycle, CycleJudgement, Decision, Infusion
from courses.rules.activity import both_units
from courses.services.authority import NotAllowed


def waiting_infusion(cycle: Cycle) -> Infusion | None:
    """A part of this cycle that was given and waits for a physician's word on what it counts for."""
    return Infusion.objects.waiting().filter(cycle=cycle).order_by("pk").first()


def check_nothing_waits(cycle: Cycle) -> None:
    """While a part of the cycle waits for its judgement nothing is signed, dispensed or started for it.

    Raises NotAllowed.
    """
    if waiting_infusion(cycle) is not None:
        raise NotAllowed(
            f"A part of cycle {cycle.number} was given and nobody has judged it. A physician first signs, on "
            "the day's page, whether it counts and whether a remainder is given."
        )


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
