"""What the database itself refuses of facts, baselines, approvals and moves; each rule also with NULL."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from courses.models import (
    Administration,
    BaselineLock,
    ChartFact,
    Course,
    FactConfirmation,
    ProtocolApproval,
    ProtocolMove,
)
from labs.models import Result
from tests.builders import clinic_time, draw, make_course, make_patient, state

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
FIRST = date(2026, 1, 12)
DAY = date(2026, 1, 8)
AT = clinic_time(DAY)


@pytest.fixture
def physician(person: Person) -> User:
    """Whoever stands in a row."""
    return person("physician")


@pytest.fixture
def course(physician: User) -> Course:
    """A course before its first cycle."""
    return make_course(make_patient(), first_on=FIRST, by=physician)


def platelets(course: Course) -> Result:
    return Result.objects.get(patient=course.patient, analyte="PLT")


def refused(save: Callable[[], object]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        save()


def plain_row(of: Course, by: User, /, **differs: Any) -> ChartFact:
    values: dict[str, Any] = {
        "patient": of.patient,
        "kind": "pregnancy",
        "data": {"on": "2026-01-08", "finding": "negative"},
        "recorded_by": by,
        "printed_name": "A. Person",
        "recorded_at": AT,
    }
    return ChartFact(**{**values, **differs})


def signed(of: Course, kind: str, /, **differs: Any) -> dict[str, Any]:
    return {"kind": kind, "course": of, "authenticated_at": AT, "reason": "why", **differs}


def test_the_database_takes_a_whole_row(course: Course, physician: User) -> None:
    draw(course.patient, DAY, only=("PLT",))
    plain_row(course, physician).save()
    plain_row(course, physician, **signed(course, "manual_grades")).save()
    result = platelets(course)
    plain_row(course, physician, **signed(course, "baseline_amendment", result=result)).save()


@pytest.mark.parametrize(
    "differs",
    [
        {"kind": "colour"},
        {"kind": None},
        {"data": None},
        {"printed_name": ""},
        {"printed_name": None},
        {"recorded_at": None},
    ],
    ids=str,
)
def test_the_database_refuses_a_fact_that_is_not_whole(
    course: Course, physician: User, differs: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        plain_row(course, physician, **differs).save()


@pytest.mark.parametrize(
    "differs", [{"course": None}, {"authenticated_at": None}, {"reason": ""}, {"reason": None}], ids=str
)
def test_the_database_refuses_a_judgement_without_course_password_or_reason(
    course: Course, physician: User, differs: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        plain_row(course, physician, **signed(course, "manual_grades", **differs)).save()


def test_the_database_refuses_a_plain_fact_bound_to_a_course_or_a_result(
    course: Course, physician: User
) -> None:
    draw(course.patient, DAY, only=("PLT",))
    for differs in ({"course": course}, {"result": platelets(course)}):
        with pytest.raises(IntegrityError), transaction.atomic():
            plain_row(course, physician, **differs).save()


@pytest.mark.parametrize("kind", ["baseline_amendment", "not_representative"])
def test_the_database_refuses_a_word_on_no_result(course: Course, physician: User, kind: str) -> None:
    of = course if kind == "baseline_amendment" else None
    with pytest.raises(IntegrityError), transaction.atomic():
        plain_row(course, physician, **signed(course, kind, course=of, result=None)).save()


def test_the_database_refuses_a_withdrawal_without_a_reason(course: Course, physician: User) -> None:
    fact = state(course.patient, "pregnancy", DAY, finding="positive")
    with pytest.raises(IntegrityError), transaction.atomic():
        plain_row(course, physician, data=None, withdraws=fact, reason="").save()


@pytest.mark.parametrize(
    "differs", [{"printed_name": ""}, {"printed_name": None}, {"authenticated_at": None}], ids=str
)
def test_the_database_refuses_a_confirmation_by_nobody(
    course: Course, physician: User, differs: dict[str, Any]
) -> None:
    values: dict[str, Any] = {
        "fact": state(course.patient, "pregnancy", DAY, finding="positive"),
        "confirmed_by": physician,
        "printed_name": "A. Person",
        "authenticated_at": AT,
        "confirmed_at": AT,
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        FactConfirmation.objects.create(**{**values, **differs})


def lock(of: Course, by: User, /, **differs: Any) -> BaselineLock:
    values: dict[str, Any] = {
        "course": of,
        "analyte": "PLT",
        "result": platelets(of),
        "locked_by": by,
        "locked_at": AT,
    }
    return BaselineLock(**{**values, **differs})


@pytest.fixture
def amendment(course: Course, physician: User) -> ChartFact:
    """A fact that an amended baseline may rest on."""
    draw(course.patient, DAY, only=("PLT",))
    row = plain_row(course, physician, **signed(course, "baseline_amendment", result=platelets(course)))
    row.save()
    return row


def test_a_baseline_is_locked_once_and_replaced_once(
    course: Course, physician: User, amendment: ChartFact, person: Person
) -> None:
    first = lock(course, physician)
    first.save()
    refused(lambda: lock(course, physician).save())
    amended = {"supersedes": first, "amendment": amendment, "second_by": person("physician", username="two")}
    lock(course, physician, **amended).save()
    refused(lambda: lock(course, physician, **amended).save())


@pytest.mark.parametrize(
    "differs",
    [{"analyte": ""}, {"analyte": None}, {"result": None}, {"locked_at": None}, {"locked_by": None}],
    ids=str,
)
def test_a_baseline_that_is_not_whole_is_refused(
    course: Course, physician: User, amendment: ChartFact, differs: dict[str, Any]
) -> None:
    refused(lambda: lock(course, physician, **differs).save())


def test_a_baseline_is_a_result_or_a_declaration_and_never_both(
    course: Course, physician: User, amendment: ChartFact
) -> None:
    refused(lambda: lock(course, physician, declared=amendment).save())
    lock(course, physician, result=None, declared=amendment).save()


@pytest.mark.parametrize("lacks", ["amendment", "second_by", "different people"])
def test_a_baseline_is_replaced_only_by_a_fact_of_two_different_people(
    course: Course, physician: User, amendment: ChartFact, person: Person, lacks: str
) -> None:
    first = lock(course, physician)
    first.save()
    second = person("physician", username="two")
    differs: dict[str, Any] = {"supersedes": first, "amendment": amendment, "second_by": second}
    if lacks == "different people":
        differs["second_by"] = physician
    else:
        differs[lacks] = None
    refused(lambda: lock(course, physician, **differs).save())


def approval(by: User, /, **differs: Any) -> ProtocolApproval:
    values: dict[str, Any] = {
        "protocol_id": "some",
        "protocol_sha256": "ab" * 32,
        "approved_by": by,
        "printed_name": "A. Person",
        "authenticated_at": AT,
        "approved_at": AT,
    }
    return ProtocolApproval(**{**values, **differs})


def test_one_person_approves_the_same_bytes_once(physician: User) -> None:
    approval(physician).save()
    approval(physician, protocol_sha256="cd" * 32).save()
    refused(lambda: approval(physician).save())


@pytest.mark.parametrize("value", ["", None])
@pytest.mark.parametrize("field", ["protocol_id", "protocol_sha256", "printed_name"])
def test_an_approval_that_is_not_whole_is_refused(physician: User, field: str, value: str | None) -> None:
    refused(lambda: approval(physician, **{field: value}).save())


def move(of: Course, by: User, /, **differs: Any) -> ProtocolMove:
    values: dict[str, Any] = {
        "course": of,
        "from_id": "some",
        "from_sha256": "ab" * 32,
        "to_id": "other",
        "to_sha256": "cd" * 32,
        "answer_before": {},
        "answer_after": {},
        "reason": "why",
        "moved_by": by,
        "printed_name": "A. Person",
        "authenticated_at": AT,
        "moved_at": AT,
    }
    return ProtocolMove(**{**values, **differs})


def test_a_move_goes_to_another_version_or_other_bytes_and_says_why(course: Course, physician: User) -> None:
    move(course, physician).save()
    move(course, physician, to_id="some").save()
    refused(lambda: move(course, physician, to_id="some", to_sha256="ab" * 32).save())
    for field in ("reason", "from_id", "to_id", "from_sha256", "to_sha256"):
        refused(lambda field=field: move(course, physician, **{field: None}).save())  # type: ignore[misc]
    refused(lambda: move(course, physician, reason="").save())


def test_an_administration_always_says_whether_it_was_given_elsewhere(
    course: Course, physician: User
) -> None:
    values: dict[str, Any] = {
        "cycle": course.cycles.get(number=1),
        "administered_on": FIRST,
        "administered_gbq": "7.4",
        "product": "test product",
        "elsewhere": None,
        "recorded_at": AT,
        "recorded_by": physician,
    }
    refused(lambda: Administration.objects.create(**values))
