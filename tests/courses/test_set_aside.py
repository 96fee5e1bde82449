"""What physicians set aside is listed by month: who, what, why, what followed; a file holds no names."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from courses.models import Administration, ChartFact, Course, FactConfirmation, Incident, Order
from courses.services.assess import assess_course
from courses.services.leave_out import leave_out
from courses.set_aside import set_aside_in
from tests.builders import clinic_time, colleague, draw, make_course, make_patient

pytestmark = pytest.mark.django_db
MAY = date(2026, 5, 1)
AT = clinic_time(date(2026, 5, 7))
WHY = "Stable for three draws in a row; benefit outweighs."


def physician() -> Any:
    return colleague("dr-linde", "physician", "authorised-user")


@pytest.fixture
def course(set_clock) -> Course:
    set_clock(clinic_time(date(2026, 6, 2)))
    made = make_course(make_patient(), first_on=date(2026, 5, 11), by=physician())
    for day in (date(2026, 4, 20), date(2026, 5, 6)):
        draw(made.patient, day)
    assess_course(course_id=made.pk, now=AT)
    return made


def override(course: Course, *, at: Any = AT, **about: Any) -> ChartFact:
    return ChartFact.objects.create(
        **{
            "patient": course.patient,
            "course": course,
            "kind": "overrides",
            "data": {"rule": "DM-PLT", "code": "benefit", "action": "reduce", "cycle": 1},
            "reason": WHY,
            "recorded_by": physician(),
            "printed_name": "Dr. Linde",
            "authenticated_at": at,
            "recorded_at": at,
        }
        | about
    )


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


def rows_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


@pytest.mark.hazard("HZ-41")
def test_a_month_lists_overrides_waivers_and_orders_left_out_with_what_followed(
    course: Course, enter
) -> None:
    left = Order.objects.get(cycle__course=course, kind="rescue")
    leave_out(order=left, by=physician(), reason="Carries her own.", authenticated_at=AT, now=AT)
    first = override(course)
    FactConfirmation.objects.create(
        fact=first,
        confirmed_by=colleague("dr-eiche", "physician"),
        printed_name="Dr. Eiche",
        authenticated_at=AT,
        confirmed_at=AT,
    )
    override(course, at=AT + timedelta(days=1), second_needed=True)
    override(
        course,
        at=AT + timedelta(hours=1),
        kind="waivers",
        data={"analyte": "PLT", "what": "window", "cycle": 1},
    )
    cycle = course.cycles.get(number=1)
    Administration.objects.create(
        cycle=cycle,
        administered_on=date(2026, 5, 11),
        administered_gbq=Decimal("7.4"),
        product="lutetium Lu 177 dotatate",
        recorded_by=physician(),
        recorded_at=AT + timedelta(days=4),
    )
    Incident.objects.create(cycle=cycle, kind="activity", sentence="Less than directed.", opened_at=AT)
    page = text(enter("physician").get(reverse("courses:set_aside"), {"month": "2026-05"}))
    for words in (
        "Override: DM-PLT · benefit · reduce",
        "Dr. Linde and Dr. Eiche",
        WHY,
        "confirmed by a second physician" if first.needs_two else "not taken back",
        "a second physician has not confirmed it",
        "set aside in this course 1 time(s) before",
        "Waiver: PLT · window",
        "Left out: rescue",
        "Carries her own.",
        "cycle 1 given on Mon 11 May 2026, 7.4 GBq (200 mCi); 1 review(s) of incidents opened",
        "1 × left out, 2 × override, 1 × waiver; 1 of the same again in one course",
        "Ahorn",
    ):
        assert words in page, words


def test_a_month_ends_with_the_clinics_midnight(course: Course) -> None:
    last = clinic_time(date(2026, 5, 31), 23)
    override(course, at=last)
    override(course, at=last + timedelta(hours=1))
    assert [line.at for line in set_aside_in(MAY).lines] == [last]
    assert len(set_aside_in(date(2026, 6, 1)).lines) == 1


def test_what_was_taken_back_stays_in_the_list_and_says_so(course: Course) -> None:
    act = override(course)
    override(course, data=None, withdraws=act, reason="The value was corrected.", at=AT + timedelta(hours=1))
    [line] = set_aside_in(MAY).lines
    assert line.standing.startswith("taken back by Dr. Linde")
    assert "The value was corrected." in line.standing
    assert "cycle 1 not given so far" in line.followed


def test_as_many_queries_whatever_was_set_aside(course: Course, django_assert_num_queries) -> None:
    for hours in range(3):
        override(course, at=AT + timedelta(hours=hours))
    with django_assert_num_queries(7):
        set_aside_in(MAY)
    for hours in range(3, 9):
        override(course, at=AT + timedelta(hours=hours))
    with django_assert_num_queries(7):
        set_aside_in(MAY)


@pytest.mark.hazard("HZ-41")
def test_the_file_holds_no_name_and_no_formula(course: Course, enter, send_with_password) -> None:
    override(course, reason='=HYPERLINK("http://x") because it is stable and small')
    browser: Client = enter("physician")
    answer = send_with_password(browser, reverse("courses:set_aside_file"), {"month": "2026-05"})
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == 'attachment; filename="set-aside-2026-05.csv"'
    [row] = rows_of(answer)
    assert row["reason"].startswith("'=HYPERLINK")
    assert row["patient (pseudonym)"] == str(course.patient.public_id)[:8]
    assert "Ahorn" not in answer.content.decode()
    assert row["who"] == "Dr. Linde"


def test_the_auditor_reads_the_list_without_names_and_others_do_not_read_it(course: Course, enter) -> None:
    override(course)
    page = text(enter("auditor").get(reverse("courses:set_aside"), {"month": "2026-05"}))
    assert f"Patient {str(course.patient.public_id)[:8]}" in page
    assert "Ahorn" not in page
    for role in ("pharmacist", "physicist", "administrator"):
        assert enter(role).get(reverse("courses:set_aside")).status_code == 403


@pytest.mark.parametrize("month", ["2026", "May", "2026-13", "2026-07", "1999-12", "2026-05-01"])
def test_a_month_that_cannot_be_is_refused_with_its_remedy(course: Course, enter, month: str) -> None:
    answer = enter("physician").get(reverse("courses:set_aside"), {"month": month})
    assert answer.status_code == 400
    assert "month: " in text(answer)
