"""Papers handed to a patient: confirmed numbers first, kept as printed, and told when they no longer hold."""

from datetime import date, timedelta
from html import unescape
from io import BytesIO
from typing import Any

import pytest
from django.core.checks import run_checks
from django.urls import reverse
from pypdf import PdfReader

from courses.models import Cycle, PrintedPaper
from courses.paper_library import NUMBERS, paper_numbers
from courses.services.papers import NOT_CONFIRMED, approve_numbers
from labs.clinic_days import add_days
from tests.builders import colleague, make_course, make_patient
from tests.builders_therapy_day import (
    DAY,
    at,
    authorise,
    dispense,
    infuse,
    opened,
    physician,
    ready_cycle,
    step,
    until_start,
)

pytestmark = pytest.mark.django_db


def text(response: Any) -> str:
    return " ".join(unescape(response.content.decode()).replace("\u00a0", " ").split())


def confirm() -> None:
    """A physician and a physicist confirm the numbers."""
    for name, role in (("paper-doctor", "physician"), ("paper-physicist", "physicist")):
        approve_numbers(
            by=colleague(name, role),
            authenticated_at=at(8) - timedelta(seconds=5),
            seen_sha256=paper_numbers().sha256,
            now=at(8),
        )


def address(cycle: Cycle, name: str = "papers", *more: str) -> str:
    return reverse(f"courses:{name}", args=[cycle.course.public_id, *more])


def _row(page: str, kind: str) -> str:
    """What stands of one paper in the list of what can be handed out."""
    return page.partition(f'<th scope="row">{kind}</th>')[2].partition("</tr>")[0]


def print_it(browser: Any, cycle: Cycle, kind: str, language: str = "en", form: str = "page") -> Any:
    return browser.post(address(cycle, "hand_out", kind), {"language": language, "form": form}, follow=True)


@pytest.fixture
def planned(set_clock) -> Cycle:
    """A first cycle planned in eight weeks, nothing given."""
    set_clock(at(9))
    course = make_course(make_patient(), first_on=add_days(DAY, 56), by=physician(), now=at(7))
    return course.cycles.get(number=1)


@pytest.fixture
def treated(set_clock) -> Cycle:
    """A first cycle infused this noon, its patient measured at 14:55 and still here."""
    set_clock(at(9))
    cycle = ready_cycle()
    dispense(cycle)
    day = opened(cycle)
    until_start(day)
    set_clock(at(12))
    authorise(day)
    infuse(day)
    set_clock(at(15))
    step(day, "release_survey", at(14, 55), microsievert_per_hour="18", metres="1")
    return cycle


def test_until_two_people_confirmed_the_numbers_there_are_drafts_only(planned, enter, send_with_password):
    browser, doctor, physicist = enter("nurse"), enter("physician"), enter("physicist")
    page = text(browser.get(address(planned)))
    assert NOT_CONFIRMED in page
    assert "<form" not in page.partition("What can be handed out now")[2]
    draft = text(browser.get(address(planned, "paper_preview", "schedule", "de", "page")))
    assert "Entwurf. Nicht für Patienten." in draft
    refused = print_it(browser, planned, "schedule")
    assert refused.status_code == 409
    assert not PrintedPaper.objects.exists()

    numbers = reverse("courses:paper_numbers")
    shown = text(browser.get(numbers))
    assert "to be confirmed by the clinic" in shown
    assert "Lutathera summary of product characteristics, EU, 4.4" in shown
    form = {"seen_sha256": paper_numbers().sha256}
    assert browser.post(numbers, form).status_code == 403
    stale = send_with_password(doctor, numbers, {"seen_sha256": "0" * 64})
    assert stale.status_code == 403
    assert doctor.post(numbers, form).status_code == 302  # the password is fresh
    assert "You confirmed it; another physician or physicist must do so too." in text(doctor.get(numbers))
    assert doctor.post(numbers, form).status_code == 403
    assert print_it(browser, planned, "schedule").status_code == 409
    assert send_with_password(physicist, numbers, form).status_code == 302
    assert "Confirmed by the clinic." in text(browser.get(numbers))
    assert print_it(browser, planned, "schedule").status_code == 200
    looked_at = text(browser.get(address(planned, "paper_preview", "schedule", "en", "page")))
    assert "Preview. Not handed out. Not for patients." in looked_at


def test_a_plan_that_was_printed_for_another_day_is_out_of_date(planned, enter, set_clock):
    confirm()
    browser = enter("nurse")
    shown = text(print_it(browser, planned, "schedule", "de"))
    assert "Montag, 29. Juni 2026" in shown
    assert "Veraltet" not in shown
    page = text(browser.get(address(planned)))
    assert "out of date" not in page
    assert "4 May 2026 09:00 CEST" in page
    # Time alone makes nothing old: what is over counts no more.
    set_clock(at(9, on=add_days(DAY, 45)))
    assert "out of date" not in text(browser.get(address(planned)))

    planned.planned_on = add_days(planned.planned_on, 7)
    planned.save()
    warning = "The printed plan of the visits is out of date: give a new one."
    assert warning in text(browser.get(address(planned)))
    assert warning in text(browser.get(address(planned, "plan")))
    old = PrintedPaper.objects.get()
    reprint = reverse("courses:printed_paper", args=[old.public_id, "page"])
    assert "Veraltet. Benutzen Sie dieses Blatt nicht." in text(browser.get(reprint))
    print_it(browser, planned, "schedule", "de")
    page = text(browser.get(address(planned)))
    assert warning not in page
    assert "Replaced by a later one" in page
    assert "Montag, 29. Juni 2026" in text(browser.get(reprint))  # as it was handed out


@pytest.mark.pango
def test_rules_for_home_end_on_days_counted_from_the_infusion(treated, enter, settings):
    confirm()
    settings.PATIENT_PHONE = "030 5550100"
    browser = enter("physician")
    answer = print_it(browser, treated, "home", "de", "pdf")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Ahorn" not in answer.headers["Content-Disposition"]
    pdf = PdfReader(BytesIO(answer.content))
    assert "Ahorn" not in str(pdf.metadata)
    words = " ".join(" ".join(page.extract_text() for page in pdf.pages).replace("\u00a0", " ").split())
    for told in (
        "Testa Ahorn",
        "Kinder und schwangere Frauen schlafen nicht in Ihrem Zimmer. Dienstag, 19. Mai 2026",
        "Schlafen Sie in einem eigenen Zimmer. Montag, 11. Mai 2026",
        "7 Monate lang nach Ihrer letzten Behandlung: bis einschließlich Freitag, 4. Dezember 2026",
        "Rufen Sie uns an: 030 5550100",
        "Gedruckt am Montag, 4. Mai 2026 um 15:00 Uhr.",
        f"Seite 1 von {len(pdf.pages)}",
    ):
        assert told in words
    card = text(print_it(browser, treated, "card"))
    assert "7.2 GBq on Monday, 4 May 2026" in card
    assert "18 microsievert per hour at 1 m, measured on Monday, 4 May 2026 at 14:55" in card
    assert "Friday, 10 July 2026" in card


def test_what_changes_after_the_infusion_makes_its_papers_old(treated, enter, set_clock):
    confirm()
    browser = enter("nurse")
    for kind in ("home", "card"):
        print_it(browser, treated, kind)
    assert "out of date" not in text(browser.get(address(treated)))
    day = treated.therapy_days.get()
    step(day, "release_survey", at(15), microsievert_per_hour="12", metres="1")
    page = text(browser.get(address(treated)))
    assert "The printed card to carry is out of date: give a new one." in page
    assert "rules for home is out of date" not in page


def test_nothing_is_offered_that_cannot_be_told(planned, enter):
    confirm()
    browser = enter("nurse")
    page = text(browser.get(address(planned)))
    assert "Card to carry" not in page
    assert browser.get(address(planned, "paper_preview", "card", "en", "page")).status_code == 404
    assert print_it(browser, planned, "card").status_code == 409
    for wrong in (("card", "fr", "page"), ("letter", "en", "page"), ("schedule", "en", "docx")):
        assert browser.get(address(planned, "paper_preview", *wrong)).status_code == 404
    assert print_it(browser, planned, "schedule", "fr").status_code == 409
    home = text(browser.get(address(planned, "paper_preview", "home", "en", "page")))
    assert "The last days are not known yet." in home
    assert "for 15 days after the treatment" in home
    assert enter("physicist").get(address(planned)).status_code == 403
    assert not PrintedPaper.objects.exists()


def test_a_day_of_treatment_that_is_past_is_no_warning(planned, enter, set_clock):
    confirm()
    browser = enter("nurse")
    shown = text(print_it(browser, planned, "day"))
    assert "Treatment 1 is planned for Monday, 29 June 2026." in shown
    assert "The last one must be on Monday, 1 June 2026 or before." in shown
    assert "They start 30 minutes before the treatment. They run for about 4 hours." in shown
    course = planned.course
    assert "Not printed yet" in _row(text(browser.get(address(planned))), "Rules for home")
    Cycle.objects.filter(pk=planned.pk).update(planned_on=date(2026, 7, 6))
    set_clock(at(9, on=date(2026, 6, 30)))
    page = text(browser.get(address(planned)))
    assert "The printed day of treatment is out of date: give a new one." in page
    Cycle.objects.filter(course=course, number=1).update(planned_on=date(2026, 6, 29))
    page = text(browser.get(address(planned)))
    assert "Over: its day has passed" in page
    assert "out of date" not in page


def test_a_file_of_numbers_that_is_not_whole_stops_the_service(settings, tmp_path):
    assert not [each for each in run_checks() if each.id == "courses.E002"]
    settings.PATIENT_PAPERS = tmp_path / "ours.toml"
    settings.PATIENT_PAPERS.write_text(NUMBERS.read_text().replace("days = 67", "days = 0"))
    (fault,) = [each for each in run_checks() if each.id == "courses.E002"]
    assert "ours.toml: precaution[9].days: must be a whole number of at least 1" in fault.msg
