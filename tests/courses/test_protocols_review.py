"""A protocol file changed or missing stops no record and no move; what no database keeps is refused."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from courses import library
from courses.models import Course
from courses.services.assess import assess_course
from courses.services.authority import NotAllowed, check_fresh
from courses.services.course import record_administration
from courses.services.facts import BadFact, record_fact
from courses.services.move import move_course
from courses.services.seen import Seen, act_on_seen
from courses.services.sign import StaleDecision
from prrt_clinic import health
from tests.builders import approve, clinic_time, draw, judge, make_course, make_patient, sign
from tests.courses.protocol_folder import US, ProtocolFolder, protocol_folder

pytestmark = pytest.mark.django_db
EMA = "lutathera_ema_2024"
FIRST = date(2026, 1, 12)
AT = clinic_time(date(2026, 1, 9))
FRESH = AT - timedelta(seconds=10)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ProtocolFolder]:
    """Protocol files of this test's own."""
    with protocol_folder(tmp_path) as found:
        yield found


@pytest.fixture
def physician(person: Callable[..., User]) -> User:
    """A physician who may sign directives."""
    return person("physician", "authorised-user")


@pytest.fixture
def course(folder: ProtocolFolder, physician: User) -> Course:
    """A course before its first cycle with healthy bloods."""
    course = make_course(make_patient(), first_on=FIRST, by=physician)
    draw(course.patient, date(2026, 1, 8))
    return course


def remove(folder: ProtocolFolder) -> None:
    """Take the file of the US label away, with the versions made from it, and start anew."""
    for file in folder.path.glob("*.toml"):
        if file.stem == US or f'base = "{US}"' in file.read_text("utf-8"):
            file.unlink()
    library.shelf.cache_clear()


def test_a_course_whose_file_is_missing_is_held_and_then_moved(
    course: Course, folder: ProtocolFolder, physician: User
) -> None:
    approve(EMA)
    remove(folder)

    def move() -> Any:
        return move_course(
            course=course, to_protocol_id=EMA, by=physician, authenticated_at=FRESH, reason="lost", now=AT
        )

    with pytest.raises(StaleDecision) as stale:
        act_on_seen(course=course, seen=Seen(decision="", evidence_sha256=""), act=move, now=AT)
    held = stale.value.current
    assert held is not None
    assert held.verdict == "hold|-|SYS-PROTOCOL|"
    seen = Seen(decision=str(held.public_id), evidence_sha256=held.evidence_sha256)
    assert act_on_seen(course=course, seen=seen, act=move, now=AT).to_id == EMA
    course.refresh_from_db()
    assert course.protocol_id == EMA


def test_a_fact_that_the_missing_file_would_check_is_refused_in_words(
    course: Course, folder: ProtocolFolder
) -> None:
    remove(folder)
    with pytest.raises(BadFact, match="term: the course's protocol file is missing"):
        judge(course, "attributions", at=AT, term="Anemia", grade=3, on="2026-01-08", related=False)
    with pytest.raises(BadFact, match="rule: the course's protocol file is missing"):
        judge(course, "occurrence_reviews", at=AT, rule="X", onset="2026-01-08", counts=True)


@pytest.mark.parametrize("signed", [True, False])
def test_an_administration_is_recorded_without_the_file(
    course: Course, folder: ProtocolFolder, physician: User, signed: bool
) -> None:
    product = library.protocol(US).product
    decision = assess_course(course_id=course.pk, now=AT)
    assert decision is not None
    if signed:
        sign(decision, by=physician, now=AT)
    remove(folder)
    planned = list(course.cycles.values_list("planned_on", flat=True))
    given = record_administration(
        cycle=course.cycles.get(number=1),
        administered_on=FIRST,
        administered_gbq=Decimal("7.4"),
        by=physician,
        now=clinic_time(FIRST),
    )
    assert given.product == (product if signed else "unknown: protocol file missing")
    assert list(course.cycles.values_list("planned_on", flat=True)) == planned


def test_a_file_changed_under_a_running_process_is_not_ready(folder: ProtocolFolder, client: Client) -> None:
    assert client.get("/health/ready").status_code == 200
    file = folder.path / f"{US}.toml"
    file.write_text(file.read_text("utf-8") + "\n# one more line\n", "utf-8")
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    (problem,) = answer.json()["problems"]
    assert problem == f"protocols: {US}.toml: protocol file changed since the process started; restart it"
    library.shelf.cache_clear()
    assert health._protocols() == []


def test_the_page_of_a_version_judges_no_course_until_asked(
    course: Course, physician: User, client: Client
) -> None:
    client.force_login(physician)
    page = f"/protocols/{EMA}/"
    client.get(page)

    def queries(**query: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(page, query).status_code == 200
        return len(captured)

    one = queries()
    make_course(make_patient(mrn="T-2", family="Birke"), first_on=FIRST, by=physician)
    assert queries() == one
    assert queries(compare="1") > one
    plain = client.get(page).content.decode()
    assert "Show which courses would change" in plain
    assert 'name="seen_sha256"' not in plain
    assert 'name="seen_sha256"' in client.get(page, {"compare": "1"}).content.decode()


@pytest.mark.parametrize("term", ["a\x00b", "a\ud800b", "a" * 1001], ids=["null", "surrogate", "long"])
def test_text_that_no_database_keeps_is_refused(course: Course, physician: User, term: str) -> None:
    event = {"term": term, "grade": 2, "from": "2026-01-08"}
    with pytest.raises(BadFact, match=r"^term: "):
        record_fact(kind="adverse_event", data=event, by=physician, patient=course.patient, now=AT)
    fine = {**event, "term": "Nausea"}
    with pytest.raises(BadFact, match=r"^reason: "):
        record_fact(
            kind="adverse_event", data=fine, by=physician, patient=course.patient, reason=term, now=AT
        )


def test_a_key_that_no_database_keeps_is_refused(course: Course, physician: User) -> None:
    with pytest.raises(BadFact, match="is no key of a fact"):
        record_fact(kind="pregnancy", data={"a\x00": 1}, by=physician, patient=course.patient, now=AT)


def test_limits_that_stand_the_wrong_way_round_are_refused(course: Course) -> None:
    with pytest.raises(BadFact, match="low: lies above high"):
        judge(
            course,
            "declared_baseline",
            at=AT,
            analyte="PLT",
            value="200",
            unit="10*9/L",
            low="400",
            high="150",
            on="2026-01-05",
        )


def test_a_password_given_in_the_future_is_none() -> None:
    assert check_fresh(FRESH, now=AT) == FRESH
    with pytest.raises(NotAllowed, match="password again"):
        check_fresh(AT + timedelta(minutes=2), now=AT)
