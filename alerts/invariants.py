"""What must hold of alerts at every moment: people are told in time, and again until somebody answers."""

from collections.abc import Iterator
from datetime import datetime

from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.duty_of_stages import OF_STAGES
from alerts.services.duty_rules import DUTY
from courses.covered import is_covered
from courses.models import Administration, Infusion
from labs.invariants import GRACE, Invariant, Seen, Violation


def untold_deviations(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Infusions and administrations without authorisation of which nobody was told within a minute."""
    told = set(Alert.objects.filter(kind=Kind.DEVIATION.value).values_list("condition_key", flat=True))
    before = now - GRACE
    parts = Infusion.objects.effective().filter(
        authorisation__isnull=True, corrects__isnull=True, recorded_at__lt=before
    )
    for part in parts.exclude(deviation="").order_by("pk"):
        if f"{Kind.DEVIATION.value}:infusion-{part.pk}" not in told:
            yield _untold(f"infusion {part.public_id}")
    with_parts = Infusion.objects.values("cycle")
    given = Administration.objects.filter(elsewhere="", recorded_at__lt=before).exclude(is_covered())
    rows = given.exclude(deviation="").exclude(cycle__in=with_parts).select_related("cycle__course")
    for row in rows.order_by("pk"):
        if f"{Kind.DEVIATION.value}:administration-{row.pk}" not in told:
            yield _untold(
                f"administration of cycle {row.cycle.number} of course {row.cycle.course.public_id}"
            )


def _untold(about: str) -> Violation:
    return Violation(
        about=about, words="went without authorisation, and no alert told anybody within a minute"
    )


INVARIANTS = (
    Invariant(
        id="I-05",
        sentence="whatever was given without authorisation was told within a minute",
        of="infusions and administrations",
        count=lambda: Infusion.objects.count() + Administration.objects.count(),
        find=untold_deviations,
    ),
    # Looked at in every round of the second runner as well; what it asks of the stages before alerts is asked
    # whole, and sooner, by the searches of their own apps.
    *(each.rule for each in DUTY if each not in OF_STAGES),
)
