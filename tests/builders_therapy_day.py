"""Days of therapy for tests: what pharmacy hands out, written through the tables, and the steps of a day."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from courses.day_library import day_rules
from courses.models import AminoAcidBag, Course, Cycle, DispensedUnit, Order, TherapyDay, TherapyStep, Vial
from courses.rules.order_states import OrderState
from courses.services.assess import assess_course
from courses.services.day_infusion import infused_on
from courses.services.day_state import DayState, day_state
from courses.services.facts import record_fact
from courses.services.infusions import record_infusion
from courses.services.orders import move_order
from courses.services.start import authorise_start
from courses.services.therapy_day import open_day, record_step
from labs.clinic_days import add_days
from labs.zones import clinic_zone
from tests.builders import clinic_time, colleague, draw, make_course, make_patient, sign

DAY = date(2026, 5, 4)


def at(hour: int, minute: int = 0, *, on: date = DAY) -> datetime:
    """An instant on the clinic's clock of the day."""
    return datetime(on.year, on.month, on.day, hour, minute, tzinfo=clinic_zone()).astimezone(UTC)


def nurse() -> User:
    """Who runs the day."""
    return colleague("day-nurse", "nurse")


def second_nurse() -> User:
    """The second person."""
    return colleague("day-nurse-2", "nurse")


def physician() -> User:
    """Who signs and authorises."""
    return colleague("day-physician", "physician", "authorised-user")


def pharmacist() -> User:
    """Who measures."""
    return colleague("day-pharmacist", "pharmacist")


def ready_cycle(*, on: date = DAY, mrn: str = "T-1", answered: bool | None = None, **course: Any) -> Cycle:
    """A first cycle with good bloods and a signed directive; its orders are active.

    `answered`: whether there is peritoneal or mesenteric disease, recorded after the start of the course.
    """
    made = make_course(make_patient(mrn=mrn, **_family(mrn)), first_on=on, by=physician(), **course)
    draw(made.patient, add_days(on, -3))
    if answered is not None:
        data = {"flag": "peritoneal_disease", "value": answered, "on": add_days(on, -3).isoformat()}
        record_fact(
            kind="disease_flags",
            data=data,
            by=nurse(),
            patient=made.patient,
            now=clinic_time(add_days(on, -3)),
        )
    sign_now(made, now=clinic_time(add_days(on, -2)))
    return made.cycles.get(number=1)


def _family(mrn: str) -> dict[str, str]:
    return {} if mrn == "T-1" else {"family": f"Birke-{mrn}"}


def sign_now(course: Course, *, now: datetime) -> None:
    """Assess the course and sign what the decision says."""
    decision = assess_course(course_id=course.pk, now=now)
    assert decision is not None
    sign(decision, by=physician(), now=now)


def dispense(
    cycle: Cycle,
    *,
    now: datetime | None = None,
    gbq: str = "",
    label: str = "U-1",
    bag: str = "BAG-1",
    measured_at: datetime | None = None,
) -> DispensedUnit:
    """Hand out the radiopharmaceutical and the amino acids of a cycle whose orders are active."""
    now = now or at(9)
    order = Order.objects.select_related("directive").get(
        cycle=cycle, kind="radiopharmaceutical", state=OrderState.ACTIVE.value
    )
    assert order.directive is not None
    code = day_rules(cycle.course.protocol_id).rules.dispensing.product_codes[0]
    activity = Decimal(gbq) if gbq else order.directive.activity_gbq
    vial = Vial.objects.create(
        cycle=cycle,
        product=order.directive.product,
        product_code=code,
        lot=f"LOT-{label}",
        calibrated_gbq=activity,
        calibrated_at=now,
        volume_ml=Decimal(25),
        expires_at=now + timedelta(hours=72),
        received_at=now,
        recorded_by=pharmacist(),
        recorded_at=now,
    )
    unit = DispensedUnit.objects.create(
        order=order,
        vial=vial,
        directive=order.directive,
        form="vial",
        label=label,
        product=vial.product,
        product_code=code,
        lot=vial.lot,
        measured_gbq=activity,
        measured_at=measured_at or now,
        volume_ml=Decimal(25),
        expires_at=vial.expires_at,
        prepared_name="Pat Prepared",
        verified_name="Vera Verified",
        dispensed_by=pharmacist(),
        dispensed_at=now,
    )
    _hand_out(order, now=now)
    acids = Order.objects.filter(cycle=cycle, kind="amino_acids", state=OrderState.ACTIVE.value).first()
    if acids is not None:
        _bag(acids, label=bag, now=now)
        _hand_out(acids, now=now)
    return unit


def _bag(order: Order, *, label: str, now: datetime) -> None:
    AminoAcidBag.objects.create(
        order=order,
        label=label,
        lot="AA-1",
        lysine_g=Decimal(25),
        arginine_g=Decimal(25),
        volume_ml=Decimal(1000),
        expires_at=now + timedelta(hours=24),
        prepared_name="Pat Prepared",
        verified_name="Vera Verified",
        dispensed_by=pharmacist(),
        dispensed_at=now,
    )


def _hand_out(order: Order, *, now: datetime) -> None:
    for state in (OrderState.ACCEPTED, OrderState.PREPARED, OrderState.DISPENSED):
        move_order(order=order, to=state, reason_code="", actor=pharmacist(), decision=None, now=now)


def step(day: TherapyDay, kind: str, when: datetime, *, by: User | None = None, **data: Any) -> TherapyStep:
    """Record one step at its time; what needs a second person or a password has it."""
    return record_step(
        day=day,
        kind=kind,
        data=data,
        by=by or (pharmacist() if kind in ("assay", "residual") else nurse()),
        happened_at=when,
        second=second_nurse() if kind == "identity" else None,
        authenticated_at=when - timedelta(seconds=5),
        now=when,
    )


def until_start(
    day: TherapyDay, *, amino_at: datetime | None = None, label: str = "U-1", bag: str = "BAG-1"
) -> None:
    """Everything before the start, checked at 11:55 by the second nurse; amino acids from 11:00."""
    patient = day.cycle.course.patient
    code = day_rules(day.cycle.course.protocol_id).rules.dispensing.product_codes[0]
    step(day, "identity", at(10), number=patient.mrn, birth_date=patient.birth_date.isoformat())
    step(day, "pregnancy", at(10, 1), finding="not_possible")
    step(day, "analogue", at(10, 2), short_acting="none", long_acting="none")
    step(day, "allergy", at(10, 3), finding="none")
    step(day, "antiemetic", at(10, 15), medicine="granisetron", amount="1 mg")
    step(day, "amino_start", amino_at or at(11), bag=bag)
    step(day, "unit_scanned", at(11, 45), label=label, product_code=code)
    step(
        day,
        "start_check",
        at(11, 55),
        by=second_nurse(),
        line="patent",
        rescue_ready="yes",
        crisis_risk="usual",
    )


def opened(cycle: Cycle, *, now: datetime | None = None) -> TherapyDay:
    """The day of a cycle, opened in the morning."""
    return open_day(cycle=cycle, by=nurse(), now=now or at(9, 30))


def authorise(day: TherapyDay, *, now: datetime | None = None, by: User | None = None) -> Any:
    """The start authorised at noon."""
    when = now or at(12)
    return authorise_start(
        day=day, by=by or physician(), authenticated_at=when - timedelta(seconds=5), now=when
    )


def state_of(day: TherapyDay, *, now: datetime) -> DayState:
    """The day as it stands on the decision that stands."""
    day = TherapyDay.objects.select_related("cycle__course__patient", "cycle__course__current_decision").get(
        pk=day.pk
    )
    return day_state(day, decision=day.cycle.course.current_decision, now=now)


def infuse(
    day: TherapyDay,
    *,
    start: datetime | None = None,
    minutes: int = 35,
    how: str = "complete",
    residual: str = "0.1 GBq",
) -> Any:
    """The infusion from its start to its record, with a residual measured ten minutes after its end."""
    begin = start or at(12, 1)
    end = begin + timedelta(minutes=minutes)
    step(day, "infusion_start", begin)
    step(day, "line_check", begin + timedelta(minutes=5), finding="good")
    step(day, "infusion_end", end, how=how)
    step(day, "residual", end + timedelta(minutes=10), activity=residual, what="vial")
    now = end + timedelta(minutes=15)
    state = state_of(day, now=now)
    return record_infusion(
        cycle=state.day.cycle, day=state.day, infused=infused_on(state.day, state=state), by=nurse(), now=now
    )
