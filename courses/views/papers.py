"""Papers for a patient: what can be printed, what was handed out and still holds, and the numbers on them."""

from typing import Any
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from courses.day_library import NoDayRules
from courses.models import Course, PaperKind, PrintedPaper
from courses.paper_facts import Facts, cycle_for, facts_of
from courses.paper_library import paper_numbers, paper_words
from courses.paper_text import day as day_in
from courses.paper_text import word_paper
from courses.services.authority import NotAllowed, Refused
from courses.services.papers import (
    APPROVE,
    NOT_CONFIRMED,
    PRINT,
    approve_numbers,
    are_confirmed,
    line_of,
    number_approvals,
    open_kinds,
    outdated,
    papers_of,
    print_paper,
)
from courses.views.frame import (
    SEES_NAMES,
    authenticated_at,
    banner,
    found_course,
    render_page,
    signed_in,
)
from courses.views.paper_frame import paper_response
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

READ = [SEES_NAMES, "courses.view_course", "courses.view_printedpaper"]
FORMS = ("page", "pdf")
# A planned day that the decision does not let stand is likely to move.
NOT_GOING = ("hold", "delay", "stop")
# What only the clinic's settings can tell, by the words for it.
_SETTINGS = {
    "a telephone number for patients (PATIENT_PHONE)": "PATIENT_PHONE",
    "the place to come to (CLINIC_PLACE)": "CLINIC_PLACE",
}
READ_NUMBERS = "courses.view_papernumbersapproval"
_NO_RULES = "No file says how a day of therapy goes under this course's protocol, so this cannot be printed."


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def papers(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What can be printed for a patient, and what the patient holds."""
    return _page(request, found_course(public_id))


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def preview(request: HttpRequest, public_id: UUID, kind: str, language: str, form: str) -> HttpResponse:
    """One paper as it would be printed now; nothing is kept, and it says that it is a draft."""
    course, paper_kind = found_course(public_id), _kind(kind)
    cycle, today = cycle_for(paper_kind, course), clinic_day(database_now(), clinic_zone())
    if language not in paper_words() or form not in FORMS:
        raise Http404("There is no such paper.")
    if paper_kind is not PaperKind.SCHEDULE and cycle is None:
        raise Http404("There is nothing to print on this paper.")
    try:
        facts = facts_of(paper_kind, course, cycle=cycle, today=today)
    except NoDayRules as error:
        raise Http404(_NO_RULES) from error
    args = [course.public_id, kind, language]
    context = _paper(paper_kind, facts, language=language) | {
        "marks": [paper_words()[language].say("head.preview" if are_confirmed() else "head.draft")],
        "page_url": reverse("courses:paper_preview", args=[*args, "page"]),
        "pdf_url": reverse("courses:paper_preview", args=[*args, "pdf"]),
        **_back(course),
    }
    return _response(request, context, as_pdf=form == "pdf", file_name=f"preview-{kind}")


@require_POST
@login_required
@permission_required([*READ, PRINT], raise_exception=True)
def hand_out(request: HttpRequest, public_id: UUID, kind: str) -> HttpResponse:
    """Keep a paper as it is handed out, and show it."""
    course, language = found_course(public_id), request.POST.get("language", "")
    try:
        paper = print_paper(course=course, kind=_kind(kind), language=language, by=signed_in(request))
    except NoDayRules:
        return _page(request, course, fault=_NO_RULES, status=409)
    except (NotAllowed, Refused) as refusal:
        return _page(
            request, course, fault=str(refusal), status=403 if isinstance(refusal, NotAllowed) else 409
        )
    form = "pdf" if request.POST.get("form") == "pdf" else "page"
    return HttpResponseRedirect(reverse("courses:printed_paper", args=[paper.public_id, form]))


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def printed(request: HttpRequest, public_id: UUID, form: str) -> HttpResponse:
    """A paper as it was handed out, with a mark where it no longer holds."""
    paper = (
        PrintedPaper.objects.select_related("course__patient", "cycle").filter(public_id=public_id).first()
    )
    if paper is None or form not in FORMS:
        raise Http404("There is no such paper.")
    words = paper_words()[paper.language]
    line = line_of(paper, today=clinic_day(database_now(), clinic_zone()))
    marks = ["head.over"] if line.is_over else ["head.old"] if line.is_old or not line.is_newest else []
    at = paper.printed_at.astimezone(clinic_zone())
    context = _paper(PaperKind(paper.kind), paper.facts, language=paper.language) | {
        "marks": [words.say(each) for each in marks],
        "printed_words": words.say("head.printed", day=day_in(at.date(), words), time=f"{at:%H:%M}"),
        "valid_words": words.say("head.valid"),
        "page_url": reverse("courses:printed_paper", args=[paper.public_id, "page"]),
        "pdf_url": reverse("courses:printed_paper", args=[paper.public_id, "pdf"]),
        **_back(paper.course),
    }
    return _response(
        request, context, as_pdf=form == "pdf", file_name=f"{paper.kind}-{str(paper.public_id)[:8]}"
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@permission_required(READ_NUMBERS, raise_exception=True)
def numbers(request: HttpRequest) -> HttpResponse:
    """Every number on patients' papers with its source, who confirmed it, and the place to do so."""
    if request.method != "POST":
        return _numbers_page(request)
    if not request.user.has_perm(APPROVE):
        raise PermissionDenied
    confirmed: HttpResponse = reauthentication_required(_approve)(request)
    return confirmed


def _approve(request: HttpRequest) -> HttpResponse:
    try:
        approve_numbers(
            by=signed_in(request),
            authenticated_at=authenticated_at(request),
            seen_sha256=request.POST.get("seen_sha256", ""),
        )
    except NotAllowed as refusal:
        return _numbers_page(request, fault=str(refusal), status=403)
    messages.success(request, "You confirmed the numbers on patients' papers.")
    return HttpResponseRedirect(reverse("courses:paper_numbers"))


def _numbers_page(request: HttpRequest, *, fault: str = "", status: int = 200) -> HttpResponse:
    pinned, approvals = paper_numbers(), number_approvals()
    mine = any(each.approved_by_id == signed_in(request).pk for each in approvals)
    context = {
        "title": "Numbers on patients' papers",
        "pinned": pinned,
        "approvals": approvals,
        "is_confirmed": are_confirmed(),
        "is_mine": mine,
        "offers_approval": request.user.has_perm(APPROVE) and not mine,
        "fault": fault,
    }
    return render_page(request, "courses/paper_numbers.html", context, status=status)


def _kind(kind: str) -> PaperKind:
    if kind not in PaperKind.values:
        raise Http404("There is no such paper.")
    return PaperKind(kind)


def _page(request: HttpRequest, course: Course, *, fault: str = "", status: int = 200) -> HttpResponse:
    lines = papers_of(course, today=clinic_day(database_now(), clinic_zone()))
    held = {(line.paper.kind, line.paper.cycle_id): line for line in reversed(lines)}
    decision = course.current_decision
    context = {
        "title": "Patient's papers",
        "kinds": [
            (kind, cycle, held.get((kind.value, cycle.pk if cycle else None)))
            for kind, cycle in open_kinds(course)
        ],
        "not_going": decision
        if decision is not None and decision.action in NOT_GOING and not decision.awaiting_labs
        else None,
        "languages": list(paper_words().values()),
        "lines": lines,
        "outdated": outdated(lines),
        "is_confirmed": are_confirmed(),
        "not_confirmed": NOT_CONFIRMED,
        "may_read_numbers": request.user.has_perm(READ_NUMBERS),
        "may_print": request.user.has_perm(PRINT),
        "lacking": [words for words, value in _SETTINGS.items() if not getattr(settings, value)],
        "fault": fault,
        **banner(request, course),
    }
    return render_page(request, "courses/papers.html", context, status=status)


def _paper(kind: PaperKind, facts: Facts, *, language: str) -> dict[str, Any]:
    words = paper_words()[language]
    paper = word_paper(kind, facts, words)
    return {
        "title": paper.title,
        "language": language,
        "kind": kind.value,
        "facts": facts,
        "paper": paper,
        "born_word": words.say("head.born"),
        "number_word": words.say("head.number"),
    }


def _back(course: Course) -> dict[str, str]:
    return {
        "back_url": reverse("courses:papers", args=[course.public_id]),
        "back_words": "Back to the patient's papers",
    }


def _response(request: HttpRequest, context: dict[str, Any], *, as_pdf: bool, file_name: str) -> HttpResponse:
    return paper_response(request, "courses/paper/patient.html", context, as_pdf=as_pdf, file_name=file_name)
