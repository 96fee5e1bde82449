"""What every page of this app shares: the admin's frame, who asks, and proof of a password."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.decorators import reauthentication_required
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

SEES_NAMES = "labs.view_patient"
METHODS = ["GET", "HEAD", "POST"]

View = Callable[..., HttpResponse]


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """In the admin's frame: its navigation, its messages, its looks."""
    return render(request, template, {**admin.site.each_context(request), **context}, status=status)


def signed_in(request: HttpRequest) -> User:
    """The person who asks; only for views behind a log-in."""
    assert isinstance(request.user, User)
    return request.user


def way_back(request: HttpRequest) -> str:
    """The address of this site that the page was asked to lead back to, or nothing."""
    address = request.POST.get("next", "") or request.GET.get("next", "")
    here = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if here else ""


def authenticated_at(request: HttpRequest) -> datetime:
    """When this person last proved, for a signature and in this session, to be who they are."""
    records = get_authentication_records(request, request.user)
    proofs = [record["at"] for record in records if record.get("reauthenticated")]
    return datetime.fromtimestamp(proofs[-1] if proofs else 0, tz=UTC)


def with_fresh_password(view: View) -> View:
    """Ask for the password first; the form that was sent is taken up again afterwards."""
    wrapped: View = reauthentication_required(view)
    return wrapped
