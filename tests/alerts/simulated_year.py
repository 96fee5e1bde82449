"""The clinic of the simulated year: what befalls 150 patients and the service, and how its people answer."""

import heapq
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from random import Random

from django.contrib.auth.models import User
from django.db.models import Exists, Min, OuterRef, Q

from alerts.models import Alert, Notification
from alerts.models.notification import NotificationState
from alerts.rules import READ_BACK_KINDS, Kind, State
from alerts.services.acknowledging import acknowledge
from alerts.services.deadlines import watch_deadlines
from alerts.services.escalation import run_due_steps, take_due_step
from alerts.services.raising import Subject, close, raise_alert
from alerts.services.read_back import record_readback
from alerts.services.rearming import rearm_due
from alerts.services.settling import Condition, key_of, settle
from alerts.services.triage import triage_decisions
from alerts.services.watch_rota import watch_hand_over
from alerts.services.working_time import office
from courses.models import Course
from labs.clinic_days import clinic_day
from tests.alerts.simulated_duty import RATES, START, WEEKS, Duty, draws, minutes_to_answer
from tests.builders_alerts import make_course, make_decision, make_person

STAFF = {"on-call": 2, "physician": 3, "nurse": 3, "pharmacist": 1, "physicist": 1, "administrator": 1}
LEAD = "physician0"
# A letter that left, by itself or within another.
LEFT = (NotificationState.ACCEPTED, NotificationState.BUNDLED)


class Year(Duty):
    """The clinic: what is to happen, in order, and how its people answer."""

    def __init__(self) -> None:
        self.random = Random(20260504)
        self.answering: set[int] = set()
        self.night_patients: set[int] = set()
        people = {
            f"{role}{n}": make_person(f"{role}{n}", role, *(["rota-lead"] if f"{role}{n}" == LEAD else []))
            for role, number in STAFF.items()
            for n in range(number)
        }
        super().__init__(physician=people[LEAD])
        self.keep_rota([people["on-call0"], people["on-call1"]])

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def minute(self, day: int) -> datetime:
        """When a result of that day arrives: mostly within the hours, which a weekend has none of."""
        drawn = self.random.random()
        first, last = 9 * 60, 17 * 60
        if drawn < RATES["arrival"]["night_or_weekend"]:
            return START + timedelta(days=day, minutes=self.random.randrange(24 * 60))
        if drawn < RATES["arrival"]["night_or_weekend"] + RATES["arrival"]["evening"]:
            first, last = 18 * 60, 22 * 60
        day -= max(0, day % 7 - 4)
        return START + timedelta(days=day, minutes=self.random.randrange(first, last))

    # --- what happens ------------------------------------------------------------------------------

    def plan(self) -> None:
        """Every patient's course, and what befalls the service."""
        length = RATES["cycles"] * RATES["interval_days"]
        for _ in range(RATES["patients"]):
            self._plan_course(make_course(), first=self.random.randrange(7, WEEKS * 7 - length + 7))
        for name, times in RATES["a_year"].items():
            for _ in range(times):
                moment = START + timedelta(minutes=self.random.randrange(WEEKS * 7 * 24 * 60))
                if name in ("recall-unanswered", "deviation"):
                    moment = self.minute(self.random.randrange(WEEKS * 7))
                self.at(moment, partial(self.holds, Kind(name)))
        self.plan_nights(RATES["nights"], self.critical_of_somebody)

    def _plan_course(self, course: Course, *, first: int) -> None:
        treatment = RATES["treatment"]
        stops = self.chance(treatment["stopped"]) and self.random.randrange(RATES["cycles"])
        reduces = self.chance(treatment["reduced"]) and self.random.randrange(RATES["cycles"])
        for number in range(RATES["cycles"]):
            day = first + number * RATES["interval_days"] - self.random.randrange(3)
            actions = [
                name
                for name, share in (
                    ("stop", number == stops and stops is not False),
                    ("reduce", number == reduces and reduces is not False),
                    ("delay", self.chance(treatment["delayed_cycle"])),
                    ("hold", self.chance(treatment["held_cycle"])),
                    ("overdue", self.chance(treatment["overdue_cycle"])),
                    ("corrected", self.chance(treatment["corrected_cycle"])),
                )
                if share
            ]
            before = self.random.randrange(3) if self.chance(treatment["late_draw"]) else 7
            planned = clinic_day(START + timedelta(days=day), office().zone)
            self.at(
                START + timedelta(days=day - 20),
                partial(self.planned_anew, course, planned),
            )
            for action in actions:
                self.at(self.minute(day - before), partial(self.decided, course, action))
            if number == stops and stops is not False:
                break
        for name in ("platelets", "neutrophils", "others"):
            if self.chance(RATES["critical"][name]):
                day = first + self.random.randrange(21, RATES["interval_days"])
                for n in range(RATES["critical"]["repeats"]):
                    moment = self.minute(day + 3 * n)
                    self.at(moment, partial(self.critical, course, name))

    def planned_anew(self, course: Course, day: date, now: datetime) -> None:
        course.cycles.update(planned_on=day)

    def decided(self, course: Course, action: str, now: datetime) -> None:
        """The protocol says something of a course; weeks later, or once planned anew, it says go."""
        if action == "corrected":
            self.raised(Kind.RESULT_CHANGED, f"result-changed:course-{course.pk}", course, now)
            return
        rules = [("EV-MISSING", "hold")] if action == "overdue" else None
        decision = make_decision(
            course, action="hold" if action == "overdue" else action, rules=rules, made_at=now
        )
        triage_decisions(now=now, ids=[decision.pk])
        if action != "stop":
            self.at(now + timedelta(days=3), partial(self.goes_on, course, action))

    def goes_on(self, course: Course, action: str, now: datetime) -> None:
        if action == "delay":
            cycle = course.cycles.get()
            cycle.planned_on += timedelta(days=RATES["treatment"]["delay_days"])
            cycle.save()
        decision = make_decision(course, action="proceed", rules=[], made_at=now)
        triage_decisions(now=now, ids=[decision.pk])

    def critical(self, course: Course, about: str, now: datetime) -> None:
        key = f"critical-value:patient-{course.patient_id}:{about}:low"
        self.raised(Kind.CRITICAL_VALUE, key, course, now)

    def critical_of_somebody(self, now: datetime) -> None:
        """A critical value of the night's own patient."""
        course = make_course()
        self.night_patients.add(course.pk)
        self.critical(course, "others", now)

    def raised(self, kind: Kind, key: str, course: Course, now: datetime) -> None:
        alert = raise_alert(kind=kind, condition_key=key, subject=Subject(course=course), now=now)
        take_due_step(alert, now=now)

    def holds(self, kind: Kind, now: datetime) -> None:
        """A condition of the service or of treatment, which somebody mends within hours."""
        worse = kind is Kind.DEVIATION or (kind is Kind.FEED_SILENT and draws(kind, now).random() < 0.25)
        condition = Condition(
            kind=kind, key=key_of(kind, str(next(self.order))), subject=Subject(), worse=worse
        )
        settle(kinds=[kind], conditions=[condition], now=now)
        after = timedelta(minutes=draws(kind, now).randrange(20, 300))
        self.at(now + after, partial(self.mended, kind))

    def mended(self, kind: Kind, now: datetime) -> None:
        settle(kinds=[kind], conditions=[], now=now)

    # --- how people answer -------------------------------------------------------------------------

    def answer(self, now: datetime) -> None:
        """Whoever was sent a letter acknowledges after a while; sometimes not before the next step."""
        sent = Notification.objects.filter(alert=OuterRef("pk"), state__in=LEFT)
        waiting = Alert.objects.needing_somebody().filter(Exists(sent)).exclude(pk__in=self.answering)
        for alert in waiting.order_by("pk"):
            self.answering.add(alert.pk)
            assert alert.next_step_at is not None
            minutes = minutes_to_answer(alert.kind, now, next_step=alert.next_step_at - now)
            self.at(now + timedelta(minutes=minutes), partial(self.take_over, alert.pk))

    def take_over(self, alert_id: int, now: datetime) -> None:
        self.answering.discard(alert_id)
        alert = Alert.objects.get(pk=alert_id)
        if not alert.needs_somebody:
            return
        person = alert.notifications.filter(state__in=LEFT).order_by("pk")[0].person
        last = alert.events.latest("pk").pk
        if alert.kind in READ_BACK_KINDS:
            record_readback(
                alert=alert, person=person, outcome="read-back", reached="ward", seen_event=last, now=now
            )
            return
        acknowledge(alert=alert, person=person, seen_severity=alert.severity, seen_event=last, now=now)
        if alert.kind == Kind.HAND_OVER:
            watch_hand_over(now=now)  # the next look ends it
        elif draws(alert.kind, now).random() >= RATES["people"]["forgotten"]:
            self.at(now + timedelta(hours=1), partial(self.decide, alert_id, person))

    def decide(self, alert_id: int, person: User, now: datetime) -> None:
        alert = Alert.objects.get(pk=alert_id)
        if alert.state == State.ACKED:
            close(alert, why="decided", now=now, actor=person)

    # --- time --------------------------------------------------------------------------------------

    def run(self) -> None:
        """From event to event, and to each due step in between."""
        end = START + timedelta(weeks=WEEKS)
        deadlines = START
        while self.events and self.events[0][0] < end:
            moment, _, act = heapq.heappop(self.events)
            for due in self.due_before(moment):
                rearm_due(now=due)
                run_due_steps(now=due)
                self.send_and_answer(due)
                if self.events and self.events[0][0] < moment:
                    self.at(moment, act)
                    break
            else:
                act(moment)
                if moment - deadlines >= timedelta(hours=12):
                    watch_deadlines(now=moment)
                    deadlines = moment
                self.send_and_answer(moment)

    def send_and_answer(self, now: datetime) -> None:
        if self.send(now):
            self.answer(now)

    def due_before(self, moment: datetime) -> Iterator[datetime]:
        while True:
            armed = Min("ack_due_at", filter=Q(state=State.ACKED, cause_gone_at__isnull=True))
            due = Alert.objects.aggregate(step=Min("next_step_at"), armed=armed)
            found = min((each for each in due.values() if each is not None), default=None)
            if found is None or found > moment:
                return
            yield found
