"""One form of a day of therapy on a page of its own: shown, acted on, and what refuses it shown in it."""

from collections.abc import Callable, Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse

from courses.day_data import STEPS
from courses.forms.day import DayForm
from courses.models import Course, Infusion, StepKind, TherapyDay, TherapyStep
from courses.rules.day_values import Blocker, Happened
from courses.services.authority import NotAllowed, Refused
from courses.services.day_end import ReleaseRefused
from courses.services.day_version import StaleDay
from courses.services.remainder import waiting_infusion
from courses.services.same_act import just_recorded
from courses.services.therapy_day import BadStep
from courses.views.day_frame import Act, back, day_of, newest_day
from courses.views.day_seen import changed_of, token_of
from courses.views.frame import banner, render_page, signed_in

_TITLES = {
    "infusion": "Record the infusion",
    "judge": "Judge a part of a cycle",
    "not_given": "Nothing was given",
    "release": "Release the patient",
    "rebook": "Plan the cycle anew",
}
_BUTTONS = {
    "infusion": "Record the infusion",
    "judge": "Sign the judgement with your password",
    "not_given": "Record that nothing was given",
    "release": "Release the patient",
    "rebook": "Plan it for this day",
}


def form_page(
    request: HttpRequest,
    course: Course,
    form: DayForm,
    *,
    kind: Happened | None = None,
    name: str = "",
    entry: TherapyStep | None = None,
    blockers: tuple[Blocker, ...] = (),
    changed: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    """One form on a page of its own; what was typed stays, and so does the version it was typed for.

    Only where it is told what `changed` meanwhile the form goes on from the version that stands now.
    """
    waiting = waiting_infusion(course.pk) if name == "judge" else None
    day = _day(course, entry=entry, waiting=waiting)
    context = {
        "title": StepKind(kind).label.capitalize() if kind else _TITLES[name],
        "form": form,
        "kind": kind.value if kind else "",
        "name": name,
        "entry": entry,
        "day": day,
        "cycle": waiting.cycle if waiting else day.cycle if day else None,
        "blockers": blockers,
        "changed": changed,
        "is_mine": _is_mine(request, day, kind) if changed else False,
        "seen": _seen(request, day, anew=bool(changed)),
        "button": _BUTTONS.get(name)
        or ("Record with your password" if kind and STEPS[kind].password else "Record"),
        "waiting": waiting,
        **banner(request, course),
    }
    return render_page(request, "courses/day_form.html", context, status=status)


def _day(course: Course, *, entry: TherapyStep | None, waiting: Infusion | None) -> TherapyDay | None:
    """The day that the form is about; a part may have been given without the sheet of one."""
    if entry is not None:
        return entry.therapy_day
    return newest_day(course) if waiting is not None else day_of(course)


def _seen(request: HttpRequest, day: TherapyDay | None, *, anew: bool) -> str:
    """The version of the day that the form was read in, or the one that stands."""
    if day is None:
        return ""
    return token_of(day) if anew else request.POST.get("seen") or token_of(day)


def _is_mine(request: HttpRequest, day: TherapyDay | None, kind: Happened | None) -> bool:
    """Whether what changed meanwhile is this person's own entry of this kind, made a moment ago."""
    if day is None or kind is None:
        return False
    return just_recorded(day, kind, by=signed_in(request)) is not None


def act_page(
    request: HttpRequest, course: Course, form: DayForm, act: Act, *, name: str, said: str
) -> HttpResponse:
    """Show a form, or act on what it holds."""
    if request.method != "POST" or not form.is_valid():
        return form_page(request, course, form, name=name, status=400 if form.errors else 200)
    return submitted(request, course, form, act, name=name, said=said)


def submitted(
    request: HttpRequest,
    course: Course,
    form: DayForm,
    act: Act,
    *,
    said: str,
    kind: Happened | None = None,
    name: str = "",
    entry: TherapyStep | None = None,
    did_it: Callable[[], bool] | None = None,
) -> HttpResponse:
    """Act, then go back to the sheet; what is refused is shown on the form with what was typed.

    `did_it`: of a day that has changed, whether this person has just done the very same.
    """
    blockers: tuple[Blocker, ...] = ()
    changed: Sequence[str] = ()
    try:
        act()
    except StaleDay as other:
        if did_it is not None and did_it():  # the same button pressed twice has recorded once
            messages.success(request, said)
            return back(course)
        changed, status = changed_of(request, other.day), 409
        form.add_error(None, str(other))
    except BadStep as bad:
        form.refuse(bad.faults)
        status = 400
    except NotAllowed as refusal:
        form.add_error(None, str(refusal))
        status = 403
    except ReleaseRefused as refusal:
        blockers, status = refusal.blockers, 409
    except Refused as refusal:
        form.add_error(None, str(refusal))
        status = 409
    else:
        messages.success(request, said)
        return back(course)
    return form_page(
        request,
        course,
        form,
        kind=kind,
        name=name,
        entry=entry,
        blockers=blockers,
        changed=changed,
        status=status,
    )
