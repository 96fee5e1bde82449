"""Read-only lists of courses, decisions and orders; a course and a decision have pages of their own."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.utils import display_for_label

from courses.basis import JUDGE, basis_of
from courses.calls import calls_for_page
from courses.fact_list import kinds_for_page
from courses.json_table import Fault
from courses.ledger import ledger_of
from courses.library import UnknownProtocol
from courses.models import Course, CourseStart, Decision, Order
from courses.overview import (
    baseline_lines,
    course_for_page,
    cycles_of,
    history_of,
    latest_labs,
    latest_weight,
    signatures_on_verdict,
)
from courses.rules.action_words import GO, NOT_GO
from courses.stops import stop_of_page
from courses.templatetags.course_words import activity, item_words, words
from courses.timeline import timeline_of
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.long_list import known_values
from labs.models import Patient
from labs.record_admin import NAMES, RecordAdmin
from labs.templatetags.clinic_text import day, instant, visible
from labs.zones import clinic_zone

_CALLS = (NAMES, "courses.view_patientcall", "courses.view_chartfact")
_CALLS_SHOWN = 5
_LEDGER = (NAMES, "courses.view_administration", "courses.view_infusion")
_TIMELINE = (NAMES, "courses.view_course", "courses.view_cycle", "courses.view_decision")
_TRENDS = (NAMES, "courses.view_course", "courses.view_decision", "labs.view_result")
# unfold's colours for a state; the word stands beside the colour.
_TONES = {
    "proceed": "success",
    "reduce": "info",
    "hold": "warning",
    "delay": "warning",
    "stop": "danger",
    "suspended": "warning",
    "active": "info",
    "void": "danger",
    "done": "success",
}


@cache
def _label(state: str, word: str) -> str:
    """The word with its colour; there are a dozen of them, and each takes a template of its own to write."""
    label: str = display_for_label((state, word), "", _TONES)
    return label


def _of_decision(decision: Decision) -> str:
    if decision.awaiting_labs:
        return _label("waiting", "Waiting for labs")
    return _label(decision.action, decision.action.capitalize())


_ACTIONS = known_values(lambda: (*GO, *NOT_GO))


@admin.register(Course)
class CourseAdmin(RecordAdmin):
    """Courses; each opens on its own page."""

    list_display = ["whose", "status", "decision_word", "next_cycle", "planned", "protocol_id"]
    list_filter = ["status", ("current_decision__action", _ACTIONS), "current_decision__awaiting_labs"]
    search_fields = ["public_id"]
    name_search = ("patient__family", "patient__given", "patient__mrn")
    ordering = ["-pk"]
    list_select_related = ["patient", "current_decision__cycle"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Course]:
        """A list needs no charts."""
        found: QuerySet[Course] = super().get_queryset(request)
        return found.defer("current_decision__situation", "current_decision__answer")

    @admin.display(description="Decision", ordering="current_decision__action")
    def decision_word(self, course: Course) -> str:
        """The action of the decision that stands; awaiting labs is not a hold anybody must act on."""
        decision = course.current_decision
        if decision is None:
            return _label("none", "Not assessed")
        return _of_decision(decision)

    @admin.display(description="Next cycle", ordering="current_decision__cycle__number")
    def next_cycle(self, course: Course) -> str:
        """The cycle the decision is about."""
        return str(course.current_decision.cycle.number) if course.current_decision else "–"

    @admin.display(description="Planned", ordering="current_decision__cycle__planned_on")
    def planned(self, course: Course) -> str:
        """The day that cycle is planned for."""
        return day(course.current_decision.cycle.planned_on) if course.current_decision else "–"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The course whole: decision, alerts, cycles, orders, results, history."""
        course = course_for_page(int(object_id)) if object_id.isdigit() else None
        if not self.has_view_permission(request, course):
            raise PermissionDenied
        if course is None or request.method != "GET":
            raise Http404("There is no such course.")
        may = request.user.has_perm
        decision = course.current_decision
        cycles = cycles_of(course)
        context = {
            **self.admin_site.each_context(request),
            "title": "Course",
            "course": course,
            "patient": course.patient,
            "decision": decision,
            "signatures": list(signatures_on_verdict(decision)) if decision else [],
            "cycles": cycles,
            "has_orders": any(cycle.orders.all() for cycle in cycles),
            "labs": latest_labs(course) if may("labs.view_result") else [],
            "weight": latest_weight(course) if may("labs.view_bodyweight") else None,
            "history": history_of(course),
            "may_see_patient": may(NAMES),
            "may_see_orders": may("courses.view_order"),
            "may_see_results": may("labs.view_result"),
            "may_see_decisions": may("courses.view_decision"),
            "may_sign": may("courses.sign_decision"),
            "may_leave_out": may("courses.sign_decision") and may(NAMES),
            "may_do_by_hand": may("courses.record_fact") and may(NAMES),
            "may_see_versions": may("courses.view_protocolapproval") and may("courses.view_decision"),
            "may_see_moves": may("courses.view_protocolmove") and may(NAMES),
            "may_judge": may(JUDGE) and may(NAMES),
            "stop": stop_of_page(course) if may("courses.view_chartfact") and may(NAMES) else None,
            "may_hold": course.is_open and may("courses.hold_course") and may(NAMES),
            "basis": basis_of(decision, may=may) if decision else None,
            "kinds": kinds_for_page(course, may=may) if may("courses.view_chartfact") and may(NAMES) else [],
            "calls": calls_for_page(course, now=database_now(), shown=_CALLS_SHOWN)
            if all(may(right) for right in _CALLS)
            else None,
            "may_record": may("courses.record_fact"),
            "start": CourseStart.objects.filter(course=course).first(),
            "ledger": ledger_of(course.patient_id) if all(may(right) for right in _LEDGER) else None,
            "given_here": sum(getattr(cycle, "administration", None) is not None for cycle in cycles),
            "may_see_timeline": all(may(right) for right in _TIMELINE),
            "may_see_trends": all(may(right) for right in _TRENDS),
            **_baselines(course, may),
            **_timeline(course, may),
        }
        if context["ledger"] is not None:
            context["here_gbq"] = context["ledger"].totals.by_course.get(str(course.public_id), Decimal(0))
        return TemplateResponse(request, "admin/courses/course/page.html", context)


def _baselines(course: Course, may: Callable[[str], bool]) -> dict[str, Any]:
    """The baselines for those who read results; what cannot be read is said, and the page still opens."""
    if not (may("labs.view_result") and may("courses.view_baselinelock")):
        return {"baselines": None}
    try:
        return {"baselines": baseline_lines(course, today=clinic_day(database_now(), clinic_zone()))}
    except Fault as fault:
        return {"baselines": [], "baselines_fault": str(fault)}


def _timeline(course: Course, may: Callable[[str], bool]) -> dict[str, Any]:
    """The timeline for those who may read it; without it the page still opens, and its own page says why."""
    if not all(may(right) for right in _TIMELINE):
        return {"went": None}
    try:
        return {"went": timeline_of(course, today=clinic_day(database_now(), clinic_zone()), may=may)}
    except (UnknownProtocol, Fault):
        return {"went": None}


@admin.register(Decision)
class DecisionAdmin(RecordAdmin):
    """Decisions; each opens on its own page."""

    of_the_canary: ClassVar = {"course__patient__is_canary": True}
    list_display = ["made", "whose", "cycle", "action_word", "activity_words", "is_new"]
    list_filter = [("action", _ACTIONS), "awaiting_labs"]
    search_fields = ["public_id"]
    name_search = ("course__patient__family", "course__patient__given", "course__patient__mrn")
    ordering = ["-pk"]
    list_select_related = ["course__patient", "cycle"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Decision]:
        """A list needs no charts."""
        found: QuerySet[Decision] = super().get_queryset(request)
        return found.defer("situation", "answer")

    def patient_of(self, record: Any) -> Patient | None:
        """The course's patient."""
        found: Patient = record.course.patient
        return found

    @admin.display(description="Made", ordering="pk")
    def made(self, decision: Decision) -> str:
        """When it was recorded."""
        return instant(decision.made_at)

    @admin.display(description="Action", ordering="action")
    def action_word(self, decision: Decision) -> str:
        """The action as a word."""
        return _of_decision(decision)

    @admin.display(description="Activity")
    def activity_words(self, decision: Decision) -> str:
        """The proposed activity in both units."""
        return activity(decision.activity_gbq)

    @admin.display(description="New or confirmed")
    def is_new(self, decision: Decision) -> str:
        """Whether the verdict was new, or new evidence confirmed it."""
        return "confirmed" if decision.confirms_id else "new"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """A decision is read on its own page."""
        decision = self.get_object(request, object_id)
        if not self.has_view_permission(request, decision):
            raise PermissionDenied
        if decision is None:
            raise Http404("There is no such decision.")
        return HttpResponseRedirect(reverse("courses:decision", args=[decision.public_id]))


@admin.register(Order)
class OrderAdmin(RecordAdmin):
    """Orders and every change of their state."""

    of_the_canary: ClassVar = {"cycle__course__patient__is_canary": True}
    list_display = ["kind_words", "whose", "cycle", "planned", "state_word", "reason", "updated_at"]
    list_filter = ["state", "kind"]
    search_fields = ["public_id", "reason_code"]
    name_search = (
        "cycle__course__patient__family",
        "cycle__course__patient__given",
        "cycle__course__patient__mrn",
    )
    ordering = ["-updated_at", "-pk"]
    list_select_related = ["cycle__course__patient", "directive"]
    fields = [
        ("kind_words", "state"),
        ("reason", "activity_words"),
        ("cycle", "planned"),
        "items_words",
        ("placed_at", "updated_at"),
        "events_words",
    ]
    readonly_fields = [
        "kind_words",
        "reason",
        "planned",
        "activity_words",
        "items_words",
        "events_words",
    ]

    def patient_of(self, record: Any) -> Patient | None:
        """The course's patient."""
        found: Patient = record.cycle.course.patient
        return found

    @admin.display(description="Order", ordering="kind")
    def kind_words(self, order: Order) -> str:
        """What the order asks for."""
        return order.get_kind_display().capitalize()

    @admin.display(description="State", ordering="state")
    def state_word(self, order: Order) -> str:
        """The state as a word."""
        return _label(order.state, order.state.capitalize())

    @admin.display(description="Reason", ordering="reason_code")
    def reason(self, order: Order) -> str:
        """The code that pharmacy and other systems also see."""
        return visible(order.reason_code) or "–"

    @admin.display(description="Planned", ordering="cycle__planned_on")
    def planned(self, order: Order) -> str:
        """The planned day of its cycle."""
        return day(order.cycle.planned_on)

    @admin.display(description="Activity")
    def activity_words(self, order: Order) -> str:
        """The directive's activity: an order has none of its own."""
        return activity(order.directive.activity_gbq) if order.directive else "no directive"

    @admin.display(description="What")
    def items_words(self, order: Order) -> str:
        """The lines of the order."""
        return "; ".join(visible(item_words(item)) for item in order.items) or "–"

    @admin.display(description="What happened")
    def events_words(self, order: Order) -> str:
        """Every change of state, the newest first."""
        lines = []
        for event in order.events.select_related("actor").order_by("-pk"):
            why = f" ({words(event.reason_code)})" if event.reason_code else ""
            who = f", {event.actor.get_full_name() or event.actor.get_username()}" if event.actor else ""
            lines.append(visible(f"{instant(event.at)}: {event.to_state}{why}{who}"))
        return "\n".join(lines)
