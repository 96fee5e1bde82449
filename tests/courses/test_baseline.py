"""The baseline: proposed, locked with the first administration, and moved afterwards by two people alone."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from courses.chart import read_chart
from courses.models import BaselineLock, ChartFact, Course
from courses.rules.evidence import read_history
from courses.services.assess import assess_course
from courses.services.baseline import baselines_of
from courses.services.course import GivenElsewhere, record_administration
from courses.services.facts import BadFact, confirm_fact, withdraw_fact
from labs.clinic_days import add_days
from labs.models import Observation, Result
from tests.builders import (
    clinic_time,
    draw,
    give_cycle,
    judge,
    make_course,
    make_patient,
    panel_message,
    receive,
)

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
FIRST = date(2026, 1, 12)
DRAWN = date(2026, 1, 8)  # the bloods that `give_cycle` draws before the first cycle
LATER = date(2026, 2, 2)
AT = clinic_time(LATER)


@pytest.fixture
def physician(person: Person) -> User:
    """A physician who may sign directives."""
    return person("physician", "authorised-user")


@pytest.fixture
def second(person: Person) -> User:
    """Another physician."""
    return person("physician", username="second")


@pytest.fixture
def before_first(physician: User) -> Course:
    """A course before its first cycle, without results."""
    return make_course(make_patient(), first_on=FIRST, by=physician)


@pytest.fixture
def course(before_first: Course, physician: User) -> Course:
    """The same after its first cycle: its baselines are locked."""
    give_cycle(before_first.cycles.get(number=1), by=physician)
    before_first.refresh_from_db()
    return before_first


def creatinine(course: Course, day: date) -> Observation:
    return course.patient.observations.filter(analyte="CREAT", collected_at=clinic_time(day, 8)).latest("pk")


def baseline(course: Course, analyte: str = "CREAT", today: date = LATER) -> Decimal | None:
    """The value that the rules compare with."""
    course.refresh_from_db()
    history = read_history(read_chart(course=course, planned_on=today, today=today))
    return history.baselines[analyte].measurement.value if analyte in history.baselines else None


def again(course: Course, *, status: str, value: str) -> None:
    """The laboratory speaks once more of the creatinine drawn before the first cycle."""
    version = creatinine(course, DRAWN)
    body = panel_message(
        course.patient, drawn_at=clinic_time(DRAWN, 8), status=status, only=("CREAT",), CREAT=value
    ).decode()
    number = body.split("OBR|1||")[1].split("|")[0]
    sent, later = (f"{clinic_time(DRAWN, 8) + timedelta(hours=n):%Y%m%d%H%M%S%z}" for n in (2, 6))
    receive(body.replace(f"|{number}|", f"|{version.result.filler_order}|").replace(sent, later).encode())


def test_before_the_first_administration_the_newest_result_is_proposed(before_first: Course) -> None:
    for day, value in ((date(2026, 1, 2), "70"), (DRAWN, "80")):
        draw(before_first.patient, day, only=("CREAT",), CREAT=value)
    found = baselines_of(course=before_first, today=DRAWN)
    assert (found["CREAT"].sample.measurement.value, found["CREAT"].locked_at) == (80, None)
    assert not BaselineLock.objects.exists()


def test_the_first_administration_locks_one_result_for_each_analyte(course: Course) -> None:
    locks = {lock.analyte: lock for lock in BaselineLock.objects.all()}
    assert set(locks) == {"PLT", "ANC", "WBC", "LYMPH", "HGB", "CREAT", "BILI", "ALB", "ALT", "AST"}
    assert locks["CREAT"].result == creatinine(course, DRAWN).result
    assert baselines_of(course=course, today=LATER)["CREAT"].locked_at == clinic_time(FIRST, 16)


def test_every_locked_baseline_was_collected_before_the_administration(
    before_first: Course, physician: User
) -> None:
    draw(before_first.patient, DRAWN, CREAT="80")
    draw(before_first.patient, FIRST, only=("CREAT",), CREAT="99")
    record_administration(
        cycle=before_first.cycles.get(number=1),
        administered_on=FIRST,
        administered_gbq=Decimal("7.4"),
        by=physician,
        now=clinic_time(FIRST, 16),
    )
    assert {lock.result.collected_at for lock in BaselineLock.objects.all()} == {clinic_time(DRAWN, 8)}
    assert baseline(before_first) == 80


def test_a_second_administration_locks_nothing_more(course: Course, physician: User) -> None:
    before = list(BaselineLock.objects.values_list("pk", flat=True))
    give_cycle(course.cycles.get(number=2), by=physician)
    assert list(BaselineLock.objects.values_list("pk", flat=True)) == before


def test_an_older_result_that_arrives_late_never_moves_a_locked_baseline(course: Course) -> None:
    draw(course.patient, add_days(FIRST, -1), only=("CREAT",), CREAT="40")
    assert baseline(course) == 78


def test_a_result_that_arrives_late_gives_no_baseline_to_an_analyte_without_one(course: Course) -> None:
    body = panel_message(course.patient, drawn_at=clinic_time(DRAWN, 9), only=("CREAT",), CREAT="4.2")
    receive(body.replace(b"14682-9^CREAT", b"2823-3^K").replace(b"umol/L", b"mmol/L"))
    assert Result.objects.filter(analyte="K").exists()
    assert baseline(course, "K") is None


def test_a_corrected_baseline_counts_with_its_corrected_value(course: Course) -> None:
    again(course, status="C", value="60")
    assert baseline(course) == 60


def test_a_withdrawn_baseline_leaves_none_and_the_rules_hold_where_it_matters(course: Course) -> None:
    draw(course.patient, add_days(DRAWN, -3), only=("CREAT",), CREAT="78")
    again(course, status="D", value="78")
    assert baseline(course) is None
    assert "CREAT" not in baselines_of(course=course, today=LATER)
    cycle = course.cycles.get(number=2)
    draw(course.patient, add_days(cycle.planned_on, -4))
    decision = assess_course(course_id=course.pk, now=clinic_time(add_days(cycle.planned_on, -2)))
    assert decision is not None
    assert decision.action == "hold"
    assert {"EV-BASELINE"} <= {gap["rule"] for gap in decision.answer["missing"]}


def amend(course: Course, day: date, *, by: User, second: User | None) -> ChartFact:
    result = str(creatinine(course, day).public_id)
    return judge(course, "baseline_amendment", at=AT, by=by, second=second, analyte="CREAT", result=result)


def test_two_physicians_amend_a_locked_baseline_and_one_does_not(
    course: Course, physician: User, second: User
) -> None:
    early = add_days(DRAWN, -3)
    draw(course.patient, early, only=("CREAT",), CREAT="55")
    fact = amend(course, early, by=physician, second=None)
    assert baseline(course) == 78
    confirm_fact(fact=fact, by=second, authenticated_at=AT, now=AT)
    assert baseline(course) == 55
    lock = BaselineLock.objects.current().get(analyte="CREAT")
    assert (lock.locked_by, lock.second_by, lock.amendment) == (physician, second, fact)
    assert lock.supersedes is not None
    assert lock.supersedes.result == creatinine(course, DRAWN).result


def test_an_amended_baseline_changes_later_decisions_and_no_earlier_one(
    course: Course, physician: User, second: User
) -> None:
    early = add_days(DRAWN, -3)
    draw(course.patient, early, only=("CREAT",), CREAT="55")
    planned = course.cycles.get(number=2).planned_on
    draw(course.patient, add_days(planned, -4))
    at = clinic_time(add_days(planned, -3))
    earlier = assess_course(course_id=course.pk, now=at)
    assert earlier is not None
    assert earlier.action == "proceed", earlier.answer["reasons"]
    # 78 is 41.8 % above 55: the renal rule of a rise by 40 %.
    amend(course, early, by=physician, second=second)
    later = assess_course(course_id=course.pk, now=at + timedelta(hours=1))
    assert later is not None
    assert (later.action, "DM-REN" in later.verdict) == ("delay", True)
    earlier.refresh_from_db()
    assert earlier.action == "proceed"


def test_a_baseline_from_after_the_first_administration_is_refused(course: Course, physician: User) -> None:
    after = add_days(FIRST, 7)
    draw(course.patient, after, only=("CREAT",))
    with pytest.raises(BadFact, match="does not lie before the first administration"):
        amend(course, after, by=physician, second=None)
    with pytest.raises(BadFact, match=r"on: .* does not lie before the first administration"):
        judge(course, "declared_baseline", at=AT, analyte="CREAT", value="70", unit="umol/L", on=after)


def test_a_baseline_of_the_first_administrations_own_day_is_refused(course: Course) -> None:
    with pytest.raises(BadFact, match=r"on: .* does not lie before the first administration"):
        judge(course, "declared_baseline", at=AT, analyte="CREAT", value="70", unit="umol/L", on=FIRST)


def test_a_result_of_another_analyte_is_no_baseline(course: Course) -> None:
    platelets = course.patient.observations.filter(analyte="PLT").latest("pk")
    with pytest.raises(BadFact, match="the result is one of PLT, not of CREAT"):
        judge(course, "baseline_amendment", at=AT, analyte="CREAT", result=str(platelets.public_id))


def test_before_the_lock_two_physicians_may_choose_another_result(
    before_first: Course, physician: User, second: User
) -> None:
    for day, value in ((date(2026, 1, 2), "70"), (DRAWN, "80")):
        draw(before_first.patient, day, only=("CREAT",), CREAT=value)
    at = clinic_time(DRAWN)
    chosen = str(creatinine(before_first, date(2026, 1, 2)).public_id)
    judge(
        before_first, "baseline_amendment", at=at, by=physician, second=second, analyte="CREAT", result=chosen
    )
    assert baseline(before_first, today=DRAWN) == 70
    assert not BaselineLock.objects.exists()
    record_administration(
        cycle=before_first.cycles.get(number=1),
        administered_on=FIRST,
        administered_gbq=Decimal("7.4"),
        by=physician,
        now=clinic_time(FIRST, 16),
    )
    assert baseline(before_first) == 70


# --- Without original values -----------------------------------------------------------------


@pytest.fixture
def from_elsewhere(physician: User) -> Course:
    """A course whose first cycle St Anna gave; nothing of its bloods is at hand."""
    given = GivenElsewhere(on=FIRST, administered_gbq=Decimal("7.4"), hospital="St Anna")
    return make_course(make_patient(), first_on=None, by=physician, earlier=[given], now=AT)


def declare(course: Course, *, second: User | None, value: str = "0.9", unit: str = "mg/dL") -> ChartFact:
    return judge(
        course, "declared_baseline", at=AT, second=second, analyte="CREAT", value=value, unit=unit, on=DRAWN,
        low="0.5", high="1.1",
    )  # fmt: skip


def test_two_physicians_declare_a_baseline_and_one_does_not(from_elsewhere: Course, second: User) -> None:
    fact = declare(from_elsewhere, second=None)
    assert baseline(from_elsewhere) is None
    confirm_fact(fact=fact, by=second, authenticated_at=AT, now=AT)
    course = Course.objects.get(pk=from_elsewhere.pk)
    (declared,) = [
        m for m in read_chart(course=course, planned_on=LATER, today=LATER).measurements if m.baseline
    ]
    assert (declared.value, declared.low, declared.high) == (
        Decimal("79.578"),
        Decimal("44.210"),
        Decimal("97.262"),
    )
    assert (declared.collected_on, declared.ref) == (DRAWN, f"fact-{fact.public_id}")


def test_of_two_declarations_the_later_one_counts(from_elsewhere: Course, second: User) -> None:
    declare(from_elsewhere, second=second)
    declare(from_elsewhere, second=second, value="70", unit="umol/L")
    assert baseline(from_elsewhere) == 70


def test_of_a_course_begun_elsewhere_nothing_is_a_baseline_without_two_physicians(
    from_elsewhere: Course, physician: User, second: User
) -> None:
    assert from_elsewhere.baseline_locked_at == AT
    draw(from_elsewhere.patient, DRAWN, only=("CREAT",))
    assert baseline(from_elsewhere) is None
    fact = declare(from_elsewhere, second=second, value="70", unit="umol/L")
    assert BaselineLock.objects.get(analyte="CREAT").declared == fact
    give_cycle(from_elsewhere.cycles.get(number=2), by=physician)
    assert BaselineLock.objects.get(analyte="CREAT").declared == fact
    assert baseline(from_elsewhere, today=date(2026, 3, 20)) == 70


def test_a_declaration_after_the_lock_is_an_amendment(course: Course, second: User) -> None:
    fact = declare(course, second=second, value="70", unit="umol/L")
    assert baseline(course) == 70
    assert BaselineLock.objects.current().get(analyte="CREAT").declared == fact
    with pytest.raises(BadFact, match="two physicians amend it with a new one"):
        withdraw_fact(fact=fact, by=second, reason="doubts", authenticated_at=AT, now=AT)


def test_an_amendment_that_another_one_replaced_is_history_and_stays(
    course: Course, physician: User, second: User
) -> None:
    first = declare(course, second=second, value="70", unit="umol/L")
    amend(course, DRAWN, by=physician, second=second)
    assert baseline(course) == 78
    with pytest.raises(BadFact, match="two physicians confirmed this baseline"):
        withdraw_fact(fact=first, by=physician, reason="typing error", authenticated_at=AT, now=AT)
    assert baseline(course) == 78
