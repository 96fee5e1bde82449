"""A protocol version is used after two physicians approved its bytes; a course follows one version only."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from courses.library import UnknownProtocol, protocol_sha256
from courses.models import Course, Cycle, Decision, Order, ProtocolApproval, ProtocolMove
from courses.services.assess import assess_course
from courses.services.authority import NotAllowed, Refused
from courses.services.move import compare_protocols, move_course
from courses.services.protocols import Advice, approvals, approve_protocol, is_usable, what_would_change
from courses.services.sign import StaleDecision
from labs.clinic_days import add_days
from labs.models import Patient
from tests.builders import approve, clinic_time, draw, give_cycle, judge, make_course, make_patient, sign
from tests.courses.protocol_folder import RESEARCH, US, ProtocolFolder, protocol_folder

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
FIRST = date(2026, 1, 12)
DAY = date(2026, 1, 9)
AT = clinic_time(DAY)
FRESH = AT - timedelta(seconds=10)
# A version whose platelet floor before the first cycle is higher.
STRICT = "lutathera_us_strict"
STRICTER = ('quantity = "PLT", below = 75', 'quantity = "PLT", below = 100')


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[ProtocolFolder]:
    """Protocol files of this test's own, with a stricter version of the US label."""
    with protocol_folder(tmp_path) as found:
        found.add_version(STRICT, STRICTER)
        yield found


@pytest.fixture
def physician(person: Person) -> User:
    """A physician who may sign directives."""
    return person("physician", "authorised-user")


@pytest.fixture
def course(folder: ProtocolFolder, physician: User) -> Course:
    """A course before its first cycle with platelets of 90, between the two floors."""
    course = make_course(make_patient(), first_on=FIRST, by=physician)
    draw(course.patient, date(2026, 1, 8), PLT="90")
    return course


def say_yes(protocol_id: str, by: User, **more: str) -> ProtocolApproval:
    return approve_protocol(protocol_id=protocol_id, by=by, authenticated_at=FRESH, now=AT, **more)


def move(
    course: Course, to: str, by: User, *, reason: str = "the newer label", research: bool = False
) -> ProtocolMove:
    return move_course(
        course=course,
        to_protocol_id=to,
        by=by,
        authenticated_at=FRESH,
        reason=reason,
        allow_research=research,
        now=AT,
    )


# --- Approval --------------------------------------------------------------------------------


def test_two_different_physicians_make_a_version_usable(folder: ProtocolFolder, person: Person) -> None:
    first, second = person("physician", username="one"), person("physician", username="two")
    say_yes(STRICT, first)
    assert not is_usable(STRICT)
    with pytest.raises(NotAllowed, match="approved this version already"):
        say_yes(STRICT, first)
    assert not is_usable(STRICT)
    say_yes(STRICT, second, note="read with the label in hand")
    assert is_usable(STRICT)
    assert [row.printed_name for row in approvals(STRICT)] == ["one", "two"]


def test_an_approval_is_of_the_bytes_and_ends_when_they_change(folder: ProtocolFolder) -> None:
    approve(STRICT)
    assert is_usable(STRICT)
    folder.replace(STRICT, "below = 100", "below = 101")
    assert not is_usable(STRICT)


@pytest.mark.parametrize("role", ["nurse", "pharmacist", "physicist", "auditor", "administrator"])
def test_only_physicians_approve(folder: ProtocolFolder, person: Person, role: str) -> None:
    with pytest.raises(NotAllowed, match="Only a physician"):
        say_yes(STRICT, person(role))


def test_an_approval_needs_a_fresh_password_and_the_bytes_that_were_shown(
    folder: ProtocolFolder, physician: User
) -> None:
    with pytest.raises(NotAllowed, match="password again"):
        approve_protocol(protocol_id=STRICT, by=physician, authenticated_at=AT - timedelta(minutes=5), now=AT)
    shown = protocol_sha256(STRICT)
    folder.replace(STRICT, "below = 100", "below = 101")
    with pytest.raises(NotAllowed, match="changed since this page"):
        say_yes(STRICT, physician, seen_sha256=shown)
    assert say_yes(STRICT, physician, seen_sha256=protocol_sha256(STRICT)).protocol_id == STRICT


def test_an_unknown_protocol_cannot_be_approved(physician: User) -> None:
    with pytest.raises(UnknownProtocol):
        say_yes("nothing", physician)


def start(protocol_id: str, by: User, *, research: bool = False) -> Course:
    patient = Patient.objects.filter(mrn="T-9").first() or make_patient(mrn="T-9", family="Erle")
    return make_course(
        patient,
        first_on=FIRST,
        by=by,
        protocol_id=protocol_id,
        approved=False,
        allow_research=research,
    )


def test_a_course_starts_only_under_a_version_that_two_physicians_approved(
    folder: ProtocolFolder, physician: User, person: Person
) -> None:
    with pytest.raises(Refused, match="2 of 2 physicians have still to approve"):
        start(STRICT, physician)
    say_yes(STRICT, physician)
    with pytest.raises(Refused, match="1 of 2 physicians have still to approve"):
        start(STRICT, physician)
    say_yes(STRICT, person("physician", username="two"))
    assert start(STRICT, physician).protocol_sha256 == protocol_sha256(STRICT)


def test_a_research_protocol_is_never_used_unless_somebody_says_so(
    folder: ProtocolFolder, physician: User
) -> None:
    approve(RESEARCH)
    with pytest.raises(Refused, match="for research only"):
        start(RESEARCH, physician)
    assert start(RESEARCH, physician, research=True).cycles.count() == 5


# --- What would change -----------------------------------------------------------------------


def test_every_open_course_that_would_be_told_something_else_is_listed(
    course: Course, physician: User, capsys: pytest.CaptureFixture[str]
) -> None:
    healthy = make_course(make_patient(mrn="T-2", family="Birke"), first_on=FIRST, by=physician)
    draw(healthy.patient, date(2026, 1, 8))
    (found,) = what_would_change(STRICT, now=AT)
    assert found.course == course
    assert found.now == Advice(action="proceed", activity_gbq=Decimal("7.4"))
    assert found.then == Advice(action="delay", activity_gbq=None)
    assert what_would_change(US, now=AT) == []


def test_a_closed_course_is_told_nothing_more(course: Course) -> None:
    course.status = "stopped"
    course.save(update_fields=["status"])
    assert what_would_change(STRICT, now=AT) == []


def test_a_version_with_fewer_cycles_leaves_none_to_give(folder: ProtocolFolder, physician: User) -> None:
    course = make_course(make_patient(), first_on=FIRST, by=physician)
    give_cycle(course.cycles.get(number=1), by=physician)
    folder.add_version("one_cycle", ("cycles = 4", "cycles = 1"))
    (found,) = what_would_change("one_cycle", now=clinic_time(date(2026, 1, 20)))
    assert (found.now.action, found.then) == ("hold", Advice(action="none", activity_gbq=None))
    with pytest.raises(Refused, match="no cycle of this course is left"):
        compare_protocols(course=course, to_protocol_id="one_cycle")


def test_the_command_lists_the_courses_and_ends_well(
    course: Course, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("courses.management.commands.replay_decisions.database_now", lambda: AT)
    call_command("replay_decisions", protocol=STRICT)
    out = capsys.readouterr().out
    assert str(course.public_id) in out
    assert "proceed, 7.4 GBq" in out
    assert f"1 of 1 open courses would be told something else under {STRICT}" in out
    assert course.patient.family not in out
    call_command("replay_decisions", protocol=US)
    assert f"0 of 1 open courses would be told something else under {US}" in capsys.readouterr().out


def test_the_command_knows_no_other_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        call_command("replay_decisions", protocol="nothing")
    assert ended.value.code == 2
    assert "no protocol 'nothing'" in capsys.readouterr().err


# --- A file changed in place -----------------------------------------------------------------


@pytest.fixture
def signed(course: Course, physician: User) -> Course:
    """The course with its first cycle signed."""
    decision = assess_course(course_id=course.pk, now=AT)
    assert decision is not None
    sign(decision, by=physician, now=AT)
    return course


def states(course: Course) -> set[tuple[str, str]]:
    orders = Order.objects.live().filter(cycle=course.cycles.get(number=1))
    return set(orders.values_list("state", "reason_code"))


def test_one_byte_changed_in_place_holds_the_course_and_suspends_its_orders(
    signed: Course, folder: ProtocolFolder, physician: User
) -> None:
    before = Decision.objects.latest("pk")
    folder.replace(US, "below = 75", "below = 76")
    for hour in (10, 11):
        decision = assess_course(course_id=signed.pk, now=clinic_time(DAY, hour))
    assert decision is not None
    assert (decision.action, decision.verdict) == ("hold", "hold|-|SYS-PROTOCOL|")
    assert "changed in place" in decision.answer["reasons"][0]["sentence"]
    assert states(signed) == {("suspended", "SYS-PROTOCOL")}
    assert Decision.objects.filter(pk__gt=before.pk).count() == 1
    with pytest.raises(StaleDecision):
        sign(before, by=physician, now=clinic_time(DAY, 12))


def test_a_file_put_back_lifts_the_hold_and_a_new_signature_is_needed(
    signed: Course, folder: ProtocolFolder
) -> None:
    folder.replace(US, "below = 75", "below = 76")
    assess_course(course_id=signed.pk, now=clinic_time(DAY, 10))
    folder.replace(US, "below = 76", "below = 75")
    decision = assess_course(course_id=signed.pk, now=clinic_time(DAY, 11))
    assert decision is not None
    assert decision.action == "proceed"
    assert {state for state, _ in states(signed)} == {"suspended"}


@pytest.mark.parametrize("how", ["changed", "removed"])
def test_a_service_whose_file_changed_in_place_is_not_ready(
    signed: Course, folder: ProtocolFolder, client: Client, how: str
) -> None:
    assert client.get("/health/ready").status_code == 200
    if how == "changed":
        folder.replace(US, "below = 75", "below = 76")
    else:
        Course.objects.filter(pk=signed.pk).update(protocol_id="gone")
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert "changed in place" in answer.json()["problems"][0]


def test_what_would_change_starts_from_the_record_where_a_file_changed_in_place(
    signed: Course, folder: ProtocolFolder
) -> None:
    folder.replace(US, "below = 75", "below = 76")
    (found,) = what_would_change(STRICT, now=AT)
    assert (found.now.action, found.then.action) == ("proceed", "delay")
    Course.objects.filter(pk=signed.pk).update(current_decision=None)
    (found,) = what_would_change(STRICT, now=AT)
    assert found.now.action == "none"


# --- Moving ----------------------------------------------------------------------------------


def test_moving_shows_both_answers_and_keeps_them(signed: Course, physician: User) -> None:
    approve(STRICT)
    both = compare_protocols(course=signed, to_protocol_id=STRICT, today=DAY)
    assert (both.now["action"], both.then["action"]) == ("proceed", "delay")
    assert both.then["protocol"]["sha256"] == protocol_sha256(STRICT)
    before = list(Decision.objects.order_by("pk").values_list("pk", "answer", "protocol_id"))
    row = move(signed, STRICT, physician)
    assert (row.answer_before["action"], row.answer_after["action"]) == ("proceed", "delay")
    assert (row.from_id, row.to_id, row.to_sha256) == (US, STRICT, protocol_sha256(STRICT))
    assert (signed.protocol_id, signed.protocol_sha256) == (STRICT, protocol_sha256(STRICT))
    # Past decisions stay as they were; the newest one follows the new version.
    after = list(Decision.objects.order_by("pk").values_list("pk", "answer", "protocol_id"))
    assert after[: len(before)] == before
    assert (after[-1][1]["action"], after[-1][2]) == ("delay", STRICT)
    assert {state for state, _ in states(signed)} == {"suspended"}


def test_the_same_verdict_under_another_version_needs_a_new_signature(
    signed: Course, folder: ProtocolFolder, physician: User
) -> None:
    folder.add_version("lutathera_us_other", ("warn_days = [84, 98, 105]", "warn_days = [98, 105]"))
    approve("lutathera_us_other")
    move(signed, "lutathera_us_other", physician)
    decision = signed.current_decision
    assert decision is not None
    assert (decision.action, decision.confirms) == ("proceed", None)
    assert {state for state, _ in states(signed)} == {"suspended"}
    sign(decision, by=physician, now=AT)
    assert {state for state, _ in states(signed)} == {"active"}


def test_changed_bytes_of_the_same_protocol_are_accepted_by_moving_to_them(
    signed: Course, folder: ProtocolFolder, physician: User
) -> None:
    folder.replace(US, "below = 75", "below = 76")
    assess_course(course_id=signed.pk, now=AT)
    with pytest.raises(Refused, match="may not be used yet"):
        move(signed, US, physician)
    approve(US)
    signed.refresh_from_db()
    row = move(signed, US, physician)
    assert (row.answer_before["reasons"][0]["rule"], row.answer_after["action"]) == (
        "SYS-PROTOCOL",
        "proceed",
    )
    assert signed.current_decision is not None
    assert signed.current_decision.action == "proceed"


def test_moving_plans_the_later_cycles_by_the_new_version(
    course: Course, folder: ProtocolFolder, physician: User
) -> None:
    approve(RESEARCH)
    move(course, RESEARCH, physician, research=True)
    assert list(course.cycles.values_list("number", "planned_on")) == [
        (number, add_days(FIRST, 35 * (number - 1))) for number in range(1, 6)
    ]
    folder.add_version("two_cycles", ("cycles = 4", "cycles = 2"))
    approve("two_cycles")
    move(course, "two_cycles", physician)
    assert list(course.cycles.values_list("number", "planned_on")) == [(1, FIRST), (2, add_days(FIRST, 56))]


def test_moving_keeps_reductions_and_their_memory(folder: ProtocolFolder, physician: User) -> None:
    course = make_course(make_patient(), first_on=FIRST, by=physician)
    give_cycle(course.cycles.get(number=1), by=physician)
    planned = course.cycles.get(number=2).planned_on
    draw(course.patient, add_days(planned, -30), PLT="60")
    draw(course.patient, add_days(planned, -4))
    at = clinic_time(add_days(planned, -2))
    judge(
        course,
        "occurrence_reviews",
        at=at,
        rule="DM-PLT",
        onset=add_days(planned, -30).isoformat(),
        counts=True,
    )
    reduced = assess_course(course_id=course.pk, now=at)
    assert reduced is not None
    assert reduced.action == "reduce"
    approve(STRICT)
    move_course(
        course=course, to_protocol_id=STRICT, by=physician, authenticated_at=at, reason="newer label", now=at
    )
    assert course.current_decision is not None
    assert (course.current_decision.action, course.current_decision.activity_gbq) == (
        "reduce",
        Decimal("3.7"),
    )


@pytest.mark.parametrize("role", ["nurse", "pharmacist", "physicist", "auditor"])
def test_only_a_physician_moves_a_course(course: Course, person: Person, role: str) -> None:
    approve(STRICT)
    with pytest.raises(NotAllowed, match="Only a physician"):
        move(course, STRICT, person(role))


def test_a_move_needs_a_password_a_reason_an_approved_version_and_an_open_course(
    course: Course, physician: User
) -> None:
    with pytest.raises(Refused, match="may not be used yet"):
        move(course, STRICT, physician)
    approve(STRICT)
    with pytest.raises(Refused, match="Say in a few words why"):
        move(course, STRICT, physician, reason="  ")
    with pytest.raises(NotAllowed, match="password again"):
        move_course(
            course=course,
            to_protocol_id=STRICT,
            by=physician,
            authenticated_at=AT - timedelta(minutes=5),
            reason="newer label",
            now=AT,
        )
    with pytest.raises(Refused, match="follows lutathera_us_2024_04 already"):
        move(course, US, physician)
    course.status = "stopped"
    course.save(update_fields=["status"])
    with pytest.raises(Refused, match="closed"):
        move(course, STRICT, physician)
    assert not ProtocolMove.objects.exists()
    assert Cycle.objects.filter(course=course).count() == 4
