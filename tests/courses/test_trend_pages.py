"""Trends and timeline in the browser's eyes: every result once and one click away, and the same in words."""

import re
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from courses.models import ChartFact, Course
from courses.services.assess import assess_course
from courses.services.facts import record_fact, withdraw_fact
from courses.services.reschedule import preview_move, reschedule
from courses.timeline import timeline_of
from courses.trends import SHOWN, trends_of
from labs.clinic_days import add_days
from labs.models import LabMessage, Observation, Patient, QuarantinedResult, Result
from tests.builders import PANEL, clinic_time, colleague, draw, make_patient, panel_message, receive, state
from tests.courses.signing import AT, before_third

pytestmark = pytest.mark.django_db
TODAY = date(2026, 4, 28)


def text(response: Any) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def chart_of(response: Any, short: str) -> str:
    """One chart's drawing."""
    page: str = response.content.decode()
    card = page[page.index(f'id="trend-{short}"') :]
    return card[card.index('<svg class="prrt-chart"') : card.index("</svg>")]


def links(drawing: str) -> list[str]:
    return re.findall(r'<a href="([^"]+)"', drawing)


def labels(drawing: str) -> list[str]:
    return [unescape(each) for each in re.findall(r'<(?:a|g)[^>]* aria-label="([^"]+)"', drawing)]


@pytest.fixture
def course(set_clock) -> Course:
    """Two cycles given, platelets of 60 on 20 March, and after that each way of not knowing."""
    set_clock(AT)
    found = before_third(PLT="88")
    draw(found.patient, date(2026, 3, 23), PLT="60", only=("PLT", "ANC"))
    receive(panel_message(found.patient, drawn_at=clinic_time(date(2026, 4, 1)), status="P", only=("PLT",)))
    below = panel_message(found.patient, drawn_at=clinic_time(date(2026, 4, 2)), PLT="<100", only=("PLT",))
    receive(below.replace(b"|NM|", b"|SN|").replace(b"|<100|", b"|<^100|"))
    receive(panel_message(found.patient, drawn_at=clinic_time(date(2026, 4, 3)), PLT="5000", only=("PLT",)))
    taken_back = panel_message(
        found.patient, drawn_at=clinic_time(date(2026, 4, 6)), PLT="150", only=("PLT",)
    )
    receive(taken_back)
    receive(taken_back.replace(b"||||F|||", b"||||D|||").replace(b"ORU_R01|B", b"ORU_R01|W"))
    assess_course(course_id=found.pk, now=AT)
    found.refresh_from_db()
    return found


def test_each_result_is_one_point_that_leads_to_it_and_one_row_below(course, enter):
    browser = enter("nurse")
    page = browser.get(reverse("courses:trends", args=[course.public_id]))
    assert page.status_code == 200
    for short in PANEL:
        ours = Result.objects.filter(analyte=short, patient=course.patient)
        drawing = chart_of(page, short)
        points = [reverse("admin:labs_result_change", args=[each.pk]) for each in ours]
        assert sorted(url for url in links(drawing) if "/result/" in url) == sorted(points)
    told = labels(chart_of(page, "PLT"))
    assert "Platelets 60 ×10^9/L, Mon 23 Mar 2026, grade 2, final, the worst after cycle 2" in told
    assert any("preliminary" in words and "grade" not in words for words in told)
    assert any(words.startswith("Platelets <100 ×10^9/L") and "not known which" in words for words in told)
    said = text(page)
    assert "DM-PLT : delay below 75 ×10^9/L (grade 2 or worse)" in said
    assert "C2: cycle 2, Mon 9 Mar 2026, 7.4 GBq (200 mCi)" in said
    assert "No result between" in said
    assert "reference range, as it came with the results" in said
    result = browser.get(next(url for url in links(chart_of(page, "PLT")) if "/result/" in url))
    assert "testlab" in text(result)


def test_the_table_of_grades_has_a_column_for_each_cycle_and_a_word_for_not_knowing(course, enter):
    page = text(enter("physicist").get(reverse("courses:trends", args=[course.public_id])))
    table = page[page.index("Worst grades after each cycle CTCAE 5.0") :]
    assert "After cycle 1, Mon 12 Jan 2026 After cycle 2, Mon 9 Mar 2026" in table
    row = table[table.index("Platelet count decreased") : table.index("Neutrophil count decreased")]
    assert "grade 2" in row
    assert "perhaps 4" in row
    assert "not relied on" in row
    assert "not recorded whether" in table or "no lower limit of normal" in table


def test_a_test_that_never_came_and_a_protocol_that_is_gone_are_told_in_words(enter, set_clock):
    set_clock(AT)
    course = before_third()
    browser, url = enter("nurse"), reverse("courses:trends", args=[course.public_id])
    Course.objects.filter(pk=course.pk).update(protocol_id="nothing")
    for name in ("trends", "timeline"):
        page = browser.get(reverse(f"courses:{name}", args=[course.public_id]))
        assert "Nothing can be drawn: no protocol 'nothing'" in text(page)
    assert browser.get(f"/admin/courses/course/{course.pk}/change/").status_code == 200
    assert browser.get(f"{url}?until=soon").status_code == 404


def many_results(patient: Patient, *, days: int, every: int, only: tuple[str, ...]) -> None:
    """So many days of results, stored as a laboratory's reader stores them."""
    message = LabMessage.objects.first()
    assert message is not None
    results, versions = [], []
    for back in range(0, days, every):
        at = datetime.combine(add_days(TODAY, -back), time(6), tzinfo=UTC)
        for short in only:
            code, unit, low, high, value = PANEL[short]
            result = Result(
                patient=patient, sender="testlab", filler_order=f"H{back}", analyte=short, collected_at=at
            )
            results.append(result)
            versions.append(
                Observation(
                    result=result, version=1, position=1, patient=patient, message=message, analyte=short,
                    loinc=code, value=Decimal(value), unit=unit, ref_low=Decimal(low), ref_high=Decimal(high),
                    sent_value=value, sent_unit=unit, collected_at=at, time_precision="minute",
                    status="final", ordered_at=at, ordered_by="OBR-22", digest=f"{back}-{short}",
                    received_at=at,
                )
            )  # fmt: skip
    Result.objects.bulk_create(results)
    Observation.objects.bulk_create(versions)
    for result, version in zip(results, versions, strict=True):
        result.current = version
    Result.objects.bulk_update(results, ["current"])


def test_the_pages_of_a_long_history_hold_every_result_exactly_once(course):
    many_results(course.patient, days=2000, every=20, only=("PLT", "ANC"))
    until: date | None = None
    seen: list[str] = []
    pages = 0
    while True:
        page = trends_of(course, today=TODAY, until=until)
        for trend in page.trends:
            marks = trend.picture.marks if trend.picture else ()
            assert len(marks) <= SHOWN
            seen += [mark.reading.sample.measurement.result for mark in marks if not trend.is_computed]
        pages += 1
        if page.earlier is None:
            break
        until = page.earlier
    assert pages > 2
    assert len(seen) == len(set(seen))
    waiting = {f"quarantine-{each.pk}" for each in QuarantinedResult.objects.filter(patient=course.patient)}
    assert set(seen) == {f"result-{each.pk}" for each in Result.objects.all()} | waiting


def test_ten_years_of_results_and_other_patients_cost_no_query_more_and_the_page_stays_small(course, enter):
    browser = enter("nurse")
    names = ("courses:trends", "courses:timeline", "admin:courses_course_change")
    urls = [reverse(name, args=[course.pk if "admin" in name else course.public_id]) for name in names]
    browser.get(urls[0])

    def asked() -> list[int]:
        counts = []
        for url in urls:
            with CaptureQueriesContext(connection) as captured:
                page = browser.get(url)
            assert page.status_code == 200
            assert len(page.content) < 1_500_000
            counts.append(len(captured))
        return counts

    few = asked()
    many_results(course.patient, days=3500, every=35, only=tuple(PANEL))
    for n in range(30):
        make_patient(mrn=f"OTHER-{n}", family=f"Ahorn-{n}")
    assert Result.objects.filter(patient=course.patient).count() > 1000
    assert asked() == few


def test_the_timeline_shows_every_kind_once_as_a_mark_and_once_in_the_list(course, enter):
    nurse = colleague("nurse-plans", "nurse")
    hold = record_fact(
        kind="precautionary_holds", data={}, by=nurse, course=course, reason="New confusion.", now=AT
    )
    later = AT + timedelta(hours=1)
    withdraw_fact(fact=hold, by=nurse, reason="Over.", now=later)
    cycle = course.cycles.get(number=4)
    to = add_days(cycle.planned_on, 7)
    shown = preview_move(
        cycle=cycle, to=to, cause="capacity", reason="The ward is full.", by=nurse, now=later
    )
    reschedule(
        cycle=cycle,
        to=to,
        cause="capacity",
        reason="The ward is full.",
        seen=shown.digest,
        by=nurse,
        now=later,
    )
    page = enter("nurse").get(reverse("courses:timeline", args=[course.public_id]))
    said = text(page)
    for words in (
        "Cycle 3 planned", "Cycle 2 given: 7.4 GBq (200 mCi)", "Cycle 4 moved from", "The ward is full.",
        "Delay: ", "Held by nurse-plans: New confusion.", "Cycle 1: proceed, signed by dr-bauer",
        "Thrombocytopenia (DM-PLT)", "Platelets 60 ×10^9/L", "radiopharmaceutical",
        "2 results; worst grade 2",
    ):  # fmt: skip
        assert words in said, words
    whole = page.content.decode()
    for url in set(re.findall(r'href="(/(?:courses|admin|patients)/[^"?#]+)', whole)):
        assert enter_again(page).get(url).status_code == 200, url
    for anchor in re.findall(r'href="#(entry-[^"]+)"', whole):
        assert f'id="{anchor}"' in whole
    lanes = re.findall(r'class="prrt-lane"[^>]*>([^<]+)<', whole)
    assert lanes == [
        "Planned cycles", "Administrations", "Moves", "Delays", "Holds", "Decisions", "Orders",
        "Toxicities", "Results",
    ]  # fmt: skip


def report(course: Course, term: str, grade: int, first: date, last: date | None, **said: Any) -> ChartFact:
    """An adverse event that a nurse, or of another cause a physician, records."""
    data = {"term": term, "grade": grade, "from": first.isoformat(), **said}
    if last is not None:
        data["to"] = last.isoformat()
    by = colleague("reports-physician", "physician") if "related" in said else colleague("reports", "nurse")
    return record_fact(
        kind="adverse_event", data=data, by=by, patient=course.patient, course=course, now=AT,
        authenticated_at=AT - timedelta(seconds=5),
    )  # fmt: skip


def test_the_lane_of_toxicities_tells_what_people_reported_of_every_grade_and_cause(course, enter):
    report(course, "Nausea", 1, date(2026, 3, 10), date(2026, 3, 12))
    report(course, "Fatigue", 2, date(2026, 4, 1), None, related=False)
    taken_back = report(course, "Vomiting", 2, date(2026, 4, 2), None)
    withdraw_fact(fact=taken_back, by=colleague("reports", "nurse"), reason="Another patient.", now=AT)
    page = enter("nurse").get(reverse("courses:timeline", args=[course.public_id]))
    said = text(page)
    for words in (
        "Reported: Nausea grade 1, from 10 March 2026 to 12 March 2026, cause not stated",
        "Reported: Fatigue grade 2, from 1 April 2026, not over, of another cause",
    ):
        assert words in said, words
    assert "Vomiting" not in said
    assert "Reported:" not in text(enter("pharmacist").get(page.request["PATH_INFO"]))


def test_the_worst_grade_of_each_reported_term_stands_in_the_time_it_lasted_into(course, enter):
    report(course, "Nausea", 1, date(2026, 1, 10), date(2026, 1, 11))
    report(course, "nausea", 2, date(2026, 2, 1), date(2026, 2, 3), related=False)
    report(course, "Nausea", 1, date(2026, 3, 1), None)
    page = enter("physician").get(reverse("courses:trends", args=[course.public_id]))
    said = text(page)
    block = said[said.index("Reported by people") :]
    row = block[block.index("Nausea grade 1") :]
    assert row.index("from 10 January 2026") < row.index("grade 2") < row.index("of another cause")
    # Of the last column: the first event is over, the second was before it.
    assert (
        row[row.index("of another cause") :]
        .strip()
        .startswith("of another cause grade 1 from 1 March 2026, not over")
    )


def test_where_nobody_reported_anything_the_page_says_so(course, enter):
    page = text(enter("nurse").get(reverse("courses:trends", args=[course.public_id])))
    assert "Reported by people No adverse event is recorded." in page


def enter_again(page: Any) -> Client:
    found: Client = page.client
    return found


def test_whoever_reads_less_sees_fewer_lanes_and_is_told_so(course, enter):
    page = text(enter("pharmacist").get(reverse("courses:timeline", args=[course.public_id])))
    assert "leaves out: administrations, moves, delays, holds, toxicities, results" in page
    assert "Thrombocytopenia" not in page
    assert "Trends of results" not in page
    change = text(enter("auditor").get(f"/admin/courses/course/{course.pk}/change/"))
    assert "How it went" not in change


def test_a_long_timeline_has_pages_and_every_entry_begins_on_exactly_one(course, monkeypatch):
    monkeypatch.setattr("courses.timeline.SHOWN", 7)
    until, seen = None, []
    while True:
        page = timeline_of(course, today=TODAY, may=lambda _right: True, until=until)
        seen += [entry.key for entry in page.entries if page.first <= entry.first <= page.last]
        if page.earlier is None:
            break
        until = page.earlier
    monkeypatch.undo()
    whole = timeline_of(course, today=TODAY, may=lambda _right: True)
    assert sorted(seen) == sorted(entry.key for entry in whole.entries)


def test_the_course_page_shows_how_it_went_in_short_and_what_was_given(course, enter):
    page = enter("physician").get(f"/admin/courses/course/{course.pk}/change/")
    said = text(page)
    assert "In this course: 14.8 GBq (400 mCi) in 2 of 4 cycles." in said
    assert 'role="img" aria-label="Timeline' in page.content.decode()
    for name in ("timeline", "trends"):
        assert reverse(f"courses:{name}", args=[course.public_id]) in page.content.decode()
    assert ChartFact.objects.filter(kind="delay").count() == 0


def test_a_repeated_answer_about_allergies_does_not_hide_a_graver_one(course, enter):
    url = reverse("courses:trends", args=[course.public_id])
    browser = enter("nurse")
    assert "Allergies none known (asked 27 Apr 2026)" in text(browser.get(url))
    state(course.patient, "allergy_review", date(2026, 3, 30), finding="premedicate")
    said = text(browser.get(url))
    assert "none known (asked 27 Apr 2026)" in said
    assert "an earlier record says: earlier reaction, premedication is needed (30 Mar 2026)" in said
