"""The API beside its own OpenAPI document: whatever is sent, it answers as documented and never fails."""

import os
from collections import Counter
from collections.abc import Callable
from itertools import cycle
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.cache import caches
from django.core.wsgi import get_wsgi_application
from django.test import Client
from knox.models import AuthToken
from schemathesis.engine import Status, events, from_schema

from prrt_clinic.roles import Role, roles
from tests.prrt_clinic.test_doors import world_of

DOCUMENT = "/api/v1/schema/?format=json"
LONG = os.environ.get("PRRT_LONG") == "1"
CSRF = "c" * 32
Application = Callable[[dict[str, Any], Any], Any]
USUAL = ("service-pharmacy", "nurse", "pharmacist")
OTHERS = tuple(name for name in roles() if name not in USUAL) if LONG else ()
# What a value means is judged after its shape: an activity without a unit, another's cursor, a version.
MAY_REFUSE = ("2xx", "3xx", "400", "401", "403", "404", "409", "412", "428", "429")


def _person_of(role: Role, *, n: int) -> dict[str, str]:
    """What each request of one caller of this role bears: a token, or the cookies of a log-in."""
    user = User.objects.create_user(f"fuzz-{role.name}-{n}", password="a long pass phrase")
    # A mark is added to a role: nobody holds it alone.
    user.groups.set(
        Group.objects.filter(name__in=(role.name, "physician") if role.kind == "mark" else (role.name,))
    )
    if role.kind == "service":
        return {"HTTP_AUTHORIZATION": f"Bearer {AuthToken.objects.create(user)[1]}"}
    user.is_staff = True
    user.save()
    client = Client()
    client.force_login(user)
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    return {"HTTP_COOKIE": f"sessionid={session}; csrftoken={CSRF}", "HTTP_X_CSRFTOKEN": CSRF}


def application_for(who: str) -> Application:
    """The service as two callers of one role reach it in turns: what one made, the other asks for."""
    turns = cycle([_person_of(roles()[who], n=n) for n in (1, 2)])
    service, made_up = get_wsgi_application(), ("HTTP_AUTHORIZATION", "HTTP_COOKIE")

    def asked(environ: dict[str, Any], start: Any) -> Any:
        kept = {name: value for name, value in environ.items() if name not in made_up}
        return service(kept | next(turns), start)

    return asked


@pytest.fixture
def clinic_with_things(real_commits: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clinic where one thing of each kind exists, and nobody is held up by a rate."""
    for name in ("API_READ_RATE", "API_WRITE_RATE"):
        monkeypatch.setattr(settings, name, "999999/min")
    caches["process"].clear()
    world_of()


def faults_and_answers(application: Application, *, examples: int) -> tuple[list[str], Counter[int]]:
    """Every check of every phase that failed, in words, and how often each status was answered."""
    config = schemathesis.Config.from_dict(
        {
            "checks": {
                "positive_data_acceptance": {"expected-statuses": MAY_REFUSE},
                # It cannot ask a WSGI application (schemathesis 4.32); the test below does.
                "ignored_auth": {"enabled": False},
            },
            "generation": {"max-examples": examples, "database": "none", "deterministic": True},
        }
    )
    schema = schemathesis.openapi.from_wsgi(DOCUMENT, application, config=config)
    faults: list[str] = []
    answers: Counter[int] = Counter()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            faults.append(repr(event))
        elif isinstance(event, events.ScenarioFinished):
            faults += _failed(event)
            answers.update(
                each.response.status_code for each in event.recorder.interactions.values() if each.response
            )
    return faults, answers


def _failed(event: events.ScenarioFinished) -> list[str]:
    found = []
    for key, checks in event.recorder.checks.items():
        for check in checks:
            if check.status == Status.FAILURE and check.failure_info is not None:
                case, failure = event.recorder.cases[key].value, check.failure_info.failure
                if "`sessionid`" in failure.message or "`Authorization`" in failure.message:
                    continue  # a made-up log-in, in whose place the caller's own was sent
                sent = f"{case.method} {case.formatted_path} {case.query} {case.body!r}"
                found.append(f"{event.phase}: {check.name}: {failure.title} {failure.message}: {sent[:500]}")
    return found


@pytest.mark.parametrize("who", [*USUAL, *OTHERS])
def test_the_api_answers_two_callers_of_a_role_as_its_document_says(
    who: str, clinic_with_things: None
) -> None:
    examples = 2 if not LONG else 100 if who in USUAL else 20
    faults, answers = faults_and_answers(application_for(who), examples=examples)
    assert not faults, f"{len(faults)} faults\n" + "\n".join(faults[:20])
    assert answers[200], answers
    assert not answers[401], answers


@pytest.mark.django_db
def test_no_documented_address_answers_without_a_good_token() -> None:
    document = Client().get(DOCUMENT).json()
    for address, methods in document["paths"].items():
        for method, operation in methods.items():
            if address.startswith(("/api/v1/schema", "/api/v1/docs")):
                continue
            assert operation["security"], f"{method} {address}"
            asked = address.replace("{public_id}", str(uuid4())).replace("{step_id}", str(uuid4()))
            for headers in ({}, {"authorization": "Bearer nonsense"}, {"cookie": "sessionid=nonsense"}):
                answer = Client(headers=headers).generic(
                    method.upper(), asked, b"{}", content_type="application/json"
                )
                assert answer.status_code in (401, 403), f"{method} {address} {headers}"
