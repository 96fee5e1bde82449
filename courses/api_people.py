"""What the REST doors of people share: who asks, their proof beside a session, the services' refusals."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpResponse
from rest_framework.request import Request

from courses.api_actions import Problem, forget_secrets, not_allowed, take
from courses.rules.activity import BadActivity, read_activity
from courses.rules.day_values import Blocker
from courses.second_person import proven_again, proven_person
from courses.services.authority import NotAllowed, Refused
from courses.services.day_end import ReleaseRefused
from courses.services.start import StartRefused
from courses.services.therapy_day import BadStep
from labs.clock import database_now
from labs.services.answered import StoredAnswer

_SECRET = ("password", "second")  # kept out of what is stored of a request
_FRESH = timedelta(seconds=1)  # a password in the request itself was given now


def person_of(request: Request) -> User:
    """Who asks."""
    assert isinstance(request.user, User)
    return request.user


def taken(request: Request, said: dict[str, Any], work: Callable[[], StoredAnswer]) -> HttpResponse:
    """Prove the people of a request, forget their passwords, and do the work once.

    Before any transaction: the count of wrong passwords must not be undone with the work that they stopped.
    """
    try:
        _prove(request, said)
    except NotAllowed as refused:
        return not_allowed(refused)
    forget_secrets(request, _SECRET)
    return take(request, lambda: refusing(work))


def _prove(request: Request, said: dict[str, Any]) -> None:
    """In what was said the second person takes the place of name and password, and the instant of proof
    that of the password. Raises NotAllowed."""
    if second := said.get("second"):
        said["second"] = proven_person(request._request, **second)
    if "password" in said:
        proven_again(request._request, password=said["password"])
        said["password"] = database_now() - _FRESH


def activity_of(field: str, text: str | None) -> Decimal | None:
    """An activity as it was written, with its unit. Raises BadStep."""
    if text is None:
        return None
    try:
        return read_activity(text)
    except BadActivity as bad:
        raise BadStep(f"{field}: {bad}") from bad


def refusing(work: Callable[[], StoredAnswer]) -> StoredAnswer:
    """The services' refusals as problem documents, each with its code. Raises Problem."""
    try:
        return work()
    except (StartRefused, ReleaseRefused) as refused:
        code = "start-refused" if isinstance(refused, StartRefused) else "release-refused"
        raise Problem(HTTPStatus.CONFLICT, code, str(refused), errors=_by_code(refused.blockers)) from refused
    except BadStep as bad:
        errors: dict[str, list[str]] = {}
        for fault in bad.faults:
            field, _, text = fault.partition(": ")
            errors.setdefault(field, []).append(text)
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-step", str(bad), errors=errors) from bad
    except Refused as refused_:
        raise Problem(HTTPStatus.CONFLICT, "refused", str(refused_)) from refused_


def _by_code(blockers: tuple[Blocker, ...]) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for each in blockers:
        errors.setdefault(each.code, []).append(f"{each.sentence} {each.remedy}")
    return errors
