"""What must hold after every act: the rules of `verify`, and promises told again from the rows."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Model, Sum

from alerts.services.duty_rules import DUTY
from courses.ledger import ledger_of
from courses.models import (
    Administration,
    ChartFact,
    Course,
    Cycle,
    CycleJudgement,
    Decision,
    Directive,
    DispensedUnit,
    Incident,
    Infusion,
    Order,
    Recall,
    Signature,
    StartAuthorisation,
    TherapyStep,
)
from courses.replay import differences
from courses.rules.values import Recommendation
from courses.services.assess import evidence_sha256, recommend_for
from courses.services.locking import next_cycle
from labs.clinic_days import clinic_day
from labs.zones import clinic_zone
from prrt_clinic.invariants import INVARIANTS
from tests.builders_pharmacy import CODE
from tests.fuzz.treatment_acts import Clinic, one_person

# What reads every row is asked as well where it is of the treatment; replayed is only what is new.
# No decision is considered for alerting in these walks, and no mail is sent.
# D-03 reports a cycle that was given twice, which people here really do: it must be marked as a deviation.
MAILED = [each.rule for each in DUTY if each.name in ("told-nobody", "mail-late")]
RULES = tuple(
    each
    for each in INVARIANTS
    if each.id != "D-03"
    and each.of != "triages"
    and each not in MAILED
    and (not each.reads_every_row or each.id == "I-22")
)
GO = ("proceed", "reduce")
FOR_EVIDENCE = ("lab_draws", "pregnancy_test")
AHEAD = ("active", "accepted", "prepared")
NEW: tuple[type[Model], ...] = (
    StartAuthorisation,
    DispensedUnit,
    Signature,
    Infusion,
    Administration,
    Cycle,
    CycleJudgement,
    Directive,
    TherapyStep,
)
HALF_LIFE_HOURS = 159.528
LEAD_MINUTES = 30
RUNNING, STANDING = ("amino_start", "amino_resumed"), ("amino_paused", "amino_end")
PLATELETS_OF_GRADE_2 = Decimal(75)


def mark(clinic: Clinic) -> None:
    """From here on what is written is new."""
    models: tuple[type[Model], ...] = (*NEW, Decision)
    for model in models:
        newest = model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
        clinic.last[model.__name__] = newest or 0


def of_the_act(clinic: Clinic) -> Iterator[str]:
    """What the act itself wrote, held against the chart as it is at this very instant."""
    signatures, units = _new(clinic, Signature), _new(clinic, DispensedUnit)
    starts = _new(clinic, StartAuthorisation)
    live, digest = _live(clinic) if (*signatures, *units, *starts) else (None, "")
    for row in signatures:
        yield from _signature(row, clinic, live, digest)
    for row in _new(clinic, Directive):
        yield from _directive(row)
    for row in units:
        yield from _unit(row, live)
    for row in starts:
        yield from _start(row, live)
    for row in _new(clinic, TherapyStep):
        if row.kind == "identity" and row.second_by_id in (None, row.recorded_by_id):
            yield "identity: the second person is the first one"
    for row in _new(clinic, Infusion):
        yield from _infusion(row)
    for row in _new(clinic, CycleJudgement):
        yield from _judgement(row)
    for row in _new(clinic, Administration):
        yield from _administration(row)


def always(clinic: Clinic) -> Iterator[str]:
    """What holds at every moment once the workers have followed."""
    for rule in RULES:
        for violation in rule.find(clinic.now, lambda: None):
            yield f"{rule.id} {violation.about}: {violation.words}"
    for decision in _new(clinic, Decision):
        for line in differences(decision):
            yield f"I-09 decision: {line}"
    yield from _holds(clinic)
    yield from _orders(clinic)
    yield from _ledger(clinic)
    if not clinic.is_behind:
        yield from _platelets(clinic)


def of_the_neighbour(clinic: Clinic) -> tuple[object, ...]:
    """Everything clinical about the other patient's course; no act on this one may change it."""
    course = Course.objects.get(pk=clinic.neighbour.course.pk)
    cycles = {"cycle__course": course}
    return (
        (course.status, course.current_decision_id),
        tuple(course.cycles.order_by("pk").values_list("pk", "planned_on", "administration")),
        tuple(Decision.objects.filter(course=course).order_by("pk").values_list("pk", flat=True)),
        tuple(Order.objects.filter(**cycles).order_by("pk").values_list("pk", "state", "version")),
        tuple(Directive.objects.filter(**cycles).order_by("pk").values_list("pk", "voided")),
        tuple(ChartFact.objects.filter(course=course).order_by("pk").values_list("pk", flat=True)),
        tuple(Infusion.objects.filter(**cycles).order_by("pk").values_list("pk", "corrected_by")),
        tuple(Recall.objects.filter(order__cycle__course=course).order_by("pk").values_list("pk", "answer")),
        ledger_of(course.patient_id).totals.total_gbq,
    )


def derived(clinic: Clinic) -> tuple[object, ...]:
    """What is worked out of the person's chart: the recommendation, its evidence, and the ledger."""
    live, digest = _live(clinic)
    return (live and live.verdict.key, digest, ledger_of(clinic.course.patient_id).totals.total_gbq)


def _new(clinic: Clinic, model: Any) -> list[Any]:
    """What was written since the last look, which this is now."""
    rows = list(model.objects.filter(pk__gt=clinic.last[model.__name__]).order_by("pk"))
    if rows:
        clinic.last[model.__name__] = rows[-1].pk
    return rows


def _live(clinic: Clinic) -> tuple[Recommendation | None, str]:
    """What the chart says now, and the digest of its evidence; none for a course that is closed."""
    course = Course.objects.get(pk=clinic.course.pk)
    cycle = next_cycle(course)
    if course.status not in ("planned", "active") or cycle is None:
        return None, ""
    chart, found = recommend_for(
        course=course, cycle=cycle, protocol_id=course.protocol_id, today=clinic.today
    )
    return found, evidence_sha256(chart=chart, protocol_id=course.protocol_id)


def _is_go(live: Recommendation | None) -> bool:
    return live is not None and live.action.is_go


def _waits(cycle_id: int) -> bool:
    """A part of the cycle, or of a given one whose record was corrected to a part, that nobody has judged."""
    course_id = Cycle.objects.get(pk=cycle_id).course_id
    parts = Infusion.objects.filter(
        cycle__course=course_id, corrected_by__isnull=True, judgement__isnull=True
    ).exclude(ended_how="complete")
    given = set(Administration.objects.filter(cycle__course=course_id).values_list("cycle", flat=True))
    return any(part.cycle_id not in given or part.corrects_id is not None for part in parts)


def _is_soon_after_a_part(row: Directive) -> bool:
    """Whole activity within 49 days of a part that does not count, and nobody has overridden the window."""
    days = [
        clinic_day(part.started_at, clinic_zone())
        for part in Infusion.objects.filter(
            cycle=row.cycle, corrected_by__isnull=True, judgement__counts=False, delivered_gbq__gt=0
        )
    ]
    overrides = ChartFact.objects.counting().filter(course=row.cycle.course_id, kind="overrides")
    return (
        bool(days)
        and (row.administer_on - max(days)).days < 49
        and not overrides.filter(data__rule="SCH-WINDOW").exists()
    )


def _called_back(cycle_id: int) -> bool:
    return Recall.objects.filter(order__cycle_id=cycle_id, answer__isnull=True).exists()


def _signature(row: Signature, clinic: Clinic, live: Recommendation | None, digest: str) -> Iterator[str]:
    if clinic.page is None or clinic.page.evidence != row.decision.evidence_sha256:
        yield "signed: other evidence than the page showed"
    if row.meaning == "stop":
        return
    if digest != row.decision.evidence_sha256 or live is None or live.verdict.key != row.decision.verdict:
        yield "I-01 signed: the chart says something else by now"
    if row.meaning in GO and _waits(row.decision.cycle_id):
        yield "signed: a part of the cycle waits for its judgement"
    if row.meaning in GO and _called_back(row.decision.cycle_id):
        yield "signed: a unit of the cycle is called back and nobody knows where it is"


def _directive(row: Directive) -> Iterator[str]:
    assert row.decision.activity_gbq is not None
    if Directive.objects.filter(cycle=row.cycle, pk__lt=row.pk, voided__isnull=True).exists():
        yield "I-06 directive: an earlier one of the cycle still holds"
    if row.remainder_of_id is None and _is_soon_after_a_part(row):
        yield "I-04 directive: the whole activity within the interval after a part that does not count"
    parts = Infusion.objects.filter(
        cycle=row.cycle, corrected_by__isnull=True, judgement__remainder_gbq__isnull=False
    )
    given = parts.aggregate(given=Sum("delivered_gbq"))["given"] or Decimal(0)
    if given + row.activity_gbq > row.decision.activity_gbq:
        yield "I-06 directive: with what was given it comes to more than the decision says"


def _unit(row: DispensedUnit, live: Recommendation | None) -> Iterator[str]:
    directive, cycle_id = row.directive, row.order.cycle_id
    at, day = row.dispensed_at, clinic_day(row.dispensed_at, clinic_zone())
    if not _is_go(live):
        yield "dispensed: the chart says no go"
    if hasattr(directive, "voided") and directive.voided.at <= at:
        yield "dispensed: the directive is void"
    if directive.administer_on < day:
        yield "dispensed: the day of the directive is past"
    if row.product_code != CODE or row.lot != row.vial.lot:
        yield "I-06 dispensed: another product or lot"
    far = abs(row.measured_gbq - directive.activity_gbq) * 5 > directive.activity_gbq
    if far and row.direction_id is None:
        yield "dispensed: more than a fifth off the directive"
    if row.prepared_name.casefold() == row.verified_name.casefold():
        yield "dispensed: one person prepared and verified"
    if row.vial.expires_at < at:
        yield "dispensed: the vial had expired"
    others = DispensedUnit.objects.filter(vial=row.vial, order__state__in=["dispensed", "done"])
    if others.exclude(pk=row.pk).exists():
        yield "dispensed: the vial is out already"
    before = row.order.events.filter(to_state="dispensed").order_by("pk").first()
    if before is None or before.from_state != "prepared":
        yield "dispensed: the order was not prepared"
    if _called_back(cycle_id) or _waits(cycle_id):
        yield "dispensed: something of the cycle is called back, or waits for a judgement"


def _start(row: StartAuthorisation, live: Recommendation | None) -> Iterator[str]:
    at, cycle_id = row.authorised_at, row.therapy_day.cycle_id
    if not _is_go(live) or live is None or live.verdict.key != row.decision.verdict:
        yield "I-01 start: the chart says something else by now"
    if row.checked_by_id == row.authorised_by_id:
        yield "start: checked and authorised by one person"
    if hasattr(row.directive, "voided") and row.directive.voided.at <= at:
        yield "start: the directive is void"
    if row.directive.administer_on != clinic_day(at, clinic_zone()):
        yield "start: the directive is for another day"
    if Recall.objects.filter(order=row.unit.order, opened_at__lte=at).exists() or _waits(cycle_id):
        yield "start: the unit is called back, or a part of the cycle waits"
    if row.unit.order.state != "dispensed" or row.unit.expires_at < at:
        yield "start: the unit is not out, or expired"
    steps = list(row.therapy_day.steps.filter(corrected_by__isnull=True, taken_back=False))
    if _amino_minutes(steps, at) < LEAD_MINUTES:
        yield "start: the amino acids ran less than 30 minutes"
    scanned = [step for step in steps if step.kind == "unit_scanned"]
    if not scanned or scanned[-1].data["label"] != row.unit.label:
        yield "start: another label was scanned"


def _amino_minutes(steps: list[TherapyStep], at: datetime) -> float:
    """How long they ran up to an instant: minute by minute, between their entries."""
    ran, since = timedelta(0), None
    for step in sorted(steps, key=lambda step: (step.happened_at, step.pk)):
        if step.kind in RUNNING:
            since = since or step.happened_at
        elif step.kind in STANDING and since is not None:
            ran, since = ran + (step.happened_at - since), None
    return (ran + (at - since if since else timedelta(0))).total_seconds() / 60


def _infusion(row: Infusion) -> Iterator[str]:
    earlier = Infusion.objects.filter(cycle=row.cycle, corrected_by__isnull=True, ended_how="complete")
    if row.ended_how == "complete" and earlier.filter(pk__lt=row.pk).exists() and not row.deviation:
        remainder = row.directive is not None and row.directive.remainder_of_id is not None
        if not remainder:
            yield "D-03 infusion: a second complete one, and no deviation"
    start, kinds = row.authorisation, set(row.incidents.values_list("kind", flat=True))
    if row.corrects is not None:
        kinds |= set(row.corrects.incidents.values_list("kind", flat=True))
    if start is None:
        if not row.deviation:
            yield "infusion: without authorisation and no deviation"
        if not Incident.objects.filter(cycle=row.cycle, kind="unauthorised").exists():
            yield "infusion: without authorisation, and nobody reviews it"
    else:
        wait = row.started_at - start.authorised_at
        if not timedelta(0) <= wait <= timedelta(minutes=30):
            yield "infusion: its authorised start had run out"
        same = Infusion.objects.filter(authorisation=start, corrected_by__isnull=True).exclude(pk=row.pk)
        if same.exclude(pk=row.corrects_id or 0).exists():
            yield "infusion: its authorised start was used before"
        yield from _carried(row, start)
    if row.directive is not None:
        far = abs(row.delivered_gbq - row.directive.activity_gbq) * 5 >= row.directive.activity_gbq
        if far and "activity" not in kinds:
            yield "infusion: a fifth off the directive, and nobody reviews it"
    yield from _net(row)


def _carried(row: Infusion, start: StartAuthorisation) -> Iterator[str]:
    """As it started the amino acids ran, and had for their lead; the label scanned last was its unit's."""
    steps = start.therapy_day.steps.filter(corrected_by__isnull=True, taken_back=False)
    before = sorted(
        steps.filter(happened_at__lte=row.started_at), key=lambda step: (step.happened_at, step.pk)
    )
    moved = [step.kind for step in before if step.kind in (*RUNNING, *STANDING)]
    if not moved or moved[-1] in STANDING:
        yield "infusion: authorised, and no amino acids ran as it started"
    if _amino_minutes(before, row.started_at) < LEAD_MINUTES:
        yield "infusion: authorised, and the amino acids had run less than 30 minutes"
    scanned = [step for step in before if step.kind == "unit_scanned"]
    if not scanned or scanned[-1].data["label"] != start.unit.label:
        yield "infusion: authorised, and another label was scanned"


def _net(row: Infusion) -> Iterator[str]:
    """What was delivered is the assay less the residual, both at the start, in plain arithmetic."""
    if row.assay_gbq is None or row.assay_at is None or row.therapy_day is None:
        return
    residuals = row.therapy_day.steps.filter(
        kind="residual", corrected_by__isnull=True, happened_at__gte=row.ended_at, taken_back=False
    )
    parts = [(float(row.assay_gbq), row.assay_at)]
    parts += [(-float(step.data["gbq"]), step.happened_at) for step in residuals]
    net = sum(gbq * 0.5 ** (_hours(row.started_at - at) / HALF_LIFE_HOURS) for gbq, at in parts)
    if abs(net - float(row.delivered_gbq)) > 0.0002 and row.residual_gbq is not None:
        yield f"infusion: delivered {row.delivered_gbq}, by plain arithmetic {net:.4f}"
    if not residuals and abs(net - float(row.delivered_gbq)) > 0.0002:
        yield f"infusion: delivered {row.delivered_gbq}, by plain arithmetic {net:.4f}"


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600


def _judgement(row: CycleJudgement) -> Iterator[str]:
    part = row.infusion
    if row.counts and part.delivered_gbq == 0:
        yield "judgement: nothing counts as the cycle"
    if row.remainder_gbq is None:
        return
    if not row.counts or part.directive is None:
        yield "judgement: a remainder of what does not count, or of nothing"
    elif part.delivered_gbq + row.remainder_gbq > part.directive.activity_gbq:
        yield "judgement: more remains than was directed"


def _administration(row: Administration) -> Iterator[str]:
    parts = list(Infusion.objects.filter(cycle=row.cycle, corrected_by__isnull=True).order_by("pk"))
    if not parts:
        return
    if sum(part.delivered_gbq for part in parts) != row.administered_gbq:
        yield "I-07 administration: is not the sum of its parts"
    judged = CycleJudgement.objects.filter(infusion__in=parts, counts=True, remainder_gbq__isnull=True)
    if not any(part.ended_how == "complete" for part in parts) and not judged.exists():
        yield "administration: of a part that nobody judged"
    if any(part.deviation for part in parts) and not row.deviation:
        yield "I-05 administration: the deviation of its infusion is not marked"
    live = [*AHEAD, "proposed", "suspended", "dispensed"]
    # The analogue's restart lies hours after the infusion and outlives the cycle.
    left = Order.objects.filter(cycle=row.cycle, state__in=live).exclude(kind="analogue_restart")
    if left.exists():
        yield "I-03 administration: an order of the cycle is still open"
    for later in row.cycle.course.cycles.filter(number__gt=row.cycle.number):
        if (later.planned_on - row.administered_on).days != 56 * (later.number - row.cycle.number):
            yield "I-04 administration: a later cycle does not follow its day"


def _holds(clinic: Clinic) -> Iterator[str]:
    course = Course.objects.select_related("current_decision").get(pk=clinic.course.pk)
    if not course.is_open:
        return  # nothing is judged any more, and nothing of it goes ahead
    decision = course.current_decision
    held = ChartFact.objects.standing().filter(
        course=clinic.course, kind="precautionary_holds", data__isnull=False
    )
    if decision is not None and held.exists() and decision.action in GO:
        yield "hold: a person holds the course, and its decision is a go"


def _orders(clinic: Clinic) -> Iterator[str]:
    rows = Order.objects.filter(cycle__course=clinic.course, directive__isnull=False)
    for order in rows.select_related("directive__voided", "cycle").order_by("pk"):
        if order.state in ("void", "cancelled") and not hasattr(order.directive, "voided"):
            yield f"order: is {order.state} and its directive still holds"
        if order.state in AHEAD and order.directive.administer_on != order.cycle.planned_on:
            yield "order: goes ahead for another day than the cycle's"
    yield from _without_signature(clinic)


def _without_signature(clinic: Clinic) -> Iterator[str]:
    """Draws and tests alone are active of a cycle that nobody has signed; of a closed course nothing is."""
    rows = Order.objects.filter(cycle__course=clinic.course, state__in=AHEAD)
    for order in rows.select_related("cycle__course").order_by("pk"):
        signed = Signature.objects.filter(decision__cycle=order.cycle, meaning__in=GO)
        if order.kind not in FOR_EVIDENCE and not signed.exists():
            yield f"order: {order.kind} is {order.state} and nobody has signed its cycle"
        is_over = not order.cycle.course.is_open
        if is_over and order.kind != "analogue_restart":
            yield f"order: {order.kind} is {order.state} and its course is over"


def _ledger(clinic: Clinic) -> Iterator[str]:
    """Σ of all that was given, with the infusions in place of an administration they were corrected after."""
    total = Decimal(0)
    for cycle in clinic.course.cycles.select_related("administration"):
        parts = list(Infusion.objects.filter(cycle=cycle, corrected_by__isnull=True))
        given = getattr(cycle, "administration", None)
        if given is None:
            total += sum((part.delivered_gbq for part in parts), Decimal(0))
            continue
        later = [part for part in parts if part.recorded_at > given.recorded_at]
        made_of = [part for part in parts if part not in later or part.corrects_id]
        if later and made_of:
            total += sum((part.delivered_gbq for part in parts), Decimal(0))
        else:
            total += given.administered_gbq + sum((part.delivered_gbq for part in later), Decimal(0))
    shown = ledger_of(clinic.course.patient_id).totals.total_gbq
    if shown != total:
        yield f"I-07 ledger: shows {shown} GBq, given were {total} GBq"


def _platelets(clinic: Clinic) -> Iterator[str]:
    """The newest platelets the laboratory stands by forbid a go, unless overridden at that value or below."""
    ours = one_person(clinic)
    sent = [each for each in clinic.specimens if each.analyte == "PLT" and each.patient.pk in ours]
    standing = [each for each in sent if each.value is not None and each.is_final]
    if not standing:
        return
    newest = max(standing, key=lambda each: each.drawn_at)
    value = Decimal(newest.value or 0)
    course = Course.objects.select_related("current_decision").get(pk=clinic.course.pk)
    decision = course.current_decision
    if not course.is_open or value >= PLATELETS_OF_GRADE_2 or decision is None or decision.action not in GO:
        return
    if decision.cycle.number != 2 or newest.drawn_at > clinic.now:
        return
    for fact in ChartFact.objects.filter(course=clinic.course, kind="overrides", data__isnull=False):
        used = [
            Decimal(each["value"]) for each in (fact.data or {})["values"] if each["name"].startswith("Plat")
        ]
        if used and value >= min(used):
            return
    yield f"platelets {value} and the decision is to {decision.action}"
