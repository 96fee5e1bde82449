"""Who may do what only some may do, how fresh their password must be, and how refusals are told."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User


class NotAllowed(Exception):
    """The act is refused; the text says why and what to do."""


class Refused(Exception):
    """A plan or act that the protocol or the record does not allow; the text says why and what to do."""


def check_right(person: User, right: str, *, else_say: str) -> None:
    """Refuse a person without a right of the role matrix. Raises NotAllowed with these words."""
    if not person.has_perm(right):
        raise NotAllowed(else_say)


def check_fresh(authenticated_at: datetime | None, *, now: datetime) -> datetime:
    """Refuse an act whose password was not given within the last moments; returns when it was."""
    limit = timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)
    if authenticated_at is None or now - authenticated_at > limit:
        raise NotAllowed("Your log-in is not fresh enough to sign. Enter your password again.")
    return authenticated_at


def printed_name(person: User) -> str:
    """The name as it stands under a signature."""
    return person.get_full_name() or person.get_username()
