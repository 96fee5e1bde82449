"""What must hold of decisions, orders and starts: searches for what should never have gone ahead."""

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from courses.covered import is_covered
from courses.library import UnknownProtocol, protocol, protocol_sha256
from courses.models import (
    Administration,
    CourseStatus,
    Decision,
    Directive,
    DispensedUnit,
    Incident,
    IncidentKind,
    Infusion,
    InfusionEnd,
    Order,
    Recall,
    Signature,
    StartAuthorisation,
)
from courses.rules.action_words import GO
from courses.rules.order_states import OrderKind, OrderState
from courses.services.at_start import went_unseen
from labs.invariants import Seen, Violation

_BEFORE_DISPENSING = [
    state.value
    for state in (
        OrderState.PROPOSED,
        OrderState.ACTIVE,
        OrderState.SUSPENDED,
        OrderState.ACCEPTED,
        OrderState.PREPARED,
    )
]
_GOING_AHEAD = [state.value for state in (OrderState.ACTIVE, OrderState.ACCEPTED, OrderState.PREPARED)]


def bad_authorisations(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Authorised starts that did not rest on the newest decision, a signed go, and a directive that held."""
    newer = Decision.objects.filter(
        cycle=OuterRef("therapy_day__cycle"),
        pk__gt=OuterRef("decision"),
        made_at__lt=OuterRef("authorised_at"),
    )
    origin = Coalesce(OuterRef("decision__confirms"), OuterRef("decision"))
    signed = Signature.objects.filter(
        Q(decision=origin) | Q(decision__confirms=origin),
        meaning__in=GO,
        signed_at__lte=OuterRef("authorised_at"),
    )
    rows = StartAuthorisation.objects.select_related(
        "decision", "directive__voided", "therapy_day", "unit"
    ).annotate(overtaken=Exists(newer), signed=Exists(signed))
    for row in rows.order_by("pk"):
        if faults := list(_faults_of(row)):
            yield Violation(about=f"authorised start {row.public_id}", words="; ".join(faults))


def _faults_of(row: StartAuthorisation) -> Iterator[str]:
    """What was wrong with one authorised start at its instant; the two flags are the query's."""
    cycle_id, directive = row.therapy_day.cycle_id, row.directive
    if row.decision.cycle_id != cycle_id:
        yield "its decision is of another cycle"
    if row.decision.action not in GO:
        yield f"its decision says {row.decision.action}"
    if getattr(row, "overtaken", False):
        yield "a newer decision stood"
    if not getattr(row, "signed", True):
        yield "nobody had signed its decision"
    if row.evidence_sha256 != row.decision.evidence_sha256:
        yield "its evidence is not that of its decision"
    if directive.cycle_id != cycle_id:
        yield "its directive is of another cycle"
    if hasattr(directive, "voided") and directive.voided.at <= row.authorised_at:
        yield "its directive was void"
    if row.unit.directive_id != row.directive_id:
        yield "its unit was dispensed under another directive"


def orders_after_stop(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Orders of stopped and ended courses that could still lead to something given.

    After a cycle that was given the analogue comes back all the same: the patient needs it.
    """
    closed = [CourseStatus.STOPPED, CourseStatus.ENDED]
    live = Order.objects.filter(cycle__course__status__in=closed).annotate(
        recalled=Exists(Recall.objects.filter(order=OuterRef("pk")))
    )
    lingering = Q(state__in=_BEFORE_DISPENSING) | Q(
        state=OrderState.DISPENSED.value, kind=OrderKind.RADIOPHARMACEUTICAL.value, recalled=False
    )
    restart = Q(kind=OrderKind.ANALOGUE_RESTART.value, cycle__administration__isnull=False)
    for order in live.filter(lingering).exclude(restart).order_by("pk"):
        yield Violation(
            about=f"order {order.public_id}",
            words=f"is {order.state} although its course is stopped or ended",
        )


def uncovered_administrations(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Administrations given here that nothing covered and that are not marked as a deviation."""
    rows = Administration.objects.filter(elsewhere="", deviation="").exclude(is_covered())
    for row in rows.select_related("cycle__course").order_by("pk"):
        yield Violation(
            about=f"administration of cycle {row.cycle.number} of course {row.cycle.course.public_id}",
            words="has neither an authorised start nor an order that held, and is no deviation",
        )


def odd_directives(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Directives and orders whose product, activity, route or cycle is not that of the signed decision."""
    rows = Directive.objects.select_related("decision", "signature").order_by("pk")
    for row in rows:
        if faults := list(_departures(row)):
            yield Violation(about=f"directive {row.public_id}", words="; ".join(faults))
    orders = Order.objects.filter(directive__isnull=False).exclude(directive__cycle=F("cycle"))
    for order in orders.order_by("pk"):
        yield Violation(about=f"order {order.public_id}", words="rests on a directive of another cycle")
    units = DispensedUnit.objects.exclude(directive__product=F("product"), directive__cycle=F("order__cycle"))
    for unit in units.order_by("pk"):
        words = "has another product or cycle than its directive"
        yield Violation(about=f"unit {unit.label}", words=words)


def _departures(row: Directive) -> Iterator[str]:
    """In what one directive differs from the decision that was signed, and from its protocol."""
    decision = row.decision
    if row.cycle_id != decision.cycle_id:
        yield "is of another cycle than its decision"
    if row.signature.decision_id != decision.pk:
        yield "carries the signature of another decision"
    if row.remainder_of_id is None and row.activity_gbq != decision.activity_gbq:
        yield "has another activity than its decision"
    try:
        plan = protocol(decision.protocol_id)
        is_same_file = protocol_sha256(decision.protocol_id) == decision.protocol_sha256
    except UnknownProtocol:
        return
    levels = (plan.schedule.activity_gbq, plan.schedule.reduced_activity_gbq)
    if is_same_file and (row.product, row.route) != (plan.product, plan.route):
        yield "has another product or route than its protocol"
    if is_same_file and row.remainder_of_id is None and row.activity_gbq not in levels:
        yield "has an activity that its protocol does not know"


def orders_without_ground(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Radiopharmaceutical orders that go ahead without a valid directive or a current signature."""
    # While labs are awaited nothing is suspended (rulings 2.2); dispensing and start ask the live decision.
    rows = _ungrounded().exclude(
        cycle__course__current_decision__awaiting_labs=True, directive__voided__isnull=True
    )
    for order in rows.filter(state__in=_GOING_AHEAD):
        words = f"is {order.state} without a directive that holds and a signature on the present verdict"
        yield Violation(about=f"order {order.public_id}", words=words)


def dispensed_without_recall(now: datetime, seen: Seen) -> Iterator[Violation]:
    """What is out under a directive or a verdict that no longer holds, and was not called back."""
    rows = _ungrounded().exclude(cycle__course__status=CourseStatus.STOPPED)
    out = rows.filter(state=OrderState.DISPENSED.value).exclude(
        Exists(Recall.objects.filter(order=OuterRef("pk")))
    )
    for order in out:
        words = "is dispensed, its directive or signature no longer holds, and nobody called it back"
        yield Violation(about=f"order {order.public_id}", words=words)


def _ungrounded() -> QuerySet[Order]:
    """Radiopharmaceutical orders whose directive is void, or whose course no longer says what was signed."""
    present = Coalesce("cycle__course__current_decision__confirms", "cycle__course__current_decision")
    return (
        Order.objects.filter(kind=OrderKind.RADIOPHARMACEUTICAL.value)
        .annotate(present=present, signed=Coalesce("directive__decision__confirms", "directive__decision"))
        .filter(Q(directive__voided__isnull=False) | Q(present__isnull=True) | ~Q(present=F("signed")))
        .order_by("pk")
    )


def given_twice(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Cycles of which more than one complete infusion counts, remainders and recorded deviations apart."""
    whole = (
        Infusion.objects.effective()
        .filter(ended_how=InfusionEnd.COMPLETE, deviation="", delivered_gbq__gt=0)
        .exclude(directive__remainder_of__isnull=False)
    )
    earlier = whole.filter(cycle=OuterRef("cycle"), pk__lt=OuterRef("pk"))
    for row in whole.filter(Exists(earlier)).select_related("cycle__course").order_by("pk"):
        yield Violation(
            about=f"infusion {row.public_id}",
            words=f"is a second complete one of cycle {row.cycle.number}",
        )


def infusions_beside_their_start(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Infusions that do not fit their authorised start in cycle, unit or time, and say no deviation."""
    rows = Infusion.objects.effective().filter(authorisation__isnull=False, deviation="")
    fits = Q(
        authorisation__therapy_day__cycle=F("cycle"),
        authorisation__unit=F("unit"),
        authorisation__authorised_at__lte=F("started_at"),
    )
    for row in rows.exclude(pk__in=rows.filter(fits).values("pk")).order_by("pk"):
        words = "does not fit its authorised start (cycle, unit or time) and is no deviation"
        yield Violation(about=f"infusion {row.public_id}", words=words)


def starts_not_carried(now: datetime, seen: Seen) -> Iterator[Violation]:
    """Authorised infusions that the entries of their day did not carry, and nobody was asked to review."""
    reviewed = Incident.objects.filter(
        cycle=OuterRef("cycle"),
        kind=IncidentKind.UNAUTHORISED,
        opened_at__gte=OuterRef("therapy_day__opened_at"),
    )
    rows = Infusion.objects.effective().filter(authorisation__isnull=False, deviation="")
    whole = rows.exclude(Exists(reviewed)).select_related(
        "therapy_day__cycle__course__patient", "authorisation__directive", "authorisation__unit__directive"
    )
    for row in whole.order_by("pk"):
        seen()
        if lines := went_unseen(row):
            words = f"started although the entries of its day did not carry it ({lines}); nobody reviews it"
            yield Violation(about=f"infusion {row.public_id}", words=words)
