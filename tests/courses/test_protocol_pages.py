"""The pages of protocol versions: their state, their approval by two, and moving a course to another one."""

import re
import shutil
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from courses import library
from courses.models import Course, Decision, ProtocolApproval, ProtocolMove
from courses.protocol_table import protocol_rows
from courses.services.assess import assess_course
from courses.services.course import record_administration
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone
from tests import builders

pytestmark = pytest.mark.django_db

HERE, OTHER, STUDY = builders.PROTOCOL, "other_version", "study_version"
SHELF = "/protocols/"
COMPARE = {"compare": "1"}
REASON = "the clinic adopts the newer version"


def today() -> date:
    return clinic_day(datetime.now(UTC), clinic_zone())


def text(response) -> str:
    return unescape(response.content.decode())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The US protocol, one that trusts platelets for a week only, and one for research."""
    place = tmp_path / "protocols"
    place.mkdir()
    for file in (*library.FOLDER.glob("ctcae_*.toml"), library.FOLDER / f"{HERE}.toml"):
        shutil.copy(file, place)
    original = (place / f"{HERE}.toml").read_text(encoding="utf-8")
    stricter = original.replace(f'id = "{HERE}"', f'id = "{OTHER}"', 1)
    stricter = re.sub(r"(\[\[lab\]\]\nanalyte = \"PLT\"[^\[]*?validity_days = )\d+", r"\g<1>7", stricter)
    assert stricter.count("validity_days = 7\n") == original.count("validity_days = 7\n") + 1
    (place / f"{OTHER}.toml").write_text(stricter, encoding="utf-8")
    study = original.replace(f'id = "{HERE}"', f'id = "{STUDY}"', 1)
    study = study.replace('use = "label"', 'use = "research"', 1)
    assert 'use = "research"' in study
    (place / f"{STUDY}.toml").write_text(study, encoding="utf-8")
    monkeypatch.setattr(library, "FOLDER", place)
    library.shelf.cache_clear()
    yield place
    library.shelf.cache_clear()


@pytest.fixture
def course(person, folder) -> Course:
    """A course whose first cycle is planned in three days, with healthy bloods of six days ago."""
    course = builders.make_course(
        builders.make_patient(family="Longname"),
        first_on=add_days(today(), 3),
        by=person("nurse", username="starter"),
    )
    builders.draw(course.patient, add_days(today(), -6))
    assess_course(course_id=course.pk)
    course.refresh_from_db()
    return course


def page_of(protocol_id: str) -> str:
    return reverse("courses:protocol", args=[protocol_id])


def move_url(course: Course) -> str:
    return reverse("courses:move", args=[course.public_id])


def approval(protocol_id: str) -> dict[str, str]:
    return {"read": "on", "note": "", "seen_sha256": library.protocol_sha256(protocol_id)}


def move(course: Course, to: str = OTHER) -> dict[str, str]:
    course.refresh_from_db()
    decision = course.current_decision
    assert decision is not None
    return {
        "to": to,
        "to_sha256": library.protocol_sha256(to),
        "decision": str(decision.public_id),
        "evidence_sha256": decision.evidence_sha256,
        "reason": REASON,
    }


def rows() -> dict[str, int]:
    return {
        model._meta.label: model._default_manager.count()
        for model in apps.get_models()
        if model._meta.managed and model._meta.label != "sessions.Session"
    }


# --- Who may read -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["nurse", "physician", "auditor"])
def test_the_versions_are_read_by_those_who_read_decisions_and_approvals(enter, course, role):
    browser = enter(role)
    page = text(browser.get(SHELF))
    for protocol_id in (HERE, OTHER, STUDY):
        assert protocol_id in page
        assert browser.get(page_of(protocol_id)).status_code == 200


@pytest.mark.parametrize("roles", [("pharmacist",), ("physicist",), ("administrator",), ()])
def test_other_roles_read_no_version_and_move_no_course(enter, course, roles):
    browser = enter(*roles)
    for url in (SHELF, page_of(HERE), move_url(course)):
        assert browser.get(url).status_code == 403, url
    assert browser.post(page_of(OTHER), approval(OTHER)).status_code == 403
    assert browser.post(move_url(course), move(course)).status_code == 403


def test_whoever_is_not_logged_in_is_sent_to_the_log_in(client, course):
    for url in (SHELF, page_of(HERE), move_url(course)):
        assert client.get(url, follow=True).resolver_match.url_name == "account_login"


def test_the_auditor_sees_which_course_would_change_under_a_stand_in_number(enter, course):
    page = text(enter("auditor").get(page_of(OTHER), COMPARE))
    assert "Longname" not in page
    assert f"Patient {str(course.patient.public_id)[:8]}" in page


def test_an_unknown_version_is_no_page(enter, folder):
    assert enter("nurse").get(page_of("no_such_version")).status_code == 404


def test_looking_at_the_pages_changes_no_row(enter, course):
    builders.approve(OTHER)
    browser = enter("physician")
    before = rows()
    for url in (SHELF, page_of(HERE), page_of(OTHER), move_url(course), f"{move_url(course)}?to={OTHER}"):
        assert browser.get(url).status_code == 200, url
    assert rows() == before


# --- Approving ------------------------------------------------------------------------------------


def test_the_list_says_which_version_may_be_used_and_which_is_for_research(enter, course):
    page = text(enter("nurse").get(SHELF))

    def state_of(protocol_id: str) -> str:
        row = page[page.index(f'href="{page_of(protocol_id)}"') :]
        return row[: row.index("</tr>")]

    assert "Usable" in state_of(HERE)
    assert "approver-1" in state_of(HERE)
    assert "2 more physicians must approve it" in " ".join(state_of(OTHER).split())
    assert "Research only" in state_of(STUDY)


def test_the_page_of_a_version_lists_the_courses_it_would_tell_something_else(enter, course):
    browser = enter("physician")
    page = text(browser.get(page_of(OTHER), COMPARE))
    changed = page[page.index('id="changes"') : page.index('id="approval"')]
    assert "Longname" in changed
    assert "Proceed" in changed
    assert "Hold" in changed
    same = text(browser.get(page_of(STUDY), COMPARE))
    assert "None: every open course would be told the same as now." in same


def test_the_page_of_a_version_says_every_rule_with_its_source(enter, course):
    page = text(enter("physician").get(page_of(OTHER), COMPARE))
    table = page[page.index('id="rows"') : page.index('id="changes"')]
    for rule, value, source in protocol_rows(library.protocol(OTHER)):
        assert rule in table
        assert value in table
        assert f"{source.document}, {source.section}" in table
    assert "to be confirmed by the clinic" in table
    assert page.index('id="rows"') < page.index('name="read"')


def test_two_physicians_approve_a_version_and_then_it_may_be_used(enter, course, send_with_password):
    first, second = enter("physician"), enter("physician", username="second")
    assert send_with_password(first, page_of(OTHER), approval(OTHER)).status_code == 302
    assert "another physician must do so too" in text(first.get(page_of(OTHER)))
    assert 'name="read"' not in text(first.get(page_of(OTHER), COMPARE))
    assert send_with_password(second, page_of(OTHER), approval(OTHER)).status_code == 302
    assert "Usable" in text(second.get(page_of(OTHER)))
    rows = ProtocolApproval.objects.filter(protocol_id=OTHER)
    assert {row.approved_by.username for row in rows} == {"physician", "second"}


def test_nobody_approves_twice(enter, course, send_with_password):
    browser = enter("physician")
    send_with_password(browser, page_of(OTHER), approval(OTHER))
    again = browser.post(page_of(OTHER), approval(OTHER))
    assert again.status_code == 403
    assert "approved this version already" in text(again)
    assert ProtocolApproval.objects.filter(protocol_id=OTHER).count() == 1


@pytest.mark.parametrize("role", ["nurse", "auditor"])
def test_only_physicians_approve(enter, course, role):
    browser = enter(role)
    assert 'name="read"' not in text(browser.get(page_of(OTHER), COMPARE))
    assert browser.post(page_of(OTHER), approval(OTHER)).status_code == 403
    assert not ProtocolApproval.objects.filter(protocol_id=OTHER).exists()


def test_an_approval_takes_the_ticked_statement_the_password_and_the_file_that_was_read(
    enter, course, send_with_password
):
    browser = enter("physician")
    unticked = browser.post(page_of(OTHER), {**approval(OTHER), "read": ""})
    assert unticked.status_code == 400
    assert "Tick the statement" in text(unticked)
    assert send_with_password(browser, page_of(OTHER), approval(OTHER), password="wrong").status_code == 200
    other_file = {**approval(OTHER), "seen_sha256": "0" * 64}
    changed = send_with_password(browser, page_of(OTHER), other_file)
    assert changed.status_code == 403
    assert "has changed since this page was opened" in text(changed)
    assert browser.post(page_of(OTHER), {**approval(OTHER), "seen_sha256": ""}).status_code == 403
    assert not ProtocolApproval.objects.filter(protocol_id=OTHER).exists()


def test_a_forged_post_without_the_forms_safeguard_is_refused(person, course):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person("physician"))
    assert browser.post(page_of(OTHER), approval(OTHER)).status_code == 403
    assert browser.post(move_url(course), move(course)).status_code == 403


# --- Moving ---------------------------------------------------------------------------------------


def test_a_version_is_offered_for_a_move_only_once_two_approved_it(enter, course):
    browser = enter("physician")
    compare = f"?to={OTHER}"
    assert compare not in text(browser.get(move_url(course)))
    assert 'id="both"' not in text(browser.get(move_url(course), {"to": OTHER}))
    builders.approve(OTHER)
    builders.approve(STUDY)
    page = text(browser.get(move_url(course)))
    assert compare in page
    assert f"?to={STUDY}" not in page
    assert "Followed now" in page


def test_both_verdicts_stand_side_by_side_before_the_reason(enter, course):
    builders.approve(OTHER)
    page = text(enter("physician").get(move_url(course), {"to": OTHER}))
    both = page[page.index('id="both"') :]
    now, then = both.index(f"Now: {HERE}"), both.index(f"Then: {OTHER}")
    assert now < then < both.index('name="reason"')
    assert "Proceed" in both[now:then]
    assert "7.4 GBq (200 mCi)" in both[now:then]
    assert "Hold" in both[then:]


def test_a_physician_moves_a_course_with_a_reason_and_the_password(enter, course, send_with_password):
    builders.approve(OTHER)
    browser = enter("physician")
    before = Decision.objects.get(course=course)
    response = send_with_password(browser, move_url(course), move(course))
    assert response.status_code == 302, text(response)
    moved = ProtocolMove.objects.get()
    assert (moved.from_id, moved.to_id, moved.reason) == (HERE, OTHER, REASON)
    course.refresh_from_db()
    assert course.protocol_id == OTHER
    assert course.current_decision is not None
    assert course.current_decision.protocol_id == OTHER
    before.refresh_from_db()
    assert before.protocol_id == HERE
    assert REASON in text(browser.get(move_url(course)))


def test_a_nurse_reads_the_comparison_and_moves_nothing(enter, course):
    builders.approve(OTHER)
    browser = enter("nurse")
    page = text(browser.get(move_url(course), {"to": OTHER}))
    assert 'id="both"' in page
    assert 'name="reason"' not in page
    assert browser.post(move_url(course), move(course)).status_code == 403
    assert not ProtocolMove.objects.exists()


def test_a_move_without_a_reason_or_password_or_to_an_unapproved_version_is_refused(
    enter, course, send_with_password
):
    builders.approve(OTHER)
    browser = enter("physician")
    bare = browser.post(move_url(course), {**move(course), "reason": "  "})
    assert bare.status_code == 400
    assert 'href="#id_reason"' in text(bare)
    assert send_with_password(browser, move_url(course), move(course), password="wrong").status_code == 200
    study = send_with_password(browser, move_url(course), move(course, STUDY))
    assert study.status_code == 400
    assert "research" in text(study)
    unknown = browser.post(move_url(course), {**move(course), "to": "no_such_version"})
    assert unknown.status_code == 400
    same = browser.post(move_url(course), move(course, HERE))
    assert same.status_code == 400
    assert not ProtocolMove.objects.exists()


def test_a_move_signed_over_a_file_or_a_decision_that_changed_is_refused(enter, course, send_with_password):
    builders.approve(OTHER)
    form = move(course)
    browser = enter("physician")
    other_file = send_with_password(browser, move_url(course), {**form, "to_sha256": "0" * 64})
    assert other_file.status_code == 400
    assert "Compare again" in text(other_file)
    builders.receive(
        builders.panel_message(
            course.patient, drawn_at=builders.clinic_time(add_days(today(), -1), 23), only=("PLT",), PLT="40"
        )
    )
    stale = browser.post(move_url(course), form)
    assert stale.status_code == 409
    assert "Nothing was moved." in text(stale)
    assert not ProtocolMove.objects.exists()
    course.refresh_from_db()
    assert course.protocol_id == HERE


def test_a_course_whose_file_changed_in_place_is_moved_to_the_approved_bytes_of_it(
    enter, course, folder, send_with_password
):
    file = folder / f"{HERE}.toml"
    file.write_text(file.read_text(encoding="utf-8") + "\n# one more line\n", encoding="utf-8")
    library.shelf.cache_clear()
    assess_course(course_id=course.pk)
    browser = enter("physician")
    assert f"?to={HERE}" not in text(browser.get(move_url(course)))
    builders.approve(HERE)
    page = text(browser.get(move_url(course), {"to": HERE}))
    assert 'id="both"' in page
    response = send_with_password(browser, move_url(course), move(course, HERE))
    assert response.status_code == 302, text(response)
    course.refresh_from_db()
    assert course.protocol_sha256 == library.protocol_sha256(HERE)


def test_a_course_with_no_cycle_left_is_told_so(enter, course):
    builders.approve(OTHER)
    course.cycles.filter(number__gt=1).delete()
    record_administration(
        cycle=course.cycles.get(number=1),
        administered_on=today(),
        administered_gbq=Decimal("7.4"),
        by=User.objects.get(username="starter"),
    )
    page = text(enter("physician").get(move_url(course), {"to": OTHER}))
    assert "no cycle of this course is left to give" in page
    assert 'name="reason"' not in page
