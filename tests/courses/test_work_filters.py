"""The work list and the filters that a person keeps: by choices, by name, for nobody else."""

from html import unescape
from typing import Any

import pytest
from django.urls import reverse

from courses.models import Course, SavedFilter
from courses.services.saved_filters import MOST
from courses.work_filter import BLOODS, DAYS, STATES, Asked, courses_asked
from tests.builders_pages import TODAY, make_course, sign, standing, starter

pytestmark = pytest.mark.django_db


def text(response: Any) -> str:
    return unescape(response.content.decode())


def found(**asked: str) -> list[str]:
    return [course.patient.family for course in courses_asked(Asked(**asked), today=TODAY)]


def everybody() -> None:
    make_course(1, action="delay", in_days=0, family="Held")
    make_course(2, action="hold", awaiting=True, in_days=10, family="Waiting")
    make_course(3, action="proceed", in_days=2, family="Unsigned")
    sign(standing(make_course(4, action="reduce", in_days=3, family="Signed")), by=starter())
    make_course(5, action="stop", in_days=-1, family="Stop")
    make_course(6, action="hold", in_days=20, family="Lacks")
    Course.objects.filter(pk=make_course(7, family="New").pk).update(current_decision=None)


def test_each_choice_finds_what_it_says_and_all_together_what_fits_all() -> None:
    everybody()
    assert found(state="held") == ["Held", "Lacks"]
    assert found(state="waiting") == ["Waiting"]
    assert found(state="to_sign") == ["Unsigned"]
    assert found(state="signed") == ["Signed"]
    assert found(state="stop") == ["Stop"]
    assert found(state="none") == ["New"]
    assert found(days="0") == ["Held"]
    assert found(days="7") == ["Held", "Unsigned", "Signed"]
    assert found(days="passed") == ["Stop"]
    assert found(bloods="overdue") == ["Lacks"]
    assert found(bloods="due") == []
    assert found(cycle="3") == []
    assert found(protocol="lutathera_us_2024_04", state="held", days="7") == ["Held"]
    assert len(found()) == 7


def test_every_choice_of_the_form_can_be_asked_for_and_nonsense_asks_for_nothing(enter) -> None:
    make_course(1, action="delay", in_days=0, family="Held")
    browser, page = enter("nurse"), reverse("courses:work")
    for key, choices in (("state", STATES), ("days", DAYS), ("bloods", BLOODS), ("cycle", ["2", "8"])):
        for choice in choices:
            assert browser.get(page, {key: choice}).status_code == 200, (key, choice)
    assert "Held" in text(browser.get(page, {"state": "'; drop", "days": "x", "from": "\x00"}))


def test_a_person_keeps_filters_by_name_finds_them_on_the_first_page_and_removes_them(enter) -> None:
    everybody()
    nurse, other = enter("nurse", username="n-1"), enter("physician", username="p-1")
    form = {"name": "My day", "state": "held", "days": "7"}
    answer = nurse.post(reverse("courses:save_filter"), form)
    kept = SavedFilter.objects.get()
    address = reverse("courses:saved_filter", args=[kept.public_id])
    assert (answer.status_code, answer.url) == (302, address)
    assert kept.choices == {"state": "held", "days": "7"}
    page = text(nurse.get(address))
    assert "Held" in page
    assert "Unsigned" not in page
    first = text(nurse.get("/admin/"))
    assert f'href="{address}"' in first
    assert "My day" in first
    # The same name takes its place; a name that is missing is asked for.
    nurse.post(reverse("courses:save_filter"), {"name": "My day", "state": "waiting"})
    assert SavedFilter.objects.get().choices == {"state": "waiting"}
    assert nurse.post(reverse("courses:save_filter"), {"name": " \u200b "}).status_code in (400, 409)
    # Nobody else finds, opens or removes it.
    assert "My day" not in text(other.get("/admin/"))
    remove = reverse("courses:remove_filter", args=[kept.public_id])
    assert other.get(address).status_code == 404
    assert other.post(remove).status_code == 404
    assert nurse.get(remove).status_code == 405
    assert nurse.post(remove).status_code == 302
    assert not SavedFilter.objects.exists()


def test_a_person_keeps_only_so_many(enter) -> None:
    browser = enter("nurse")
    for n in range(MOST):
        assert browser.post(reverse("courses:save_filter"), {"name": f"f{n}"}).status_code == 302
    refused = browser.post(reverse("courses:save_filter"), {"name": "one more", "state": "held"})
    assert refused.status_code == 409
    assert "remove one first" in text(refused)
    assert 'value="held"' in text(refused)
    assert SavedFilter.objects.count() == MOST
