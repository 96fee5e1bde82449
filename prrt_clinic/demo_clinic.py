"""Build the demonstration clinic: play each story through the services, as the clinic would have."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User

from alerts.models import Alert
from alerts.rules import State
from alerts.services.acknowledging import acknowledge
from alerts.services.escalation import run_due_steps
from alerts.services.triage import triage_decisions, triage_quarantine
from courses.library import protocol
from courses.models import Course, Cycle, Decision, Organ, PeritonealDisease
from courses.paper_library import paper_numbers
from courses.services.assess import assess_course
from courses.services.by_hand import mark_done
from courses.services.course import record_administration, start_course
from courses.services.dosimetry import enter_absorbed_dose
from courses.services.facts import record_fact
from courses.services.papers import approve_numbers
from courses.services.protocols import approve_protocol
from courses.services.sign import sign_decision
from labs.clinic_days import add_days, clinic_day
from labs.formats.hl7_write import Sample, SampleResult, write_sample
from labs.library import analytes
from labs.models import LabMessage, Patient, Sender
from labs.models.patient import Sex
from labs.services.keep import keep_message
from labs.services.patients import record_weight, register_patient
from labs.services.read import read_waiting_messages
from labs.zones import clinic_zone
from prrt_clinic.demo_contacts import record_demo_contacts
from prrt_clinic.demo_rota import keep_demo_rota
from prrt_clinic.demo_stories import FAMILIES, NORMAL, STORIES, Draw, Story, Therapy, before
from prrt_clinic.demo_therapy import DemoTherapy

AUTHORITY = "DEMO"
MSH3, MSH4 = "DEMOLIS", "DEMOLAB"
PROTOCOL = "lutathera_us_2024_04"
# Both labels are approved by the demonstration's two physicians; its patients follow the first.
APPROVED = (PROTOCOL, "lutathera_ema_2024")
GIVEN_NAMES = (("Testa", Sex.FEMALE), ("Testo", Sex.MALE))


def patients_planned() -> int:
    """How many patients the stories make."""
    return sum(story.count for story in STORIES)


class DemoClinic:
    """The clinic's past, played day by day up to now."""

    def __init__(self, *, people: Mapping[str, User], now: datetime) -> None:
        self.people = people
        self.now = now
        self.zone: ZoneInfo = clinic_zone()
        self.today = clinic_day(now, self.zone)
        self.schedule = protocol(PROTOCOL).schedule

    def build(self, *, told: Callable[[str], None]) -> int:
        """Build all patients, calling `told` with a line for each; returns how many."""
        Sender.objects.get_or_create(
            msh3=MSH3, msh4=MSH4, defaults={"name": "demolab", "zone": self.zone.key}
        )
        self._approve_protocols()
        self._confirm_papers()
        number = 0
        for story in STORIES:
            for _ in range(story.count):
                number += 1
                self._play(story, number=number)
                told(story.name)
        self._keep_one_result_apart()
        self._enter_one_absorbed_dose()
        # Only now: a rota names nobody for the past that was played so far.
        keep_demo_rota(people=self.people, now=self.now)
        triage_decisions()
        triage_quarantine()
        # The alerts of the past reach today's step, as the runner would have brought them there.
        run_due_steps(now=self.now)
        return number

    def _play(self, story: Story, *, number: int) -> None:
        """One patient from registration to today."""
        patient = self._register(number)
        record_demo_contacts(patient, number=number, by=self.people["nurse"])
        following = add_days(self.today, story.next_in)
        first = add_days(following, -self.schedule.interval_days * min(story.given, self.schedule.cycles - 1))
        course = start_course(
            patient=patient,
            protocol_id=PROTOCOL,
            first_planned_on=first,
            peritoneal_disease=PeritonealDisease.YES if story.peritoneal else PeritonealDisease.NO,
            dialysis=False,
            anticoagulated=False,
            nyha_class=1,
            prior_treatment=[{"answer": "none"}],
            by=self.people["physician"],
            now=self._at(add_days(first, -25)),
        )
        self._record_lasting_facts(patient, on=min(add_days(first, -25), self.today))
        for cycle in course.cycles.order_by("number")[: story.given + 1]:
            cycle.refresh_from_db()
            self._cycle(story, course=course, cycle=cycle)
        self._therapy(story, cycle=course.cycles.filter(administration__isnull=True).first())

    def _therapy(self, story: Story, *, cycle: Cycle | None) -> None:
        """What pharmacy and the day of therapy have done for the following cycle."""
        if cycle is None or story.therapy is Therapy.NONE:
            return
        DemoTherapy(people=self.people, now=self.now, cycle=cycle).play(story.therapy)
        if story.therapy is Therapy.CALLED_BACK:
            low = Draw(cycle=cycle.number, days=0, differs={"PLT": "61"})
            self._draw(cycle.course.patient, low, planned_on=cycle.planned_on)
            assess_course(course_id=cycle.course_id, now=self.now)

    def _approve_protocols(self) -> None:
        """Two physicians approve the labels, long before the first course."""
        at = self._at(add_days(self.today, -400))
        for protocol_id in APPROVED:
            for name in ("physician", "oncall"):
                approve_protocol(
                    protocol_id=protocol_id,
                    by=self.people[name],
                    authenticated_at=at - timedelta(seconds=20),
                    note="demonstration",
                    now=at,
                )

    def _confirm_papers(self) -> None:
        """A physician and the physicist confirm the numbers on patients' papers."""
        at = self._at(add_days(self.today, -400))
        for name in ("physician", "physicist"):
            approve_numbers(
                by=self.people[name],
                authenticated_at=at - timedelta(seconds=20),
                seen_sha256=paper_numbers().sha256,
                now=at,
            )

    def _record_lasting_facts(self, patient: Patient, *, on: date) -> None:
        """What is recorded once: imaging, and of women that pregnancy is not possible."""
        self._state(patient, "sstr_imaging", on=on, modality="pet", uptake=3)
        if patient.sex == Sex.FEMALE:
            self._state(patient, "pregnancy", on=on, finding="not_possible")

    def _state(self, patient: Patient, about: str, /, *, on: date, **data: object) -> None:
        """The nurse records a plain fact of a day, on that day."""
        record_fact(
            kind=about,
            data={"on": on.isoformat(), **data},
            by=self.people["nurse"],
            patient=patient,
            now=self._at(on),
        )

    def _register(self, number: int) -> Patient:
        given, sex = GIVEN_NAMES[number % 2]
        return register_patient(
            mrn=f"DEMO-{number:04d}",
            assigning_authority=AUTHORITY,
            family=f"Test-{FAMILIES[number - 1]}",
            given=given,
            birth_date=date(1946 + number % 30, 1 + number % 12, 1 + number % 28),
            sex=sex,
        )

    def _cycle(self, story: Story, *, course: Course, cycle: Cycle) -> None:
        """Bloods, decision, alert, signature, infusion, nadir: as far as today allows."""
        behind = cycle.number <= story.given
        asked_on = add_days(cycle.planned_on, -10)
        if asked_on <= self.today:
            self._state(course.patient, "allergy_review", on=asked_on, finding="none")
            self._state(course.patient, "analogue_injections", on=asked_on, kind="none")
        panels = [draw for draw in story.draws if draw.cycle == cycle.number]
        if (behind or story.last_draw) and not any(draw.days < 0 for draw in panels):
            panels.append(before(cycle.number))
        for draw in panels:
            if draw.days < 0:
                self._draw(course.patient, draw, planned_on=cycle.planned_on)
        day = min(add_days(cycle.planned_on, -2), self.today)
        decision = assess_course(course_id=course.pk, now=self._at(day, hour=14))
        if decision is None:
            return
        if behind or story.sign_last:
            decision = self._confirm_occurrences(decision, at=self._at(day, hour=14))
            self._answer_for(decision, at=self._at(day, hour=14))
            self._sign(decision, at=self._at(day, hour=15))
        if behind:
            self._give(cycle, decision)
        for draw in panels:
            if draw.days > 0:
                self._draw(course.patient, draw, planned_on=cycle.planned_on)

    def _confirm_occurrences(self, decision: Decision, *, at: datetime) -> Decision:
        """The physician confirms what the decision rests on alone, before it is signed."""
        for item in decision.answer.get("to_confirm", []):
            record_fact(
                kind="occurrence_reviews",
                data={"rule": item["rule"], "onset": item["onset"], "counts": True},
                by=self.people["physician"],
                course=decision.course,
                reason="seen in two draws; it counts",
                authenticated_at=at - timedelta(seconds=20),
                now=at,
            )
        return assess_course(course_id=decision.course_id, now=at) or decision

    def _answer_for(self, decision: Decision, *, at: datetime) -> None:
        """What is over was told and acknowledged at the time."""
        triage_decisions(now=at, ids=[decision.pk])
        for alert in Alert.objects.filter(decision=decision, state=State.OPEN.value):
            newest = alert.events.order_by("-pk").values_list("pk", flat=True)[0]
            acknowledge(
                alert=alert,
                person=self.people["oncall"],
                seen_severity=alert.severity,
                seen_event=newest,
                now=at + timedelta(minutes=6),
            )

    def _sign(self, decision: Decision, *, at: datetime) -> None:
        sign_decision(
            decision_public_id=decision.public_id,
            evidence_sha256=decision.evidence_sha256,
            meaning=decision.action,
            signer=self.people["physician"],
            authenticated_at=at - timedelta(seconds=20),
            now=at,
        )

    def _give(self, cycle: Cycle, decision: Decision) -> None:
        """The infusion on its planned day, as directed, and the analogue again in the evening."""
        if decision.activity_gbq is None:
            raise AssertionError(f"the story of {cycle} asks for an infusion, its decision is {decision}")
        record_administration(
            cycle=cycle,
            administered_on=cycle.planned_on,
            administered_gbq=decision.activity_gbq,
            by=self.people["nurse"],
            now=self._at(cycle.planned_on, hour=16),
        )
        for order in cycle.orders.live().filter(kind="analogue_restart"):
            mark_done(order=order, by=self.people["nurse"], now=self._at(cycle.planned_on, hour=18))

    def _at(self, day: date, hour: int = 9) -> datetime:
        """An instant on a clinic day, never later than now."""
        return min(datetime.combine(day, time(hour), tzinfo=self.zone), self.now)

    def _draw(self, patient: Patient, draw: Draw, *, planned_on: date) -> None:
        """A blood panel through the laboratory's own door, and a weighing on the same day."""
        day = min(add_days(planned_on, draw.days), self.today)
        drawn_at = min(self._at(day, hour=8), self.now - timedelta(hours=3))
        self._send(patient, drawn_at=drawn_at, differs=draw.differs, family=patient.family)
        record_weight(
            patient=patient,
            measured_on=clinic_day(drawn_at, self.zone),
            kg=Decimal(62 + int(patient.mrn[-2:]) % 30),
            recorded_by="demonstration",
        )

    def _send(self, patient: Patient, *, drawn_at: datetime, differs: Mapping[str, str], family: str) -> None:
        """One message through the door, read at once."""
        number = f"D{patient.mrn[-4:]}{drawn_at:%y%m%d}{family[:1]}"
        body = write_sample(
            Sample(
                application=MSH3,
                facility=MSH4,
                control_id=number,
                order=number,
                mrn=patient.mrn,
                authority=patient.assigning_authority,
                id_type=patient.id_type,
                family=family,
                given=patient.given,
                birth_date=patient.birth_date,
                sex=patient.sex,
                results=tuple(_results(differs)),
                status="F",
                collected_at=drawn_at,
                sent_at=drawn_at + timedelta(hours=2),
            )
        )
        kept = keep_message(body=body, door=LabMessage.Door.MLLP, peer="demonstration")
        read_waiting_messages(ids=[kept.message_id])

    def _keep_one_result_apart(self) -> None:
        """A report whose name contradicts its number: it waits for somebody to look."""
        patient = Patient.objects.get(mrn="DEMO-0010", assigning_authority=AUTHORITY)
        self._send(patient, drawn_at=self.now - timedelta(hours=5), differs={}, family="Verwechselt")

    def _enter_one_absorbed_dose(self) -> None:
        """What the physicist made of the images after a first cycle."""
        cycle = Cycle.objects.filter(course__status="completed", number=1).order_by("pk")[0]
        enter_absorbed_dose(
            patient=cycle.course.patient,
            cycle=cycle,
            organ=Organ.KIDNEYS.value,
            absorbed_gy=Decimal("4.6"),
            uncertainty_gy=Decimal("0.7"),
            method="SPECT/CT on days 1, 4 and 7",
            software="demonstration",
            by=self.people["physicist"],
            now=self._at(add_days(cycle.planned_on, 8)),
        )


def _results(differs: Mapping[str, str]) -> Iterator[SampleResult]:
    """A healthy panel but for what differs."""
    for short, (healthy, unit, low, high) in NORMAL.items():
        analyte = analytes()[short]
        yield SampleResult(
            loinc=analyte.loinc,
            name=analyte.name,
            value=differs.get(short, healthy),
            unit=unit,
            low=low,
            high=high,
        )
