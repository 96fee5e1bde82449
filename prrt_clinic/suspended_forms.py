"""Forms that wait for a password: one of each page, so that a second one does not throw the first away."""

from collections.abc import Callable
from typing import Any

from allauth.account.internal.flows.reauthentication import STATE_SESSION_KEY
from allauth.account.utils import get_next_redirect_url
from allauth.account.views import ReauthenticateView
from allauth.core.exceptions import ReauthenticationRequired
from allauth.core.internal.httpkit import serialize_request
from django.http import HttpRequest, HttpResponse

_KEPT = "suspended_forms"
_MOST = 5  # pages of one person that wait at once; a session does not grow without end


class KeepSuspendedForms:
    """Keep each form that is asked for a password under its own address; the library keeps the last one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """The library answers; here the form is only kept."""
        if isinstance(exception, ReauthenticationRequired) and request.method == "POST":
            kept = request.session.get(_KEPT, {})
            kept.pop(request.get_full_path(), None)
            kept[request.get_full_path()] = serialize_request(request)
            request.session[_KEPT] = dict(list(kept.items())[-_MOST:])


def are_suspended(request: HttpRequest) -> bool:
    """Whether a form of this log-in waits for a password."""
    return bool(request.session.get(_KEPT))


class Reauthenticate(ReauthenticateView):  # type: ignore[misc]  # allauth ships no types
    """The password, after which the very form that asked for it is taken up."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Hand the library the form of the page that this log-in leads back to; none, where it was taken."""
        kept = self.request.session.get(_KEPT, {})
        waiting = kept.pop(get_next_redirect_url(self.request) or "", None)
        self.request.session[_KEPT] = kept
        self.request.session.pop(STATE_SESSION_KEY, None)
        if waiting is not None:
            self.request.session[STATE_SESSION_KEY] = {"request": waiting}
        answer: HttpResponse = super().form_valid(form)
        return answer
