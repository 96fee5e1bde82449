"""A clinic played through its pages: people in browsers, one clock, the rules looked at after every act."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from html import unescape
from typing import Any

from django.contrib.auth.models import User
from django.core.cache import caches
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.models import Alert
from alerts.services.triage import triage_decisions
from alerts.services.watch_treatment import watch_deviations, watch_incidents, watch_recalls
from courses.models import AminoAcidBag, Course, Cycle, Decision, DispensedUnit, Order, Vial
from courses.services.assess import assess_course
from courses.views.day_frame import day_of
from courses.views.day_seen import token_of
from labs.clinic_days import add_days
from prrt_clinic.invariants import INVARIANTS
from tests.builders import clinic_time, colleague, draw, give_cycle, make_course, make_patient
from tests.builders_pharmacy import CODE, PRODUCT
from tests.builders_therapy_day import DAY, at

PASSWORD = "a long pass phrase"
ROLES = {
    "nurse": ("nurse",),
    "second": ("nurse",),
    "doctor": ("physician", "authorised-user"),
    "pharmacist": ("pharmacist",),
    "physicist": ("physicist",),
}
# A runner's round comes within a minute: what stood wrong before it had its minute is not looked at.
A_ROUND_LATER = timedelta(minutes=2)


class PlayedClinic:
    """The people of a clinic in their browsers. After every act that was sent the rules are looked at."""

    def __init__(self, course: Course, *, number: int, set_clock: Callable[[datetime], None]) -> None:
        self.course = course
        self.number = number
        self.now = at(7)
        self._set_clock = set_clock
        self.browsers = {name: _browser(name, *roles) for name, roles in ROLES.items()}
        self.clock(self.now)

    # --- The clock, and what must hold at every moment ---------------------------------------

    def clock(self, now: datetime) -> None:
        """It is this late now."""
        self.now = now
        self._set_clock(now)

    def check(self, *, whole: bool = False) -> None:
        """A runner looks and tells, and `manage.py verify` finds nothing; `whole` reads every row."""
        triage_decisions(now=self.now)
        for look in (watch_recalls, watch_deviations, watch_incidents):
            look(now=self.now)
        found = [
            f"{rule.id} {violation.about}: {violation.words}"
            for rule in INVARIANTS
            if whole or not rule.reads_every_row
            for violation in rule.find(self.now + A_ROUND_LATER, lambda: None)
            # Whom an alert told is tested elsewhere; in a played day nobody sits at the telephone.
            if rule.of != "alerts"
        ]
        assert not found, found

    # --- Browsers --------------------------------------------------------------------------------

    def send(self, who: str, url: str, form: dict[str, Any] | None = None) -> Any:
        """Send a form as somebody does, with the password where it is asked for."""
        caches["default"].clear()
        browser, said = self.browsers[who], form or {}
        answer: Any = browser.post(url, said)
        if answer.status_code == 302 and answer.url.startswith(reverse("account_reauthenticate")):
            answer = browser.post(answer.url, {"password": PASSWORD, "next": url})
        self.check()
        return answer

    def done(self, who: str, url: str, form: dict[str, Any] | None = None) -> None:
        """The same, and it was taken."""
        answer = self.send(who, url, form)
        assert answer.status_code == 302, text(answer)[-3000:]

    def page(self, who: str, url: str) -> str:
        """What somebody reads."""
        answer = self.browsers[who].get(url)
        assert answer.status_code == 200
        return text(answer)

    # --- Cycle, orders and addresses -------------------------------------------------------------

    @property
    def cycle(self) -> Cycle:
        """The cycle that is played, as it stands."""
        return Cycle.objects.get(course=self.course, number=self.number)

    @property
    def decision(self) -> Decision:
        """The decision that stands."""
        self.course.refresh_from_db()
        assert self.course.current_decision is not None
        return self.course.current_decision

    def order(self, kind: str = "radiopharmaceutical") -> Order:
        """The cycle's newest order of a kind."""
        return Order.objects.filter(cycle=self.cycle, kind=kind).latest("pk")

    def url(self, name: str = "day", *more: Any) -> str:
        """A page of the day of this course."""
        return reverse(f"courses:{name}", args=[self.course.public_id, *more])

    def order_url(self, act: str, kind: str = "radiopharmaceutical") -> str:
        """An act of pharmacy on the newest order of a kind."""
        return reverse("courses:pharmacy_act", args=[self.order(kind).public_id, act])

    # --- What people do --------------------------------------------------------------------------

    def sign(self, who: str = "doctor") -> Any:
        """Sign the decision that stands, from its page."""
        decision = self.decision
        page = self.page(who, reverse("courses:decision", args=[decision.public_id]))
        assert decision.evidence_sha256 in page
        form = {"meaning": decision.action, "evidence_sha256": decision.evidence_sha256}
        return self.send(who, reverse("courses:sign", args=[decision.public_id]), form)

    def receive(self, calibrated: str = "8.2 GBq", lot: str = "L-2611") -> Vial:
        """Take a vial in for the cycle."""
        form = {
            "product": PRODUCT,
            "product_code": CODE,
            "lot": lot,
            "calibrated_activity": calibrated,
            "calibrated_at": typed(self.now - timedelta(hours=20)),
            "volume_ml": "22.5",
            "expires_at": typed(self.now + timedelta(hours=40)),
            "received_at": typed(self.now),
        }
        self.done("pharmacist", self.url("pharmacy_receive", self.number), form)
        return Vial.objects.latest("pk")

    def prepare(self, kind: str = "radiopharmaceutical") -> None:
        """Take an order on and prepare it."""
        for act in ("accept", "prepare"):
            self.done("pharmacist", self.order_url(act, kind), {"version": self.order(kind).version})

    def unit_form(self, vial: Vial, activity: str) -> dict[str, Any]:
        """A whole vial as pharmacy measured it five minutes ago."""
        return {
            "vial": str(vial.public_id),
            "form": "vial",
            "product_code": CODE,
            "lot": vial.lot,
            "activity": activity,
            "measured_at": typed(self.now - timedelta(minutes=5)),
            "volume_ml": "22.5",
            "prepared_by": "P. Pharma",
            "verified_by": "Q. Control",
            "version": self.order().version,
        }

    def hand_out(self, vial: Vial, activity: str = "7.4 GBq") -> DispensedUnit:
        """Hand out the measured unit."""
        self.done("pharmacist", self.order_url("dispense"), self.unit_form(vial, activity))
        return DispensedUnit.objects.latest("pk")

    def hand_out_bag(self) -> AminoAcidBag:
        """Prepare and hand out the amino acids."""
        self.prepare("amino_acids")
        form = {
            "lot": "AA-77",
            "lysine_g": "25",
            "arginine_g": "25",
            "volume_ml": "1000",
            "expires_at": typed(self.now + timedelta(hours=24)),
            "prepared_by": "P. Pharma",
            "verified_by": "Q. Control",
            "version": self.order("amino_acids").version,
        }
        self.done("pharmacist", self.order_url("dispense", "amino_acids"), form)
        return AminoAcidBag.objects.latest("pk")

    def step(self, kind: str, who: str = "nurse", **data: str) -> None:
        """Record one step of the day, now."""
        self.done(who, self.url("day_step", kind), data | self.seen())

    def seen(self) -> dict[str, str]:
        """What every form of the day carries: the day as it stands."""
        return {"seen": token_of(day_of(self.course))}

    def supply(self, activity: str = "7.4 GBq", calibrated: str = "8.2 GBq") -> DispensedUnit:
        """Everything pharmacy does for a signed cycle, from eight to nine."""
        self.clock(at(8))
        vial = self.receive(calibrated)
        self.prepare()
        self.clock(at(9))
        made = self.hand_out(vial, activity)
        self.hand_out_bag()
        return made

    def open_day(self) -> None:
        """Open the day, and ask what is asked before anything is given."""
        self.clock(at(9, 30))
        self.done("nurse", self.url("day_open"))
        self.clock(at(10))
        patient = self.course.patient
        self.step(
            "identity",
            number=patient.mrn,
            birth_date=patient.birth_date.isoformat(),
            second_name="played-second",
            second_password=PASSWORD,
        )
        self.step("pregnancy", finding="not_possible")
        self.step("analogue", short_acting="none", long_acting="none")
        self.step("allergy", finding="none")
        self.step("antiemetic", medicine="granisetron", amount="1 mg")

    def run_amino_acids(self, now: datetime | None = None) -> None:
        """Amino acids, from eleven on where nothing else is said."""
        self.clock(now or at(11))
        self.step("amino_start", bag=AminoAcidBag.objects.latest("pk").label)

    def check_start(self, unit: DispensedUnit, now: datetime) -> None:
        """The unit scanned, and everything checked by the second nurse."""
        self.clock(now)
        self.step("unit_scanned", label=unit.label, product_code=unit.product_code)
        self.step("start_check", who="second", line="patent", rescue_ready="yes", crisis_risk="usual")

    def authorise(self, now: datetime) -> Any:
        """The physician authorises the start."""
        self.clock(now)
        return self.send("doctor", self.url("day_authorise"), self.seen())

    def record(self) -> Any:
        """The nurse records the infusion from its steps."""
        return self.send("nurse", self.url("day_infusion"), self.seen())

    def infuse(self, start: datetime, *, minutes: int, how: str, residual: str) -> None:
        """An infusion with its first line check, its end, its residual and its record."""
        self.clock(start)
        self.step("infusion_start")
        self.clock(start + timedelta(minutes=2))
        self.step("line_check", finding="leak" if how == "leak" else "good")
        self.clock(start + timedelta(minutes=minutes))
        self.step("infusion_end", how=how)
        self.clock(start + timedelta(minutes=minutes + 10))
        self.step("residual", who="physicist", activity=residual, what="vial")
        assert self.record().status_code == 302

    def go_home(self, now: datetime) -> None:
        """Observed, measured, released."""
        self.clock(now)
        self.step("observation", finding="well")
        self.step("release_survey", microsievert_per_hour="18", metres="1")
        self.step("amino_end")
        self.done("nurse", self.url("day_release"), self.seen())
        self.check(whole=True)

    def alerts(self) -> set[str]:
        """The kinds of everything that people were told."""
        return set(Alert.objects.values_list("kind", flat=True))


def _browser(name: str, *roles: str) -> Client:
    person: User = colleague(f"played-{name}", *roles)
    person.set_password(PASSWORD)
    person.is_staff = True
    person.save()
    browser = Client()
    browser.force_login(person)
    return browser


def text(response: Any) -> str:
    """The page as somebody reads it."""
    return unescape(response.content.decode())


def typed(instant: datetime) -> str:
    """A moment on the clinic's clock, as a browser sends it."""
    return f"{timezone.localtime(instant):%Y-%m-%dT%H:%M:%S}"


def first_cycle(set_clock: Callable[[datetime], None]) -> PlayedClinic:
    """A first cycle planned for the day; its bloods are good, and nobody has signed it."""
    by = colleague("played-doctor", *ROLES["doctor"])
    set_clock(clinic_time(add_days(DAY, -3)))
    course = make_course(make_patient(), first_on=DAY, by=by)
    draw(course.patient, add_days(DAY, -3))
    assess_course(course_id=course.pk, now=clinic_time(add_days(DAY, -3), 12))
    return PlayedClinic(course, number=1, set_clock=set_clock)


def second_cycle(set_clock: Callable[[datetime], None], *, first_on: date = date(2026, 3, 9)) -> PlayedClinic:
    """A second cycle planned for the day, eight weeks after the first; bloods good, unsigned."""
    by = colleague("played-doctor", *ROLES["doctor"])
    set_clock(clinic_time(add_days(DAY, -3)))
    course = make_course(make_patient(), first_on=first_on, by=by)
    give_cycle(course.cycles.get(number=1), by=by)
    draw(course.patient, add_days(DAY, -3))
    assess_course(course_id=course.pk, now=clinic_time(add_days(DAY, -3), 12))
    return PlayedClinic(course, number=2, set_clock=set_clock)
