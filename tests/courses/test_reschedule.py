"""A move of a cycle is shown with all it moves and breaks, then done whole; what hangs on it is derived."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from courses.models import (
    ChartFact,
    ClosedDay,
    Course,
    Cycle,
    CycleMove,
    DirectiveVoid,
    Order,
    Recall,
    VialBooking,
)
from courses.planned_days import days_of
from courses.rules.derived_days import DayKind
from courses.services.assess import assess_course
from courses.services.authority import BadFact, NotAllowed
from courses.services.bookings import confirm_booking, place_booking
from courses.services.course import record_administration
from courses.services.day_end import end_not_given
from courses.services.handling import OrderRefused
from courses.services.reschedule import Preview, StalePlan, preview_move, reschedule
from courses.services.therapy_day import BadStep
from labs.clinic_days import add_days
from tests.builders import clinic_time, colleague, draw, make_course, make_patient, sign
from tests.builders_therapy_day import at as day_at
from tests.builders_therapy_day import opened, ready_cycle
from tests.courses.signing import AT, before_third, doctor, standing

pytestmark = pytest.mark.django_db
PLANNED = date(2026, 5, 4)
WHY = "The patient travels that week."


def nurse():
    return colleague("nora", "nurse")


def third(course: Course) -> Cycle:
    return course.cycles.get(number=3)


def shown(course: Course, to: date, *, cause: str = "patient", at: datetime = AT, **said) -> Preview:
    cycle = said.pop("cycle", None) or third(course)
    return preview_move(cycle=cycle, to=to, cause=cause, reason=WHY, by=nurse(), now=at, **said)


def moved(course: Course, to: date, *, cause: str = "patient", at: datetime = AT, **said) -> CycleMove:
    cycle = said.pop("cycle", None) or third(course)
    seen = preview_move(cycle=cycle, to=to, cause=cause, reason=WHY, by=nurse(), now=at, **said).digest
    return reschedule(cycle=cycle, to=to, cause=cause, reason=WHY, by=nurse(), seen=seen, now=at, **said)


def planned(course: Course) -> list[date]:
    rows = course.cycles.filter(administration__isnull=True).order_by("number")
    return list(rows.values_list("planned_on", flat=True))


def test_a_preview_leaves_nothing_behind():
    course = before_third()
    sign(standing(course), by=doctor(), now=AT)
    before = (planned(course), list(Order.objects.order_by("pk").values_list("pk", "state", "version")))
    preview = shown(course, date(2026, 5, 11))
    assert preview.moved
    assert (
        planned(course),
        list(Order.objects.order_by("pk").values_list("pk", "state", "version")),
    ) == before
    assert not CycleMove.objects.exists()
    assert not DirectiveVoid.objects.exists()
    assert not ChartFact.objects.filter(kind="delay").exists()


def test_a_move_shifts_the_cycle_and_the_later_ones_and_records_the_delay_by_its_cause():
    course = before_third()
    move = moved(course, date(2026, 5, 11), cause="supply")
    assert planned(course) == [date(2026, 5, 11), date(2026, 7, 6)]
    assert (move.from_on, move.to_on, move.cause, move.reason) == (PLANNED, date(2026, 5, 11), "supply", WHY)
    delay = ChartFact.objects.get(kind="delay")
    assert delay.data == {"cycle": 3, "cause": "supply", "from": "2026-05-04", "to": "2026-05-11"}
    assert move.delay == delay
    assert standing(course).answer["delay"]["days"] == 7
    assert standing(course).answer["planned_on"] == "2026-05-11"


def test_bringing_a_cycle_forward_records_no_delay():
    course = before_third()
    moved(course, date(2026, 4, 30))
    assert not ChartFact.objects.filter(kind="delay").exists()
    assert planned(course) == [date(2026, 4, 30), date(2026, 6, 25)]


@pytest.mark.hazard("HZ-61")
def test_what_was_signed_for_the_old_day_ends_and_everything_is_proposed_for_the_new_one():
    course = before_third()
    signature = sign(standing(course), by=doctor(), now=AT)
    assert (
        Order.objects.live().filter(cycle=third(course), kind="radiopharmaceutical", state="active").exists()
    )
    preview = shown(course, date(2026, 5, 6))
    assert any("written directive" in words for words in preview.warnings)
    moved(course, date(2026, 5, 6))
    assert DirectiveVoid.objects.get(directive=signature.directive).reason_code == "date-changed"
    live = Order.objects.live().filter(cycle=third(course))
    assert set(live.values_list("state", flat=True)) == {"proposed"}
    # No order still tells a day that hangs on the old one.
    draws = live.get(kind="lab_draws")
    told = " ".join(item["text"] for item in draws.items)
    assert "6 May 2026" in told
    assert "4 May 2026" not in told


@pytest.mark.hazard("HZ-61")
def test_what_was_proposed_in_words_of_the_old_day_is_proposed_anew_when_a_given_day_moves_the_plan():
    course = before_third()
    cycle = third(course)
    assert "4 May 2026" in str(Order.objects.get(cycle=cycle, kind="lab_draws", state="proposed").items)
    # Not by the service of moves: whatever else changes the planned day.
    Cycle.objects.filter(pk=cycle.pk).update(planned_on=date(2026, 5, 5))
    assess_course(course_id=course.pk, now=AT + timedelta(minutes=5))
    live = Order.objects.live().filter(cycle=cycle)
    assert "5 May 2026" in str(live.get(kind="lab_draws").items)
    assert "4 May 2026" not in str(live.get(kind="lab_draws").items)
    assert live.filter(kind="antiemetic").count() == 1


def test_labs_that_are_too_old_for_the_new_day_are_named_before_anybody_confirms():
    course = before_third()
    preview = shown(course, date(2026, 5, 20))
    assert preview.before.action == "proceed"
    assert preview.after.action == "hold"
    told = " ".join(preview.warnings)
    assert "16 days" in told or "72 days" in told, told
    assert "changes from proceed" in told
    assert any("No longer valid for that day: 777-3" in words for words in preview.warnings), told


def test_a_day_past_the_window_and_one_at_the_limit_are_told():
    course = before_third()
    late = " ".join(shown(course, date(2026, 5, 14)).warnings)
    assert "66 days after the cycle before it; the protocol asks for at most 63" in late
    limit = " ".join(shown(course, date(2026, 6, 29)).warnings)
    assert "at or past the limit of 112 days" in limit
    assert "at or past the limit" not in " ".join(shown(course, date(2026, 6, 28)).warnings)


def test_weekends_public_holidays_and_the_clinics_own_closed_days_are_told(person):
    course = before_third()
    ClosedDay.objects.create(on=date(2026, 5, 8), words="Works outing", added_by=nurse(), added_at=AT)
    assert "closed that day (Saturday)" in " ".join(shown(course, date(2026, 5, 9)).warnings)
    assert "closed that day (Ascension Day)" in " ".join(shown(course, date(2026, 5, 14)).warnings)
    assert "closed that day (Works outing)" in " ".join(shown(course, date(2026, 5, 8)).warnings)
    assert "closed" not in " ".join(shown(course, date(2026, 5, 7)).warnings)


@pytest.mark.parametrize(
    ("to", "fault"),
    [
        (PLANNED, "to: the cycle is planned for this day already"),
        (date(2026, 4, 27), "to: lies in the past"),
        (date(2027, 7, 1), "to: lies more than a year ahead"),
    ],
)
def test_a_day_that_cannot_be_is_refused_at_its_field(to, fault):
    course = before_third()
    with pytest.raises(BadFact, match=fault):
        shown(course, to)
    assert planned(course) == [PLANNED, date(2026, 6, 29)]


def test_nothing_is_planned_closer_than_the_protocols_shortest_interval():
    course = before_third()
    early = clinic_time(date(2026, 4, 20))
    with pytest.raises(BadFact, match="the protocol waits 49 days: name a day from 2026-04-27 on"):
        shown(course, date(2026, 4, 26), at=early)
    assert shown(course, date(2026, 4, 27), at=early).moved
    # A later cycle against the planned day before it.
    with pytest.raises(BadFact, match="cycle 3, which is planned on 2026-05-04"):
        shown(course, date(2026, 6, 21), cycle=course.cycles.get(number=4))


def test_a_given_cycle_is_not_moved_and_a_reason_is_asked_for():
    course = before_third()
    with pytest.raises(BadFact, match="cycle 2 has been given"):
        shown(course, date(2026, 5, 11), cycle=course.cycles.get(number=2))
    with pytest.raises(BadFact, match="reason: is missing"):
        preview_move(cycle=third(course), to=date(2026, 5, 11), cause="other", reason=" ", by=nurse(), now=AT)
    with pytest.raises(BadFact, match="cause: choose one of"):
        shown(course, date(2026, 5, 11), cause="weather")


@pytest.mark.parametrize("role", ["pharmacist", "physicist", "auditor", "on-call"])
def test_only_who_plans_cycles_moves_them(role):
    course = before_third()
    with pytest.raises(NotAllowed):
        preview_move(
            cycle=third(course),
            to=date(2026, 5, 11),
            cause="patient",
            reason=WHY,
            by=colleague(role, role),
            now=AT,
        )


def test_what_changed_since_it_was_shown_is_shown_again_and_nothing_is_done():
    course = before_third()
    seen = shown(course, date(2026, 5, 11)).digest
    draw(course.patient, date(2026, 4, 28), PLT="60")
    with pytest.raises(StalePlan) as stale:
        reschedule(
            cycle=third(course),
            to=date(2026, 5, 11),
            cause="patient",
            reason=WHY,
            by=nurse(),
            seen=seen,
            now=AT + timedelta(hours=1),
        )
    assert stale.value.preview.after.action == "delay"
    assert planned(course) == [PLANNED, date(2026, 6, 29)]
    assert not CycleMove.objects.exists()


def test_the_supplier_is_asked_for_the_new_day_and_only_with_their_word_after_the_cut_off():
    course = before_third()
    cut_off = AT + timedelta(hours=2)
    booking = place_booking(cycle=third(course), supplier="Isotope House", by=nurse(), now=AT)
    confirm_booking(booking=booking, by=nurse(), reference="IH-1", cut_off_at=cut_off, now=AT)
    preview = shown(course, date(2026, 5, 11))
    assert any("ordered with Isotope House for 2026-05-04" in words for words in preview.warnings)
    moved(course, date(2026, 5, 11))
    booking.refresh_from_db()
    assert (booking.needed_on, booking.state) == (date(2026, 5, 11), "placed")
    confirm_booking(booking=booking, by=nurse(), reference="IH-2", cut_off_at=cut_off, now=AT)
    after = cut_off + timedelta(minutes=1)
    seen = shown(course, date(2026, 5, 12), at=after)
    assert any("cut-off has passed: telephone first" in words for words in seen.warnings)
    with pytest.raises(OrderRefused, match="cut-off"):
        moved(course, date(2026, 5, 12), at=after)
    assert planned(course)[0] == date(2026, 5, 11)
    moved(course, date(2026, 5, 12), at=after, supplier_agreed=True)
    assert VialBooking.objects.get().needed_on == date(2026, 5, 12)


def test_a_closed_course_is_not_moved():
    course = before_third()
    Course.objects.filter(pk=course.pk).update(status="completed")
    with pytest.raises(BadFact, match="course: it is closed"):
        shown(course, date(2026, 5, 11))


def test_a_cycle_whose_unit_is_out_is_called_back():
    course = before_third()
    sign(standing(course), by=doctor(), now=AT)
    order = Order.objects.get(cycle=third(course), kind="radiopharmaceutical", state="active")
    Order.objects.filter(pk=order.pk).update(state="dispensed")
    preview = shown(course, date(2026, 5, 6))
    assert "What pharmacy has handed out is called back: it must not be given." in preview.warnings
    moved(course, date(2026, 5, 6))
    assert Recall.objects.get(order=order).reason_code == "date-changed"


# --- What hangs on a day, counted here once more and by hand --------------------------------------------

US_BEFORE = {  # kind: from and to, in days before the planned day; the numbers of the file
    DayKind.THERAPY: (0, 0),
    DayKind.VIAL_ORDER: (14, 14),
    DayKind.LAST_DRAW: (14, 7),
    DayKind.WEIGHT: (28, 7),
    DayKind.LONG_ACTING_STOP: (28, 28),
    DayKind.SHORT_ACTING_STOP: (1, 1),
    DayKind.ALLERGY_REVIEW: (28, 7),
    DayKind.COVER_BEGIN: (0, 0),
}
US_AFTER = {
    DayKind.ANALOGUE_RESTART: (0, 1),
    DayKind.COVER_END: (14, 28),
    DayKind.NADIR_DRAW: (28, 42),
}


def expected(course: Course) -> set[tuple[str, int, date, date]]:
    found = set()
    for cycle in course.cycles.select_related("administration"):
        given = getattr(cycle, "administration", None)
        on = given.administered_on if given else cycle.planned_on
        if given is None:
            for kind, (first, last) in US_BEFORE.items():
                found.add((kind.value, cycle.number, on - timedelta(days=first), on - timedelta(days=last)))
        for kind, (first, last) in US_AFTER.items():
            found.add((kind.value, cycle.number, on + timedelta(days=first), on + timedelta(days=last)))
    return found


def derived(course: Course) -> set[tuple[str, int, date, date]]:
    course.refresh_from_db()
    return {(day.kind.value, day.cycle, day.first, day.last) for day in days_of(course).days}


@pytest.mark.hazard("HZ-61")
@pytest.mark.hazard("HZ-56")
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(shifts=st.lists(st.tuples(st.integers(1, 4), st.integers(-40, 60)), min_size=1, max_size=4))
def test_after_any_moves_every_derived_day_is_that_of_a_fresh_computation(db, shifts):
    with transaction.atomic():
        course = make_course(make_patient(), first_on=date(2026, 3, 2), by=doctor(), disease="yes")
        at = clinic_time(date(2026, 2, 2))
        assert derived(course) == expected(course)
        for number, days in shifts:
            cycle = course.cycles.get(number=number)
            before = {each.number: each.planned_on for each in course.cycles.all()}
            to = add_days(cycle.planned_on, days)
            try:
                moved(course, to, cycle=cycle, at=at, cause="capacity")
            except BadFact:
                assert {each.number: each.planned_on for each in course.cycles.all()} == before
            else:
                after = {each.number: each.planned_on for each in course.cycles.all()}
                assert after[number] == to
                assert all(after[n] == to + timedelta(days=56 * (n - number)) for n in range(number + 1, 5))
                assert all(after[n] == before[n] for n in range(1, number))
            assert derived(course) == expected(course)
        transaction.set_rollback(True)


@pytest.mark.hazard("HZ-61")
def test_what_hangs_on_later_cycles_follows_the_day_on_which_one_was_given():
    course = before_third()
    record_administration(
        cycle=third(course),
        administered_on=date(2026, 4, 28),
        administered_gbq=Decimal("7.4"),
        by=doctor(),
        now=AT,
    )
    assert derived(course) == expected(course)
    vial = next(day for day in days_of(course).days if day.kind is DayKind.VIAL_ORDER)
    assert (vial.cycle, vial.last) == (4, date(2026, 6, 9))


def test_a_day_without_infusion_that_is_planned_anew_records_the_move_and_its_cause(set_clock):
    set_clock(day_at(9))
    cycle = ready_cycle()
    day = opened(cycle)
    to = add_days(cycle.planned_on, 3)
    end_not_given(
        day=day, reason="vial_late", note="Fog at the airport.", by=nurse(), rebook_on=to, now=day_at(11)
    )
    move = CycleMove.objects.get()
    assert (move.cause, move.to_on) == ("supply", to)
    assert move.reason == "Not given, vial late: Fog at the airport."
    assert (move.delay.data or {})["cause"] == "supply"


@pytest.mark.parametrize(("late", "needed"), [(False, 3), (True, 0)])
def test_the_vial_of_a_day_without_infusion_is_asked_for_on_the_new_day_unless_it_is_too_late(
    set_clock, late: bool, needed: int
):
    set_clock(day_at(9))
    cycle = ready_cycle()
    cut_off = day_at(10) if late else day_at(11) + timedelta(days=1)
    booking = place_booking(cycle=cycle, supplier="Isotope House", by=nurse(), now=day_at(8))
    confirm_booking(booking=booking, cut_off_at=cut_off, by=nurse(), now=day_at(8))
    day, to = opened(cycle), add_days(cycle.planned_on, 3)
    end_not_given(day=day, reason="vial_late", note="Fog.", by=nurse(), rebook_on=to, now=day_at(11))
    booking.refresh_from_db()
    assert booking.needed_on == add_days(cycle.planned_on, needed)
    assert booking.state == ("confirmed" if late else "placed")


@pytest.mark.parametrize(
    ("to", "words"),
    [(date(2026, 5, 3), "lies in the past"), (date(2062, 5, 4), "lies more than a year ahead")],
)
def test_a_day_without_infusion_is_not_planned_anew_for_a_day_that_cannot_be(set_clock, to: date, words: str):
    set_clock(day_at(9))
    day = opened(ready_cycle())
    with pytest.raises(BadStep, match=words):
        end_not_given(day=day, reason="unwell", note="", by=nurse(), rebook_on=to, now=day_at(11))
    assert not CycleMove.objects.exists()


def test_a_new_day_on_which_the_clinic_is_closed_is_told_with_the_move(set_clock):
    set_clock(day_at(9))
    cycle = ready_cycle()
    saturday = add_days(cycle.planned_on, 5)
    end_not_given(day=opened(cycle), reason="unwell", note="", by=nurse(), rebook_on=saturday, now=day_at(11))
    (told,) = CycleMove.objects.get().warnings
    assert told.startswith(f"The clinic is closed on {saturday.isoformat()}: ")
