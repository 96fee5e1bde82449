"""Who may do what only some may do, how fresh their password must be, and how refusals are told."""

import unicodedata
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User

# The password is timed by one machine and the act by the database; a time further ahead was never a log-in.
_CLOCKS_DIFFER = timedelta(minutes=1)


class NotAllowed(Exception):
    """The act is refused; the text says why and what to do."""


def check_right(person: User, right: str, *, else_say: str) -> None:
    """Refuse a person without a right of the role matrix. Raises NotAllowed with these words."""
    if not person.has_perm(right):
        raise NotAllowed(else_say)


def check_fresh(authenticated_at: datetime | None, *, now: datetime) -> datetime:
    """Refuse an act whose password was not given within the last moments; returns when it was."""
    limit = timedelta(seconds=settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)
    if authenticated_at is None or not -_CLOCKS_DIFFER <= now - authenticated_at <= limit:
        raise NotAllowed("Your log-in is not fresh enough to sign. Enter your password again.")
    return authenticated_at


# Letters and symbols by their class in Unicode, and yet nothing is seen of them.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def stated(text: str) -> str:
    """What was written, without the white space around it; empty where no character can be seen."""
    return text.strip() if seen_letters(text) else ""


def seen_letters(text: str) -> int:
    """How many characters of a text can be seen."""
    return sum(unicodedata.category(each)[0] in "LNPS" and each not in _BLANK for each in text)


def roles_held(person: User) -> list[str]:
    """The names of the roles that somebody holds at this moment."""
    return list(person.groups.order_by("name").values_list("name", flat=True))


def printed_name(person: User) -> str:
    """The name as it stands under a signature."""
    return person.get_full_name() or person.get_username()
