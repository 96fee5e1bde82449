"""The cohort report from the database: what counts, what is left out, and the same numbers in every form."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from openpyxl import load_workbook

from courses.cohort import gathering
from courses.cohort.gathering import gather
from courses.cohort.report import Counted, count_cohort
from courses.cohort.words import Selection, Table
from courses.models import Administration, CohortExport, Course, Cycle, Decision, Signature
from courses.services.course import GivenElsewhere
from courses.services.ending import end_course
from courses.services.facts import confirm_fact, record_fact
from labs.clinic_days import add_days
from labs.services.merges import propose_merge, review_merge
from tests.builders import (
    clinic_time,
    colleague,
    draw,
    give_cycle,
    make_course,
    make_patient,
    panel_message,
    receive,
)
from tests.builders_cohort import given_of, make_cohort, nadir

pytestmark = pytest.mark.django_db
NOW = clinic_time(date(2026, 6, 1))
EVERYTHING = Selection()
ADDRESS = "/reports/cohort/"
# CTCAE 5.0 below grade 4, as the criteria print it: the lower limit of normal, then each grade's bound.
BOUNDS: dict[str, tuple[str, tuple[Decimal | int, ...]]] = {
    "PLT": ("Platelet count decreased", (150, 75, 50, 25)),
    "LYMPH": ("Lymphocyte count decreased", (Decimal("1.0"), Decimal("0.8"), Decimal("0.5"), Decimal("0.2"))),
    "HGB": ("Anemia", (120, 100, 80)),
    "ANC": ("Neutrophil count decreased", (Decimal("1.8"), Decimal("1.5"), Decimal("1.0"), Decimal("0.5"))),
}
DAY = date(2026, 1, 12)
# A tenth of the healthy value before it, as another unit would be: in doubt, and no certain grade.
JUMP = "20"


def by_hand(analyte: str, value: str) -> int:
    return sum(Decimal(value) < bound for bound in BOUNDS[analyte][1])


def table(counted: Counted, key: str) -> Table:
    found = counted.report.table(key)
    assert found is not None
    return found


def line(found: Table, *names: object) -> dict[str, Any]:
    [row] = [row for row in found.rows if row[: len(names)] == names]
    return dict(zip(found.header, row, strict=True))


class Tables(HTMLParser):
    """The tables of the page, by the heading that names them: their cells as a reader has them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._key = ""
        self._cell: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = dict(attrs)
        if tag == "h2" and str(about.get("id")).startswith("table-"):
            self._key = str(about["id"]).removeprefix("table-")
        elif tag == "h2":
            self._key = ""
        elif tag == "tr" and self._key:
            self.found.setdefault(self._key, []).append([])
        elif tag in ("th", "td") and self._key:
            self._cell = ""

    def handle_data(self, data: str) -> None:
        if self._cell is not None:
            self._cell += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td") and self._cell is not None:
            self.found[self._key][-1].append(self._cell.strip())
            self._cell = None


def table_in_csv(text: str) -> list[list[str]]:
    rows = list(csv.reader(io.StringIO(text)))
    return rows[rows.index([]) + 1 :]


def range_by_hand(person: int, cycle: int, analyte: str) -> tuple[int, int] | None:
    """Surely and perhaps: after the nadir comes a healthy draw, but not after the last cycle."""
    value = nadir(person, cycle, analyte)
    healthy = [0] if given_of(person) > cycle else []
    if value == JUMP:
        return (0, by_hand(analyte, value)) if healthy else (-1, -1)
    grades = [*healthy, *([by_hand(analyte, value)] if value is not None else [])]
    return (max(grades), max(grades)) if grades else None


def bins(ranges: list[tuple[int, int]]) -> list[int]:
    """Grade 0 to 4, not certain, only unusable."""
    exact = [low for low, high in ranges if low == high]
    opened = sum(low < high for low, high in ranges)
    return [*(exact.count(grade) for grade in range(5)), opened, exact.count(-1)]


_BINS = (*(f"Grade {grade}" for grade in range(5)), "Grade not certain", "Only unusable results")


def test_the_grades_equal_a_count_by_hand_and_a_missing_draw_is_no_grade() -> None:
    make_cohort(40)
    counted = count_cohort(EVERYTHING, now=NOW)
    treated = [person for person in range(40) if given_of(person)]
    for analyte, (term, _) in BOUNDS.items():
        worst = []
        for cycle in range(1, 5):
            given = [person for person in treated if given_of(person) >= cycle]
            ranges = [each for person in given if (each := range_by_hand(person, cycle, analyte)) is not None]
            found = line(table(counted, "grades-by-cycle"), term, "5.0", cycle)
            assert found["Cycles given"] == len(given)
            assert found["No result"] == len(given) - len(ranges)
            assert [found[name] for name in _BINS] == bins(ranges), (analyte, cycle)
        for person in treated:
            own = [range_by_hand(person, cycle, analyte) for cycle in range(1, given_of(person) + 1)]
            known = [each for each in own if each is not None]
            worst.append((max(low for low, _ in known), max(high for _, high in known)))
        found = line(table(counted, "worst-grades"), term, "5.0")
        assert [found[name] for name in _BINS] == bins(worst), analyte
        severe = sum(low >= 3 for low, _ in worst)
        graded = sum(low >= 0 for low, _ in worst)
        assert found["Grade 3 or worse"].startswith(f"{severe} of {graded} (")
        beside = line(table(counted, "published"), term, "5.0")
        assert beside["Grade 3 or worse, here"] == found["Grade 3 or worse"]
    assert beside["Any grade, NETTER-1"] == "29 of 111 (26 %)"
    # What nobody measured is missing, not normal.
    creatinine = line(table(counted, "worst-grades"), "Creatinine increased", "5.0")
    assert (creatinine["Graded"], creatinine["No result"]) == (0, 32)
    assert creatinine["Any grade"] == "none to count"
    endings = {row[0]: row[2] for row in table(counted, "endings").rows}
    assert endings == {
        "every planned cycle given": 8,
        "no cycle given here yet": 8,
        "under treatment": 24,
        "every course": 40,
    }
    activity = line(table(counted, "activity"), "4 given")
    assert (activity["Courses"], activity["Median GBq"]) == (8, Decimal("29.6"))


def test_as_many_queries_whatever_the_number_of_patients(django_assert_num_queries: Any) -> None:
    make_cohort(5)
    with CaptureQueriesContext(connection) as few:
        gather(EVERYTHING, now=NOW)
    make_cohort(60)
    with django_assert_num_queries(len(few)):
        gather(EVERYTHING, now=NOW)
    assert len(few) <= 20


@pytest.fixture
def treated() -> Course:
    """A woman with two cycles given under signed directives, by the services."""
    physician = colleague("physician-au", "physician", "authorised-user")
    course = make_course(make_patient(family="Ahorn"), first_on=DAY, by=colleague("starter", "nurse"))
    first, second, *_ = course.cycles.order_by("number")
    for cycle in (first, second):
        give_cycle(cycle, by=physician)
        if cycle == first:
            draw(course.patient, add_days(DAY, 35), PLT="80")
    return course


def test_what_the_services_recorded_is_counted_once_each(treated: Course) -> None:
    nurse = colleague("starter", "nurse")
    given = treated.cycles.get(number=2).administration.administered_on
    record_fact(
        kind="delay",
        data={
            "cycle": 3,
            "cause": "toxicity",
            "from": str(add_days(given, 56)),
            "to": str(add_days(given, 70)),
        },
        by=nurse,
        course=treated,
        now=clinic_time(add_days(given, 57)),
    )
    at = clinic_time(add_days(given, 80))
    end_course(
        course=treated,
        cause="withdrawal",
        reason="She wishes no more.",
        ended_on=at.date(),
        by=colleague("judge-1", "physician"),
        supplier_told=True,
        authenticated_at=at - timedelta(seconds=5),
        now=at,
    )
    counted = count_cohort(EVERYTHING, now=at + timedelta(days=1))
    delay = line(table(counted, "delays"), "toxicity")
    assert (delay["Cycles"], delay["Median days"], delay["Without an end"]) == ("1 of 4", 14, 0)
    levels = line(table(counted, "reductions"), "every cycle")
    assert (levels["Given"], levels["Not known"]) == (2, 0)
    assert levels["Full activity"] + levels["Reduced"] == 2
    assert line(table(counted, "endings"), "withdrawal of consent")["Of all chosen"] == "1 of 1"
    platelets = line(table(counted, "grades-by-cycle"), "Platelet count decreased", "5.0", 1)
    assert (platelets["Grade 1"], platelets["Grade 3 or worse"]) == (1, "0 of 1")
    assert line(table(counted, "days-to-signature"), "every signature")["Decisions"] == 2


def test_the_days_to_a_signature_count_from_the_last_result_that_was_there() -> None:
    course = make_cohort(2)[1]
    cycle = course.cycles.get(number=1)
    by = colleague("physician-au", "physician", "authorised-user")
    for made_after, signed_after in ((0, 2), (-30, -29)):  # days from the draw four days before the cycle
        made_at = clinic_time(add_days(cycle.planned_on, made_after - 4), 14)
        decision = Decision.objects.create(
            course=course,
            cycle=cycle,
            action="proceed",
            activity_gbq=Decimal("7.4"),
            verdict=f"proceed|7.4|{made_after}|",
            evidence_sha256="ab" * 32,
            situation={},
            answer={},
            awaiting_labs=False,
            as_of=made_at.date(),
            protocol_id=course.protocol_id,
            protocol_sha256="ab" * 32,
            engine="test",
            made_at=made_at,
        )
        signed_at = clinic_time(add_days(cycle.planned_on, signed_after - 4), 8)
        for name in ("first", "again"):
            Signature.objects.create(
                decision=decision,
                meaning="proceed",
                signer=by if name == "first" else colleague(f"{name}-{made_after}", "physician"),
                printed_name=name,
                signed_at=signed_at if name == "first" else signed_at + timedelta(days=9),
                authenticated_at=signed_at,
                record_sha256="ab" * 32,
            )
    found = line(table(count_cohort(EVERYTHING, now=NOW), "days-to-signature"), "proceed")
    assert (found["Decisions"], found["Without a result"]) == (2, 1)
    assert (found["Median days"], found["Longest"]) == (2, 2)


def test_a_preliminary_result_gives_no_grade_and_says_that_it_is_there(treated: Course) -> None:
    last = treated.cycles.get(number=2).administration.administered_on
    drawn = clinic_time(add_days(last, 30), 8)
    receive(panel_message(treated.patient, drawn_at=drawn, status="P", only=("PLT",), PLT="20"))
    counted = count_cohort(EVERYTHING, now=clinic_time(add_days(last, 31)))
    found = line(table(counted, "grades-by-cycle"), "Platelet count decreased", "5.0", 2)
    assert (found["Graded"], found["Only unusable results"], found["No result"]) == (0, 1, 0)


def test_a_baseline_that_two_physicians_declared_grades_as_in_a_decision() -> None:
    """Creatinine 110 is grade 1 by its range (to 104), grade 2 by a baseline of 70 (above 1.5 times it)."""
    at, given_on, drawn_on = clinic_time(DAY), add_days(DAY, -30), add_days(DAY, -5)
    first, second = colleague("declares", "physician"), colleague("confirms", "physician")
    elsewhere = GivenElsewhere(on=given_on, administered_gbq=Decimal("7.4"), hospital="St Anna")
    course = make_course(make_patient(), first_on=None, by=first, earlier=[elsewhere], now=at)
    draw(course.patient, drawn_on, only=("CREAT",), CREAT="110")
    term = "Creatinine increased"

    def worst() -> dict[str, Any]:
        return line(table(count_cohort(EVERYTHING, now=at), "grades-by-cycle"), term, "5.0", 1)

    before = worst()
    fact = record_fact(
        kind="declared_baseline",
        data={"analyte": "CREAT", "value": "70", "unit": "umol/L", "on": str(add_days(given_on, -3)),
              "low": "44", "high": "97"},
        by=first, course=course, reason="letter of St Anna", authenticated_at=at, now=at,
    )  # fmt: skip
    assert worst() == before
    confirm_fact(fact=fact, by=second, authenticated_at=at, now=at)
    assert (before["Grade 2"], worst()["Grade 2"]) == (0, 1)


def test_a_later_course_ends_the_time_after_an_earlier_one(treated: Course) -> None:
    last = treated.cycles.get(number=2).administration.administered_on
    Course.objects.filter(pk=treated.pk).update(status="ended")
    again = Course.objects.create(
        patient=treated.patient,
        protocol_id=treated.protocol_id,
        protocol_sha256=treated.protocol_sha256,
        status="active",
        peritoneal_disease="no",
        started_at=clinic_time(add_days(last, 100)),
        started_by=colleague("starter", "nurse"),
    )
    cycle = Cycle.objects.create(course=again, number=1, planned_on=add_days(last, 120))
    Administration.objects.create(
        cycle=cycle,
        administered_on=add_days(last, 120),
        administered_gbq=Decimal("7.4"),
        product="lutetium Lu 177 dotatate",
        recorded_by=colleague("starter", "nurse"),
        recorded_at=clinic_time(add_days(last, 120)),
    )
    draw(treated.patient, add_days(last, 150), PLT="40")
    counted = count_cohort(EVERYTHING, now=clinic_time(add_days(last, 160)))
    grades = {(g.course, g.cycle): g.low for g in counted.rows.grades if g.term.startswith("Platelet")}
    assert grades[again.pk, 1] == 3
    assert (treated.pk, 2) not in grades
    # One woman, two courses: counted once as a patient, with the worse of both.
    worst = line(table(counted, "worst-grades"), "Platelet count decreased", "5.0")
    assert (worst["Patients"], worst["Grade 3"]) == (1, 1)
    only = count_cohort(Selection(first=add_days(last, 90)), now=clinic_time(add_days(last, 160)))
    assert [course.course for course in only.rows.courses] == [again.pk]


def test_two_numbers_of_one_person_are_one_patient_with_all_results(treated: Course) -> None:
    last = treated.cycles.get(number=2).administration.administered_on
    other = make_patient(mrn="T-2", family="Ahorn")
    draw(other, add_days(last, 30), PLT="40")
    before = count_cohort(EVERYTHING, now=clinic_time(add_days(last, 31)))
    assert line(table(before, "worst-grades"), "Platelet count decreased", "5.0")["Grade 3"] == 0
    at = clinic_time(add_days(last, 31))
    merge = propose_merge(
        retired=other, survivor=treated.patient, reason="One person.", proposed_by="nurse", now=at
    ).merge
    for name in ("merger-1", "merger-2"):
        review_merge(merge=merge, by=colleague(name, "nurse"), agrees=True, now=at)
    after = count_cohort(EVERYTHING, now=at)
    assert line(table(after, "worst-grades"), "Platelet count decreased", "5.0")["Grade 3"] == 1
    assert len({course.person for course in after.rows.courses}) == 1


def test_page_csv_and_workbook_hold_the_same_numbers(enter: Any) -> None:
    make_cohort(20)
    nurse: Client = enter("nurse")
    page = nurse.get(ADDRESS)
    assert page.status_code == 200
    shown = Tables(page.content.decode()).found
    answer = nurse.get(f"{ADDRESS}tables.xlsx", {"status": ""})
    book = load_workbook(io.BytesIO(answer.content))
    counted = count_cohort(EVERYTHING, now=NOW)
    assert list(shown) == [each.key for each in counted.report.tables]
    assert book.sheetnames == ["cover", *(each.key[:31] for each in counted.report.tables)]
    for each in counted.report.tables:
        text = nurse.get(f"{ADDRESS}{each.key}.csv").content.decode()
        rows = table_in_csv(text)
        assert len(rows) == len(each.rows) + 1
        assert len({tuple(row[: each.names]) for row in rows}) == len(rows), f"{each.key}: a row stands twice"
        written = [["" if cell == "no value" else cell for cell in row] for row in shown[each.key]]
        assert written == rows, each.key
        sheet = list(book[each.key[:31]].iter_rows(values_only=True))
        assert [["" if cell is None else str(cell) for cell in row] for row in sheet] == rows, each.key
        # Numbers are numbers.
        for row, cells in zip(each.rows, sheet[1:], strict=True):
            assert [isinstance(cell, int | float) for cell in cells] == [
                isinstance(cell, int | Decimal) for cell in row
            ]
    cover = {row[0]: str(row[1]) for row in book["cover"].iter_rows(values_only=True)}
    for name, words in {
        "counted at": "(Europe/Berlin)",
        "software": "courses.cohort ",
        "protocol": "lutathera_us_2024_04, SHA-256 ",
        "criteria": "CTCAE 5.0",
        "protocol version": "every version",
        "course status": "every status",
    }.items():
        assert words in cover[name], name
    for words in ("20 course(s) of 20 patient(s)", "<svg", "of 16", "confirmed by the clinic"):
        assert words in page.content.decode(), words
    assert "Sample-" not in page.content.decode()


def test_a_choice_narrows_every_form_and_a_wrong_one_counts_nothing(enter: Any) -> None:
    make_cohort(10)
    nurse: Client = enter("nurse")
    for query, courses in (
        ({"status": "completed"}, 2),
        ({"protocol": "lutathera_us_2024_04"}, 10),
        ({"first": "2025-06-01"}, 0),
        ({"first": "2024-12-01", "last": "2025-01-06"}, 10),
        ({"last": "2024-12-16"}, 0),
        ({"last": "2024-12-17"}, 10),
    ):
        page = nurse.get(ADDRESS, query).content.decode()
        assert f"{courses} course(s) of {courses} patient(s)" in page, query
        rows = table_in_csv(nurse.get(f"{ADDRESS}endings.csv", query).content.decode())
        assert rows[-1][:3] == ["every course", "", str(courses)]
    for query, words in (
        ({"first": "2025-02-01", "last": "2025-01-01"}, "The last day lies before the first one."),
        ({"first": "1.2.2025"}, "Enter a day as year-month-day"),
        ({"status": "well"}, "well is not one of the available choices"),
    ):
        answer: Any = nurse.get(ADDRESS, query)
        assert answer.status_code == 400
        assert words in answer.content.decode()
        refused = nurse.get(f"{ADDRESS}tables.xlsx", query)
        assert (refused.status_code, refused["Content-Type"][:10]) == (400, "text/plain")
    assert nurse.get(f"{ADDRESS}nothing.csv").status_code == 404


def test_more_results_than_one_request_counts_are_refused_in_words(
    enter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_cohort(5)
    monkeypatch.setattr(gathering, "LARGEST", 10)
    page = enter("nurse").get(ADDRESS)
    assert page.status_code == 400
    assert "are more than the 10 that one report counts; choose a shorter time" in page.content.decode()


@pytest.mark.hazard("HZ-84")
def test_rows_are_noted_before_they_leave_and_hold_no_formula(enter: Any, send_with_password: Any) -> None:
    courses = make_cohort(10)
    patient = courses[4].patient
    patient.family, patient.given = "=cmd|' /C calc'!A0", "-2+3"
    patient.save()
    physician: Client = enter("physician")
    wanted = {
        "status": "completed",
        "file_format": "csv",
        "with_names": "on",
        "reason": "Review of the year.",
    }
    answer = send_with_password(physician, reverse("courses:cohort_rows"), wanted)
    assert answer.status_code == 200
    assert "Sample" not in answer["Content-Disposition"]
    header, *rows = table_in_csv(answer.content.decode())
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["Cycle"] for row in found] == ["1", "2", "3", "4"] * 2
    assert found[0]["Family name"] == "'=cmd|' /C calc'!A0"
    assert found[0]["Given name"] == "'-2+3"
    assert found[3]["Cumulative GBq"] == "29.6"
    assert found[0]["Days since the cycle before"] == ""
    assert [row["Platelet count decreased"] for row in found][3:8:4] == ["3", "no result"]
    assert len({(row["Course (pseudonym)"], row["Cycle"]) for row in found}) == 8
    noted = CohortExport.objects.get()
    assert (noted.with_names, noted.rows, noted.reason) == (True, 8, "Review of the year.")
    assert noted.filters == {"status": "completed"}
    page = physician.get(ADDRESS).content.decode()
    assert "8 row(s), CSV, <strong>with names</strong>; status completed" in page

    book = physician.post(reverse("courses:cohort_rows"), {**wanted, "file_format": "xlsx"})
    sheet = load_workbook(io.BytesIO(book.content))["line-list"]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)
    [name] = {cell.value for cell in cells if "cmd" in str(cell.value)}
    assert name == "'=cmd|' /C calc'!A0"
    assert [row[header.index("Cycle")] for row in sheet.iter_rows(min_row=2, values_only=True)] == [
        1,
        2,
        3,
        4,
    ] * 2
    assert CohortExport.objects.count() == 2


def test_the_auditor_takes_pseudonyms_the_nurse_no_rows_and_nobody_without_a_reason(
    enter: Any, send_with_password: Any
) -> None:
    make_cohort(5)
    url = reverse("courses:cohort_rows")
    auditor: Client = enter("auditor")
    assert (
        auditor.post(url, {"file_format": "csv", "with_names": "on", "reason": "Audit."}).status_code == 403
    )
    bad = auditor.post(url, {"file_format": "csv", "reason": " \u2800 "})
    assert bad.status_code in (302, 400)
    answer = send_with_password(auditor, url, {"file_format": "csv", "reason": "Audit."})
    assert answer.status_code == 200
    text = answer.content.decode()
    assert "Sample-" not in text
    assert "Family name" not in text
    assert not CohortExport.objects.get().with_names
    nurse: Client = enter("nurse")
    assert nurse.get(ADDRESS).status_code == 200
    assert "Take the rows" not in nurse.get(ADDRESS).content.decode()
    assert nurse.post(url, {"file_format": "csv", "reason": "Curious."}).status_code == 403
    assert nurse.get(url).status_code == 405
    for role in ("pharmacist", "physicist", "administrator", "on-call"):
        assert enter(role).get(ADDRESS).status_code == 403
