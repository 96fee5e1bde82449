"""The buttons below an alert: hand over, escalate now, silence, close, record a call."""

from collections.abc import Callable
from functools import wraps

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from alerts.forms.acts import ActForm, CallForm, CloseForm, EscalateForm, HandOverForm, SuppressForm
from alerts.inbox import reads_some
from alerts.models import Alert
from alerts.services.acknowledging import AlertHasChanged
from alerts.services.acting import ActRefused, MayNotAct
from alerts.services.closing import close_alert
from alerts.services.escalate_now import escalate_now
from alerts.services.hand_over import hand_over
from alerts.services.reaching import record_call
from alerts.services.suppression import suppress
from alerts.views.alert_page import asker, found_alert, refuse, show
from alerts.views.event_words import name_of
from alerts.views.stale import stale_page
from labs.templatetags.clinic_text import clock

Act = Callable[[Alert, User, forms.Form], str]
MakeForm = Callable[[HttpRequest, Alert, User], forms.Form]


def _button(name: str, make: MakeForm) -> Callable[[Act], Callable[..., HttpResponse]]:
    """An act behind a button: by POST and after a log-in only, and each way to refuse it in its own words."""

    def around(act: Act) -> Callable[..., HttpResponse]:
        @require_POST
        @never_cache
        @wraps(act)
        def view(request: HttpRequest, public_id: str) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(f"/alerts/{public_id}")
            person = asker(request)
            if not reads_some(person):
                raise PermissionDenied
            alert = found_alert(public_id)
            form = make(request, alert, person)
            if not form.is_valid():
                return show(request, alert, person, sent={name: form}, status=400)
            try:
                said = act(alert, person, form)
            except MayNotAct as error:
                return refuse(request, f"{error} Nothing was changed.", status=403, alert=alert)
            except ActRefused as error:
                form.add_error(None, str(error))
                return show(request, alert, person, sent={name: form}, status=409)
            except AlertHasChanged as error:
                assert isinstance(form, ActForm)
                return stale_page(request, alert, seen_event=form.seen.event, sentence=str(error))
            messages.success(request, said)
            return redirect("alerts:alert", public_id=public_id)

        return view

    return around


@_button(
    "hand_over",
    lambda request, alert, person: HandOverForm(request.POST, alert=alert, person=person, prefix="hand_over"),
)
def hand_over_alert(alert: Alert, person: User, form: forms.Form) -> str:
    """Name who takes it; they are told at once."""
    assert isinstance(form, HandOverForm)
    data = form.cleaned_data
    done = hand_over(alert=alert, person=person, to=data["to"], seen=form.seen, note_text=data["note"])
    to, by = name_of(done.hand_over.to), clock(done.hand_over.take_by)
    return f"Handed over to {to}, who is mailed now. Not taken by {by}, it tells others again."


@_button("escalate", lambda request, alert, person: EscalateForm(request.POST, prefix="escalate"))
def escalate_alert(alert: Alert, person: User, form: forms.Form) -> str:
    """Tell the next people at once."""
    assert isinstance(form, EscalateForm)
    escalate_now(alert=alert, person=person, seen=form.seen, reason=form.cleaned_data["reason"])
    return "The next people are told now."


@_button("suppress", lambda request, alert, person: SuppressForm(request.POST, prefix="suppress"))
def suppress_alert(alert: Alert, person: User, form: forms.Form) -> str:
    """Silence it for a short time."""
    assert isinstance(form, SuppressForm)
    data = form.cleaned_data
    done = suppress(
        alert=alert, person=person, seen=form.seen, minutes=data["minutes"], reason=data["reason"]
    )
    return f"Silenced until {clock(done.suppression.until)}. Those who lead are mailed now."


@_button("close", lambda request, alert, person: CloseForm(request.POST, alert=alert, prefix="close"))
def end_alert(alert: Alert, person: User, form: forms.Form) -> str:
    """End it with what came of it."""
    assert isinstance(form, CloseForm)
    data = form.cleaned_data
    close_alert(alert=alert, person=person, seen=form.seen, outcome=data["outcome"], reason=data["reason"])
    return "The alert is closed."


@_button("call", lambda request, alert, person: CallForm(request.POST, prefix="call"))
def record_a_call(alert: Alert, person: User, form: forms.Form) -> str:
    """Whom somebody called, and whether they were reached."""
    assert isinstance(form, CallForm)
    data = form.cleaned_data
    record_call(
        alert=alert,
        person=person,
        key=data["key"],
        whom=data["whom"],
        outcome=data["outcome"],
        note_text=data["note"],
        seen_event=form.seen.event,
    )
    return "The call is recorded."
