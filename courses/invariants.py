"""The rules that must hold of courses at every moment, each with its id and its sentence."""

from courses import invariants_gate as gate
from courses import invariants_live as live
from courses import invariants_record as record
from courses import invariants_signed as signed
from courses.models import (
    Administration,
    CallOutcome,
    Course,
    CourseStatus,
    Cycle,
    Decision,
    Directive,
    Infusion,
    Order,
    PatientCall,
    Signature,
    StartAuthorisation,
)
from courses.rules.order_states import OrderKind, OrderState
from labs.invariants import Invariant

_RADIOACTIVE = Order.objects.filter(kind=OrderKind.RADIOPHARMACEUTICAL.value)

INVARIANTS = (
    Invariant(
        id="I-01",
        sentence="every authorised start rested on the newest decision of its cycle: a go, signed, current",
        of="authorised starts",
        count=StartAuthorisation.objects.count,
        find=gate.bad_authorisations,
    ),
    Invariant(
        id="I-02",
        sentence="a stopped or ended course has no order that could be given, and what is out is recalled",
        of="stopped and ended courses",
        count=Course.objects.filter(status__in=[CourseStatus.STOPPED, CourseStatus.ENDED]).count,
        find=gate.orders_after_stop,
    ),
    Invariant(
        id="I-03",
        sentence="no person has two open courses, and no course more cycles than its protocol",
        of="courses",
        count=Course.objects.count,
        find=record.plans_beyond_protocol,
    ),
    Invariant(
        id="I-04",
        sentence="no two treatments of one person lie closer than the protocol allows, deviations apart",
        of="cycles",
        count=Cycle.objects.count,
        find=record.treatments_too_close,
    ),
    Invariant(
        id="I-05",
        sentence="every administration was covered, or is marked as a deviation",
        of="administrations",
        count=Administration.objects.count,
        find=gate.uncovered_administrations,
    ),
    Invariant(
        id="I-06",
        sentence="directive, order and unit have product, activity, route and cycle of the signed decision",
        of="directives",
        count=Directive.objects.count,
        find=gate.odd_directives,
    ),
    Invariant(
        id="I-07",
        sentence="an administration is the sum of its infusions, and every one stands in a ledger",
        of="administrations",
        count=Administration.objects.count,
        find=record.sums_that_differ,
    ),
    Invariant(
        id="I-08",
        sentence="baselines were locked with the first treatment, and all were collected before its day",
        of="courses",
        count=Course.objects.count,
        find=record.late_baselines,
    ),
    Invariant(
        id="I-09",
        sentence="the stored evidence of every decision gives its stored answer again",
        of="decisions",
        count=Decision.objects.count,
        find=record.answers_that_differ,
        reads_every_row=True,
    ),
    Invariant(
        id="I-15",
        sentence="no open course has evidence older than a minute that no decision rests on",
        of="open courses",
        count=Course.objects.open().real().count,
        find=live.evidence_not_judged,
    ),
    Invariant(
        id="I-16",
        sentence="the decision of every open course is what its chart says now",
        of="open courses",
        count=Course.objects.open().real().count,
        find=live.verdict_not_current,
    ),
    Invariant(
        id="I-22",
        sentence="every signature is of its record, fresh password and role, and two people are two",
        of="signatures",
        count=Signature.objects.count,
        find=signed.broken_signatures,
        reads_every_row=True,
    ),
    Invariant(
        id="D-01",
        sentence="an order that goes ahead rests on a directive that holds and a current signature",
        of="radiopharmaceutical orders",
        count=_RADIOACTIVE.count,
        find=gate.orders_without_ground,
    ),
    Invariant(
        id="D-02",
        sentence="what was dispensed under a directive or verdict that no longer holds was called back",
        of="dispensed orders",
        count=_RADIOACTIVE.filter(state=OrderState.DISPENSED.value).count,
        find=gate.dispensed_without_recall,
    ),
    Invariant(
        id="D-03",
        sentence="no cycle was given twice",
        of="infusions",
        count=Infusion.objects.count,
        find=gate.given_twice,
    ),
    Invariant(
        id="C-01",
        sentence="what a call recorded went with it when it was taken back, and nothing of it still stands",
        of="calls taken back",
        count=PatientCall.objects.filter(outcome=CallOutcome.TAKEN_BACK).count,
        find=record.facts_of_calls_taken_back,
    ),
    Invariant(
        id="D-04",
        sentence="every infusion fits its authorised start, or is a deviation",
        of="infusions",
        count=Infusion.objects.count,
        find=gate.infusions_beside_their_start,
    ),
    Invariant(
        id="D-05",
        sentence="every authorised infusion was carried by the entries of its day as it started, or reviewed",
        of="infusions",
        count=Infusion.objects.count,
        find=gate.starts_not_carried,
        reads_every_row=True,
    ),
)
