"""A log-in ends after a time without use: nobody goes on as somebody who left a shared screen."""

from collections.abc import Callable
from math import ceil
from time import time
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from prrt_clinic.suspended_forms import are_suspended

CLEAR = '"cache", "storage"'
# In the address of the log-in page: why somebody stands before it.
IDLE, FORM_LOST = "idle", "form"
_USE = "session_use"  # when the log-in began and was last used, in seconds of this host's clock
_MACHINES = ("/api/", "/fhir/")  # they are refused as everybody is who is not logged in
_ACCOUNT = "/accounts/"


def note_log_in(request: HttpRequest) -> None:
    """Somebody has logged in: their time begins."""
    now = time()
    request.session[_USE] = {"began": now, "used": now}


def seconds_left(request: HttpRequest) -> int:
    """How long the log-in of this request lasts unless it is used; 0 where there is none."""
    if BACKEND_SESSION_KEY not in request.session:
        return 0
    now, use = time(), request.session.get(_USE)
    if use is None:  # its first request takes note of it
        return _idle_seconds()
    idle = float(use["used"]) + _idle_seconds() - now
    whole = float(use["began"]) + settings.SESSION_COOKIE_AGE - now
    return max(0, ceil(min(idle, whole)))


def _idle_seconds() -> int:
    return int(settings.SESSION_IDLE_MINUTES) * 60


class EndIdleSessions:
    """Every request uses the log-in, but one that only asks how long it lasts; after a pause it is over."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Let the request pass, or log out and lead to the log-in, which leads back to the page."""
        if BACKEND_SESSION_KEY not in request.session:
            return self.get_response(request)
        if seconds_left(request) == 0:
            return self._over(request)
        if request.path != reverse("session_left"):
            _note_use(request)
        response = self.get_response(request)
        if BACKEND_SESSION_KEY not in request.session and not request.path.startswith(_MACHINES):
            response.headers["Clear-Site-Data"] = CLEAR  # whoever logs out leaves nothing behind
        return response

    def _over(self, request: HttpRequest) -> HttpResponse:
        is_lost = request.method not in ("GET", "HEAD") or are_suspended(request)
        logout(request)
        if request.path.startswith(_MACHINES):
            return self.get_response(request)
        if request.path in (reverse("session_left"), reverse("session_stay")):
            response: HttpResponse = JsonResponse({"seconds_left": 0})
        else:
            response = _to_log_in(request, is_form_lost=is_lost)
        response.headers["Clear-Site-Data"] = CLEAR
        return response


def _to_log_in(request: HttpRequest, *, is_form_lost: bool) -> HttpResponse:
    asked = {"ended": FORM_LOST if is_form_lost else IDLE}
    if page := _way_back(request):
        asked = {"next": page, **asked}
    return HttpResponseRedirect(f"{reverse('account_login')}?{urlencode(asked)}")


def _note_use(request: HttpRequest) -> None:
    """Not at every request: a row would be written for each."""
    now = time()
    use = request.session.get(_USE) or {"began": now, "used": 0}
    if now - use["used"] > min(30, _idle_seconds() / 10):
        request.session[_USE] = {**use, "used": now}


def _way_back(request: HttpRequest) -> str:
    """The page to come back to: the one asked for, or the one that a password was asked for."""
    if request.path == reverse("admin:logout"):
        return ""
    if not request.path.startswith(_ACCOUNT):
        return request.get_full_path() if request.method in ("GET", "HEAD") else request.path
    page = request.POST.get("next") or request.GET.get("next") or ""
    return page if url_has_allowed_host_and_scheme(page, allowed_hosts=None) else ""


@require_safe
@never_cache
def left(request: HttpRequest) -> HttpResponse:
    """How long the log-in lasts; to ask is no use of it."""
    return JsonResponse({"seconds_left": seconds_left(request)})


@require_POST
@never_cache
def stay(request: HttpRequest) -> HttpResponse:
    """Somebody is here: the log-in goes on."""
    return JsonResponse({"seconds_left": seconds_left(request)})
