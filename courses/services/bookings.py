"""Order a vial with the supplier: place, confirm, move, cancel; none of it lets anything be given."""

from datetime import date, datetime

from django.contrib.auth.models import User
from django.db import transaction

from courses.models import (
    Administration,
    BookingState,
    Course,
    CourseStatus,
    Cycle,
    VialBooking,
    VialBookingEvent,
)
from courses.services.authority import check_right, stated
from courses.services.handling import Fault, OrderRefused, fault
from labs.clinic_days import clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone

BOOK = "courses.book_vial"
_OPEN = (BookingState.PLACED.value, BookingState.CONFIRMED.value)
_MAY_NOT = "Only nurses, physicians and pharmacy order vials."


class StaleBooking(Exception):
    """The booking is no longer the version that the caller read; `booking` is what it is now."""

    def __init__(self, booking: VialBooking) -> None:
        super().__init__("The booking has changed since you read it: read it again, then decide.")
        self.booking = booking


def place_booking(
    *,
    cycle: Cycle,
    supplier: str,
    by: User,
    needed_on: date | None = None,
    reference: str = "",
    cut_off_at: datetime | None = None,
    now: datetime | None = None,
) -> VialBooking:
    """Order a vial for a cycle, also before its labs are valid; without a day, for the planned one.

    1. check the right; 2. lock the course; 3. refuse a closed course, a given cycle, a day that is past, and
    a second open booking; 4. append booking and event. Raises NotAllowed, OrderRefused.
    """
    check_right(by, BOOK, else_say=_MAY_NOT)
    with transaction.atomic():
        course = Course.objects.select_for_update().get(pk=cycle.course_id)
        cycle.refresh_from_db()
        now = now or database_now()
        day = needed_on or cycle.planned_on
        _check_text(supplier=supplier, reference=reference)
        if course.status not in (CourseStatus.PLANNED, CourseStatus.ACTIVE):
            raise OrderRefused(fault("course-closed", "This course is closed: no vial is ordered for it."))
        if Administration.objects.filter(cycle=cycle).exists():
            raise OrderRefused(fault("cycle-given", "This cycle has been given: no vial is ordered for it."))
        _check_day(day, now=now)
        if VialBooking.objects.filter(cycle=cycle, state__in=_OPEN).exists():
            raise OrderRefused(
                fault("booking-open", "A vial is ordered for this cycle already: move or cancel that order.")
            )
        booking = VialBooking.objects.create(
            cycle=cycle,
            supplier=stated(supplier),
            reference=stated(reference),
            needed_on=day,
            cut_off_at=cut_off_at,
            placed_at=now,
            updated_at=now,
        )
        _note(booking, by=by, now=now)
    return booking


def confirm_booking(
    *,
    booking: VialBooking,
    by: User,
    reference: str = "",
    cut_off_at: datetime | None = None,
    version: int | None = None,
    now: datetime | None = None,
) -> VialBooking:
    """Write down that the supplier confirmed. Raises NotAllowed, OrderRefused, StaleBooking."""
    check_right(by, BOOK, else_say=_MAY_NOT)
    with transaction.atomic():
        found, now = _locked(booking, version=version, now=now)
        _check_text(supplier=found.supplier, reference=reference)
        if found.state != BookingState.PLACED.value:
            raise OrderRefused(_closed(found))
        found.state = BookingState.CONFIRMED.value
        found.reference = stated(reference) or found.reference
        found.cut_off_at = cut_off_at or found.cut_off_at
        _change(found, by=by, now=now)
    return found


def move_booking(
    *,
    booking: VialBooking,
    needed_on: date,
    by: User,
    reason: str = "",
    supplier_agreed: bool = False,
    version: int | None = None,
    now: datetime | None = None,
) -> VialBooking:
    """Ask for the vial on another day; a confirmation given for the old day is void.

    After the supplier's cut-off only where they agreed. Raises NotAllowed, OrderRefused, StaleBooking.
    """
    check_right(by, BOOK, else_say=_MAY_NOT)
    with transaction.atomic():
        found, now = _locked(booking, version=version, now=now)
        _check_open(found, supplier_agreed=supplier_agreed, now=now)
        _check_day(needed_on, now=now)
        found.needed_on, found.state, found.cut_off_at = needed_on, BookingState.PLACED.value, None
        _change(found, by=by, now=now, reason=reason)
    return found


def cancel_booking(
    *,
    booking: VialBooking,
    by: User,
    reason: str,
    supplier_agreed: bool = False,
    version: int | None = None,
    now: datetime | None = None,
) -> VialBooking:
    """Call the vial off with the supplier, with a reason. Raises NotAllowed, OrderRefused, StaleBooking."""
    check_right(by, BOOK, else_say=_MAY_NOT)
    with transaction.atomic():
        found, now = _locked(booking, version=version, now=now)
        if not stated(reason):
            raise OrderRefused(
                fault("reason-missing", "Say in a few words why the vial is called off.", "reason"),
                is_unreadable=True,
            )
        _check_open(found, supplier_agreed=supplier_agreed, now=now)
        found.state = BookingState.CANCELLED.value
        _change(found, by=by, now=now, reason=reason)
    return found


def close_booking(cycle: Cycle, *, by: User, now: datetime) -> VialBooking | None:
    """The cycle's open booking has arrived; the caller holds the course's lock."""
    booking = VialBooking.objects.select_for_update().filter(cycle=cycle, state__in=_OPEN).first()
    if booking is not None:
        booking.state = BookingState.RECEIVED.value
        _change(booking, by=by, now=now)
    return booking


def _locked(
    booking: VialBooking, *, version: int | None, now: datetime | None
) -> tuple[VialBooking, datetime]:
    """Course first, then the booking, as everywhere; and that it is still the version that was read."""
    Course.objects.select_for_update().get(cycles__pk=booking.cycle_id)
    now = now or database_now()
    found = VialBooking.objects.select_for_update().get(pk=booking.pk)
    if version is not None and found.version != version:
        raise StaleBooking(found)
    return found, now


def _check_open(booking: VialBooking, *, supplier_agreed: bool, now: datetime) -> None:
    if booking.state not in _OPEN:
        raise OrderRefused(_closed(booking))
    if booking.cut_off_at is not None and now > booking.cut_off_at and not supplier_agreed:
        raise OrderRefused(
            fault(
                "cut-off-passed",
                "The supplier's cut-off has passed: telephone the supplier, and say here that they agreed.",
                "supplier_agreed",
            )
        )


def _closed(booking: VialBooking) -> Fault:
    return fault("booking-closed", f"This booking is {booking.get_state_display()}; it is not changed here.")


def _check_day(day: date, *, now: datetime) -> None:
    if day < clinic_day(now, clinic_zone()):
        raise OrderRefused(fault("day-past", "The day is past: name one to come.", "needed_on"))


def _check_text(*, supplier: str, reference: str) -> None:
    if not stated(supplier) or len(supplier) > 120:
        raise OrderRefused(
            fault("supplier-missing", "Name the supplier, in at most 120 letters.", "supplier"),
            is_unreadable=True,
        )
    if len(reference) > 120:
        raise OrderRefused(
            fault("reference-long", "Write at most 120 letters.", "reference"), is_unreadable=True
        )


def _change(booking: VialBooking, *, by: User, now: datetime, reason: str = "") -> None:
    booking.version += 1
    booking.updated_at = now
    booking.save()
    _note(booking, by=by, now=now, reason=reason)


def _note(booking: VialBooking, *, by: User, now: datetime, reason: str = "") -> None:
    VialBookingEvent.objects.create(
        booking=booking,
        to_state=booking.state,
        needed_on=booking.needed_on,
        reason=stated(reason),
        actor=by,
        at=now,
    )
