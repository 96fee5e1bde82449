"""A signed cycle with its orders, and a vial for it, made through the services; fixed times of March 2026."""

import sys
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.urls import get_resolver

from courses.models import Course, Cycle, Order, Vial
from courses.services.assess import assess_course
from courses.services.pharmacy import UnitMade, accept_order, dispense_order, prepare_order
from courses.services.vials import VialLabel, receive_vial
from tests.builders import clinic_time, colleague, draw, give_cycle, make_course, make_patient, sign

CODE = "69488-003-01"
PRODUCT = "lutetium Lu 177 dotatate"
PLANNED = date(2026, 3, 9)
SIGNED_AT = clinic_time(date(2026, 3, 6))
MORNING = clinic_time(PLANNED, 7)
MEASURED_AT = clinic_time(PLANNED, 8)
NOW = clinic_time(PLANNED, 9)


def stand_at(monkeypatch: pytest.MonkeyPatch, instant: datetime) -> None:
    """Every service's clock stands at an instant, on either database.

    What is imported later would keep the standing clock: so every page is loaded first, and the clock's own
    module is left alone.
    """
    assert get_resolver().url_patterns
    for name, module in list(sys.modules.items()):
        ours = name.startswith(("labs.", "courses.", "alerts.")) and name != "labs.clock"
        if ours and hasattr(module, "database_now"):
            monkeypatch.setattr(module, "database_now", lambda: instant)


def physician() -> User:
    """An authorised user."""
    return colleague("au-physician", "physician", "authorised-user")


def pharmacist() -> User:
    """Who handles orders."""
    return colleague("dispensing-pharmacist", "pharmacist")


def signed_course(*, mrn: str = "T-1", family: str = "Ahorn") -> Course:
    """Cycle 1 given; cycle 2 is signed for 9 March, and its orders are active."""
    by = physician()
    course = make_course(make_patient(mrn=mrn, family=family), first_on=date(2026, 1, 12), by=by)
    give_cycle(course.cycles.get(number=1), by=by)
    draw(course.patient, date(2026, 3, 5))
    decision = assess_course(course_id=course.pk, now=SIGNED_AT)
    assert decision is not None
    sign(decision, by=by, now=SIGNED_AT)
    course.refresh_from_db()
    return course


def cycle_of(course: Course) -> Cycle:
    """The cycle that is signed."""
    return course.cycles.get(number=2)


def order_of(course: Course, kind: str = "radiopharmaceutical") -> Order:
    """Its newest order of a kind."""
    return Order.objects.filter(cycle__course=course, kind=kind).exclude(state="done").latest("pk")


def label(**changes: Any) -> VialLabel:
    """What stands on a vial that holds 7.4 GBq at the planned start of 10 o'clock."""
    return VialLabel(
        **{
            "product": PRODUCT,
            "product_code": CODE,
            "lot": "L-2611",
            "calibrated": "8.2 GBq",
            "calibrated_at": clinic_time(PLANNED - timedelta(days=1), 10),
            "volume_ml": Decimal("22.5"),
            "expires_at": clinic_time(PLANNED + timedelta(days=2), 10),
            "received_at": MORNING,
            **changes,
        }
    )


def receive(course: Course, *, now: datetime = MORNING, **changes: Any) -> Vial:
    """A vial taken in for the signed cycle."""
    return receive_vial(cycle=cycle_of(course), label=label(**changes), by=pharmacist(), now=now)


def unit(of: Vial, /, **changes: Any) -> UnitMade:
    """A whole vial, measured as directed."""
    return UnitMade(
        **{
            "vial": of.public_id,
            "form": "vial",
            "product_code": CODE,
            "lot": of.lot,
            "activity": "7.42 GBq",
            "measured_at": MEASURED_AT,
            "volume_ml": Decimal("22.5"),
            "prepared_name": "P. Pharma",
            "verified_name": "Q. Control",
            **changes,
        }
    )


def prepared(course: Course, kind: str = "radiopharmaceutical", *, now: datetime = MORNING) -> Order:
    """An order that is accepted and prepared."""
    order = accept_order(order=order_of(course, kind), by=pharmacist(), now=now)
    return prepare_order(order=order, by=pharmacist(), now=now)


def dispensed(course: Course, *, now: datetime = NOW, **changes: Any) -> Order:
    """The radioactive order, handed out as a whole vial."""
    vial = receive(course)
    return dispense_order(order=prepared(course), by=pharmacist(), made=unit(vial, **changes), now=now)
