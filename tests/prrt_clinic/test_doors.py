"""Who may pass which door: every address and role, with things that exist, do not, or are nobody's."""

import json
import tomllib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client
from knox.models import AuthToken

from alerts.services.calendars import make_address
from alerts.services.rota_edit import place_override, set_holiday
from alerts.services.rota_import import read_import
from alerts.services.rota_swaps import duties_of, propose_swap, say_away
from courses.models import (
    AbsorbedDose,
    Course,
    Cycle,
    Decision,
    Incident,
    Order,
    PaperKind,
    PatientCall,
    PrintedPaper,
    TherapyDay,
    TherapyStep,
    VialBooking,
)
from courses.paper_facts import facts_of
from courses.services.assess import assess_course
from courses.services.plan_addresses import make_plan_address
from prrt_clinic.roles import roles
from tests.builders import clinic_time, colleague, draw, make_course, make_patient
from tests.builders_day import infuse, make_vial
from tests.builders_rota import keep_rota, on_call_person, rota_lead, vcalendar
from tests.prrt_clinic.doors import Door, World, all_doors, body_for

pytestmark = pytest.mark.django_db
ROWS = {row["name"]: row for row in tomllib.loads((Path(__file__).parent / "doors.toml").read_text())["door"]}
# A mark is added to a person who has a role; each is tried as people have it.
PEOPLE = {role.name: (role.name,) for role in roles().values() if role.kind == "person"} | {
    "authorised-user": ("physician", "authorised-user"),
    "rota-lead": ("physician", "rota-lead"),
    "on-call": ("on-call",),
}
SERVICES = tuple(role.name for role in roles().values() if role.kind == "service")
EVERYBODY = (*PEOPLE, *SERVICES, "stranger", "nobody")
DAY = date(2026, 3, 2)
ORDER_DOORS = (
    "accept",
    "prepare",
    "dispense",
    "cancel",
    "ask-cancel",
    "decline-cancel",
    "acknowledge-recall",
    "order-done",
    "measurements",
)
BOOKING_DOORS = ("booking", "confirm-booking", "move-booking", "cancel-booking")
DAY_DOORS = (
    "", "-steps", "-correct", "-authorise", "-infusion", "-judge", "-not-given", "-release", "-rebook",
)  # fmt: skip
LEDGER_DOORS = ("ledger", "enter_dose", "correct_dose", "sign_off_doses")


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
    things = things_of_the_day(course)
    call = PatientCall.objects.create(
        course=course,
        occasion="other",
        outcome="not_reached",
        spoken_at=clinic_time(DAY),
        channel="telephone",
        spoken_by="door-starter",
        form_sha256="ab" * 32,
        recorded_by=colleague("door-starter"),
        printed_name="door-starter",
        recorded_at=clinic_time(DAY),
    )
    order = Order.objects.filter(cycle__course=course).first()
    decision = Decision.objects.filter(course=course).first()
    assert order is not None
    assert decision is not None
    things |= things_of_the_rota()
    things |= {
        "courses:decision.public_id": decision.public_id,
        "courses:decision_print.public_id": decision.public_id,
        "courses:decision_compare.public_id": decision.public_id,
        "courses:decision_pdf.public_id": decision.public_id,
        "courses:sign.public_id": decision.public_id,
        "courses_api:decision.public_id": decision.public_id,
        "courses_api:order.public_id": order.public_id,
        "labs:new_result.public_id": patient.public_id,
        "labs:weight.public_id": patient.public_id,
        "labs:contacts.public_id": patient.public_id,
        "public_id": course.public_id,
        "call_id": call.public_id,
        "protocol_id": course.protocol_id,
        "kind": "pregnancy",
        "labs:quarantine_say.kind": "reject",
        "patient_id": patient.public_id,
        "courses:open_day.row": 0,
        "courses:plan_feed.secret": make_plan_address(by=colleague("door-starter", "nurse")),
        "courses:cohort_table.table": "endings",
        "rest": "Nothing",
        "id": "0",
        "key": "0",
        "fact_id": "00000000-0000-0000-0000-000000000000",
        "said_id": "00000000-0000-0000-0000-000000000000",
        "entry_id": "00000000-0000-0000-0000-000000000000",
    }
    return World(things)


def things_of_the_day(course: Course) -> dict[str, Any]:
    """One of each thing that pharmacy and the day of therapy have addresses for, by its door."""
    cycle, by, at = course.cycles.get(number=1), User.objects.get(username="door-starter"), clinic_time(DAY)
    booking = VialBooking.objects.create(
        cycle=cycle, supplier="the manufacturer", needed_on=DAY, placed_at=at, updated_at=at
    )
    vial = make_vial(cycle, by=by, at=at)
    day = TherapyDay.objects.create(
        cycle=cycle, rules_id="lutathera_us", rules_sha256="ab" * 32, opened_at=at, opened_by=by
    )
    step = TherapyStep.objects.create(
        therapy_day=day,
        kind="note",
        data={"text": "Well."},
        happened_at=at,
        recorded_by=by,
        printed_name="door-starter",
        recorded_at=at,
    )
    infusion = infuse(cycle, by=by, at=at)
    incident = Incident.objects.create(
        cycle=cycle, infusion=infusion, kind="unauthorised", sentence="Given without one.", opened_at=at
    )
    dose = AbsorbedDose.objects.create(
        patient=course.patient,
        cycle=cycle,
        organ="kidneys",
        absorbed_gy=Decimal(4),
        method="planar",
        software="ours",
        entered_by=by,
        printed_name="door-starter",
        entered_at=at,
    )
    paper = PrintedPaper.objects.create(
        course=course,
        kind="schedule",
        language="en",
        facts=facts_of(PaperKind.SCHEDULE, course, cycle=None, today=DAY),
        **dict.fromkeys(("facts_sha256", "numbers_sha256", "words_sha256"), "ab" * 32),
        printed_by=by,
        printed_name="door-starter",
        printed_at=at,
    )
    order = Order.objects.filter(cycle__course=course).first()
    assert order is not None
    patient = course.patient.public_id
    return {
        **{f"courses_api:{name}.public_id": booking.public_id for name in BOOKING_DOORS},
        **{f"courses_api:{name}.public_id": vial.public_id for name in ("vial", "vial-correct", "vial-fate")},
        **{f"courses_api:{name}.public_id": order.public_id for name in ORDER_DOORS},
        **{f"courses_api:therapy-day{name}.public_id": day.public_id for name in DAY_DOORS},
        **{f"courses:{name}.public_id": order.public_id for name in ("pharmacy_order", "pharmacy_act")},
        **{f"courses:pharmacy_{name}.public_id": vial.public_id for name in ("vial", "correct", "fate")},
        **{f"courses:{name}.public_id": patient for name in LEDGER_DOORS},
        "courses:pharmacy_booking.public_id": booking.public_id,
        "courses:pharmacy_booking_act.public_id": booking.public_id,
        "courses:incident.public_id": incident.public_id,
        "courses:printed_paper.public_id": paper.public_id,
        **{f"courses:{name}.kind": "schedule" for name in ("paper_preview", "hand_out")},
        "language": "en",
        "form": "page",
        "courses:correct_infusion.infusion_id": infusion.public_id,
        "courses_api:infusion.public_id": infusion.public_id,
        "courses_api:infusion-correct.public_id": infusion.public_id,
        "courses:pharmacy_act.name": "accept",
        "courses:pharmacy_booking_act.name": "confirm",
        "courses:day_step.kind": "note",
        "number": cycle.number,
        "step_id": step.public_id,
        "dose_id": dose.public_id,
        "organ": "kidneys",
    }


def things_of_the_rota() -> dict[str, Any]:
    """One of each thing that the rota has addresses for, by its door."""
    one, two = on_call_person("door-one"), on_call_person("door-two")
    now = datetime.now(UTC)
    rule = keep_rota(one, first_day=now.date(), now=now)
    duty = duties_of(one, now=now)[0]
    swap = propose_swap(starts_at=duty.starts_at, ends_at=duty.ends_at, other=two, by=one, now=now)
    later = now + timedelta(days=9)
    over = place_override(
        person=two,
        starts_at=later,
        ends_at=later + timedelta(hours=1),
        reason="Ill.",
        by=rota_lead(),
        now=now,
    )
    away = say_away(person=one, first_day=date(2100, 1, 1), last_day=date(2100, 1, 2), by=one, now=now)
    holiday = set_holiday(day=date(2100, 1, 3), name="Ours", is_kept=True, by=rota_lead(), now=now)
    imported = read_import(file_name="rota.ics", raw=vcalendar(), by=rota_lead(), now=now)
    return {
        "alerts:rota_rule.public_id": rule.public_id,
        "alerts:rota_rule_end.public_id": rule.public_id,
        "alerts:rota_override_end.public_id": over.public_id,
        "alerts:rota_holiday_end.holiday_id": holiday.pk,
        "alerts:rota_back.public_id": away.public_id,
        "alerts:rota_swap_answer.public_id": swap.public_id,
        "alerts:rota_import.public_id": imported.public_id,
        "alerts:rota_import_take.public_id": imported.public_id,
        "alerts:calendar.secret": make_address(by=one, now=now),
    }


def passes(client: Client, headers: dict[str, str], method: str, address: str) -> int:
    """How a request ended, with whatever it did undone: a log-in page is a refusal.

    A program's request is written as it should be, so that what it asks for is looked up.
    """
    body, kind = b"", "application/octet-stream"
    if "/api/" in address:
        body, kind = json.dumps(body_for(address)).encode(), "application/json"
    with transaction.atomic():
        answer = client.generic(method, address, body, content_type=kind, headers=headers)
        transaction.set_rollback(True)
    if answer.status_code == 302 and "/accounts/login" in answer["Location"]:
        return 401
    return answer.status_code


REFUSED = (401, 403)


FAMILIES = sorted({door.family for door in all_doors()})


@pytest.mark.parametrize("family", FAMILIES)
def test_a_door_lets_in_whom_the_table_names_and_nobody_else(family: str) -> None:
    world, callers = world_of(), {who: caller(who) for who in EVERYBODY}
    faults = [
        fault for door in all_doors() if door.family == family for fault in faults_of(door, world, callers)
    ]
    assert not faults, "\n".join(faults)


def faults_of(door: Door, world: World, callers: dict[str, tuple[Client, dict[str, str]]]) -> list[str]:
    """Who comes in against the table, who does not, and what is told of things that are not there."""
    if door.name not in ROWS:
        return [f"{door.name} stands in no row of doors.toml: say who may pass it"]
    row, faults = ROWS[door.name], []
    address, elsewhere = world.address(door), world.address(door, stranger=True)
    found: dict[str, list[str]] = {"get": [], "post": []}
    for who, (client, headers) in callers.items():
        for method in ("get", "post"):
            ended = passes(client, headers, method.upper(), address)
            if ended >= 500:
                faults.append(f"{door.name}: {who} {method} {address}: {ended}")
            if ended in (*REFUSED, 405):
                continue
            found[method].append(who)
            if elsewhere != address:
                gone = passes(client, headers, method.upper(), elsewhere)
                if gone not in (404, *row.get("unknown", [])):
                    faults.append(f"{door.name}: {who} {method} of what is not there: {gone}")
    for method, let_in in found.items():
        if sorted(let_in) != sorted(people_of(row.get(method, []))):
            faults.append(f"{door.name}: {method} lets in {sorted(let_in)}")
    return faults


def test_no_row_names_a_door_that_is_gone_or_a_caller_that_is_none():
    assert set(ROWS) == {door.name for door in all_doors()}
    for row in ROWS.values():
        assert set(row) <= {"name", "get", "post", "unknown"}
        assert set(people_of(row.get("get", []))) | set(people_of(row.get("post", []))) <= set(EVERYBODY)


def test_what_belongs_to_nobody_is_found_by_no_program():
    world, callers = world_of(nobodys=True), {who: caller(who) for who in EVERYBODY}
    for door in all_doors():
        if door.family == "courses_api" and door.takes:
            for who, (client, headers) in callers.items():
                for method in ("GET", "POST"):
                    ended = passes(client, headers, method, world.address(door))
                    assert ended in (401, 403, 404, 405), f"{who} {method} {door.name}"


def test_the_world_of_these_tests_is_whole():
    world_of()
    assert Cycle.objects.count() == 4
    assert Decision.objects.filter(made_at__lt=datetime.now(UTC)).exists()


def people_of(who: list[str]) -> list[str]:
    """People of a row, with a whole group by its name."""
    groups = {
        "clinicians": ["nurse", "physician", "authorised-user", "rota-lead"],
        "physicians": ["physician", "authorised-user", "rota-lead"],
        "rota": [*PEOPLE],
        "everybody": list(EVERYBODY),
    }
    return [name for each in who for name in groups.get(each, [each])]
