"""The forms of a day of therapy, each on a page of its own: what happened, what was given, how it ended."""

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required, permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from courses.day_data import STEPS, takes_password
from courses.forms.day import (
    InfusionForm,
    JudgeForm,
    NotGivenForm,
    RebookForm,
    ReleaseForm,
    StepForm,
    shown_of,
)
from courses.models import Course, StepKind, TherapyStep
from courses.rules.day_values import Happened
from courses.second_person import proven_person
from courses.services.authority import Refused
from courses.services.day_end import end_not_given, rebook, release
from courses.services.day_infusion import infused_on
from courses.services.infusions import record_infusion
from courses.services.judgements import judge_cycle
from courses.services.remainder import waiting_infusion
from courses.services.same_act import just_recorded, says_the_same
from courses.services.therapy_day import correct_step, record_step
from courses.views.day_form_page import act_page, form_page, submitted
from courses.views.day_frame import METHODS, READ, day_of, state_on, with_fresh_password
from courses.views.day_seen import seen_day
from courses.views.frame import authenticated_at, found_course, signed_in


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def step(request: HttpRequest, public_id: UUID, kind: str) -> HttpResponse:
    """The form of one kind of step, and its recording; what takes a password asks for it first."""
    course, known = found_course(public_id), _known(kind)
    if request.method != "POST":
        return form_page(request, course, StepForm(kind=known), kind=known)
    form = StepForm(request.POST, kind=known)
    if not form.is_valid():
        return form_page(request, course, form, kind=known, status=400)
    store = with_fresh_password(_record) if takes_password(known, form.data_of_step()) else _record
    return store(request, course, known, form)


def _record(request: HttpRequest, course: Course, kind: Happened, form: StepForm) -> HttpResponse:
    def act() -> None:
        day = seen_day(request, course)
        record_step(
            day=day,
            version=day.version,
            kind=kind.value,
            data=form.data_of_step(),
            by=signed_in(request),
            happened_at=form.cleaned_data["happened_at"],
            second=_second(request, form),
            authenticated_at=authenticated_at(request),
        )

    def did_it() -> bool:
        step = just_recorded(day_of(course), kind, by=signed_in(request))
        return step is not None and says_the_same(
            step,
            data=form.data_of_step(),
            happened_at=form.cleaned_data["happened_at"],
            second=form.cleaned_data.get("second_name") or "",
        )

    said = f"Recorded: {StepKind(kind).label}."
    return submitted(request, course, form, act, kind=kind, said=said, did_it=did_it)


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def correct(request: HttpRequest, public_id: UUID, step_id: UUID) -> HttpResponse:
    """A new version of one entry, or that it is taken back."""
    course = found_course(public_id)
    entry = get_object_or_404(
        TherapyStep.objects.select_related("therapy_day__cycle__course", "corrected_by"),
        public_id=step_id,
        therapy_day__cycle__course=course,
    )
    known = _known(entry.kind)
    if request.method != "POST":
        if hasattr(entry, "corrected_by"):
            raise Http404("This entry was corrected before; correct its newest version.")
        form = StepForm(kind=known, correcting=True, initial=shown_of(known, entry.data))
        return form_page(request, course, form, kind=known, entry=entry)
    form = StepForm(request.POST, kind=known, correcting=True)
    if not form.is_valid():
        return form_page(request, course, form, kind=known, entry=entry, status=400)
    said = {} if form.cleaned_data["take_back"] else form.data_of_step()
    store = with_fresh_password(_correct) if takes_password(known, said) else _correct
    return store(request, course, entry, known, form)


def _correct(
    request: HttpRequest, course: Course, entry: TherapyStep, kind: Happened, form: StepForm
) -> HttpResponse:
    def act() -> None:
        day = seen_day(request, course, of=entry.therapy_day)
        correct_step(
            step=entry,
            version=day.version,
            reason=form.cleaned_data["reason"],
            by=signed_in(request),
            data=form.data_of_step(),
            happened_at=form.cleaned_data["happened_at"],
            second=_second(request, form),
            authenticated_at=authenticated_at(request),
            take_back=form.cleaned_data["take_back"],
        )

    return submitted(request, course, form, act, kind=kind, entry=entry, said="Corrected.")


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, "courses.record_administration"], raise_exception=True)
def infusion(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Record what the infusion delivered."""
    course = found_course(public_id)
    form = InfusionForm(request.POST if request.method == "POST" else None)

    def act() -> None:
        day = seen_day(request, course)
        infused = infused_on(day, state=state_on(course, day), **form.cleaned_data)
        by = signed_in(request)
        record_infusion(cycle=day.cycle, day=day, infused=infused, by=by, version=day.version)

    return act_page(request, course, form, act, name="infusion", said="The infusion is recorded.")


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, "courses.judge_cycle"], raise_exception=True)
def judge(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A physician's word on a part of a cycle, with the password."""
    course = found_course(public_id)
    form = JudgeForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        return with_fresh_password(_judge)(request, course, form)
    return form_page(request, course, form, name="judge", status=400 if form.errors else 200)


def _judge(request: HttpRequest, course: Course, form: JudgeForm) -> HttpResponse:
    def act() -> None:
        waiting = waiting_infusion(course.pk)
        if waiting is None:
            raise Refused("No part of this course waits for a judgement.")
        if request.POST.get("infusion", str(waiting.public_id)) != str(waiting.public_id):
            raise Refused("The record of the infusion has changed since this page was made: read it again.")
        judge_cycle(
            infusion=waiting,
            counts=form.cleaned_data["counts"] != "open",
            remainder_gbq=form.cleaned_data["remainder_gbq"],
            reason=form.cleaned_data["reason"],
            signer=signed_in(request),
            authenticated_at=authenticated_at(request),
        )

    return submitted(request, course, form, act, name="judge", said="Judged and signed.")


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, "courses.run_therapy_day"], raise_exception=True)
def not_given(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """End the day without an infusion."""
    course = found_course(public_id)
    form = NotGivenForm(request.POST if request.method == "POST" else None)

    def act() -> None:
        day = seen_day(request, course)
        end_not_given(day=day, by=signed_in(request), version=day.version, **form.cleaned_data)

    return act_page(request, course, form, act, name="not_given", said="Recorded as not given.")


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, "courses.run_therapy_day"], raise_exception=True)
def release_(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Release the patient."""
    course = found_course(public_id)
    form = ReleaseForm(request.POST if request.method == "POST" else None)

    def act() -> None:
        day, left_against = seen_day(request, course), form.cleaned_data["left_against"]
        release(day=day, by=signed_in(request), left_against=left_against, version=day.version)

    return act_page(request, course, form, act, name="release", said="The patient is released.")


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required([*READ, "courses.plan_cycle"], raise_exception=True)
def replan(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Plan a cycle anew whose day ended without giving it."""
    course = found_course(public_id)
    form = RebookForm(request.POST if request.method == "POST" else None)

    def act() -> None:
        day, on = seen_day(request, course), form.cleaned_data["rebook_on"]
        rebook(day=day, on=on, by=signed_in(request), version=day.version)

    return act_page(request, course, form, act, name="rebook", said="Planned anew.")


def _known(kind: str) -> Happened:
    found = next((each for each in STEPS if each.value == kind), None)
    if found is None:
        raise Http404("There is no such step.")
    return found


def _second(request: HttpRequest, form: StepForm) -> Any:
    name = form.cleaned_data.get("second_name")
    if not name:
        return None
    return proven_person(request, username=name, password=form.cleaned_data["second_password"])
