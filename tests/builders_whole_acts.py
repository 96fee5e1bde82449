"""Everything that people write into a clinic, each text hostile: laboratory, courses, days, alerts, rota."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.contrib.auth.models import User
from django.core.mail import EmailMessage

from alerts.models import Alert
from alerts.rules import State
from alerts.services.acknowledging import acknowledge
from alerts.services.acting import SeenAlert
from alerts.services.dispatch import dispatch_due
from alerts.services.hand_over import hand_over, who_can_take
from alerts.services.reaching import record_call
from alerts.services.rota_edit import place_override, set_holiday
from alerts.services.rota_import import read_import
from alerts.services.suppression import suppress
from alerts.services.watch_feeds import watch_codes, watch_quarantine
from alerts.services.watch_treatment import watch_deviations, watch_incidents, watch_recalls
from courses.models import ClosedDay, Course, Cycle, Incident, Order, TherapyDay, Vial
from courses.services.bookings import cancel_booking, place_booking
from courses.services.day_end import end_not_given
from courses.services.dosimetry import correct_absorbed_dose, enter_absorbed_dose
from courses.services.ending import ask_undo, end_course
from courses.services.facts import record_fact
from courses.services.follow_up import record_visit
from courses.services.incident_review import act_on_incident
from courses.services.leave_out import leave_out
from courses.services.reschedule import preview_move, reschedule
from courses.services.rescind import request_rescission
from courses.services.therapy_day import record_step
from courses.services.vials import record_vial_fate
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.models import Observation
from labs.zones import clinic_zone
from tests.builders_rota import vcalendar, vduty
from tests.builders_whole_lab import write_laboratory
from tests.builders_yesterday import Yesterday
from tests.hostile import Hostile

# Two more days of therapy: the infusion is over and not yet recorded; nothing was given.
INFUSED, NOT_GIVEN = "infused yesterday, not recorded", "not given yesterday"
Courses = Mapping[str, Course]
People = Mapping[str, User]


def act_everywhere(courses: Courses, *, people: People, hostile: Hostile) -> None:
    """Every kind of act, in the order in which one makes room for the next."""
    acts = Acts(courses, people=people, hostile=hostile)
    write_laboratory(
        acts.course("between cycles"), acts.course("labs missing"), people=people, hostile=hostile
    )
    acts.facts()
    acts.pharmacy()
    acts.day()
    acts.plans()
    acts.afterwards()
    acts.alerts()
    acts.rota()


class Acts:
    """What people did in this clinic, by area."""

    def __init__(self, courses: Courses, *, people: People, hostile: Hostile) -> None:
        self.courses, self.people, self.hostile = courses, people, hostile
        self.now = database_now()
        self.today: date = clinic_day(self.now, clinic_zone())

    def _fresh(self) -> datetime:
        """A password typed a moment ago."""
        return database_now() - timedelta(seconds=5)

    def course(self, story: str) -> Course:
        found = self.courses[story]
        found.refresh_from_db()
        return found

    # --- Facts of the chart ------------------------------------------------------------------

    def facts(self) -> None:
        """Facts with reasons; one that waits for a second physician, a hold, an override where one is due."""
        course = self.course("called back today")
        drawn = Observation.objects.filter(patient=course.patient).order_by("pk").first()
        assert drawn is not None
        self._judge(course, "not_representative", {"result": str(drawn.public_id)})
        self._judge(course, "manual_grades", {"term": "Anemia", "grade": 1, "on": self.today.isoformat()})
        hold = self.course("before cycle 1, ready to sign")
        self._judge(hold, "precautionary_holds", {}, by="nurse")
        stopped = self.course("stopped after recurrence")
        request_rescission(
            course=stopped,
            reason=self.hostile("reason of a rescission"),
            by=self.people["physician"],
            authenticated_at=self._fresh(),
        )

    def _judge(self, course: Course, kind: str, data: dict[str, Any], *, by: str = "physician") -> None:
        record_fact(
            kind=kind,
            data=data,
            by=self.people[by],
            course=course,
            reason=self.hostile(f"reason of {kind}"),
            authenticated_at=self._fresh(),
        )

    # --- Pharmacy and the day ----------------------------------------------------------------

    def pharmacy(self) -> None:
        """A booking that stands, one called off, a vial that was damaged, an order left out."""
        course = self.course("cycle 3 next week, signed")
        cycle = course.cycles.filter(administration__isnull=True).earliest("number")
        nurse = self.people["nurse"]
        booking = place_booking(
            cycle=cycle,
            supplier=self.hostile("supplier", most=120),
            by=nurse,
            reference=self.hostile("reference", most=120),
        )
        cancel_booking(booking=booking, by=nurse, reason=self.hostile("booking reason"), supplier_agreed=True)
        again = Cycle.objects.get(course=self.course("called back today"), administration=None, number=2)
        place_booking(cycle=again, supplier=self.hostile("supplier", most=120), by=nurse, reference="R-1")
        vial = Vial.objects.filter(cycle__course=self.course("therapy tomorrow, vial in hand")).latest("pk")
        record_vial_fate(
            vial=vial, fate="damaged", reason=self.hostile("fate reason"), by=self.people["pharmacist"]
        )
        rescue = Order.objects.filter(cycle=cycle, kind="rescue").latest("pk")
        leave_out(
            order=rescue,
            by=self.people["physician"],
            reason=self.hostile("left out"),
            authenticated_at=self._fresh(),
        )

    def day(self) -> None:
        """A note on the day under way; an incident of the part given, with what was done about it."""
        under_way = TherapyDay.objects.get(cycle__course=self.course("therapy under way"))
        record_step(
            day=under_way,
            kind="note",
            data={"text": self.hostile("note of the day")},
            by=self.people["nurse"],
            authenticated_at=self._fresh(),
        )
        incident = Incident.objects.first()
        assert incident is not None
        act_on_incident(
            incident=incident,
            kind="note",
            text=self.hostile("incident note"),
            by=self.people["physician"],
            authenticated_at=self._fresh(),
        )

        self._yesterday(INFUSED).infuse()
        end_not_given(
            day=self._yesterday(NOT_GIVEN).open(),
            reason="other",
            note=self.hostile("note of a day not given"),
            by=self.people["nurse"],
            vial="wasted",
        )

    def _yesterday(self, story: str) -> Yesterday:
        cycle = self.course(story).cycles.filter(administration__isnull=True).earliest("number")
        return Yesterday(people=self.people, now=self.now, cycle=cycle)

    # --- Plans and ends ----------------------------------------------------------------------

    def plans(self) -> None:
        """A cycle moved, a closed day, a patient without a course."""
        course = self.course("between cycles")
        cycle = course.cycles.filter(administration__isnull=True).earliest("number")
        about: dict[str, Any] = {
            "cycle": cycle,
            "to": add_days(cycle.planned_on, 7),
            "cause": "patient",
            "reason": self.hostile("reason of a move"),
            "by": self.people["nurse"],
        }
        reschedule(**about, seen=preview_move(**about).digest)
        ClosedDay.objects.create(
            on=add_days(self.today, 3),
            words=self.hostile("closed day", most=120),
            added_by=self.people["nurse"],
            added_at=self.now,
        )

    def afterwards(self) -> None:
        """A course ended by hand, the end asked to be undone; visits; absorbed doses and a correction."""
        ended = self.course("reduced cycle behind them")
        doctor = self.people["physician"]
        end_course(
            course=ended,
            cause="transfer",
            reason=self.hostile("reason of an end"),
            ended_on=self.today,
            by=doctor,
            authenticated_at=self._fresh(),
        )
        ask_undo(
            course=ended, reason=self.hostile("reason of an undo"), by=doctor, authenticated_at=self._fresh()
        )
        completed = self.course("completed")
        record_visit(
            course=completed,
            visit="nadir",
            outcome="done",
            on=self.today,
            by=self.people["nurse"],
            note=self.hostile("visit note"),
        )
        cycle = completed.cycles.get(number=2)
        facts: dict[str, Any] = {
            "absorbed_gy": Decimal(4),
            "uncertainty_gy": None,
            "by": self.people["physicist"],
            "method": self.hostile("method", most=200),
            "software": self.hostile("software", most=200),
        }
        dose = enter_absorbed_dose(patient=completed.patient, organ="kidneys", cycle=cycle, **facts)
        correct_absorbed_dose(dose=dose, reason=self.hostile("dose reason"), **facts)

    # --- Alerts and rota ---------------------------------------------------------------------

    def alerts(self) -> None:
        """Alerts for everybody; a call, a hand-over with a note, a silence, and letters that left."""
        later = self.now + timedelta(days=3)
        for watch in (watch_recalls, watch_incidents, watch_deviations, watch_codes, watch_quarantine):
            watch(now=later if watch in (watch_codes, watch_quarantine, watch_incidents) else self.now)
        waiting = list(Alert.objects.filter(state=State.OPEN.value).order_by("severity", "pk"))
        nurse = self.people["oncall"]
        loud, *_, quiet = waiting
        record_call(
            alert=loud,
            person=nurse,
            key=uuid4(),
            whom="other",
            outcome="not-reached",
            note_text=self.hostile("call note", most=200),
        )
        hand_over(
            alert=loud,
            person=nurse,
            to=who_can_take(loud, but=nurse)[0],
            seen=_seen(loud),
            note_text=self.hostile("hand-over note", most=200),
        )
        suppress(
            alert=quiet,
            person=nurse,
            seen=_seen(quiet),
            minutes=30,
            reason=self.hostile("silence reason", most=200),
        )
        taken = waiting[1]
        acknowledge(
            alert=taken,
            person=nurse,
            seen_severity=_seen(taken).severity,
            seen_event=_seen(taken).event,
            note_text=self.hostile("acknowledgement note", most=200),
        )
        dispatch_due()
        EmailMessage(
            subject=self.hostile("subject").replace("\n", ""),
            body=self.hostile("mail body"),
            to=["a@b.example"],
        ).send()

    def rota(self) -> None:
        """A holiday, an override and a calendar to be read."""
        lead = self.people["physician"]
        begin = self.now + timedelta(days=9)
        set_holiday(
            day=add_days(self.today, 40), name=self.hostile("holiday", most=60), is_kept=True, by=lead
        )
        place_override(
            person=self.people["oncall"],
            starts_at=begin,
            ends_at=begin + timedelta(hours=2),
            reason=self.hostile("override reason", most=200),
            by=lead,
        )
        duty = vduty(self.hostile.name("calendar", most=100), begin, begin + timedelta(hours=3))
        read_import(file_name=self.hostile("calendar file", most=120), raw=vcalendar(duty), by=lead)


def _seen(alert: Alert) -> SeenAlert:
    alert.refresh_from_db()
    return SeenAlert(severity=alert.severity, event=alert.events.latest("pk").pk)
