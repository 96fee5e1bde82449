"""The queue of results kept apart: the list, one result, and what people do about it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from labs.clock import database_now
from labs.forms.quarantine import FORMS, AnswerForm, FilterForm, ReasonForm
from labs.models import QuarantinedResult, QuarantineResolution
from labs.models.resolution import MAPPINGS, ResolutionKind
from labs.services.answers import ANSWERS, BadResolution
from labs.services.authority import NotAllowed
from labs.services.item import ItemReading, read_item, segments_of
from labs.services.manual_list import waiting_for_verification
from labs.services.quarantine import (
    Confirmed,
    confirm_resolution,
    decline_resolution,
    give_back,
    may_own,
    right_for,
    state_resolution,
    take,
    waiting_on,
)
from labs.services.replay import RESOLVE, StillUnreadable, read_again
from labs.views.frame import (
    METHODS,
    SEES_NAMES,
    authenticated_at,
    render_page,
    signed_in,
    with_fresh_password,
)

MAY_READ = [SEES_NAMES, "labs.view_quarantinedresult"]
SHOWN = 100
SECOND = "A second person must confirm it before anything follows."


@require_GET
@never_cache
@login_required
@permission_required(MAY_READ, raise_exception=True)
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for a person, the oldest first, with why, since when and who owns it."""
    form = FilterForm(request.GET)
    form.is_valid()
    rows = _narrowed(request, form.cleaned_data)
    found = list(rows[: SHOWN + 1])
    may_verify = request.user.has_perm("labs.view_manualact")
    context = {
        "title": "Results that wait for a person",
        "form": form,
        "rows": found[:SHOWN],
        "more": len(found) > SHOWN,
        "shown": SHOWN,
        "now": database_now(),
        "unverified": waiting_for_verification() if may_verify else None,
    }
    return render_page(request, "labs/quarantine.html", context)


def _narrowed(request: HttpRequest, wanted: dict[str, Any]) -> QuerySet[QuarantinedResult]:
    """The rows that the filters leave, oldest first."""
    rows = QuarantinedResult.objects.select_related("patient", "owner", "message").order_by("opened_at", "pk")
    rows = rows.defer("message__body", "message__ack", "message__application_ack")
    if wanted.get("state") != "all":
        rows = rows.filter(state=wanted.get("state") or QuarantinedResult.State.OPEN)
    if wanted.get("owner"):
        rows = rows.filter(owner=signed_in(request) if wanted["owner"] == "me" else None)
    if wanted.get("patient"):
        rows = rows.filter(patient__isnull=wanted["patient"] == "unknown")
    if wanted.get("reason"):
        rows = rows.filter(reason_code=wanted["reason"])
    return rows


@require_GET
@never_cache
@login_required
@permission_required(MAY_READ, raise_exception=True)
def item(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One result as it arrived, what was said and done about it, and what this person can do."""
    return _page(request, _found(public_id))


def _found(public_id: UUID) -> QuarantinedResult:
    rows = QuarantinedResult.objects.select_related("message", "patient", "owner")
    return get_object_or_404(rows, public_id=public_id)


def _page(
    request: HttpRequest,
    row: QuarantinedResult,
    *,
    sent: AnswerForm | None = None,
    declining: ReasonForm | None = None,
    faults: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of one result; `sent`: the form whose faults are shown at their fields."""
    reading, person = read_item(row), signed_in(request)
    is_open = row.state == QuarantinedResult.State.OPEN
    waiting = waiting_on(row) if is_open else None
    may_answer = waiting is not None and person.has_perm(right_for(waiting.kind))
    context = {
        "title": "A result that waits for a person" if is_open else "A result that waited for a person",
        "item": row,
        "is_open": is_open,
        "patient": row.patient,
        "may_see_patient": True,
        "reading": reading,
        "segments": segments_of(row),
        "now": database_now(),
        "waiting": waiting,
        "may_confirm": may_answer and waiting is not None and waiting.by_id != person.pk,
        "may_decline": may_answer,
        "is_mine": waiting is not None and waiting.by_id == person.pk,
        "declining": declining or ReasonForm(auto_id="decline_%s"),
        "forms": _forms(request, row, reading, sent) if is_open and waiting is None else [],
        "may_own": is_open and may_own(person),
        "owns": row.owner_id == person.pk,
        "may_read_again": is_open and person.has_perm(RESOLVE),
        "ended": row.resolutions.filter(verdict__isnull=False).select_related("verdict", "patient"),
        "ownership": row.ownership.all(),
        "replays": row.message.replays.all(),
        "faults": faults or [],
    }
    return render_page(request, "labs/quarantine_item.html", context, status=status)


def _forms(
    request: HttpRequest, row: QuarantinedResult, reading: ItemReading, sent: AnswerForm | None
) -> list[AnswerForm]:
    """The answers that this person may give to why the result waits; rejecting stands last."""
    kinds = [kind for kind in (ANSWERS.get(row.reason_code), ResolutionKind.REJECT) if kind is not None]
    return [
        sent if sent is not None and sent.kind == kind else FORMS[kind](reading=reading, auto_id=f"{kind}_%s")
        for kind in kinds
        if request.user.has_perm(right_for(kind))
    ]


@require_POST
@login_required
@permission_required(MAY_READ, raise_exception=True)
def own(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take a result, or give it back."""
    row = _found(public_id)
    person = signed_in(request)
    try:
        if request.POST.get("act") == "give-back":
            give_back(item=row, by=person)
            messages.success(request, "Given back: nobody owns it now.")
        else:
            seen = request.POST.get("seen_owner", "")
            take(item=row, by=person, seen_owner_id=int(seen) if seen.isdecimal() else None)
            messages.success(request, "It is yours now.")
    except BadResolution as bad:
        return _page(request, row, faults=_words(bad), status=409)
    except NotAllowed as refusal:
        return _page(request, row, faults=[str(refusal)], status=403)
    return _back(row)


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(MAY_READ, raise_exception=True)
def say(request: HttpRequest, public_id: UUID, kind: str) -> HttpResponse:
    """Say how a result is to be understood, with the password; a second person confirms it."""
    row = _found(public_id)
    if kind not in ResolutionKind.values:
        raise Http404("There is no such answer.")
    if request.method != "POST":
        return _back(row)
    if not request.user.has_perm(right_for(kind)):
        raise PermissionDenied
    known = ResolutionKind(kind)
    form = FORMS[known](request.POST, reading=read_item(row), auto_id=f"{kind}_%s")
    if not form.is_valid():
        return _page(request, row, sent=form, status=400)
    return with_fresh_password(_say)(request, row, form)


def _say(request: HttpRequest, row: QuarantinedResult, form: AnswerForm) -> HttpResponse:
    try:
        state_resolution(
            item=row,
            kind=form.kind,
            data=form.said(),
            reason=form.cleaned_data["reason"],
            by=signed_in(request),
            authenticated_at=authenticated_at(request),
        )
    except BadResolution as bad:
        row.refresh_from_db()
        form.refuse(bad.faults)
        left = [] if _forms(request, row, form.reading, form) and waiting_on(row) is None else _words(bad)
        return _page(request, row, sent=form, faults=left, status=400)
    except NotAllowed as refusal:
        return _page(request, row, faults=[str(refusal)], status=403)
    messages.success(request, f"Recorded. {SECOND}")
    return _back(row)


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required(MAY_READ, raise_exception=True)
def confirm(request: HttpRequest, public_id: UUID, said_id: UUID) -> HttpResponse:
    """Confirm, as the second person and with the password, what another said."""
    row = _found(public_id)
    said = get_object_or_404(QuarantineResolution, item=row, public_id=said_id)
    if request.method != "POST":
        return _back(row)
    if not request.user.has_perm(right_for(said.kind)):
        raise PermissionDenied
    return with_fresh_password(_confirm)(request, row, said)


def _confirm(request: HttpRequest, row: QuarantinedResult, said: QuarantineResolution) -> HttpResponse:
    try:
        done = confirm_resolution(
            resolution=said, by=signed_in(request), authenticated_at=authenticated_at(request)
        )
    except BadResolution as bad:
        row.refresh_from_db()
        return _page(request, row, faults=_words(bad), status=409)
    except NotAllowed as refusal:
        return _page(request, row, faults=[str(refusal)], status=403)
    except StillUnreadable as fault:
        return _page(request, row, faults=[str(fault)], status=409)
    messages.success(request, _what_followed(said, done))
    return _back(row)


def _what_followed(said: QuarantineResolution, done: Confirmed) -> str:
    """What a confirmation led to, in words."""
    if done.replayed is None:
        return "Rejected by two people: the result is not used, and no cycle is held for it."
    words = f"Confirmed. The message was read again: {done.replayed.stored} stored"
    words += f", {done.replayed.held} still waiting." if done.replayed.held else "."
    if said.kind in MAPPINGS:
        words += f" {done.others} other message(s) of this sender were read again."
    if done.left:
        words += f" {done.left} could not be yet; have them read again from their pages."
    return words


@require_POST
@login_required
@permission_required(MAY_READ, raise_exception=True)
def decline(request: HttpRequest, public_id: UUID, said_id: UUID) -> HttpResponse:
    """Take what was said off the table with a reason; the result waits as before."""
    row = _found(public_id)
    said = get_object_or_404(QuarantineResolution, item=row, public_id=said_id)
    form = ReasonForm(request.POST, auto_id="decline_%s")
    if not form.is_valid():
        return _page(request, row, declining=form, status=400)
    try:
        decline_resolution(resolution=said, by=signed_in(request), reason=form.cleaned_data["reason"])
    except BadResolution as bad:
        row.refresh_from_db()
        return _page(request, row, faults=_words(bad), status=409)
    except NotAllowed as refusal:
        return _page(request, row, faults=[str(refusal)], status=403)
    messages.success(request, "Declined; the result waits as before.")
    return _back(row)


@require_POST
@login_required
@permission_required(MAY_READ, raise_exception=True)
def again(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Have the kept message read again, as after a change of the set-up."""
    row = _found(public_id)
    try:
        done = read_again(item=row, by=signed_in(request))
    except StillUnreadable as fault:
        return _page(request, row, faults=[f"It still cannot be read: {fault}"], status=409)
    except NotAllowed as refusal:
        return _page(request, row, faults=[str(refusal)], status=403)
    messages.success(request, f"Read again: {done.stored} stored, {done.held} still waiting.")
    return _back(row)


def _words(bad: BadResolution) -> list[str]:
    """The faults as sentences, without the field's name."""
    texts = [fault.partition(": ")[2] or fault for fault in bad.faults]
    return [f"{text[:1].upper()}{text[1:]}." for text in texts]


def _back(row: QuarantinedResult) -> HttpResponse:
    return HttpResponseRedirect(reverse("labs:quarantine_item", args=[row.public_id]))
