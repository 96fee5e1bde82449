"""Prove that a person is there, by name and password, beside or again as the one who is logged in."""

from allauth.account.adapter import get_adapter
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from courses.services.authority import NotAllowed

TOO_MANY = "Too many wrong passwords. Wait five minutes, or have the person log in."


def proven_person(request: HttpRequest, *, username: str, password: str) -> User:
    """The person whom name and password prove. Wrong ones are counted as at the log-in. Raises NotAllowed."""
    try:
        found = get_adapter(request).authenticate(request, username=username, password=password)
    except ValidationError as many:
        raise NotAllowed(TOO_MANY) from many
    if not isinstance(found, User) or not found.is_active:
        raise NotAllowed("Name or password of the person is wrong; nothing was recorded.")
    return found


def proven_again(request: HttpRequest, *, password: str) -> None:
    """That whoever is logged in still sits there. Raises NotAllowed."""
    person = request.user
    if not isinstance(person, User):
        raise NotAllowed("Log in first.")
    if proven_person(request, username=person.get_username(), password=password).pk != person.pk:
        raise NotAllowed("Name or password of the person is wrong; nothing was recorded.")
