"""The demonstration's pharmacy and days of therapy: vials, handed-out units, a day half way, a part given."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User

from courses.day_library import day_rules
from courses.models import AminoAcidBag, Cycle, DispensedUnit, Order, TherapyDay, Vial
from courses.rules.activity import Measured, decayed
from courses.rules.order_states import OrderKind
from courses.services.bookings import confirm_booking, place_booking
from courses.services.day_end import release
from courses.services.day_infusion import infused_on
from courses.services.day_state import day_state
from courses.services.infusions import record_infusion
from courses.services.pharmacy import BagMade, UnitMade, accept_order, dispense_order, prepare_order
from courses.services.planned_start import planned_start
from courses.services.start import authorise_start
from courses.services.therapy_day import open_day, record_step
from courses.services.vials import VialLabel, receive_vial
from labs.clinic_days import add_days, clinic_day, start_of_day
from labs.zones import clinic_zone
from prrt_clinic.demo_stories import Therapy

SUPPLIER = "Demonstration supplier"
CALIBRATED_GBQ = Decimal("8.2")
# Half a minute ago somebody typed the password that an act asks for.
_TYPED = timedelta(seconds=30)


class DemoTherapy:
    """One cycle, from the vial to wherever its story has come."""

    def __init__(self, *, people: Mapping[str, User], now: datetime, cycle: Cycle) -> None:
        self.people, self.now, self.cycle = people, now, cycle
        self.zone: ZoneInfo = clinic_zone()
        self.start = planned_start(cycle.planned_on)
        self.rules = day_rules(cycle.course.protocol_id).rules

    def play(self, therapy: Therapy) -> None:
        """As far as the story goes."""
        match therapy:
            case Therapy.BOOKED:
                self._book(at=self.now - timedelta(hours=2))
            case Therapy.RECEIVED:
                self._receive(at=self.now - timedelta(minutes=40))
                self._accept(OrderKind.RADIOPHARMACEUTICAL, at=self.now - timedelta(minutes=30))
            case Therapy.UNDER_WAY:
                day = self._hand_out_and_open(noon=self.now)
                self._until_start(day, noon=self.now)
            case Therapy.CALLED_BACK:
                self._hand_out(noon=self.now)
            case Therapy.PARTIAL:
                self._give_a_part()

    def _book(self, *, at: datetime) -> None:
        """Ordered with the supplier, who has confirmed."""
        booking = place_booking(cycle=self.cycle, supplier=SUPPLIER, by=self.people["nurse"], now=at)
        cut_off = datetime.combine(add_days(self.cycle.planned_on, -3), time(12), tzinfo=self.zone)
        confirm_booking(
            booking=booking,
            reference=f"S-{self.cycle.course.patient.mrn[-4:]}",
            cut_off_at=cut_off,
            by=self.people["pharmacist"],
            now=at + timedelta(hours=1),
        )

    def _receive(self, *, at: datetime) -> Vial:
        """A vial that holds what is directed at the planned start, calibrated for the day before it."""
        calibrated_at = self.start - timedelta(days=1)
        directive = self._order(OrderKind.RADIOPHARMACEUTICAL).directive
        assert directive is not None
        return receive_vial(
            cycle=self.cycle,
            label=VialLabel(
                product=directive.product,
                product_code=self.rules.dispensing.product_codes[0],
                lot=f"L-{self.cycle.course.patient.mrn[-4:]}",
                calibrated=f"{CALIBRATED_GBQ} GBq",
                calibrated_at=calibrated_at,
                volume_ml=Decimal(22),
                expires_at=calibrated_at + self.rules.dispensing.shelf_life,
                received_at=at,
            ),
            by=self.people["pharmacist"],
            now=at,
        )

    def _order(self, kind: OrderKind) -> Order:
        return (
            Order.objects.select_related("directive").filter(cycle=self.cycle, kind=kind.value).latest("pk")
        )

    def _accept(self, kind: OrderKind, *, at: datetime) -> Order:
        return accept_order(order=self._order(kind), by=self.people["pharmacist"], now=at)

    def _hand_out(self, *, noon: datetime) -> Vial:
        """Vial and amino acids in hand, measured and handed out in the morning before `noon`."""
        vial, measured_at = self._receive(at=noon - timedelta(hours=6)), noon - timedelta(hours=4)
        held = decayed(
            Measured(gbq=vial.calibrated_gbq, at=vial.calibrated_at),
            to=measured_at,
            half_life=self.rules.dispensing.half_life,
        )
        self._dispense(
            OrderKind.RADIOPHARMACEUTICAL,
            UnitMade(
                vial=vial.public_id,
                form="vial",
                product_code=vial.product_code,
                lot=vial.lot,
                activity=f"{round(held, 2)} GBq",
                measured_at=measured_at,
                volume_ml=vial.volume_ml,
                prepared_name="Pia Demo-Pharmacist",
                verified_name="Peter Demo-Technician",
            ),
            at=noon - timedelta(hours=3),
        )
        acids = self.rules.amino_acids
        self._dispense(
            OrderKind.AMINO_ACIDS,
            BagMade(
                lot="AA-2611",
                lysine_g=acids.most_g,
                arginine_g=acids.most_g,
                volume_ml=acids.most_ml,
                expires_at=noon + timedelta(hours=20),
                prepared_name="Pia Demo-Pharmacist",
                verified_name="Peter Demo-Technician",
            ),
            at=noon - timedelta(hours=2, minutes=50),
        )
        return vial

    def _dispense(self, kind: OrderKind, made: UnitMade | BagMade, *, at: datetime) -> None:
        order = self._accept(kind, at=at - timedelta(minutes=90))
        by = self.people["pharmacist"]
        order = prepare_order(order=order, by=by, now=at - timedelta(minutes=70))
        dispense_order(order=order, made=made, by=by, now=at)

    def _hand_out_and_open(self, *, noon: datetime) -> TherapyDay:
        self._hand_out(noon=noon)
        return open_day(cycle=self.cycle, by=self.people["nurse"], now=noon - timedelta(hours=2))

    def _step(self, day: TherapyDay, kind: str, at: datetime, *, who: str = "nurse", **data: str) -> None:
        record_step(
            day=day,
            kind=kind,
            data=data,
            by=self.people[who],
            happened_at=at,
            second=self.people["physician"] if kind == "identity" else None,
            authenticated_at=at - _TYPED,
            now=at,
        )

    def _until_start(self, day: TherapyDay, *, noon: datetime) -> None:
        """Everything before the check of the start; amino acids run for 41 minutes at `noon`."""
        patient = self.cycle.course.patient

        def ago(minutes: int) -> datetime:
            return noon - timedelta(minutes=minutes)

        midnight = start_of_day(clinic_day(noon, self.zone), self.zone)

        def asked_today(minutes: int) -> datetime:
            """Of that day also where it is only minutes old: what was asked yesterday does not count."""
            return max(ago(minutes), midnight + (noon - midnight) * (120 - minutes) / 120)

        number, born = patient.mrn, patient.birth_date.isoformat()
        self._step(day, "identity", asked_today(110), number=number, birth_date=born)
        self._step(day, "pregnancy", asked_today(108), finding="not_possible")
        self._step(day, "analogue", asked_today(106), short_acting="none", long_acting="none")
        self._step(day, "allergy", asked_today(104), finding="none")
        self._step(day, "antiemetic", ago(80), medicine="granisetron", amount="1 mg")
        bag = AminoAcidBag.objects.get(order__cycle=self.cycle)
        self._step(day, "amino_start", ago(41), bag=bag.label)
        unit = DispensedUnit.objects.get(order__cycle=self.cycle)
        self._step(day, "unit_scanned", ago(12), label=unit.label, product_code=unit.product_code)

    def _give_a_part(self) -> None:
        """The patient became unwell half way; released in the afternoon, the part not yet judged."""
        noon = datetime.combine(self.cycle.planned_on, time(12), tzinfo=self.zone)
        day = self._hand_out_and_open(noon=noon)
        self._until_start(day, noon=noon)

        def after(minutes: int) -> datetime:
            return noon + timedelta(minutes=minutes)

        self._step(day, "start_check", after(1), line="patent", rescue_ready="yes", crisis_risk="usual")
        authorise_start(
            day=day,
            by=self.people["physician"],
            authenticated_at=after(2) - _TYPED,
            now=after(2),
        )
        self._step(day, "infusion_start", after(4))
        self._step(day, "line_check", after(9), finding="good")
        self._step(day, "infusion_end", after(19), how="unwell")
        self._step(day, "residual", after(40), who="pharmacist", activity="3.6 GBq", what="vial")
        standing = Cycle.objects.select_related("course__current_decision").get(pk=self.cycle.pk)
        state = day_state(day, decision=standing.course.current_decision, now=after(45))
        record_infusion(
            cycle=standing,
            day=day,
            infused=infused_on(day, state=state),
            by=self.people["nurse"],
            now=after(45),
        )
        self._step(day, "note", after(50), text="Vomiting; settled after ondansetron.")
        self._step(day, "amino_end", after(205))
        self._step(day, "observation", after(206), finding="well")
        self._step(day, "release_survey", after(210), microsievert_per_hour="8", metres="1")
        release(day=day, by=self.people["nurse"], now=after(220))
