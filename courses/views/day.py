"""The sheet of a day of therapy: every step as it stands, the form of the next one, and the start."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from courses.allergies import allergies_in_a_line
from courses.day_data import STEPS
from courses.day_facts import effective_steps, infusions_of, other_infusions_of
from courses.forms.day import StepForm
from courses.left_out import left_out_of
from courses.models import Course, Infusion, StepKind, TherapyDay, Vial
from courses.rules.day_values import Blocker, DayLine, Happened, StepState
from courses.services.authority import NotAllowed, Refused
from courses.services.day_infusion import entries_about
from courses.services.day_state import DayState
from courses.services.day_version import StaleDay
from courses.services.infusion_corrections import entries_differ
from courses.services.locking import next_cycle
from courses.services.remainder import waiting_infusion
from courses.services.same_act import just_authorised
from courses.services.start import StartRefused, authorisation_for, authorise_start
from courses.services.therapy_day import open_day
from courses.services.vial_state import GONE
from courses.views.day_frame import (
    METHODS,
    READ,
    Act,
    back,
    day_for_paper,
    day_of,
    may_record,
    newest_day,
    sheet_of,
    state_on,
)
from courses.views.day_seen import changed_of, seen_day, token_of
from courses.views.frame import authenticated_at, banner, found_course, only_sent, render_page, signed_in
from courses.views.paper_frame import paper_response

# Which entry completes a line of the day.
_KIND_OF_LINE = {
    "ID": Happened.IDENTITY, "T-01": Happened.PREGNANCY, "T-04": Happened.ANALOGUE,
    "T-05": Happened.POTASSIUM, "ALLERGY": Happened.ALLERGY, "T-06": Happened.ANTIEMETIC,
    "T-07": Happened.AMINO_START, "UNIT": Happened.UNIT_SCANNED, "T-09": Happened.ASSAY,
    "START": Happened.START_CHECK, "LINE": Happened.LINE_CHECK, "T-17": Happened.RESIDUAL,
    "T-13": Happened.STEROID, "COVER": Happened.STEROID, "T-08": Happened.AMINO_END,
    "T-12": Happened.OBSERVATION, "T-14": Happened.ANALOGUE_RESTART, "T-18": Happened.RELEASE_SURVEY,
}  # fmt: skip
_RUNNING = ("T-07", "T-08")  # the amino acids: for how long they have run
_ACTING = (StepState.DUE, StepState.BLOCKED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the sheet, the kind of entry that completes it, and whether this person may make it."""

    line: DayLine
    kind: str
    may_record: bool

    @property
    def tells_time(self) -> bool:
        """Whether its words were true at one instant: minutes that run on, or an instant still to come."""
        return self.line.until is not None or self.line.id in _RUNNING


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def sheet(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The day as it stands, with the form of its next step."""
    return _sheet(request, found_course(public_id))


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def printed(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The sheet for paper, from the browser."""
    return _for_paper(request, found_course(public_id), as_pdf=False)


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def printed_pdf(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The sheet for paper, as PDF."""
    return _for_paper(request, found_course(public_id), as_pdf=True)


def _for_paper(request: HttpRequest, course: Course, *, as_pdf: bool) -> HttpResponse:
    """What was directed, how far the day is, and until when the sheet may be used."""
    state = state_on(course, day_for_paper(course, number=request.GET.get("cycle", "")))
    number = state.day.cycle.number
    short = str(state.standing.decision.public_id)[:8] if state.standing.decision else ""
    asked = f"?cycle={number}"
    context = {
        "title": f"Day sheet, cycle {number}",
        "language": "en",
        "short": short,
        "allergies": allergies_in_a_line(course.patient_id),
        "state": state,
        "rows": _rows(request, state),
        "left_out": left_out_of(state.day.cycle),
        "steps": effective_steps(state.day),
        "decision": state.standing.decision,
        "directive": state.standing.directive,
        "unit": state.standing.unit,
        "latest_start": _latest_start(state),
        "is_opened": state.day.pk is not None,
        "printed_at": state.facts.now,
        "page_url": reverse("courses:day_print", args=[course.public_id]) + asked,
        "pdf_url": reverse("courses:day_pdf", args=[course.public_id]) + asked,
        "back_url": reverse("courses:day", args=[course.public_id]),
        "back_words": "Back to the day",
        **banner(request, course),
    }
    name = f"day-sheet-cycle-{number}-{short}"
    return paper_response(request, "courses/paper/day.html", context, as_pdf=as_pdf, file_name=name)


def _latest_start(state: DayState) -> datetime | None:
    """Until when the longest infusion ends before the unit or vial that is here expires; none without one."""
    most, unit = state.facts.rules.infusion.most, state.standing.unit
    if unit is not None:
        return unit.expires_at - most
    here = Vial.objects.effective().filter(cycle=state.day.cycle).exclude(fates__fate__in=GONE)
    vial = here.order_by("-expires_at").first()
    return None if vial is None else vial.expires_at - most


@require_POST
@login_required
@permission_required(READ, raise_exception=True)
def open_(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Open the day of the cycle that is to be given."""
    course = found_course(public_id)
    cycle = next_cycle(course)
    if cycle is None:
        return _sheet(request, course, faults=["No cycle of this course is still to be given."], status=409)
    return _done(request, course, lambda: open_day(cycle=cycle, by=signed_in(request)), "The day is open.")


@require_http_methods(METHODS)
@login_required
@permission_required([*READ, "courses.authorise_start"], raise_exception=True)
@only_sent(sheet_of)
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth ships no types
def authorise(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Authorise the start, on a live assessment."""
    course = found_course(public_id)
    day = day_of(course)

    def act() -> None:
        seen = seen_day(request, course, of=day)
        authorise_start(
            day=seen,
            by=signed_in(request),
            authenticated_at=authenticated_at(request),
            version=seen.version,
        )

    def did_it() -> bool:
        return just_authorised(day_of(course), by=signed_in(request))

    said = "Start authorised. Start the infusion, and record it."
    return _done(request, course, act, said, did_it=did_it)


def _rows(request: HttpRequest, state: DayState) -> list[Row]:
    found = []
    for line in state.lines:
        kind = _KIND_OF_LINE.get(line.id)
        if line.id == "T-11":
            started = state.facts.newest(Happened.INFUSION_START)
            kind = Happened.INFUSION_END if started else Happened.INFUSION_START
        may = kind is not None and may_record(request, kind)
        found.append(Row(line=line, kind=kind.value if kind else "", may_record=may))
    return found


def _next_row(rows: list[Row], *, may_start: bool) -> Row | None:
    """The row whose form is offered: the next that this person can act on."""
    if may_start:
        return next(row for row in rows if row.line.id == "T-11")
    return next((row for row in rows if row.line.state in _ACTING and row.may_record), None)


def _sheet(
    request: HttpRequest,
    course: Course,
    *,
    faults: list[str] | None = None,
    blockers: tuple[Blocker, ...] = (),
    changed: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    day, following = newest_day(course), next_cycle(course)
    context: dict[str, Any] = {
        "title": "Day of therapy",
        "faults": faults or [],
        "blockers": blockers,
        "changed": changed,
        "next_cycle": following,
        "may_open": request.user.has_perm("courses.run_therapy_day"),
        "may_infuse": request.user.has_perm("courses.record_administration"),
        "may_judge": request.user.has_perm("courses.judge_cycle"),
        "waiting": waiting_infusion(course.pk),
        "other_infusions": other_infusions_of(course, day),
        **banner(request, course),
    }
    if day is not None:
        context |= _context_of_day(request, course, day)
    is_over = day is None or day.ended_at is not None
    context["offers_opening"] = following is not None and is_over and not context["waiting"]
    return render_page(request, "courses/day.html", context, status=status)


def _context_of_day(request: HttpRequest, course: Course, day: TherapyDay) -> dict[str, Any]:
    """Everything that the sheet shows of a day."""
    state = state_on(course, day)
    rows = _rows(request, state)
    started = state.facts.newest(Happened.INFUSION_START)
    amino = state.facts.newest(Happened.AMINO_START)
    authorised, _ = authorisation_for(day, started_at=state.facts.now)
    may_start = authorised is not None and started is None
    row = _next_row(rows, may_start=may_start) if day.ended_at is None else None
    infusions = infusions_of(day)
    has = request.user.has_perm
    return {
        "day": day,
        "seen": token_of(day),
        "state": state,
        "rows": rows,
        "left_out": left_out_of(day.cycle),
        "row": row,
        "form": StepForm(kind=Happened(row.kind)) if row else None,
        "kinds": [(kind.value, StepKind(kind).label) for kind in STEPS if may_record(request, kind)],
        "steps": day.steps.select_related("corrects", "corrected_by").order_by("happened_at", "pk"),
        "infusions": [(each, _entries_differ(each, state)) for each in infusions],
        "authorised": authorised if may_start else None,
        "may_authorise": has("courses.authorise_start") and has("courses.sign_decision"),
        "amino_since": None if state.facts.newest(Happened.AMINO_END) else amino.at if amino else None,
        "is_started": started is not None,
        "is_written": bool(infusions),
        "has_patient_left": day.ended_at is not None,
        "is_unplanned": day.ended_at is not None and not hasattr(day.cycle, "administration"),
    }


def _entries_differ(infusion: Infusion, state: DayState) -> bool:
    """Whether the day's entries were corrected since the record of this infusion was written."""
    entries = entries_about(infusion, state=state)
    return entries is not None and entries_differ(infusion, entries)


def _done(
    request: HttpRequest, course: Course, act: Act, said: str, *, did_it: Callable[[], bool] | None = None
) -> HttpResponse:
    """Act from the sheet itself; what is refused is shown there, but for what was just done (`did_it`)."""
    try:
        act()
    except StaleDay as other:
        if did_it is not None and did_it():  # the same button pressed twice has acted once
            messages.success(request, said)
            return back(course)
        found, changed = found_course(course.public_id), changed_of(request, other.day)
        return _sheet(request, found, faults=[str(other)], changed=changed, status=409)
    except StartRefused as refusal:
        return _sheet(request, found_course(course.public_id), blockers=refusal.blockers, status=409)
    except (NotAllowed, Refused) as refusal:
        status = 403 if isinstance(refusal, NotAllowed) else 409
        return _sheet(request, found_course(course.public_id), faults=[str(refusal)], status=status)
    messages.success(request, said)
    return back(course)
