"""One printed page of a decision, from which its verdict can be reached by hand."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from courses.models import Decision
from courses.overview import decision_for_page, signatures_on_verdict
from courses.printed_decision import allergy_line, grade_groups, missing_groups, silent_groups
from courses.start_answers import start_answers_for
from courses.views.decisions import READ
from courses.views.frame import banner, signed_in
from courses.views.paper_frame import paper_response
from labs.clock import database_now
from labs.services.authority import printed_name


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def decision_print(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The decision for paper, from the browser."""
    return _decision(request, public_id, as_pdf=False)


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def decision_pdf(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The decision for paper, as PDF."""
    return _decision(request, public_id, as_pdf=True)


def _decision(request: HttpRequest, public_id: UUID, *, as_pdf: bool) -> HttpResponse:
    decision = decision_for_page(public_id)
    if decision is None:
        raise Http404("There is no such decision.")
    return paper_response(
        request,
        "courses/paper/decision.html",
        _context(request, decision),
        as_pdf=as_pdf,
        file_name=f"decision-{str(decision.public_id)[:8]}",
    )


def _context(request: HttpRequest, decision: Decision) -> dict[str, Any]:
    answer, course = decision.answer, decision.course
    current = course.current_decision
    compared, plain = silent_groups(answer.get("silent", []))
    return {
        "title": f"Decision on cycle {decision.cycle.number}",
        "language": "en",
        "decision": decision,
        "answer": answer,
        "acting": [each for each in answer.get("reasons", []) if each["action"] != "proceed"],
        "notes": [each for each in answer.get("reasons", []) if each["action"] == "proceed"],
        "short": str(decision.public_id)[:8],
        "grades": grade_groups(answer.get("grades", [])),
        "missing": missing_groups(answer.get("missing", [])),
        "superseded_by": current if current is not None and current.pk != decision.pk else None,
        "signatures": list(signatures_on_verdict(decision)),
        "pointed_out": start_answers_for(decision, may=request.user.has_perm),
        "allergies": allergy_line(decision.situation),
        "silent_compared": compared,
        "silent_plain": plain,
        "printed_at": database_now(),
        "printed_by": printed_name(signed_in(request)),
        "page_url": reverse("courses:decision_print", args=[decision.public_id]),
        "pdf_url": reverse("courses:decision_pdf", args=[decision.public_id]),
        "back_url": reverse("courses:decision", args=[decision.public_id]),
        "back_words": "Back to the decision",
        **banner(request, course),
    }
