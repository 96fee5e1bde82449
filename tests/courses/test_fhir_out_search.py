"""Searching what the FHIR door shows of courses: whose, which status, which day, page by page, by right."""

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from itertools import product

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome

from courses.fhir_kinds import KINDS
from courses.models import Course, Decision, Order, OrderEvent
from courses.rules.order_states import OrderState
from labs.models import Patient
from labs.services import propose_merge, review_merge
from tests.builders import colleague, make_patient
from tests.builders_fhir import OURS, counted, issues, lab, told
from tests.builders_fhir_out import (
    Played,
    delayed,
    found,
    infused,
    known_patient,
    moved,
    not_given,
    open_day,
    order_of,
    played,
    shown,
    signed_course,
)

pytestmark = pytest.mark.django_db
NAMES = [kind.name for kind in KINDS]
OF_PHARMACY = ("CarePlan", "MedicationRequest", "MedicationDispense")
Person = Callable[..., User]
ASKER = 4  # session, user, and the rights of both kinds
OF_A_PAGE = {
    "CarePlan": 3,
    "MedicationRequest": 1,
    "MedicationDispense": 2,
    "MedicationAdministration": 5,
    "DetectedIssue": 1,
    "GuidanceResponse": 1,
    "Provenance": 8,
}


@pytest.fixture
def story() -> Played:
    return played()


@pytest.fixture
def reader(person: Person) -> Client:
    client = Client()
    client.force_login(person("physician"))
    client.get("/fhir/metadata")  # the first request of a log-in notes that it is used
    return client


@pytest.fixture
def pharmacy(capsys: pytest.CaptureFixture[str]) -> Client:
    call_command("token", role="pharmacy", name="test")
    return Client(headers={"Authorization": f"Bearer {capsys.readouterr().out.split()[-1]}"})


def of(*roles: str, person: Person) -> Client:
    client = Client()
    client.force_login(person(*roles))
    return client


def one_of_each(story: Played) -> dict[str, str]:
    """An id of every kind."""
    decision = Decision.objects.filter(course=story.course).latest("pk")
    return {
        "CarePlan": str(story.course.public_id),
        "MedicationRequest": str(story.unit.order.public_id),
        "MedicationDispense": str(story.unit.public_id),
        "MedicationAdministration": str(story.infusion.public_id),
        "DetectedIssue": f"{decision.public_id}.1",
        "GuidanceResponse": str(decision.public_id),
        "Provenance": str(story.unit.directive.public_id),
    }


# --- Whose ------------------------------------------------------------------------------------


def test_a_patient_is_found_by_id_and_by_number_and_nobody_elses_rows_are(
    reader: Client, story: Played
) -> None:
    hers = delayed(story.course).patient
    delayed(played(known_patient(mrn="T-2", family="Birke"), name="2").course)
    ways: list[dict[str, str]] = [
        {"patient": str(hers.public_id)},
        {"patient": f"Patient/{hers.public_id}"},
        {"subject": f"Patient/{hers.public_id}"},
        {"patient": f"{OURS}|T-1"},
        {"patient.identifier": f"{OURS}|T-1"},
        {"subject.identifier": "TEST|T-1"},
    ]
    for kind in NAMES:
        answers = [found(reader, kind, **way) for way in ways]
        assert all(answer == answers[0] for answer in answers), kind
        assert 0 < len(answers[0]) < len(found(reader, kind)), kind
        for way in ({"patient": "00000000-0000-4000-8000-000000000000"}, {"patient": f"{OURS}|T-9"}):
            assert found(reader, kind, **way) == []


@pytest.mark.hazard("HZ-65")
def test_a_number_finds_the_person_under_all_numbers_that_are_merged(reader: Client) -> None:
    course = signed_course()
    other = make_patient(mrn="T-2")
    assert found(reader, "MedicationAdministration", patient=str(other.public_id)) == []
    merge = propose_merge(
        retired=course.patient, survivor=other, reason="Same person.", proposed_by="clerk"
    ).merge
    for who in (colleague("merger-1", "nurse"), colleague("merger-2", "physician")):
        review_merge(merge=merge, by=who, agrees=True)
    [given] = found(reader, "MedicationAdministration", patient=str(other.public_id))
    assert given["subject"]["reference"] == f"Patient/{course.patient.public_id}"


def test_nothing_of_the_hourly_trial_is_shown(reader: Client, story: Played) -> None:
    delayed(story.course)
    ids = {kind: [each["id"] for each in found(reader, kind)] for kind in NAMES}
    Patient.objects.filter(pk=story.course.patient_id).update(is_canary=True)
    for kind in NAMES:
        assert ids[kind], kind
        assert found(reader, kind) == []
        assert found(reader, kind, patient=str(story.course.patient.public_id)) == []
        assert {reader.get(f"/fhir/{kind}/{id_}").status_code for id_ in ids[kind]} == {404}


# --- Status and day ---------------------------------------------------------------------------


def test_the_statuses_part_what_is_listed_as_the_resources_say_themselves(
    reader: Client, story: Played
) -> None:
    delayed(story.course)
    second = delayed(signed_course(known_patient(mrn="T-2")))
    not_given(open_day(second.cycles.get(number=2)))
    moved(order_of(second, "amino_acids"), OrderState.CANCELLED, reason="patient_unwell")
    infused(story.unit, corrects=story.infusion, reason="Time mistyped.", ended_how="leak")
    for kind in KINDS:
        standing = kind.statuses - {"entered-in-error"}
        listed = {status: found(reader, kind.name, status=status) for status in kind.statuses}
        for status, resources in listed.items():
            assert {each["status"] for each in resources} <= {status}
        if standing:
            everything = found(reader, kind.name)
            assert sum(len(listed[status]) for status in standing) == len(everything) > 0
            assert found(reader, kind.name, status=",".join(sorted(standing))) == everything


DATES: list[tuple[list[str], bool]] = [
    (["2026-03-09"], True),
    (["eq2026-03-09"], True),
    (["eq2026-03-08"], False),
    (["ge2026-03-09"], True),
    (["gt2026-03-09"], False),
    (["le2026-03-09"], True),
    (["lt2026-03-09"], False),
    (["ge2026-03-01", "lt2026-03-10"], True),
    (["lt2026-03-10", "ge2026-03-01", "ge2026-02-01"], True),
    (["gt2026-03-09", "lt2026-03-10"], False),
    (["ge2026-03-10", "le2026-03-08"], False),
]


def test_days_are_asked_for_with_their_prefixes(reader: Client, story: Played) -> None:
    for kind in ("MedicationRequest", "MedicationDispense", "MedicationAdministration"):
        id_ = one_of_each(story)[kind]
        for dates, hits in DATES:
            listed = [each["id"] for each in found(reader, kind, date=dates)]
            assert (id_ in listed) is hits, (kind, dates)


def test_an_instant_belongs_to_the_clinics_day_and_not_to_that_of_utc(reader: Client, story: Played) -> None:
    # Half past midnight of the tenth in Berlin is still the ninth in UTC.
    late = infused(
        story.unit, started_at=story.infusion.started_at.replace(hour=23, minute=30), deviation="At night."
    )
    on_tenth = found(reader, "MedicationAdministration", date="2026-03-10")
    assert [each["id"] for each in on_tenth] == [str(late.public_id)]


def test_a_plan_is_found_by_a_day_of_its_cycles(reader: Client, story: Played) -> None:
    for name, day, hits in (
        ("date", "2026-05-04", 1),
        ("activity-date", "2026-05-04", 1),
        ("date", "2026-05-05", 0),
        ("date", "2026-01-12", 1),
    ):
        assert len(found(reader, "CarePlan", **{name: day})) == hits
    # Two bounds are meant of one cycle, not of one each.
    assert found(reader, "CarePlan", date=["gt2026-03-09", "lt2026-05-04"]) == []


def test_signatures_decisions_and_issues_are_found_by_their_day(reader: Client) -> None:
    delayed(signed_course())
    assert [each["occurrenceDateTime"][:10] for each in found(reader, "GuidanceResponse", date="2026-03-04")]
    assert len(found(reader, "Provenance", recorded="2026-03-04")) == 2
    assert found(reader, "DetectedIssue", identified="2026-03-05")
    assert found(reader, "DetectedIssue", date="gt2026-03-05") == []


# --- Pages ------------------------------------------------------------------------------------


def test_pages_follow_one_another_without_a_gap_or_a_repetition(reader: Client, story: Played) -> None:
    second = delayed(signed_course(known_patient(mrn="T-2")))
    not_given(open_day(second.cycles.get(number=2)))
    delayed(story.course)
    for kind, count in product(NAMES, (1, 2, 3)):
        everything = [each["id"] for each in found(reader, kind)]
        address, seen, pages = f"/fhir/{kind}?_count={count}", [], 0
        while address:
            answer = reader.get(address)
            Bundle.model_validate_json(answer.content)
            page = told(answer)
            links = {link["relation"]: link["url"] for link in page["link"]}
            assert links["self"].startswith(f"{settings.SITE_URL}/fhir/{kind}?_count={count}")
            assert 1 <= len(page["entry"]) <= count
            assert all(each["fullUrl"].endswith(f"{kind}/{each['resource']['id']}") for each in page["entry"])
            seen += [each["resource"]["id"] for each in page["entry"]]
            address, pages = links.get("next", ""), pages + 1
        assert seen == everything
        assert pages == -(-len(everything) // count)


def test_the_next_page_asks_for_the_same(reader: Client, story: Played) -> None:
    query = {"date": ["ge2026-03-01", "lt2026-04-01"], "status": "active,completed", "_count": "1"}
    page = told(reader.get("/fhir/MedicationRequest", query))
    [following] = [link["url"] for link in page["link"] if link["relation"] == "next"]
    for part in ("date=ge2026-03-01&date=lt2026-04-01", "status=active%2Ccompleted", "_count=1", "_after="):
        assert part in following


def test_a_page_asks_as_much_of_many_rows_as_of_few(reader: Client, story: Played) -> None:
    def queries(kind: str, **query: str) -> tuple[int, int]:
        with CaptureQueriesContext(connection) as captured:
            rows = found(reader, kind, **query)
        return counted(captured), len(rows)

    delayed(story.course)
    not_given(open_day(story.course.cycles.get(number=3)))
    number = {"patient": f"{OURS}|T-1"}
    few = {kind: (queries(kind), queries(kind, **number)) for kind in NAMES}
    for place in range(2, 5):
        more = played(known_patient(mrn=f"T-{place}"), name=str(place)).course
        not_given(open_day(delayed(more).cycles.get(number=3)))
    for kind in NAMES:
        ((asked, rows), (of_one, _rows)) = few[kind]
        again, many = queries(kind)
        assert (again, many) == (asked, 4 * rows), kind
        assert queries(kind, **number)[0] == of_one == asked + 2, kind
        assert asked == ASKER + OF_A_PAGE[kind], (kind, asked)


# --- What is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "query"),
    [
        ("CarePlan", {"patients": "x"}),
        ("CarePlan", {"patient": "1001"}),
        ("CarePlan", {"patient": f"{OURS}|"}),
        ("CarePlan", {"patient.identifier": "T-1"}),
        ("MedicationRequest", {"status": "actve"}),
        ("MedicationRequest", {"status": ""}),
        ("MedicationRequest", {"date": "09.03.2026"}),
        ("MedicationRequest", {"date": "2026-02-30"}),
        ("MedicationRequest", {"date": "ne2026-02-03"}),
        ("MedicationRequest", {"date": "0001-01-01"}),
        ("MedicationRequest", {"date": "9999-12-31"}),
        ("MedicationRequest", {"date": "2026-03"}),
        ("MedicationRequest", {"recorded": "2026-03-03"}),
        ("Provenance", {"status": "final"}),
        ("GuidanceResponse", {"_count": "0"}),
        ("GuidanceResponse", {"_count": "201"}),
        ("GuidanceResponse", {"_after": "x"}),
        ("GuidanceResponse", {"_after": "7.1.1"}),
        ("DetectedIssue", {"patient": "a|b\0"}),
    ],
)
def test_a_search_nobody_can_read_names_the_parameter(
    reader: Client, kind: str, query: dict[str, str]
) -> None:
    answer = reader.get(f"/fhir/{kind}", query)
    assert answer.status_code == 400
    OperationOutcome.model_validate_json(answer.content)
    assert told(answer)["issue"][0]["expression"] == list(query)


def test_a_parameter_that_stands_twice_is_refused_and_so_are_two_ways_of_naming_the_patient(
    reader: Client,
) -> None:
    for words in ("status=active&status=draft", f"patient={OURS}|T-1&subject={OURS}|T-1"):
        assert reader.get(f"/fhir/MedicationRequest?{words}").status_code == 400


def test_an_id_of_nothing_is_not_found(reader: Client) -> None:
    nobody = "00000000-0000-4000-8000-000000000000"
    for kind, id_ in product(NAMES, ("x", "0" * 32, nobody, f"{nobody}.1", f"{nobody}.0", "f" * 64)):
        answer = reader.get(f"/fhir/{kind}/{id_}")
        assert (answer.status_code, issues(answer)) == (404, [("error", "not-found")]), (kind, id_)
        OperationOutcome.model_validate_json(answer.content)


def test_nothing_is_changed_through_this_door(reader: Client, story: Played) -> None:
    before = (Order.objects.count(), OrderEvent.objects.count(), Course.objects.count())
    ids = one_of_each(story)
    for kind, method in product(NAMES, ("post", "put", "patch", "delete")):
        for address in (f"/fhir/{kind}", f"/fhir/{kind}/{ids[kind]}"):
            answer = getattr(reader, method)(address, data=b"{}", content_type="application/fhir+json")
            assert answer.status_code == 405, (method, address)
            assert issues(answer) == [("error", "not-supported")]
    assert before == (Order.objects.count(), OrderEvent.objects.count(), Course.objects.count())


def test_reading_writes_no_row(reader: Client, story: Played) -> None:
    delayed(story.course)
    with CaptureQueriesContext(connection) as captured:
        for kind in NAMES:
            for each in found(reader, kind)[:1]:
                shown(reader, kind, each["id"])
    written = [
        query["sql"]
        for query in captured.captured_queries
        if query["sql"].lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE"))
        and "rate_limit" not in query["sql"]
    ]
    assert written == []


# --- Versions ---------------------------------------------------------------------------------


def test_a_version_is_told_where_there_is_one(reader: Client, story: Played) -> None:
    for kind, id_ in one_of_each(delayed_story(story)).items():
        answer = reader.get(f"/fhir/{kind}/{id_}")
        assert answer.status_code == 200, (kind, answer.content)
        body = told(answer)
        if kind in {"CarePlan", "DetectedIssue", "GuidanceResponse"}:
            assert {"ETag", "Last-Modified"}.isdisjoint(answer.headers)
            assert "meta" not in body
        else:
            meta = body["meta"]
            assert answer.headers["ETag"] == f'W/"{meta["versionId"]}"'
            assert parsedate_to_datetime(answer.headers["Last-Modified"]).year == 2026
    order = story.unit.order
    before = reader.get(f"/fhir/MedicationRequest/{order.public_id}").headers["ETag"]
    moved(order, OrderState.CANCELLED, reason="vial_late")
    assert reader.get(f"/fhir/MedicationRequest/{order.public_id}").headers["ETag"] != before
    dispense = reader.get(f"/fhir/MedicationDispense/{story.unit.public_id}")
    assert dispense.headers["ETag"] != before


def delayed_story(story: Played) -> Played:
    """The same story after the delay that gives it an issue."""
    delayed(story.course)
    return story


# --- Who may ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("roles", "kinds"),
    [
        (("physician",), NAMES),
        (("nurse",), NAMES),
        (("pharmacist",), [name for name in NAMES if name != "MedicationAdministration"]),
        (("administrator",), []),
    ],
)
def test_people_read_what_their_role_reads(
    story: Played, person: Person, roles: tuple[str, ...], kinds: list[str]
) -> None:
    delayed(story.course)
    client = of(*roles, person=person)
    for kind, id_ in one_of_each(story).items():
        expected = 200 if kind in kinds else 403
        assert client.get(f"/fhir/{kind}").status_code == expected, kind
        assert client.get(f"/fhir/{kind}/{id_}").status_code == expected, kind


def test_a_role_sees_only_the_rows_it_may_see(story: Played, person: Person) -> None:
    physicist = of("physicist", person=person)
    assert [each["id"] for each in found(physicist, "MedicationDispense")] == [str(story.unit.public_id)]
    assert physicist.get(f"/fhir/MedicationDispense/{story.bag.public_id}").status_code == 404
    pharmacist = of("pharmacist", person=person)
    codes = {each["activity"]["coding"][0]["code"] for each in found(pharmacist, "Provenance")}
    assert codes == {"directive"}
    assert pharmacist.get(f"/fhir/Provenance/{story.authorisation.public_id}").status_code == 404
    [plan] = found(pharmacist, "CarePlan")
    assert not any({"progress", "outcomeReference"} & set(each) for each in plan["activity"])


def test_the_pharmacy_token_reads_orders_dispensings_and_plans_and_no_laboratory_value(
    story: Played, pharmacy: Client
) -> None:
    delayed(story.course)
    for kind, id_ in one_of_each(story).items():
        for address in (f"/fhir/{kind}", f"/fhir/{kind}/{id_}"):
            answer = pharmacy.get(address)
            assert answer.status_code == (200 if kind in OF_PHARMACY else 403), address
            if kind not in OF_PHARMACY:
                assert issues(answer) == [("error", "forbidden")]
            text = answer.content.decode()
            assert not any(word in text for word in ("10*9/L", "×10", "Platelets", "GuidanceResponse/"))
    assert found(pharmacy, "MedicationRequest", patient=f"{OURS}|T-1")
    assert pharmacy.get("/fhir/Observation").status_code == 403


def test_the_pharmacy_token_reads_the_schedule_of_a_course_and_no_decision(
    story: Played, pharmacy: Client
) -> None:
    address = f"/api/v1/courses/{story.course.public_id}"
    assert pharmacy.get(f"{address}/schedule/").json()["cycles"][1]["planned_on"] == "2026-03-09"
    assert pharmacy.get(f"{address}/decision/").status_code == 403


def test_the_laboratorys_token_and_strangers_read_nothing(story: Played) -> None:
    feed, stranger = lab(), Client()
    for kind, id_ in one_of_each(story).items():
        for address in (f"/fhir/{kind}", f"/fhir/{kind}/{id_}"):
            assert feed.get(address).status_code == 403, address
            answer = stranger.get(address)
            assert (answer.status_code, issues(answer)) == (401, [("error", "login")])


def test_an_auditor_reads_without_names_and_cannot_look_a_number_up(story: Played, person: Person) -> None:
    delayed(story.course)
    auditor = of("auditor", person=person)
    for kind in NAMES:
        answer = auditor.get(f"/fhir/{kind}")
        assert answer.status_code == 200, kind
        assert "Ahorn" not in answer.content.decode()
        assert '"T-1"' not in answer.content.decode()
    refused = auditor.get("/fhir/CarePlan", {"patient": f"{OURS}|T-1"})
    assert (refused.status_code, issues(refused)) == (403, [("error", "forbidden")])
    assert found(auditor, "CarePlan", patient=str(story.course.patient.public_id))


# --- What the door says of itself -------------------------------------------------------------


@pytest.mark.parametrize("address", ["/fhir/metadata", "/fhir/metadata/"])
def test_the_door_lists_what_it_shows_of_courses(address: str) -> None:
    answer = Client().get(address)
    CapabilityStatement.model_validate_json(answer.content)
    rows = {each["type"]: each for each in told(answer)["rest"][0]["resource"]}
    assert set(rows) == {"Observation", "DiagnosticReport", *NAMES}
    for kind in KINDS:
        row = rows[kind.name]
        assert [each["code"] for each in row["interaction"]] == ["read", "search-type"]
        names = [each["name"] for each in row["searchParam"]]
        assert names[:4] == ["patient", "subject", "patient.identifier", "subject.identifier"]
        assert ("status" in names) is bool(kind.statuses)
        assert "date" in names


def test_every_parameter_that_is_listed_is_taken(reader: Client) -> None:
    samples = {"reference": f"{OURS}|T-1", "token": f"{OURS}|T-1", "date": "ge2026-03-01"}
    for row in told(Client().get("/fhir/metadata"))["rest"][0]["resource"]:
        if row["type"] not in NAMES:
            continue
        [kind] = [kind for kind in KINDS if kind.name == row["type"]]
        for each in row["searchParam"]:
            text = min(kind.statuses) if each["name"] == "status" else samples[each["type"]]
            assert found(reader, row["type"], **{each["name"]: text}) == []


def test_other_addresses_are_still_nowhere(reader: Client) -> None:
    answer = reader.get("/fhir/Patient")
    assert (answer.status_code, issues(answer)) == (404, [("error", "not-found")])
    assert reader.get("/fhir/CarePlan/").status_code == 200
