"""A small clinic in which every kind of page has something to show, and every written text is hostile."""

from dataclasses import replace
from datetime import date
from unittest.mock import patch

from django.contrib.auth.models import Group, User

from courses.models import Course
from labs.clock import database_now
from labs.models import Patient
from labs.services.contacts import record_contacts
from labs.services.patients import register_patient
from prrt_clinic import demo_clinic
from prrt_clinic.demo_clinic import AUTHORITY, GIVEN_NAMES, DemoClinic
from prrt_clinic.demo_people import create_people
from prrt_clinic.demo_stories import STORIES, Story, Therapy
from prrt_clinic.roles import roles
from tests.builders_whole_acts import INFUSED, NOT_GIVEN, act_everywhere
from tests.builders_whole_talk import hand_out, hold, keep_filters, talk
from tests.hostile import Hostile

# Whoever looks: a role of a person, or a mark as people have it.
LOOKERS = {role.name: (role.name,) for role in roles().values() if role.kind == "person"} | {
    "authorised-user": ("physician", "authorised-user"),
    "rota-lead": ("physician", "rota-lead"),
    "on-call": ("on-call",),
}
PASSWORD = "a long pass phrase"
# Days of therapy of yesterday, played on in `builders_whole_acts`.
_UNDER_WAY = next(story for story in STORIES if story.therapy is Therapy.UNDER_WAY)
# Courses on which nothing else is shown.
_QUIET = ("before cycle 1, waiting for blood", "between cycles, one to go", "low platelets in recovery")
_YESTERDAY = tuple(
    replace(_UNDER_WAY, name=name, count=1, next_in=-1, therapy=Therapy.NONE) for name in (INFUSED, NOT_GIVEN)
)


class WholeClinic(DemoClinic):
    """One patient for each story of the demonstration, with hostile names."""

    def __init__(self, hostile: Hostile) -> None:
        self.hostile = hostile
        super().__init__(people=create_people(), now=database_now())
        self.courses: dict[str, Course] = {}

    def _register(self, number: int) -> Patient:
        given, sex = GIVEN_NAMES[number % 2]
        return register_patient(
            mrn=f"DEMO-{number:04d}",
            assigning_authority=AUTHORITY,
            family=self.hostile.name("family"),
            given=self.hostile.name("given", most=60) if number % 3 else given,
            birth_date=date(1946 + number % 30, 1 + number % 12, 1 + number % 28),
            sex=sex,
        )

    def _play(self, story: Story, *, number: int) -> None:
        super()._play(story, number=number)
        self.courses[story.name] = Course.objects.get(patient__mrn=f"DEMO-{number:04d}")


def _contacts(hostile: Hostile) -> object:
    """Telephone numbers as the demonstration keeps them, with names that attack."""

    def record(patient: Patient, *, number: int, by: User) -> None:
        names = {name: hostile(name, most=120) for name in ("kin_name", "doctor_name", "pharmacy_name")}
        numbers = dict.fromkeys(
            ("kin_telephone", "doctor_telephone", "pharmacy_telephone"), "+49 30 23125 900"
        )
        details = {"telephone": f"+49 30 23125 {number:03d}", **numbers, **names}
        record_contacts(patient=patient, details=details, by=by, seen=None)

    return record


def build_whole_clinic(hostile: Hostile) -> dict[str, User]:
    """Build it on the database as it stands; returns who can look, by role, each with `PASSWORD`."""
    stories = (*(replace(story, count=1) for story in STORIES), *_YESTERDAY)
    with (
        patch.object(demo_clinic, "STORIES", stories),
        patch.object(demo_clinic, "record_demo_contacts", _contacts(hostile)),
    ):
        clinic = WholeClinic(hostile)
        for person in clinic.people.values():
            person.first_name = hostile("first_name", most=60)
            person.save(update_fields=["first_name"])
        clinic.build(told=lambda _line: None)
    act_everywhere(clinic.courses, people=clinic.people, hostile=hostile)
    talk(clinic.courses["between cycles"], people=clinic.people, hostile=hostile)
    for story in _QUIET:
        hand_out(clinic.courses[story], people=clinic.people)
        hold(clinic.courses[story], people=clinic.people, hostile=hostile)
    lookers = {role: _looker(role, groups) for role, groups in LOOKERS.items()}
    keep_filters(lookers.values(), hostile=hostile)
    return lookers


def _looker(role: str, groups: tuple[str, ...]) -> User:
    user = User.objects.create_user(
        f"look-{role}", email=f"look-{role}@clinic.example", password=PASSWORD, is_staff=True
    )
    user.groups.set(Group.objects.filter(name__in=groups))
    return user
