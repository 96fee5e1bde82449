"""The duty of the simulated year: who is on call, what happens to it, and the letters that really leave."""

import heapq
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from email.utils import parseaddr
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from smtplib import SMTPRecipientsRefused
from typing import Any

from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends import locmem
from django.db import transaction

from alerts.library import policy
from alerts.models import Notification, RotaAbsence, RotaShift
from alerts.models.notification import NotificationState
from alerts.rota_rules import Turn
from alerts.rules import Kind
from alerts.services.dispatch import dispatch_due
from alerts.services.on_call import duties_at
from alerts.services.rota_edit import RuleEntry, add_rules
from alerts.services.rota_shifts import fill, locked_rota
from alerts.services.rota_swaps import say_away, take_absence_back
from alerts.services.watch_rota import watch_hand_over, watch_rota
from alerts.services.working_time import office
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone
from prrt_clinic.demo_rota import RULES

RATES = tomllib.loads((Path(__file__).parent / "simulated_year.toml").read_text(encoding="utf-8"))
START = datetime(2026, 5, 3, 22, 0, tzinfo=UTC)  # the midnight that begins a Monday in Berlin
WEEKS = 52
# Far fewer than the ninety days that are filled, so that the rota never runs out.
FILLED_EVERY = timedelta(weeks=8)
EVENING = time(20)
NIGHT_HOURS = 10


def draws(what: str, now: datetime) -> Random:
    """What is drawn for something at a moment: the same whatever else happens in the year."""
    return Random(f"{what} {now.isoformat()}")


def minutes_to_answer(what: str, now: datetime, *, next_step: timedelta) -> float:
    """How long whoever was told takes; sometimes nobody answers before the next step."""
    drawn, people = draws(what, now), RATES["people"]
    minutes: float = drawn.expovariate(1 / people["answers_after_minutes"])
    if drawn.random() < people["missed_step"]:
        minutes += next_step / timedelta(minutes=1)
    return minutes


class RefusingMailbox(locmem.EmailBackend):
    """Django's outbox in memory; it refuses some addresses for good, as their server would."""

    refused: set[str] = set()

    def send_messages(self, messages: Any) -> int:
        """Keep the letters, but for those to a refused address."""
        for message in messages:
            for to in message.to:
                if parseaddr(to)[1] in self.refused:
                    raise SMTPRecipientsRefused({to: (550, b"No such user")})
        return super().send_messages(messages)


class Duty:
    """What is to happen, in order; a rota of two people by week; and the line their letters take."""

    def __init__(self, *, physician: User) -> None:
        self.events: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self.order = count()
        # Of its own, so that what is drawn for the duty moves nothing in the clinic.
        self.duty_random = Random(20260505)
        self.letters: list[tuple[datetime, EmailMessage]] = []
        # The nights on which the duty failed: how, from when, until when.
        self.nights: list[tuple[str, datetime, datetime]] = []
        self.lead = physician
        RefusingMailbox.refused = set()

    def at(self, moment: datetime, act: Callable[[datetime], None]) -> None:
        """Something happens then."""
        heapq.heappush(self.events, (moment, next(self.order), act))

    # --- the rota ----------------------------------------------------------------------------------

    def keep_rota(self, people: list[User]) -> None:
        """The demonstration clinic's rules, from the week before on; every duty that begins is looked at."""
        entries = [
            RuleEntry(
                name=name,
                weekdays=weekdays,
                holidays=holidays,
                starts=starts,
                ends=ends,
                ends_after_days=later,
                zone="Europe/Berlin",
                turn=Turn.WEEK,
                people=people,
                first_day=add_days(clinic_day(START, clinic_zone()), -7),
            )
            for name, weekdays, holidays, starts, ends, later in RULES
        ]
        add_rules(entries, by=self.lead, now=START)
        self.filled(START)

    def filled(self, now: datetime) -> None:
        """The shifts of the next weeks, and the look at each of their beginnings."""
        with transaction.atomic():
            fill(locked_rota(), now=now)
        begins = RotaShift.objects.filter(starts_at__gte=now, starts_at__lt=now + FILLED_EVERY)
        for moment in sorted(set(begins.values_list("starts_at", flat=True))):
            if not self.is_answered_in_hours(moment):
                self.at(moment, self.duty_begins)
        self.at(now + FILLED_EVERY, self.filled)

    def is_answered_in_hours(self, begin: datetime) -> bool:
        """Whether nothing of this duty's letter is left when the hours end: it need not be played."""
        wait = policy().kinds[Kind.HAND_OVER].plan.steps[1].after
        minutes = minutes_to_answer(Kind.HAND_OVER, begin, next_step=wait)
        return office().is_open(begin) and office().is_open(begin + timedelta(minutes=minutes))

    def duty_begins(self, now: datetime) -> None:
        watch_hand_over(now=now)

    # --- nights on which it fails ------------------------------------------------------------------

    def plan_nights(self, rates: dict[str, int], critical: Callable[[datetime], None]) -> None:
        """So many nights of each kind, and on each a critical value comes in: what they are there for."""
        for name, times in rates.items():
            for _ in range(times):
                day = START + timedelta(days=self.duty_random.randrange(7, WEEKS * 7))
                begin = datetime.combine(clinic_day(day, clinic_zone()), EVENING, tzinfo=clinic_zone())
                begin = begin.astimezone(UTC)
                self.at(begin, partial(getattr(self, name.replace("-", "_")), name))
                self.at(begin + timedelta(minutes=self.duty_random.randrange(10, 180)), critical)

    def nobody_on_call(self, name: str, now: datetime) -> None:
        """The rota names people who are all away tonight."""
        day = clinic_day(now, clinic_zone())
        away = [
            say_away(person=person, first_day=day, last_day=add_days(day, 1), by=person, now=now)
            for person in User.objects.filter(groups__name="on-call").order_by("pk")
        ]
        self._night(name, now, partial(self._back, away))

    def _back(self, away: list[RotaAbsence], now: datetime) -> None:
        for absence in away:
            take_absence_back(absence, by=absence.person, now=now)

    def nobody_to_tell(self, name: str, now: datetime) -> None:
        """Nobody of the whole group has an address tonight: the step is empty."""
        people = list(User.objects.filter(groups__name="on-call").order_by("pk"))
        User.objects.filter(pk__in=[person.pk for person in people]).update(email="")
        watch_rota(now=now)
        self._night(name, now, partial(self._addressed, people))

    def _addressed(self, people: list[User], now: datetime) -> None:
        for person in people:
            person.save(update_fields=["email"])
        watch_rota(now=now)

    def address_refused(self, name: str, now: datetime) -> None:
        """The mail server knows the address of whoever is on call no longer."""
        addresses = {User.objects.get(pk=duty.person).email for duty in duties_at(now)}
        RefusingMailbox.refused |= addresses
        self._night(name, now, partial(self._known_again, addresses))

    def _known_again(self, addresses: set[str], now: datetime) -> None:
        RefusingMailbox.refused -= addresses

    def _night(self, name: str, now: datetime, mended: Callable[[datetime], None]) -> None:
        over = now + timedelta(hours=NIGHT_HOURS)
        self.nights.append((name, now, over))
        self.at(over, mended)

    # --- the line ----------------------------------------------------------------------------------

    def send(self, now: datetime) -> bool:
        """Whatever is due leaves, as at a pass of the sender; what is held for others, with a later one."""
        due = Notification.objects.filter(state=NotificationState.PENDING, next_attempt_at__lte=now)
        waiting, before = due.count(), len(mail.outbox)
        if not waiting:
            return False
        dispatch_due(now=now, limit=waiting)
        self.letters += [(now, letter) for letter in mail.outbox[before:]]
        if due.exists():
            self.at(now + timedelta(seconds=10), lambda _: None)
        return True
