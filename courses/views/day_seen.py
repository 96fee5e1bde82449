"""The version of a day that a form was made from: carried in the form, and asked for as it comes back."""

import re
from uuid import UUID

from django.http import HttpRequest

from courses.models import Course, TherapyDay
from courses.services.day_version import SeenDay, StaleDay, changed_since, check_version, seen_of
from courses.views.day_frame import day_of

_TOKEN = re.compile(r"([0-9a-f-]{36})((?:\.[0-9]{1,9}){4})")
_NOT_TOLD = "The page did not say which version of the day it was made from: read what stands now."


def token_of(day: TherapyDay) -> str:
    """The day as it stands, as a form carries it."""
    seen = seen_of(day)
    return f"{seen.day}.{seen.version}.{seen.steps}.{seen.infusions}.{seen.authorisations}"


def seen_day(request: HttpRequest, course: Course, *, of: TherapyDay | None = None) -> TherapyDay:
    """The day that stands, if it is the one the form was made from. Raises StaleDay.

    `of`: the day that the form is about, where that may be an earlier one. The service asks for its version
    once more, under the lock.
    """
    day, seen = of or day_of(course), _seen(request)
    if seen is None or seen.day != day.public_id:
        raise StaleDay(day)
    check_version(day, seen.version)
    return day


def changed_of(request: HttpRequest, day: TherapyDay) -> list[str]:
    """What changed since the form was made, one sentence each."""
    seen = _seen(request)
    return [_NOT_TOLD] if seen is None else changed_since(day, seen)


def _seen(request: HttpRequest) -> SeenDay | None:
    """What the form carried; none where it carried nothing that can be read."""
    found = _TOKEN.fullmatch(request.POST.get("seen", ""))
    if found is None:
        return None
    try:
        day = UUID(found[1])
    except ValueError:
        return None
    version, steps, infusions, authorisations = (int(each) for each in found[2].split(".")[1:])
    return SeenDay(day=day, version=version, steps=steps, infusions=infusions, authorisations=authorisations)
