"""The index of reports: what counts or lists more than one patient, for whoever may read it."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from labs.views.frame import SEES_NAMES, render_page


@dataclass(frozen=True, slots=True)
class Entry:
    """One report: its name, where it stands, what it tells, and the rights it asks for, all of them."""

    title: str
    address: str
    words: str
    rights: tuple[str, ...]

    @property
    def link(self) -> str:
        """Its address."""
        return reverse(self.address)


REPORTS = (
    Entry(
        "Cohort",
        "courses:cohort",
        "Grades, delays, reductions, stops, endings and activities of many courses, beside published rates; "
        "as CSV and Excel.",
        ("courses.read_cohort",),
    ),
    Entry(
        "Set aside by month",
        "courses:set_aside",
        "Overrides, waivers and orders left out, by whom, why, and what followed.",
        ("courses.view_signature", "courses.view_orderevent"),
    ),
    Entry(
        "Follow-up",
        "courses:follow_ups",
        "Who is to be seen after the last cycle, the most urgent first.",
        (SEES_NAMES, "courses.view_course", "courses.view_followuprecord"),
    ),
    Entry(
        "Incidents",
        "courses:incidents",
        "Reviews of what may be a medical event, with the regulator's days.",
        ("courses.view_incident", "courses.view_incidentact"),
    ),
    Entry("Alert budget", "alerts:budget", "What each rule's alerts led to.", ("alerts.view_alert",)),
    Entry(
        "Deliveries",
        "alerts:deliveries",
        "Every letter owed, and each attempt to deliver it.",
        ("alerts.view_deliveryattempt",),
    ),
)


def reports_for(may: Callable[[str], bool]) -> tuple[Entry, ...]:
    """The reports somebody may read, in the order of the index."""
    return tuple(entry for entry in REPORTS if all(may(right) for right in entry.rights))


@require_safe
@never_cache
@login_required
def index(request: HttpRequest) -> HttpResponse:
    """The reports of whoever asks; nothing to read is a refusal."""
    found = reports_for(request.user.has_perm)
    if not found:
        raise PermissionDenied
    return render_page(request, "prrt/reports.html", {"title": "Reports", "reports": found})
