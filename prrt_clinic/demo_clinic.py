"""The demonstration clinic: 40 plainly synthetic patients at every stage, built through the services."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User

from courses.models import Course, Cycle, Decision, PeritonealDisease
from courses.services.assess import assess_course
from courses.services.course import record_administration, start_course
from courses.services.sign import sign_decision
from labs.clinic_days import add_days, clinic_day
from labs.models import Patient, Sex
from labs.services.patients import record_weight, register_patient
from labs.zones import clinic_zone

AUTHORITY = "DEMO"
PROTOCOL = "lutathera_us_2024_04"
FULL, REDUCED = Decimal("7.4"), Decimal("3.7")
INTERVAL = 56

# (value, unit, low, high): a healthy blood panel in the units of the demonstration laboratory.
NORMAL: Mapping[str, tuple[str, str, str, str]] = {
    "PLT": ("228", "10*9/L", "150", "400"),
    "ANC": ("4.1", "10*9/L", "1.8", "7.5"),
    "WBC": ("6.3", "10*9/L", "4.0", "10.0"),
    "LYMPH": ("1.6", "10*9/L", "1.0", "4.0"),
    "HGB": ("13.4", "g/dL", "12.0", "16.0"),
    "CREAT": ("78", "umol/L", "50", "104"),
    "BILI": ("11", "umol/L", "3", "21"),
    "ALB": ("41", "g/L", "35", "52"),
    "ALT": ("24", "U/L", "0", "45"),
    "AST": ("27", "U/L", "0", "40"),
    "K": ("4.2", "mmol/L", "3.5", "5.1"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """One blood panel, days before (negative) or after a cycle's planned day, with what differs from normal."""

    cycle: int
    days: int
    differs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One kind of patient: how far the course is, and what the blood said on the way.

    `next_in` is the planned day of the cycle that comes next, counted from today.
    """

    name: str
    count: int
    given: int
    next_in: int
    draws: tuple[Draw, ...] = ()
    last_draw: bool = True
    sign_last: bool = False
    peritoneal: bool = False


def before(cycle: int, *, days: int = 4, **differs: str) -> Draw:
    """The panel drawn some days before a cycle."""
    return Draw(cycle=cycle, days=-days, differs=differs)


LOW_FIRST = Draw(cycle=1, days=35, differs={"PLT": "60"})
# The first five are the ones the README's tour sends a message for.
STORIES = (
    Story(name="cycle 3 next week, signed", count=5, given=2, next_in=6, sign_last=True, peritoneal=True),
    Story(name="before cycle 1, waiting for blood", count=4, given=0, next_in=20, last_draw=False),
    Story(name="before cycle 1, ready to sign", count=3, given=0, next_in=5),
    Story(name="between cycles", count=9, given=2, next_in=34, last_draw=False),
    Story(name="between cycles, one to go", count=3, given=3, next_in=27, last_draw=False),
    Story(name="labs missing", count=2, given=1, next_in=3, last_draw=False),
    Story(name="low platelets in recovery", count=3, given=2, next_in=4, draws=(before(3, PLT="61"),)),
    Story(name="recovered, reduced cycle to sign", count=2, given=1, next_in=4, draws=(LOW_FIRST, before(2))),
    Story(
        name="reduced cycle behind them", count=3, given=2, next_in=30, draws=(LOW_FIRST,), last_draw=False
    ),
    Story(
        name="stopped after recurrence",
        count=2,
        given=2,
        next_in=3,
        draws=(LOW_FIRST, before(3, PLT="48")),
        sign_last=True,
    ),
    Story(name="completed", count=4, given=4, next_in=0, last_draw=False),
)

FAMILY = (
    "Ahorn Birke Buche Eiche Erle Esche Fichte Hasel Holunder Kastanie Kiefer Lärche Linde Pappel Robinie Tanne "
    "Ulme Wacholder Weide Zeder Amsel Drossel Elster Falke Fink Habicht Kiebitz Kranich Lerche Meise Möwe Pirol "
    "Reiher Schwalbe Specht Sperling Star Storch Zaunkönig Zeisig"
).split()
GIVEN = (("Testa", Sex.FEMALE), ("Testo", Sex.MALE))


class DemoClinic:
    """Plays each patient's story through the services, day by day, as the clinic would have."""

    def __init__(self, *, people: Mapping[str, User], now: datetime) -> None:
        self.people = people
        self.now = now
        self.zone: ZoneInfo = clinic_zone()
        self.today = clinic_day(now, self.zone)

    def build(self, *, told: Callable[[str], None]) -> int:
        """Build all patients, calling `told` with a line for each; returns how many."""
        number = 0
        for story in STORIES:
            for _ in range(story.count):
                number += 1
                self._play(story, number=number)
                told(f"DEMO-{number:04d}  {story.name}")
        return number

    def _at(self, day: date, hour: int = 9) -> datetime:
        """An instant on a clinic day, never later than now."""
        return min(datetime.combine(day, time(hour), tzinfo=self.zone), self.now)

    def _play(self, story: Story, *, number: int) -> None:
        patient = self._register(number)
        following = add_days(self.today, story.next_in)
        first = add_days(following, -INTERVAL * story.given)
        if story.given == 4:
            first = add_days(self.today, -INTERVAL * 3 - 40)
        course = start_course(
            patient=patient,
            protocol_id=PROTOCOL,
            first_planned_on=first,
            peritoneal_disease=PeritonealDisease.YES if story.peritoneal else PeritonealDisease.NO,
            by=self.people["physician"],
            now=self._at(add_days(min(first, self.today), -20)),
        )
        for cycle in list(course.cycles.order_by("number")[: story.given + 1]):
            cycle.refresh_from_db()
            self._cycle(story, course=course, cycle=cycle)

    def _register(self, number: int) -> Patient:
        given, sex = GIVEN[number % 2]
        return register_patient(
            mrn=f"DEMO-{number:04d}",
            assigning_authority=AUTHORITY,
            family=f"Test-{FAMILY[number - 1]}",
            given=given,
            birth_date=date(1946 + number % 30, 1 + number % 12, 1 + number % 28),
            sex=sex,
            now=self.now,
        )

    def _cycle(self, story: Story, *, course: Course, cycle: Cycle) -> None:
        """Bloods, decision, signature, infusion: as far as today allows."""
        to_be_given = cycle.number <= story.given
        panels = [draw for draw in story.draws if draw.cycle == cycle.number]
        if (to_be_given or story.last_draw) and not any(draw.days < 0 for draw in panels):
            panels.append(before(cycle.number))
        for draw in sorted((draw for draw in panels if draw.days < 0), key=lambda draw: draw.days):
            self._draw(course.patient, draw, planned_on=cycle.planned_on)
        day = min(add_days(cycle.planned_on, -2), self.today)
        decision = assess_course(course_id=course.pk, now=self._at(day, hour=14))
        if decision is not None and (to_be_given or story.sign_last):
            self._sign(decision, at=self._at(day, hour=15))
        if to_be_given and decision is not None and decision.activity_gbq is not None:
            record_administration(
                cycle=cycle,
                administered_on=cycle.planned_on,
                administered_gbq=decision.activity_gbq,
                by=self.people["nurse"],
                now=self._at(cycle.planned_on, hour=16),
            )
        for draw in (draw for draw in panels if draw.days > 0):
            self._draw(course.patient, draw, planned_on=cycle.planned_on)

    def _sign(self, decision: Decision, *, at: datetime) -> None:
        sign_decision(
            decision_public_id=decision.public_id,
            evidence_sha256=decision.evidence_sha256,
            meaning=decision.action,
            signer=self.people["physician"],
            authenticated_at=at - timedelta(seconds=20),
            now=at,
        )
