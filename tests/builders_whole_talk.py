"""What people say to patients and keep for themselves, each text hostile: calls, papers, kept filters."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from django.contrib.auth.models import User

from courses.models import Course, PaperKind
from courses.services.call_facts import facts_of
from courses.services.call_said import CallSaid, Symptom
from courses.services.calls import correct_call, record_call
from courses.services.facts import record_fact
from courses.services.papers import print_paper
from courses.services.saved_filters import save_filter
from labs.clinic_days import add_days, clinic_day
from labs.clock import database_now
from labs.zones import clinic_zone
from tests.hostile import Hostile


def talk(course: Course, *, people: Mapping[str, User], hostile: Hostile) -> None:
    """A call with a complaint, who rings back and a note; the same call corrected."""
    now, nurse = database_now(), people["nurse"]
    nausea = Symptom(term="Nausea", grade=1, began_on=add_days(clinic_day(now, clinic_zone()), -2))
    said = CallSaid(
        occasion="other",
        outcome="spoken",
        spoken_at=now - timedelta(minutes=10),
        channel="telephone",
        spoken_by=hostile("spoken by", most=120),
        spoken_with="kin",
        spoken_with_name=hostile("spoken with", most=120),
        note=hostile("note of a call"),
        advice=hostile("advice"),
        symptoms=[nausea],
        call_back_who="physician",
        call_back_by=now + timedelta(days=1),
        call_back_about=hostile("rings back about", most=200),
    )
    call = record_call(course=course, key=uuid4(), said=said, by=nurse)
    again = [replace(nausea, fact=str(fact.public_id)) for fact in facts_of(call)]
    correct_call(
        call=call,
        seen=call.version,
        said=replace(said, channel="visit", symptoms=again),
        reason=hostile("reason of a corrected call"),
        by=nurse,
    )


def hand_out(course: Course, *, people: Mapping[str, User]) -> None:
    """The letter with the visits; the demonstration's people confirmed the numbers on it."""
    print_paper(course=course, kind=PaperKind.SCHEDULE, language="en", by=people["nurse"])


def hold(course: Course, *, people: Mapping[str, User], hostile: Hostile) -> None:
    """What anybody clinical may do at once, and whoever may read it may come to take back."""
    record_fact(
        kind="precautionary_holds",
        data={},
        by=people["nurse"],
        course=course,
        reason=hostile("reason of a hold"),
        authenticated_at=database_now() - timedelta(seconds=5),
    )


def keep_filters(everybody: Iterable[User], *, hostile: Hostile) -> None:
    """A filter of one's own for each."""
    for person in everybody:
        save_filter(name=hostile("name of a filter", most=60), choices={"state": "held"}, by=person)
