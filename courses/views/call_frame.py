"""What every page of a call shares: who may read it, the call itself, how a refusal is answered."""

from uuid import UUID

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from courses.models import Course, PatientCall
from courses.services.authority import NotAllowed
from courses.services.calls import StaleCall
from courses.views.frame import SEES_NAMES

READ = [SEES_NAMES, "courses.view_course", "courses.view_chartfact", "courses.view_patientcall"]


def found_call(course: Course, call_id: UUID) -> PatientCall:
    """The newest version of a call of this course. Raises Http404."""
    call = (
        PatientCall.objects.filter(course=course, public_id=call_id)
        .select_related("cycle", "course__patient", "corrects")
        .order_by("version")
        .last()
    )
    if call is None:
        raise Http404("There is no such call.")
    return call


def status_of(refusal: Exception) -> int:
    """How a refused act is answered."""
    if isinstance(refusal, StaleCall):
        return 409
    return 403 if isinstance(refusal, NotAllowed) else 400


def to_call(call: PatientCall) -> HttpResponse:
    """On to the page of the call."""
    return HttpResponseRedirect(reverse("courses:call", args=[call.course.public_id, call.public_id]))
