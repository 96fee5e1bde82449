"""The admin's first page: what needs doing today, gathered from every app for whoever is looking."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Max
from django.http import HttpRequest
from django.utils import timezone

from alerts.inbox import readable, reads_some
from alerts.models import Alert, with_patients
from alerts.services.duty_state import duty_state
from courses.calls import calls_to_make
from courses.day_data import MEASURE
from courses.follow_ups import follow_ups
from courses.incidents import open_incidents
from courses.ledger_lists import people_lacking_a_figure
from courses.measured_days import measured_days
from courses.models import Order, TherapyDay
from courses.services.saved_filters import filters_of
from courses.therapies import SHOWN, therapies
from courses.worklist import open_days, pharmacy_orders, worklist
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.models import LabMessage, MessageOutcome, QuarantinedResult
from labs.services.canary_lab import CANARY_SENDER
from labs.services.feeds import silent_feeds, unwatched_sources
from labs.services.files import waiting_uploads
from labs.services.manual_list import waiting_for_verification
from labs.similar_names import similar_to_each_other
from labs.views.frame import signed_in
from labs.zones import clinic_zone
from prrt_clinic.first_pages import jumps_on, sections_for

Context = dict[str, Any]
COMMIT = "labs.commit_file"
DOSES_SHOWN = 10


def first_page(request: HttpRequest, context: Context) -> Context:
    """Fill the first page with the parts this person's roles may read."""
    now = database_now()
    may: Callable[[str], bool] = request.user.has_perm
    today = clinic_day(now, clinic_zone())
    context |= {
        "title": "Today",
        "now": now,
        "today": today,
        "zone": timezone.get_current_timezone_name(),
        "clinic_zone": settings.CLINIC_TIME_ZONE,
        "shown": SHOWN,
        "has_worklist": may("labs.view_patient") and may("courses.view_decision"),
        "orders_first": may("courses.handle_order"),
        "may_sign": may("courses.sign_decision"),
        # For every role: names of laboratories, no patient.
        "silent": silent_feeds(now=now),
        "duty": duty_state(now=now),
        "runs_the_service": may("alerts.view_canaryrun"),
        "sections": sections_for(may),
    }
    if context["has_worklist"]:
        context |= _work(request, may, today=today, now=now)
    if may("courses.view_incident"):
        context["incidents"] = [(line, line.words(today)) for line in open_incidents()[:SHOWN]]
    if context["orders_first"] and may("courses.view_order"):
        orders = list(pharmacy_orders()[:SHOWN])
        context |= {"orders": orders, "orders_alike": _alike(orders)}
    if reads_some(request.user):
        found = _alerts(signed_in(request))
        context |= {"alerts": found[:SHOWN], "more_alerts": len(found) > SHOWN}
    if may("labs.view_quarantinedresult"):
        context["quarantine"] = _quarantine(may)
    if may("labs.view_result"):
        context["feed"] = _feed(now)
    if may("labs.view_result") or may("labs.view_sender"):
        context["unwatched"] = unwatched_sources()
    context["jumps"] = jumps_on(context["sections"], _counts(context))
    return context


def _counts(context: Context) -> dict[str, int]:
    """How many wait in each part of the page."""
    lists = ("orders", "incidents", "alerts", "open_days", "calls", "follow_ups", "doses")
    counts = {name: len(context.get(name) or ()) for name in lists}
    counts["days"] = counts.pop("open_days")
    counts["quarantine"] = context["quarantine"]["count"] if "quarantine" in context else 0
    if context["has_worklist"]:
        work, coming = context["work"], context["therapies"]
        counts |= {
            "must_not": len(coming.stopped_short),
            "therapies": len(coming.planned),
            "vials": len(coming.deadlines) if context["may_book"] else 0,
            "bloods": context["bloods_count"],
            "held": len(work.held),
            "bases": len(work.withdrawn_bases),
            "stopped": len(work.stopped),
            "to_sign": len(work.to_sign),
            "waiting": len(work.waiting),
        }
    return counts


def _work(request: HttpRequest, may: Callable[[str], bool], *, today: date, now: datetime) -> Context:
    """The lists of courses, for whoever reads patients and decisions."""
    lists = worklist(today=today)
    found: Context = {
        "work": lists,
        "therapies": therapies(today=today, now=now),
        "may_book": may("courses.book_vial"),
        "filters": filters_of(signed_in(request)),
        "between": [],
        "bloods_count": len(lists.bloods),
    }
    if may("courses.view_therapyday"):
        days = open_days()
        found |= {"open_days": days, "open_days_alike": _alike(days)}
    if may("courses.view_patientcall") and may("courses.view_chartfact"):
        found |= {"calls": calls_to_make(now=now).first(SHOWN), "may_record": may("courses.record_fact")}
    if may("courses.view_followuprecord"):
        wanting = follow_ups(today=today, keep=lambda line: line.wants_somebody, most=2 * SHOWN)
        found["between"] = [line for line in wanting if line.is_between_cycles and line.upcoming][:SHOWN]
        found["follow_ups"] = [line for line in wanting if not line.is_between_cycles][:SHOWN]
        found["bloods_count"] += len(found["between"])
    if may("courses.enter_absorbed_dose"):
        lacking = people_lacking_a_figure(most=DOSES_SHOWN + 1)
        found |= {"doses": lacking[:DOSES_SHOWN], "more_doses": len(lacking) > DOSES_SHOWN}
        if may(MEASURE) and may("courses.view_order"):
            found["unmeasured"] = [line for line in measured_days(now=now) if line.lacks_residual][:SHOWN]
    return found


def _alike(rows: Iterable[Order | TherapyDay]) -> set[int]:
    """The keys of those on a list whose name may be taken for somebody else's on it."""
    return similar_to_each_other([row.cycle.course.patient for row in rows])


def _alerts(person: User) -> list[Alert]:
    """The alerts that this person may open and that are not over, the most severe first."""
    standing = with_patients(readable(person).standing())
    return list(standing.select_related("cycle", "decision", "acked_by")[: SHOWN + 1])


def _quarantine(may: Callable[[str], bool]) -> Context:
    """What waits for a person before it can reach a chart."""
    waiting = QuarantinedResult.objects.filter(state=QuarantinedResult.State.OPEN)
    results = waiting.exclude(message__sender=CANARY_SENDER).select_related("patient", "owner")
    messages = MessageOutcome.objects.filter(
        state__in=[MessageOutcome.State.QUARANTINED, MessageOutcome.State.REJECTED]
    ).select_related("message")
    # A message whose results wait one by one stands in the first list already.
    whole = messages.exclude(message__sender=CANARY_SENDER).filter(message__quarantined__isnull=True)
    one_by_one, unread = list(results.order_by("opened_at", "pk")[:SHOWN]), list(whole[:SHOWN])
    unverified = waiting_for_verification().count()
    # Only who may end it is reminded of a file.
    files = list(waiting_uploads()[:SHOWN]) if may(COMMIT) and may("labs.view_patient") else []
    return {
        "results": one_by_one,
        "messages": unread,
        "unverified": unverified,
        "files": files,
        "count": len(one_by_one) + len(unread) + unverified + len(files),
    }


def _feed(now: datetime) -> Context:
    """When the laboratory last spoke, and how much of it is still unread."""
    messages = LabMessage.objects.exclude(sender=CANARY_SENDER)
    last = messages.aggregate(last=Max("received_at"))["last"]
    return {
        "last": last,
        "minutes": None if last is None else max(0, int((now - last).total_seconds() // 60)),
        "unread": messages.filter(outcome__isnull=True).count(),
    }
