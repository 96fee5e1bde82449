"""The clinic of the fault rows: a team, treated patients, and the laboratory that sends their results."""

import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count as counted

from django.contrib.auth.models import User
from django.db import transaction

from alerts.library import policy
from alerts.models import Alert
from alerts.rules import Kind
from alerts.services.escalation import take_due_step
from alerts.services.raising import Subject, raise_alert
from courses.models import Course
from courses.services.assess import assess_courses
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.formats.mllp_frames import framed
from labs.models import Patient
from labs.zones import clinic_zone
from tests.builders import colleague, draw, make_course, make_patient, make_sender, panel_message
from tests.builders_alerts import make_person
from tests.running_listener import frames

# Delays a cycle; with therapy on the next day that wakes somebody at any hour. It is told once: not lower.
TOXIC_PLATELETS = "60"
_conditions = counted(1)


def make_team(*, on_call: int = 1) -> list[User]:
    """Who is on call, and one person of each role that a ladder may name; returns those on call."""
    for role in ("physician", "nurse", "administrator", "pharmacist", "physicist"):
        make_person(f"the-{role}", role)
    return [make_person(f"oncall{number}", "on-call") for number in range(on_call)]


def make_treated(count: int) -> list[Course]:
    """Courses whose next cycle is tomorrow and whose bloods are good."""
    make_sender()
    today = clinic_day(database_now(), clinic_zone())
    starter = colleague("the-starter", "physician")
    courses = [
        make_course(
            make_patient(mrn=f"T-{number}", family=f"Ahorn-{number}"), first_on=add_days(today, 1), by=starter
        )
        for number in range(count)
    ]
    for course in courses:
        draw(course.patient, add_days(today, -1))
    assess_courses([course.pk for course in courses])
    return courses


def result(patient: Patient, *, toxic: bool = False) -> bytes:
    """One platelet count drawn half an hour ago."""
    drawn = database_now() - timedelta(minutes=30)
    platelets = TOXIC_PLATELETS if toxic else "228"
    return panel_message(patient, drawn_at=drawn, only=("PLT",), PLT=platelets)


def raise_one(*, now: datetime | None = None, kind: Kind = Kind.STOP) -> Alert:
    """An alert of a condition of its own, of a kind that wakes somebody at any hour, its first step taken."""
    now = now or database_now()
    with transaction.atomic():
        alert = raise_alert(
            kind=kind,
            condition_key=f"{kind.value}:{next(_conditions)}",
            subject=Subject(),
            now=now,
            worse=True,
        )
        take_due_step(alert, now=now)
    return alert


def second_step_after(kind: Kind = Kind.STOP) -> timedelta:
    """How long after `raise_one` its second step is due: such an alert is at its kind's worst."""
    return policy().kinds[kind].at_its_worst().plan.steps[1].after


def raise_alerts(count: int) -> list[Alert]:
    """Several of them, raised now."""
    return [raise_one() for _ in range(count)]


@dataclass(kw_only=True)
class Laboratory:
    """Sends over one connection until each message is accepted, and times the answers."""

    port: int
    seconds: list[float] = field(default_factory=list)
    not_accepted: int = 0

    def deliver(self, bodies: Sequence[bytes], *, pause: float = 0, patience: float = 240) -> None:
        """Send these in order, `pause` seconds from one to the next."""
        line: socket.socket | None = None
        begun = time.monotonic()
        for number, body in enumerate(bodies):
            time.sleep(max(0.0, begun + number * pause - time.monotonic()))
            began = time.monotonic()
            while True:
                assert time.monotonic() - began < patience, "a result was not taken in time"
                line, taken = self._try(line, body)
                if taken:
                    break
                self.not_accepted += 1
                time.sleep(0.2)
            self.seconds.append(time.monotonic() - began)
        if line is not None:
            line.close()

    def _try(self, line: socket.socket | None, body: bytes) -> tuple[socket.socket | None, bool]:
        """Send one message over this connection or a new one; whether it was accepted."""
        try:
            line = line or socket.create_connection(("127.0.0.1", self.port), timeout=20)
            line.sendall(framed(body))
            found = frames(line, 1)
            if found:
                return line, found[0].said[0].startswith("AA")
        except OSError:
            pass
        if line is not None:
            line.close()
        return None, False

    def in_background(self, bodies: Sequence[bytes], *, pause: float = 0) -> threading.Thread:
        """The same beside the test; join the thread."""
        thread = threading.Thread(target=self.deliver, args=(bodies,), kwargs={"pause": pause})
        thread.start()
        return thread
