"""The search of every page: what it finds, whom it marks, who may ask, and that no address holds a name."""

import logging
from html import unescape
from typing import Any

import pytest
from django.urls import reverse

from courses.finding import MOST, find
from labs.models import Patient
from labs.services.merges import propose_merge, review_merge
from tests.builders import colleague
from tests.builders_pages import make_course, make_patient

pytestmark = pytest.mark.django_db
FIND = "courses:find"


def text(response: Any) -> str:
    return unescape(response.content.decode())


def families(words: str) -> list[str]:
    return [each.patient.family for each in find(words).people]


def test_people_are_found_by_name_number_birth_date_and_course() -> None:
    course = make_course(7, family="Müller")
    patient = course.patient
    make_patient(8, family="Ahorn", given="Testa")
    for words in ("müller", "MUELLER", "Mül", "T00007", "t00007", "1960-01-08", "8.1.1960", "Müller, Test"):
        assert families(words) == ["Müller"], words
    assert families(str(course.public_id)) == ["Müller"]
    assert families(str(course.public_id)[:8]) == ["Müller"]
    assert families(str(patient.public_id)[:8]) == ["Müller"]
    assert families("Müller 1961-01-01") == []
    assert sorted(families("Test")) == ["Ahorn", "Müller"]
    assert find("m").too_short
    assert find(" , \x00").too_short


def test_the_number_asked_for_stands_first_and_long_lists_say_so() -> None:
    for n in range(MOST + 5):
        make_patient(n, family="Many")
    Patient.objects.filter(mrn="T00024").update(mrn="Many")
    found = find("many")
    assert found.people[0].patient.mrn == "Many"
    assert (len(found.people), found.more) == (MOST, True)


@pytest.mark.hazard("HZ-13")
def test_similar_names_are_marked_with_birth_date_and_number_also_of_whom_was_not_asked_for(enter) -> None:
    make_course(1, family="Meier")
    make_course(2, family="Meyer")
    make_course(3, family="Ahorn")
    page = text(enter("nurse").post(reverse(FIND), {"words": "Meier"}))
    assert "Similar name:" in page
    assert "born 3 Jan 1960" in page or "3 January 1960" in page
    assert "T00002" in page
    assert "Ahorn" not in page
    assert "Similar name" not in text(enter("nurse", username="n-2").post(reverse(FIND), {"words": "Ahorn"}))


@pytest.mark.parametrize("role", ["nurse", "physician", "pharmacist", "physicist"])
def test_every_page_has_the_search_for_whoever_reads_patients(enter, role) -> None:
    make_course(1, family="Findme")
    browser = enter(role)
    for page in ("/admin/", reverse("admin:courses_course_changelist"), reverse("courses:work")):
        assert 'id="find-everywhere"' in text(browser.get(page)), page
    assert "Findme" in text(browser.post(reverse(FIND), {"words": "findme"}))
    assert 'role="search"' in text(browser.get(reverse(FIND)))


@pytest.mark.hazard("HZ-83")
def test_what_was_typed_is_shown_inert_and_stands_in_no_address_and_no_log(enter, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    browser = enter("nurse")
    said = '<script>alert("Weissdorn")</script>'
    answer = browser.post(reverse(FIND), {"words": said})
    assert said not in answer.content.decode()
    assert "Weissdorn" in text(answer)
    assert answer["Cache-Control"].find("no-store") >= 0
    # A name in an address is not read: nobody learns to write it there.
    make_course(1, family="Weissdorn")
    assert "born" not in text(browser.get(reverse(FIND), {"words": "Weissdorn"}))
    assert not [
        r for r in caplog.records if "Weissdorn" in r.getMessage() and not r.name.startswith("django.db")
    ]


def test_whoever_reads_no_patient_has_no_search(enter) -> None:
    for role in ("auditor", "administrator"):
        browser = enter(role)
        assert 'id="find-everywhere"' not in text(browser.get("/admin/"))
        assert browser.post(reverse(FIND), {"words": "x"}).status_code == 403


def test_a_merged_number_says_which_one_goes_on() -> None:
    retired, survivor = make_patient(1, family="Zwilling"), make_patient(2, family="Zwilling")
    merge = propose_merge(
        retired=retired, survivor=survivor, reason="Same person.", proposed_by="clerk"
    ).merge
    for who in (colleague("merger-1", "nurse"), colleague("merger-2", "physician")):
        review_merge(merge=merge, by=who, agrees=True)
    found = {each.patient.pk: each for each in find("Zwilling").people}
    assert found[retired.pk].goes_on_as == survivor
    assert found[survivor.pk].goes_on_as is None
    # One person is not like another.
    assert found[survivor.pk].alike == ()
