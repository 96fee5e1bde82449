"""A person's own part of the rota: duties, days away, duties offered, and the secret calendar address."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from alerts.forms.rota import AwayForm, RotaForm, SwapForm, key_of, span_of_key
from alerts.models import RotaAbsence, RotaSwap
from alerts.models.rota_changes import SwapState
from alerts.services.calendars import calendar_of, has_address, make_address, withdraw_address
from alerts.services.on_call import duties_at, reachable
from alerts.services.rota_acts import SWAP
from alerts.services.rota_swaps import (
    answer_swap,
    duties_of,
    propose_swap,
    say_away,
    take_absence_back,
    withdraw_swap,
)
from alerts.views.rota_frame import REFUSALS, page_for, refused, rota_page
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.views.frame import METHODS, signed_in
from labs.zones import clinic_zone

FIRST_SHOWN = 10


@require_safe
@page_for(SWAP)
def mine(request: HttpRequest) -> HttpResponse:
    """My duties, my days away, what I was offered, and my calendar."""
    return _mine(request, AwayForm())


def _mine(request: HttpRequest, form: RotaForm, *, status: int = 200, secret: str = "") -> HttpResponse:
    now, person = database_now(), signed_in(request)
    today = clinic_day(now, clinic_zone())
    held = [(duty, key_of(duty)) for duty in duties_of(person, now=now)]
    swaps = RotaSwap.objects.filter(Q(proposer=person) | Q(other=person), state=SwapState.PROPOSED)
    context = {
        "title": "My duties",
        "form": form,
        "now": [duty for duty in duties_at(now) if duty.person == person.pk],
        "duties": held[:FIRST_SHOWN],
        "later": held[FIRST_SHOWN:],
        "away": RotaAbsence.objects.filter(person=person, withdrawn_at__isnull=True, last_day__gte=today),
        "swaps": swaps.select_related("proposer", "other"),
        "has_address": has_address(person),
        "address": f"{settings.SITE_URL}{reverse('alerts:calendar', args=[secret])}" if secret else "",
    }
    return rota_page(request, "mine", context, status=status)


@require_POST
@page_for(SWAP)
def away(request: HttpRequest) -> HttpResponse:
    """Say that I am away."""
    form = AwayForm(request.POST)
    if not form.is_valid():
        return _mine(request, form, status=400)
    person = signed_in(request)
    try:
        say_away(person=person, by=person, **form.cleaned_data)
    except REFUSALS as error:
        return _mine(request, form, status=refused(form, error))
    messages.success(request, "Noted. If you are on call then, the rota's lead is told.")
    return HttpResponseRedirect(reverse("alerts:rota_mine"))


@require_POST
@page_for(SWAP)
def back(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """I am not away after all."""
    found = RotaAbsence.objects.filter(public_id=public_id, person=signed_in(request)).first()
    if found is None:
        raise Http404("There is no such absence of yours.")
    return _done(request, lambda: take_absence_back(found, by=signed_in(request)), "Taken back.")


def _done(request: HttpRequest, act: Callable[[], object], said: str) -> HttpResponse:
    """Do it, say how it went, and go back to my duties."""
    try:
        act()
    except REFUSALS as error:
        messages.error(request, str(error))
    else:
        messages.success(request, said)
    return HttpResponseRedirect(reverse("alerts:rota_mine"))


@require_http_methods(METHODS)
@page_for(SWAP)
def new_swap(request: HttpRequest) -> HttpResponse:
    """Offer a duty."""
    now, person = database_now(), signed_in(request)
    others = [(other, duties_of(other, now=now)) for other in _others(person)]
    form = SwapForm(
        request.POST if request.method == "POST" else None,
        mine=duties_of(person, now=now),
        others=others,
        initial={"duty": request.GET.get("duty", "")},
    )
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                _propose(form, by=person, now=now)
            except REFUSALS as error:
                status = refused(form, error)
            else:
                messages.success(request, "Offered. Nothing changes until it is accepted.")
                return HttpResponseRedirect(reverse("alerts:rota_mine"))
    return rota_page(request, "swap", {"title": "Offer a duty", "form": form}, status=status)


def _others(person: User) -> list[User]:
    return list(reachable().exclude(pk=person.pk).order_by("last_name", "username"))


def _propose(form: SwapForm, *, by: User, now: datetime) -> None:
    said = form.cleaned_data
    begin, end = span_of_key(said["duty"])
    propose_swap(
        starts_at=begin,
        ends_at=end,
        other=User.objects.get(pk=said["other"]),
        back=span_of_key(said["back"]) if said["back"] else None,
        by=by,
        now=now,
    )


@require_POST
@page_for(SWAP)
def answer(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Accept, decline or withdraw an offer."""
    person = signed_in(request)
    mine_or_theirs = RotaSwap.objects.filter(Q(proposer=person) | Q(other=person))
    found = mine_or_theirs.filter(public_id=public_id).first()
    if found is None:
        raise Http404("There is no such offer of yours.")
    said = request.POST.get("answer", "")
    if said == "accept":
        return _done(request, lambda: answer_swap(found, accept=True, by=person), "Taken over.")
    if said == "decline":
        return _done(request, lambda: answer_swap(found, accept=False, by=person), "Declined.")
    if said == "withdraw":
        return _done(request, lambda: withdraw_swap(found, by=person), "Withdrawn.")
    messages.error(request, "Choose to accept or to decline.")
    return HttpResponseRedirect(reverse("alerts:rota_mine"))


@require_POST
@page_for(SWAP)
def new_address(request: HttpRequest) -> HttpResponse:
    """Make my calendar address anew and show it this once."""
    return _mine(request, AwayForm(), secret=make_address(by=signed_in(request)))


@require_POST
@page_for(SWAP)
def stop_address(request: HttpRequest) -> HttpResponse:
    """End my calendar address."""
    return _done(request, lambda: withdraw_address(by=signed_in(request)), "The address answers no more.")


@require_safe
@never_cache
def calendar(request: HttpRequest, secret: str) -> HttpResponse:
    """One person's duties for a calendar program, which has no log-in: the address itself is the secret."""
    found = calendar_of(secret)
    if found is None:
        raise Http404("There is no such calendar.")
    response = HttpResponse(found, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="on-call.ics"'
    response["X-Robots-Tag"] = "noindex"
    return response
