"""The demonstration clinic's people: one log-in for each role, with a password of this installation."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPerson:
    """One person of the demonstration clinic."""

    username: str
    first: str
    last: str
    role: str
    groups: tuple[str, ...]
    purpose: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoLogin:
    """What a visitor needs to log in as somebody."""

    role: str
    username: str
    password: str
    purpose: str


PEOPLE = (
    DemoPerson(
        username="nurse",
        first="Nadia",
        last="Demo-Nurse",
        role="nurse",
        groups=("nurse",),
        purpose="the working day: held cycles, blood tests due",
    ),
    DemoPerson(
        username="physician",
        first="Philippa",
        last="Demo-Physician",
        role="physician",
        groups=("physician", "authorised-user", "rota-lead"),
        purpose="read the reasons, sign decisions and directives, keep the on-call rota",
    ),
    DemoPerson(
        username="oncall",
        first="Olaf",
        last="Demo-Oncall",
        role="on-call",
        groups=("physician", "on-call"),
        purpose="receives the alert mails and acknowledges",
    ),
    DemoPerson(
        username="oncall2",
        first="Orla",
        last="Demo-Oncall",
        role="on-call",
        groups=("physician", "on-call"),
        purpose="on call in the other weeks; offers a duty",
    ),
    DemoPerson(
        username="pharmacist",
        first="Pia",
        last="Demo-Pharmacist",
        role="pharmacist",
        groups=("pharmacist",),
        purpose="orders and why they are suspended",
    ),
    DemoPerson(
        username="physicist",
        first="Paul",
        last="Demo-Physicist",
        role="physicist",
        groups=("physicist",),
        purpose="administered activities",
    ),
    DemoPerson(
        username="auditor",
        first="Ada",
        last="Demo-Auditor",
        role="auditor",
        groups=("auditor",),
        purpose="reads what was decided, by whom, and who was told",
    ),
    DemoPerson(
        username="administrator",
        first="Adam",
        last="Demo-Administrator",
        role="administrator",
        groups=("administrator",),
        purpose="accounts, without clinical data",
    ),
)


def logins_path() -> Path:
    """Where this installation keeps its demonstration log-ins."""
    return Path(settings.VAR_DIR) / "demo_logins.json"


def create_people() -> Mapping[str, User]:
    """Make the demonstration people and write their log-ins down; returns them by user name.

    Raises ImproperlyConfigured outside the demonstration and test environments: these accounts are known.
    """
    if settings.PRRT_ENV not in {"demo", "test"}:
        raise ImproperlyConfigured("Demonstration people exist only where PRRT_ENV is demo or test.")
    password = f"demo-{secrets.token_hex(4)}"
    users = {person.username: _create(person, password=password) for person in PEOPLE}
    _write_logins(password)
    return users


def _create(person: DemoPerson, *, password: str) -> User:
    user = User.objects.create_user(
        username=person.username,
        email=f"{person.username}@demo.invalid",
        password=password,
        first_name=person.first,
        last_name=person.last,
        is_staff=True,
    )
    groups = list(Group.objects.filter(name__in=person.groups))
    if len(groups) != len(person.groups):
        raise ImproperlyConfigured(
            f"Some of the groups {person.groups} are missing; run `manage.py migrate`."
        )
    user.groups.set(groups)
    return user


def _write_logins(password: str) -> None:
    """Readable by this user alone."""
    logins = [
        DemoLogin(role=each.role, username=each.username, password=password, purpose=each.purpose)
        for each in PEOPLE
    ]
    path = logins_path()
    path.touch(mode=0o600, exist_ok=True)
    path.write_text(json.dumps([asdict(login) for login in logins], indent=2), encoding="utf-8")
