"""Recorded facts: who may record what, what is refused and how, and what reaches the chart."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from courses.chart import read_chart
from courses.fact_kinds import KINDS
from courses.models import ChartFact, Course, RecordKind
from courses.rules.facts import AllergyFinding, DiseaseFlags, PregnancyFinding
from courses.services.assess import assess_course, course_ids_of_patients, sweep_courses
from courses.services.authority import NotAllowed
from courses.services.facts import BadFact, confirm_fact, record_fact, withdraw_fact
from labs.models import Observation
from labs.signals import evidence_changed
from tests.builders import clinic_time, draw, judge, make_course, make_patient, state

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
FIRST = date(2026, 1, 12)
DAY = date(2026, 1, 8)
AT = clinic_time(DAY)
FRESH = AT - timedelta(seconds=10)


@pytest.fixture
def physician(person: Person) -> User:
    """A physician who judges."""
    return person("physician")


@pytest.fixture
def course(physician: User) -> Course:
    """A course before its first cycle, with its lasting facts recorded."""
    return make_course(make_patient(), first_on=FIRST, by=physician)


def chart_of(course: Course, today: date = DAY) -> Any:
    course.refresh_from_db()
    return read_chart(course=course, planned_on=FIRST, today=today)


def platelets(course: Course) -> Observation:
    return course.patient.observations.get(analyte="PLT")


# A kind, its data, what it becomes in the chart, and what that should be.
Row = tuple[str, dict[str, Any], Callable[[Any], Any], Any]
ONE_OF_EACH: list[Row] = [
    (
        "pregnancy",
        {"on": "2026-01-08", "finding": "negative"},
        lambda c: c.facts.pregnancy[-1].finding,
        "negative",
    ),
    (
        "sstr_imaging",
        {"on": "2026-01-08", "modality": "pet", "uptake": 4},
        lambda c: c.facts.sstr_imaging[-1].uptake,
        4,
    ),
    (
        "analogue_injections",
        {"on": "2026-01-07", "kind": "long_acting"},
        lambda c: c.facts.analogue_injections[-1].kind,
        "long_acting",
    ),
    (
        "allergy_review",
        {"on": "2026-01-08", "finding": "premedicate"},
        lambda c: c.facts.allergy_review[-1].finding,
        "premedicate",
    ),
    (
        "interruptions",
        {"kind": "surgery", "from": "2026-01-05", "to": "2026-02-01"},
        lambda c: c.facts.interruptions[-1].ended_on,
        date(2026, 2, 1),
    ),
    (
        "disease_flags",
        {"flag": "nyha_class", "value": 3, "on": "2026-01-08"},
        lambda c: c.facts.disease_flags.nyha_class,
        3,
    ),
    (
        "support",
        {"on": "2026-01-06", "kind": "platelet_transfusion"},
        lambda c: c.support[-1].kind,
        "platelet_transfusion",
    ),
    (
        "adverse_event",
        {"term": "Nausea", "grade": 3, "from": "2026-01-02", "to": "2026-01-04"},
        lambda c: c.adverse_events[-1].ended_on,
        date(2026, 1, 4),
    ),
    ("delay", {"cycle": 1, "cause": "supply", "from": "2026-01-05"}, lambda c: c.delays[-1].cause, "supply"),
    (
        "manual_grades",
        {"term": "Anemia", "grade": 4, "on": "2026-01-08"},
        lambda c: (c.manual_grades[-1].grade, c.manual_grades[-1].by),
        (4, "physician"),
    ),
    (
        "attributions",
        {"term": "Hypokalemia", "grade": 3, "on": "2026-01-08", "related": False},
        lambda c: (c.attributions[-1].related, c.attributions[-1].reason),
        (False, "seen and judged"),
    ),
    (
        "occurrence_reviews",
        {"rule": "DM-PLT", "onset": "2026-01-05", "counts": True},
        lambda c: (c.occurrence_reviews[-1].onset, c.occurrence_reviews[-1].on),
        (date(2026, 1, 5), DAY),
    ),
]


@pytest.mark.parametrize("row", ONE_OF_EACH, ids=[row[0] for row in ONE_OF_EACH])
def test_each_kind_is_recorded_and_read_into_the_chart(course: Course, physician: User, row: Row) -> None:
    kind, data, seen, wanted = row
    fact = record_fact(
        kind=kind,
        data=data,
        by=physician,
        course=course,
        reason="seen and judged",
        authenticated_at=FRESH,
        now=AT,
    )
    assert seen(chart_of(course)) == wanted
    assert (fact.printed_name, fact.recorded_at) == ("physician", AT)


def test_every_kind_has_its_row_in_the_table() -> None:
    assert set(KINDS) == set(RecordKind)


def test_a_fresh_course_has_every_kind_considered_and_its_flags_answered(course: Course) -> None:
    facts = chart_of(course).facts
    assert facts.disease_flags == DiseaseFlags(nyha_class=1, dialysis=False, anticoagulated=False)
    assert (facts.pregnancy, facts.allergy_review, facts.interruptions) == ((), (), ())


def test_evidence_is_named_after_the_row_it_stands_in(course: Course) -> None:
    fact = state(course.patient, "pregnancy", DAY, finding="negative")
    assert chart_of(course).facts.pregnancy[0].ref == f"fact-{fact.public_id}"


def test_of_one_day_the_fact_recorded_last_stands_last(course: Course) -> None:
    for finding in ("none", "contraindicated"):
        state(course.patient, "allergy_review", DAY, finding=finding)
    assert [each.finding for each in chart_of(course).facts.allergy_review] == ["none", "contraindicated"]


def test_the_newest_answer_about_a_lasting_fact_counts(course: Course, physician: User) -> None:
    data = {"flag": "dialysis", "value": True, "on": DAY.isoformat()}
    record_fact(kind="disease_flags", data=data, by=physician, patient=course.patient, now=AT)
    assert chart_of(course).facts.disease_flags.dialysis is True


def test_what_lies_after_the_day_of_the_chart_is_not_known_yet(course: Course) -> None:
    state(course.patient, "pregnancy", DAY, finding="negative")
    judge(course, "occurrence_reviews", at=AT, rule="DM-PLT", onset="2026-01-05", counts=True)
    chart = chart_of(course, date(2026, 1, 7))
    assert (chart.facts.pregnancy, chart.occurrence_reviews) == ((), ())


def test_an_event_that_has_ended_since_went_on_on_an_earlier_day(course: Course, physician: User) -> None:
    data = {"term": "Nausea", "grade": 2, "from": "2026-01-02", "to": "2026-01-06"}
    record_fact(kind="adverse_event", data=data, by=physician, patient=course.patient, now=AT)
    assert chart_of(course, date(2026, 1, 4)).adverse_events[0].ended_on is None
    assert chart_of(course, DAY).adverse_events[0].ended_on == date(2026, 1, 6)


def test_a_fact_of_one_course_is_not_read_into_another(course: Course, physician: User) -> None:
    judge(course, "manual_grades", at=AT, term="Anemia", grade=4, on="2026-01-08")
    other = make_course(make_patient(mrn="T-2", family="Birke"), first_on=FIRST, by=physician)
    assert chart_of(other).manual_grades == ()


# --- What is refused -------------------------------------------------------------------------

BAD: list[tuple[str, dict[str, Any], str]] = [
    ("pregnancy", {"on": "2026-01-08"}, "finding: is missing"),
    ("pregnancy", {"on": "2026-01-08", "finding": "maybe"}, "finding: 'maybe' is not one of"),
    ("pregnancy", {"on": "2026-01-09", "finding": "negative"}, "on: 2026-01-09 lies after today"),
    (
        "pregnancy",
        {"on": "1950-01-09", "finding": "negative"},
        "on: 1950-01-09 lies before the patient's birth",
    ),
    ("pregnancy", {"on": "2026-01-08", "finding": "negative", "by": "me"}, "by: is filled in by the service"),
    ("pregnancy", {"on": "2026-01-08", "finding": "negative", "colour": "red"}, "colour: unknown key"),
    ("sstr_imaging", {"on": "2026-01-08", "modality": "pet", "uptake": 5}, "uptake: must be a whole number"),
    (
        "adverse_event",
        {"term": "Nausea", "grade": 3, "from": "2026-01-02", "to": "2026-01-09"},
        "to: 2026-01-09 lies after",
    ),
    (
        "disease_flags",
        {"flag": "nyha_class", "value": 5, "on": "2026-01-08"},
        "value: must be a whole number",
    ),
    (
        "disease_flags",
        {"flag": "dialysis", "value": None, "on": "2026-01-08"},
        "value: must be true or false",
    ),
    ("delay", {"cycle": 9, "cause": "supply", "from": "2026-01-05"}, "cycle: this course has no cycle 9"),
    ("manual_grades", {"term": "Anaemiaa", "grade": 4, "on": "2026-01-08"}, "term: 'Anaemiaa' is not a term"),
    (
        "occurrence_reviews",
        {"rule": "DM-XYZ", "onset": "2026-01-05", "counts": True},
        "rule: 'DM-XYZ' is not a rule",
    ),
    ("not_representative", {"result": "nonsense"}, "result: 'nonsense' names no result"),
    (
        "not_representative",
        {"result": "7d1f6f0a-0000-4000-8000-000000000001"},
        "result: this patient has no such result",
    ),
    (
        "declared_baseline",
        {"analyte": "XYZ", "value": "1", "unit": "g/L", "on": "2026-01-08"},
        "analyte: 'XYZ' is not one of",
    ),
    (
        "declared_baseline",
        {"analyte": "PLT", "value": "1", "unit": "furlong", "on": "2026-01-08"},
        "unit: furlong",
    ),
    (
        "declared_baseline",
        {"analyte": "PLT", "value": "-1", "unit": "10*9/L", "on": "2026-01-08"},
        "value: -1 is below zero",
    ),
    (
        "declared_baseline",
        {"analyte": "PLT", "value": "99999999", "unit": "10*9/L", "on": "2026-01-08"},
        "value: must be a number that",
    ),
    (
        "declared_baseline",
        {"analyte": "PLT", "value": None, "unit": "10*9/L", "on": "2026-01-08"},
        "value: must be a number that",
    ),
    ("colour", {}, "kind: 'colour' is not one of"),
]


@pytest.mark.parametrize(("kind", "data", "words"), BAD, ids=[f"{row[0]}: {row[2]}" for row in BAD])
def test_bad_data_is_refused_naming_the_field(
    course: Course, physician: User, kind: str, data: dict[str, Any], words: str
) -> None:
    before = ChartFact.objects.count()
    with pytest.raises(BadFact) as refused:
        record_fact(
            kind=kind, data=data, by=physician, course=course, reason="why", authenticated_at=FRESH, now=AT
        )
    assert refused.value.faults[0].startswith(words)
    assert ChartFact.objects.count() == before


def test_a_number_that_is_not_exact_is_refused(course: Course, physician: User) -> None:
    with pytest.raises(BadFact, match="value: must be a number, or a number in quotes"):
        judge(course, "declared_baseline", at=AT, analyte="PLT", value=228.5, unit="10*9/L", on="2026-01-02")


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_physicians_act_needs_a_reason(course: Course, physician: User, reason: str) -> None:
    for kind, data in (
        ("manual_grades", {"term": "Anemia", "grade": 4, "on": "2026-01-08"}),
        ("declared_baseline", {"analyte": "PLT", "value": "228", "unit": "10*9/L", "on": "2026-01-02"}),
    ):
        with pytest.raises(BadFact, match="reason: is missing"):
            record_fact(
                kind=kind,
                data=data,
                by=physician,
                course=course,
                reason=reason,
                authenticated_at=FRESH,
                now=AT,
            )


def test_a_fact_of_a_course_needs_one_that_is_open(course: Course, physician: User) -> None:
    data: dict[str, Any] = {"term": "Anemia", "grade": 4, "on": "2026-01-08"}
    with pytest.raises(BadFact, match="course: this kind of fact belongs to a course"):
        record_fact(
            kind="manual_grades", data=data, by=physician, patient=course.patient, reason="x",
            authenticated_at=FRESH, now=AT,
        )  # fmt: skip
    course.status = "stopped"
    course.save(update_fields=["status"])
    with pytest.raises(BadFact, match="course: it is closed"):
        judge(course, "manual_grades", at=AT, **data)
    with pytest.raises(BadFact, match="patient: is missing"):
        record_fact(kind="pregnancy", data={}, by=physician, now=AT)


@pytest.mark.parametrize(
    ("role", "kind", "may"),
    [
        ("nurse", "pregnancy", True),
        ("nurse", "manual_grades", False),
        ("physician", "pregnancy", True),
        ("physician", "manual_grades", True),
        ("pharmacist", "pregnancy", False),
        ("physicist", "pregnancy", False),
        ("auditor", "pregnancy", False),
        ("administrator", "pregnancy", False),
    ],
)
def test_nurses_and_physicians_record_and_only_physicians_judge(
    course: Course, person: Person, role: str, kind: str, may: bool
) -> None:
    of_kind: dict[str, dict[str, Any]] = {
        "pregnancy": {"on": "2026-01-08", "finding": "negative"},
        "manual_grades": {"term": "Anemia", "grade": 4, "on": "2026-01-08"},
    }
    by = person(role, username="someone")

    def act() -> ChartFact:
        return record_fact(
            kind=kind, data=of_kind[kind], by=by, course=course, reason="why", authenticated_at=FRESH, now=AT
        )

    if may:
        assert act().recorded_by == by
        return
    with pytest.raises(NotAllowed):
        act()


def test_a_nurse_records_an_event_and_a_physician_that_it_is_not_related(
    course: Course, physician: User, person: Person
) -> None:
    event: dict[str, Any] = {"term": "Nausea", "grade": 3, "from": "2026-01-02"}
    nurse = person("nurse")
    fact = record_fact(kind="adverse_event", data=event, by=nurse, patient=course.patient, now=AT)
    judged = {**event, "related": False}
    with pytest.raises(NotAllowed, match="does not come of the treatment"):
        record_fact(kind="adverse_event", data=judged, by=nurse, patient=course.patient, now=AT)
    record_fact(
        kind="adverse_event",
        data=judged,
        by=physician,
        patient=course.patient,
        replaces=fact,
        reason="a stomach flu in the family",
        now=AT,
    )
    assert [each.related for each in chart_of(course).adverse_events] == [False]


@pytest.mark.parametrize("authenticated_at", [None, AT - timedelta(minutes=5)])
def test_a_physicians_act_needs_a_fresh_password_and_a_plain_fact_none(
    course: Course, physician: User, authenticated_at: datetime | None
) -> None:
    with pytest.raises(NotAllowed, match="password again"):
        record_fact(
            kind="manual_grades",
            data={"term": "Anemia", "grade": 4, "on": "2026-01-08"},
            by=physician,
            course=course,
            reason="why",
            authenticated_at=authenticated_at,
            now=AT,
        )
    data = {"on": "2026-01-08", "finding": "negative"}
    fact = record_fact(
        kind="pregnancy", data=data, by=physician, course=course, authenticated_at=authenticated_at, now=AT
    )
    assert fact.authenticated_at is None


# --- Taking back, replacing, confirming ------------------------------------------------------


def test_a_fact_taken_back_counts_no_longer_and_stays_on_record(course: Course, physician: User) -> None:
    fact = state(course.patient, "pregnancy", DAY, finding="positive")
    withdraw_fact(fact=fact, by=physician, reason="the sample was another patient's", now=AT)
    assert chart_of(course).facts.pregnancy == ()
    assert ChartFact.objects.filter(pk=fact.pk).exists()
    assert fact.withdrawn_by.reason == "the sample was another patient's"


def test_an_event_is_ended_by_a_new_row_in_the_place_of_the_old_one(course: Course, physician: User) -> None:
    began = {"kind": "surgery", "from": "2026-01-02"}
    fact = record_fact(kind="interruptions", data=began, by=physician, patient=course.patient, now=AT)
    record_fact(
        kind="interruptions",
        data={**began, "to": "2026-01-07"},
        by=physician,
        patient=course.patient,
        replaces=fact,
        reason="it is over",
        now=AT,
    )
    assert [each.ended_on for each in chart_of(course).facts.interruptions] == [date(2026, 1, 7)]


def test_taking_back_needs_a_reason_and_something_that_stands(course: Course, physician: User) -> None:
    fact = state(course.patient, "pregnancy", DAY, finding="positive")
    with pytest.raises(BadFact, match="reason: is missing"):
        withdraw_fact(fact=fact, by=physician, reason=" ", now=AT)
    withdraw_fact(fact=fact, by=physician, reason="wrong patient", now=AT)
    with pytest.raises(BadFact, match="taken back before"):
        withdraw_fact(fact=fact, by=physician, reason="again", now=AT)
    imaging = ChartFact.objects.get(kind="sstr_imaging")
    with pytest.raises(BadFact, match="another kind"):
        record_fact(
            kind="pregnancy",
            data={"on": "2026-01-08", "finding": "negative"},
            by=physician,
            patient=course.patient,
            replaces=imaging,
            reason="mixed up",
            now=AT,
        )


def test_the_same_fact_cannot_be_taken_back_twice_in_the_database(course: Course, physician: User) -> None:
    fact = state(course.patient, "pregnancy", DAY, finding="positive")
    row = withdraw_fact(fact=fact, by=physician, reason="wrong patient", now=AT)
    row.pk, row.public_id = None, "7d1f6f0a-0000-4000-8000-000000000001"
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


@pytest.fixture
def mark(course: Course, physician: User) -> ChartFact:
    """A physician calls low platelets not representative."""
    draw(course.patient, DAY, only=("PLT",), PLT="20")
    return judge(course, "not_representative", at=AT, by=physician, result=str(platelets(course).public_id))


def test_one_word_marks_nothing_and_two_words_leave_the_result_visible(
    course: Course, mark: ChartFact, person: Person
) -> None:
    assert chart_of(course).measurements[0].quality == ()
    confirm_fact(fact=mark, by=person("physician", username="second"), authenticated_at=FRESH, now=AT)
    (result,) = chart_of(course).measurements
    assert (result.value, result.quality) == (Decimal(20), ("not-representative",))


def test_nobody_confirms_their_own_word(course: Course, mark: ChartFact, physician: User) -> None:
    with pytest.raises(NotAllowed, match="second physician"):
        confirm_fact(fact=mark, by=physician, authenticated_at=FRESH, now=AT)


def test_a_confirmation_takes_a_physician_with_a_fresh_password(mark: ChartFact, person: Person) -> None:
    with pytest.raises(NotAllowed, match="Only a physician"):
        confirm_fact(fact=mark, by=person("nurse"), authenticated_at=FRESH, now=AT)
    with pytest.raises(NotAllowed, match="password again"):
        confirm_fact(
            fact=mark,
            by=person("physician", username="second"),
            authenticated_at=AT - timedelta(minutes=5),
            now=AT,
        )


def test_a_confirmation_is_given_once_and_only_where_one_is_awaited(
    course: Course, mark: ChartFact, person: Person
) -> None:
    second = person("physician", username="second")
    confirm_fact(fact=mark, by=second, authenticated_at=FRESH, now=AT)
    for fact in (mark, judge(course, "manual_grades", at=AT, term="Anemia", grade=4, on="2026-01-08")):
        with pytest.raises(BadFact, match="nothing waits for a confirmation"):
            confirm_fact(fact=fact, by=second, authenticated_at=FRESH, now=AT)


def test_only_a_final_result_is_called_not_representative(
    course: Course, mark: ChartFact, person: Person
) -> None:
    version = platelets(course)
    version.result.in_conflict = True
    version.result.save()
    with pytest.raises(BadFact, match="only a final result"):
        judge(course, "not_representative", at=AT, result=str(version.public_id))
    # What was right when it was said is looked at again when it is confirmed.
    with pytest.raises(BadFact, match="only a final result"):
        confirm_fact(fact=mark, by=person("physician", username="second"), authenticated_at=FRESH, now=AT)


# --- What follows ----------------------------------------------------------------------------


def test_recording_confirming_and_taking_back_wake_the_assessment(
    course: Course, mark: ChartFact, person: Person, django_capture_on_commit_callbacks: Any
) -> None:
    woken: list[int] = []

    def heard(*, patient_ids: list[int], **_: Any) -> None:
        woken.extend(course_ids_of_patients(patient_ids))

    evidence_changed.connect(heard)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            fact = state(course.patient, "pregnancy", DAY, finding="positive")
            withdraw_fact(fact=fact, by=person("nurse"), reason="wrong patient", now=AT)
            confirm_fact(fact=mark, by=person("physician", username="second"), authenticated_at=FRESH, now=AT)
    finally:
        evidence_changed.disconnect(heard)
    assert woken == [course.pk] * 3


@pytest.mark.parametrize("act", ["fact", "confirmation"])
def test_the_sweep_finds_a_course_with_a_newer_fact_or_confirmation(
    course: Course, mark: ChartFact, person: Person, act: str
) -> None:
    # All evidence of the course is older than its decision by more than the time a late reading may take.
    later = AT + timedelta(days=500)
    assess_course(course_id=course.pk, now=later)
    after = later + timedelta(minutes=10)
    assert sweep_courses(now=after, older_than=timedelta(seconds=20)) == 0
    said = later + timedelta(minutes=6)
    if act == "fact":
        record_fact(
            kind="pregnancy", data={"on": DAY.isoformat(), "finding": "negative"}, by=person("nurse"),
            patient=course.patient, now=said,
        )  # fmt: skip
    else:
        confirm_fact(fact=mark, by=person("physician", username="second"), authenticated_at=said, now=said)
    assert sweep_courses(now=after, older_than=timedelta(seconds=20)) == 1


def test_a_positive_test_reaches_the_decision_and_taking_it_back_lifts_it(
    course: Course, person: Person
) -> None:
    patient = course.patient
    patient.birth_date = date(1990, 1, 1)
    patient.save()
    draw(patient, DAY)
    fact = state(patient, "pregnancy", DAY, finding="positive")
    decision = assess_course(course_id=course.pk, now=clinic_time(DAY, 12))
    assert decision is not None
    assert decision.action == "delay"
    assert "CHK-PREGNANCY" in [reason["rule"] for reason in decision.answer["reasons"]]
    withdraw_fact(fact=fact, by=person("nurse"), reason="wrong patient", now=clinic_time(DAY, 13))
    state(patient, "pregnancy", DAY, finding="not_possible")
    decision = assess_course(course_id=course.pk, now=clinic_time(DAY, 14))
    assert decision is not None
    assert decision.action == "proceed", decision.answer["reasons"]


def test_what_was_recorded_stands_in_the_stored_situation(course: Course) -> None:
    draw(course.patient, DAY)
    decision = assess_course(course_id=course.pk, now=clinic_time(DAY, 12))
    assert decision is not None
    facts = decision.situation["facts"]
    assert facts["allergy_review"][0]["finding"] == AllergyFinding.NONE
    assert facts["pregnancy"] == []
    assert PregnancyFinding.NEGATIVE not in str(facts)
