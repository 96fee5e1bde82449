"""Who may pass which door: every address and role, with things that exist, do not, or are nobody's."""

import tomllib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from knox.models import AuthToken

from courses.models import Cycle, Decision, Order
from courses.services.assess import assess_course
from prrt_clinic.roles import roles
from tests.builders import clinic_time, colleague, draw, make_course, make_patient
from tests.prrt_clinic.doors import Door, World, all_doors

pytestmark = pytest.mark.django_db
ROWS = {row["name"]: row for row in tomllib.loads((Path(__file__).parent / "doors.toml").read_text())["door"]}
# A mark is added to a person who has a role; each is tried as people have it.
PEOPLE = {role.name: (role.name,) for role in roles().values() if role.kind == "person"} | {
    "authorised-user": ("physician", "authorised-user"),
    "on-call": ("on-call",),
}
SERVICES = tuple(role.name for role in roles().values() if role.kind == "service")
EVERYBODY = (*PEOPLE, *SERVICES, "stranger", "nobody")
DAY = date(2026, 3, 2)


def caller(who: str) -> tuple[Client, dict[str, str]]:
    """A client that is one of these, and the headers it sends."""
    client = Client(raise_request_exception=False)
    if who == "nobody":
        return client, {}
    user = User.objects.create_user(f"door-{who}", password="a long pass phrase")
    user.groups.set(Group.objects.filter(name__in=PEOPLE.get(who, (who,))))
    if who in SERVICES:
        return client, {"authorization": f"Bearer {AuthToken.objects.create(user)[1]}"}
    user.is_staff = True
    user.save()
    client.force_login(user)
    return client, {}


def world_of(*, nobodys: bool = False) -> World:
    """A course with its decision and orders; or that of the hourly trial, which is nobody's."""
    patient = make_patient(mrn="CANARY" if nobodys else "DOOR")
    course = make_course(patient, first_on=DAY, by=colleague("door-starter", "nurse"))
    draw(patient, date(2026, 2, 26))
    assess_course(course_id=course.pk, now=clinic_time(date(2026, 2, 27)))
    if nobodys:
        patient.is_canary = True
        patient.save()
    order = Order.objects.filter(cycle__course=course).first()
    decision = Decision.objects.filter(course=course).first()
    assert order is not None
    assert decision is not None
    things: dict[str, Any] = {
        "courses:decision.public_id": decision.public_id,
        "courses:sign.public_id": decision.public_id,
        "courses_api:decision.public_id": decision.public_id,
        "courses_api:order.public_id": order.public_id,
        "labs:new_result.public_id": patient.public_id,
        "labs:weight.public_id": patient.public_id,
        "public_id": course.public_id,
        "protocol_id": course.protocol_id,
        "kind": "pregnancy",
        "labs:quarantine_say.kind": "reject",
        "rest": "Nothing",
        "id": "0",
        "key": "0",
        "fact_id": "00000000-0000-0000-0000-000000000000",
        "said_id": "00000000-0000-0000-0000-000000000000",
        "entry_id": "00000000-0000-0000-0000-000000000000",
    }
    return World(things)


def passes(client: Client, headers: dict[str, str], method: str, address: str) -> int:
    """How a request ended, with whatever it did undone: a log-in page is a refusal."""
    with transaction.atomic():
        answer = client.generic(method, address, b"{}" if "/api/" in address else b"", headers=headers)
        transaction.set_rollback(True)
    if answer.status_code == 302 and "/accounts/login" in answer["Location"]:
        return 401
    return answer.status_code


REFUSED = (401, 403)


@pytest.mark.parametrize("door", all_doors(), ids=lambda door: door.name)
def test_a_door_lets_in_whom_the_table_names_and_nobody_else(door: Door) -> None:
    assert door.name in ROWS, f"{door.name} stands in no row of doors.toml: say who may pass it"
    row, world, empty = ROWS[door.name], world_of(), []
    address, elsewhere = world.address(door), world.address(door, stranger=True)
    found: dict[str, list[str]] = {"get": [], "post": []}
    for who in EVERYBODY:
        client, headers = caller(who)
        for method in ("get", "post"):
            ended = passes(client, headers, method.upper(), address)
            assert ended < 500, f"{who} {method} {address}: {ended}"
            if ended not in (*REFUSED, 405):
                found[method].append(who)
            if ended not in (*REFUSED, 405) and elsewhere != address:
                gone = passes(client, headers, method.upper(), elsewhere)
                empty += [] if gone in (404, *row.get("unknown", [])) else [f"{who} {method}: {gone}"]
    for method, let_in in found.items():
        assert sorted(let_in) == sorted(_named(row.get(method, []))), f"{method} {address}"
    assert not empty, f"a thing that is not there, {elsewhere}"


def test_no_row_names_a_door_that_is_gone_or_a_caller_that_is_none():
    assert set(ROWS) == {door.name for door in all_doors()}
    for row in ROWS.values():
        assert set(row) <= {"name", "get", "post", "unknown"}
        assert set(_named(row.get("get", []))) | set(_named(row.get("post", []))) <= set(EVERYBODY)


@pytest.mark.parametrize(
    "door",
    [door for door in all_doors() if door.name.startswith("courses_api:") and door.takes],
    ids=lambda door: door.name,
)
def test_what_belongs_to_nobody_is_found_by_no_program(door: Door) -> None:
    address = world_of(nobodys=True).address(door)
    for who in EVERYBODY:
        client, headers = caller(who)
        for method in ("GET", "POST"):
            assert passes(client, headers, method, address) in (401, 403, 404, 405), who


def test_the_world_of_these_tests_is_whole():
    world_of()
    assert Cycle.objects.count() == 4
    assert Decision.objects.filter(made_at__lt=datetime.now(UTC)).exists()


def _named(who: list[str]) -> list[str]:
    """People of a row, with a whole group by its name."""
    groups = {
        "clinicians": ["nurse", "physician", "authorised-user"],
        "physicians": ["physician", "authorised-user"],
        "everybody": list(EVERYBODY),
    }
    return [name for each in who for name in groups.get(each, [each])]
