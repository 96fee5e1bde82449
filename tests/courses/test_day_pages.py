"""A day of therapy in the browser: one step after the other, what is refused, and who sees what."""

import re
from datetime import date
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from courses.models import (
    Administration,
    Cycle,
    Incident,
    Infusion,
    InfusionEnd,
    StartAuthorisation,
    TherapyDay,
    TherapyStep,
)
from courses.services.day_version import StaleDay
from courses.services.infusion_corrections import Wrong, correct_infusion, corrected
from courses.services.infusions import Infused, record_infusion
from courses.services.start import authorise_start
from courses.views.day_frame import day_of
from courses.views.day_seen import token_of
from tests.builders import colleague, draw
from tests.builders_therapy_day import (
    DAY,
    at,
    authorise,
    dispense,
    infuse,
    nurse,
    opened,
    physician,
    ready_cycle,
    second_nurse,
    sign_now,
    until_start,
)

pytestmark = pytest.mark.django_db
PASSWORD = "a long pass phrase"


@pytest.fixture
def cycle(set_clock) -> Cycle:
    """A signed first cycle whose unit was dispensed this morning."""
    set_clock(at(9))
    found = ready_cycle()
    dispense(found)
    return found


@pytest.fixture
def enter_as():
    """A browser in which this person is logged in."""

    def make(person: Any) -> Client:
        person.set_password(PASSWORD)
        person.is_staff = True
        person.save()
        browser = Client()
        browser.force_login(person)
        return browser

    return make


def text(response: Any) -> str:
    return unescape(response.content.decode())


def url(cycle: Cycle, name: str = "day", *more: str) -> str:
    return reverse(f"courses:{name}", args=[cycle.course.public_id, *more])


def seen(cycle: Cycle) -> dict[str, str]:
    """What every form of the day carries: the day as it stands."""
    return {"seen": token_of(day_of(cycle.course))}


def sent(browser: Client, cycle: Cycle, kind: str, **data: str) -> Any:
    """Record one step in the browser; it leads back to the sheet."""
    answer = browser.post(url(cycle, "day_step", kind), data | seen(cycle))
    assert answer.status_code == 302, text(answer)
    return answer


def test_leaving_the_cover_out_asks_the_physician_for_the_password(
    cycle: Cycle, enter_as, set_clock, send_with_password
):
    doctor = enter_as(physician())
    set_clock(at(10))
    enter_as(nurse()).post(url(cycle, "day_open"))
    said = {"why": "left_out", "reason": "no disease on the scan of April"} | seen(cycle)
    asked = doctor.post(url(cycle, "day_step", "steroid"), said)
    assert (asked.status_code, "reauthenticate" in asked.url) == (302, True)
    assert not TherapyStep.objects.filter(kind="steroid").exists()
    assert send_with_password(doctor, url(cycle, "day_step", "steroid"), said).status_code == 302
    assert TherapyStep.objects.get(kind="steroid").authenticated_at is not None


def test_what_is_given_of_a_steroid_takes_no_password_and_what_was_signed_is_taken_back_without(
    cycle: Cycle, enter_as, set_clock, send_with_password
):
    one, doctor = enter_as(nurse()), enter_as(physician())
    set_clock(at(10))
    one.post(url(cycle, "day_open"))
    sent(one, cycle, "steroid", why="cover", medicine="dexamethasone", amount="4 mg")
    entry = TherapyStep.objects.get(kind="steroid")
    assert entry.authenticated_at is None
    said = {"why": "left_out", "said_reason": "no disease on the scan", "reason": "wrong box"}
    change = url(cycle, "day_correct", str(entry.public_id))
    asked = doctor.post(change, said | seen(cycle))
    assert "reauthenticate" in asked.url
    assert not TherapyStep.objects.filter(corrects=entry).exists()
    assert send_with_password(doctor, change, said | seen(cycle)).status_code == 302
    signed = TherapyStep.objects.get(corrects=entry)
    assert (signed.data["reason"], signed.reason) == ("no disease on the scan", "wrong box")
    assert signed.authenticated_at is not None
    page = text(one.get(url(cycle, "day_correct", str(signed.public_id))))
    assert "no disease on the scan" in page
    back = said | {"take_back": "on", "reason": "the disease is known"} | seen(cycle)
    assert one.post(url(cycle, "day_correct", str(signed.public_id)), back).status_code == 302
    assert TherapyStep.objects.get(corrects=signed).taken_back


def test_taking_the_last_check_back_leads_to_the_password_as_the_check_itself(
    cycle: Cycle, enter_as, set_clock, send_with_password
):
    other = enter_as(second_nurse())
    set_clock(at(11, 55))
    enter_as(nurse()).post(url(cycle, "day_open"))
    said = {"line": "patent", "rescue_ready": "yes", "crisis_risk": "usual"}
    send_with_password(other, url(cycle, "day_step", "start_check"), said | seen(cycle))
    entry = TherapyStep.objects.get(kind="start_check")
    later = enter_as(second_nurse())  # another log-in, whose password was not given again
    back = said | {"take_back": "on", "reason": "another patient's line"} | seen(cycle)
    change = url(cycle, "day_correct", str(entry.public_id))
    asked = later.post(change, back)
    assert (asked.status_code, "reauthenticate" in asked.url) == (302, True)
    assert not TherapyStep.objects.filter(corrects=entry).exists()
    assert send_with_password(later, change, back).status_code == 302
    assert TherapyStep.objects.get(corrects=entry).taken_back


def test_a_whole_day_is_played_in_the_browser(cycle: Cycle, enter_as, set_clock, send_with_password):
    one, doctor, other = enter_as(nurse()), enter_as(physician()), enter_as(second_nurse())
    physicist = enter_as(colleague("day-physicist", "physicist"))
    set_clock(at(9, 30))
    assert "Open the day of cycle 1" in text(one.get(url(cycle)))
    one.post(url(cycle, "day_open"))
    set_clock(at(10))
    page = text(one.get(url(cycle)))
    assert "Next: Patient identified by two people" in page
    who = {"second_name": "day-nurse-2", "second_password": PASSWORD}
    sent(one, cycle, "identity", number="T-1", birth_date="1961-03-02", **who)
    assert "Next: Pregnancy excluded today" in text(one.get(url(cycle)))
    sent(one, cycle, "pregnancy", finding="not_possible")
    sent(one, cycle, "analogue", short_acting="none", long_acting="none")
    sent(one, cycle, "allergy", finding="none")
    sent(one, cycle, "antiemetic", medicine="granisetron", amount="1 mg")
    set_clock(at(11))
    sent(one, cycle, "amino_start", bag="BAG-1")
    set_clock(at(11, 25))
    assert "Amino acids running since 11:00, 25 min; start allowed from 11:30." in text(one.get(url(cycle)))
    sent(one, cycle, "unit_scanned", label="U-1", product_code="69488-003-01")
    set_clock(at(11, 55))
    check = {"line": "patent", "rescue_ready": "yes", "crisis_risk": "usual"} | seen(cycle)
    assert send_with_password(other, url(cycle, "day_step", "start_check"), check).status_code == 302
    set_clock(at(12))
    assert "Everything stands" in text(doctor.get(url(cycle)))
    assert send_with_password(doctor, url(cycle, "day_authorise"), seen(cycle)).status_code == 302
    assert StartAuthorisation.objects.get().authorised_by == physician()
    page = text(one.get(url(cycle)))
    assert "Start authorised by day-physician, checked by day-nurse-2" in page
    assert "Next: Infusion" in page
    set_clock(at(12, 1))
    sent(one, cycle, "infusion_start")
    set_clock(at(12, 36))
    sent(one, cycle, "infusion_end", how="complete")
    set_clock(at(12, 46))
    sent(physicist, cycle, "residual", activity="0.1 GBq", what="vial")
    assert one.post(url(cycle, "day_infusion"), seen(cycle)).status_code == 302
    page = text(one.get(url(cycle)))
    assert "7.2033 GBq (194.7 mCi)" in page
    refused = one.post(url(cycle, "day_release"), seen(cycle))
    assert refused.status_code == 409
    assert "Observed until 14:36" in text(refused)
    set_clock(at(14, 40))
    sent(one, cycle, "observation", finding="well")
    sent(one, cycle, "release_survey", microsievert_per_hour="18", metres="1")
    assert one.post(url(cycle, "day_release"), seen(cycle)).status_code == 302
    assert TherapyDay.objects.get().outcome == "released"
    assert Administration.objects.get().deviation == ""
    assert "given, patient released" in text(one.get(url(cycle)))


def test_a_start_too_early_says_from_when_and_writes_nothing(
    cycle: Cycle, enter_as, set_clock, send_with_password
):
    until_start(opened(cycle), amino_at=at(11, 31))
    set_clock(at(12))
    answer = send_with_password(enter_as(physician()), url(cycle, "day_authorise"), seen(cycle))
    assert answer.status_code == 409
    assert "start allowed from 12:01" in text(answer)
    assert not StartAuthorisation.objects.exists()


def test_a_late_result_stops_the_start_on_the_page_as_well(
    cycle: Cycle, enter_as, set_clock, send_with_password
):
    until_start(opened(cycle))
    doctor = enter_as(physician())
    set_clock(at(12))
    assert "Everything stands" in text(doctor.get(url(cycle)))
    draw(cycle.course.patient, DAY, PLT="60")
    answer = send_with_password(doctor, url(cycle, "day_authorise"), seen(cycle))
    assert answer.status_code == 409
    assert "says delay" in text(answer)


def test_what_was_typed_stays_when_it_is_refused(cycle: Cycle, enter_as, set_clock):
    opened(cycle)
    set_clock(at(10))
    browser = enter_as(nurse())
    answer = browser.post(url(cycle, "day_step", "allergy"), {"finding": "", "premedication": "clemastine"})
    assert answer.status_code == 400
    assert "clemastine" in text(answer)
    late = {"medicine": "x", "amount": "1 mg", "happened_at": "2026-05-04T10:30"} | seen(cycle)
    answer = browser.post(url(cycle, "day_step", "antiemetic"), late)
    assert answer.status_code == 400
    assert "Lies in the future" in text(answer)


def test_a_second_person_with_a_wrong_password_or_the_same_person_is_refused(
    cycle: Cycle, enter_as, set_clock
):
    day = opened(cycle)
    set_clock(at(10))
    browser = enter_as(nurse())
    enter_as(second_nurse())
    form = {"number": "T-1", "birth_date": "1961-03-02"} | seen(cycle)
    wrong = browser.post(
        url(cycle, "day_step", "identity"), {**form, "second_name": "day-nurse-2", "second_password": "guess"}
    )
    assert (wrong.status_code, "is wrong" in text(wrong)) == (403, True)
    same = browser.post(
        url(cycle, "day_step", "identity"), {**form, "second_name": "day-nurse", "second_password": PASSWORD}
    )
    assert (same.status_code, "another person is needed" in text(same)) == (400, True)
    assert PASSWORD not in text(same)
    assert not day.steps.exists()


def test_guessing_the_second_persons_password_is_stopped(cycle: Cycle, enter_as, set_clock):
    opened(cycle)
    set_clock(at(10))
    browser = enter_as(nurse())
    enter_as(second_nurse())
    form = {"number": "T-1", "birth_date": "1961-03-02", "second_name": "day-nurse-2"} | seen(cycle)
    for guess in range(5):
        browser.post(url(cycle, "day_step", "identity"), {**form, "second_password": f"guess {guess}"})
    answer = browser.post(url(cycle, "day_step", "identity"), {**form, "second_password": PASSWORD})
    assert (answer.status_code, "Too many wrong passwords" in text(answer)) == (403, True)


def test_an_unwell_patient_ends_the_day_and_the_cycle_is_planned_anew(cycle: Cycle, enter_as, set_clock):
    until_start(opened(cycle))
    set_clock(at(12))
    browser = enter_as(nurse())
    unwell = {"reason": "unwell"} | seen(cycle)
    assert browser.post(url(cycle, "day_not_given"), unwell).status_code == 400
    ended = browser.post(url(cycle, "day_not_given"), {**unwell, "note": "fever", "vial": "wasted"})
    assert ended.status_code == 302
    page = text(browser.get(url(cycle)))
    assert "not given" in page
    assert "Plan this cycle for another day" in page
    moved = {"rebook_on": "2026-05-06"} | seen(cycle)
    assert browser.post(url(cycle, "day_rebook"), moved).status_code == 302
    cycle.refresh_from_db()
    assert cycle.planned_on.isoformat() == "2026-05-06"


def test_a_part_is_judged_with_the_password_and_its_remainder_stands_on_the_decision_page(
    cycle: Cycle, enter_as, set_clock, send_with_password
):
    day = opened(cycle)
    until_start(day)
    authorise(day)
    infuse(day, minutes=10, how="leak", residual="5 GBq")
    set_clock(at(13))
    doctor = enter_as(physician())
    assert "waits for a physician's judgement" in text(doctor.get(url(cycle)))
    form = {"counts": "remainder", "remainder_gbq": "5", "reason": "leaked"}
    assert "has no unit" in text(doctor.post(url(cycle, "day_judge"), form))
    form["remainder_gbq"] = "5 GBq"
    # The page names the infusion that it shows: of another one nothing is signed on it.
    assert f'name="infusion" value="{Infusion.objects.get().public_id}"' in text(
        doctor.get(url(cycle, "day_judge"))
    )
    stale = send_with_password(
        doctor, url(cycle, "day_judge"), {**form, "infusion": str(cycle.course.public_id)}
    )
    assert stale.status_code == 409
    assert doctor.post(url(cycle, "day_judge"), form).status_code == 302
    decision = cycle.course.decisions.latest("pk")
    page = text(doctor.get(reverse("courses:decision", args=[decision.public_id])))
    assert "direct the remainder of this cycle, 5 GBq (135.1 mCi)" in page
    sign_now(cycle.course, now=at(13, 5))
    assert Infusion.objects.get().judgement.directives.get().activity_gbq == 5


def test_a_given_cycle_whose_record_is_corrected_to_a_part_is_judged_on_the_page_of_its_day(
    cycle: Cycle, enter_as, set_clock, send_with_password
):
    day = opened(cycle)
    until_start(day)
    authorise(day)
    given = infuse(day)
    correct_infusion(
        infusion=given,
        infused=corrected(given, Wrong(ended_how=InfusionEnd.LEAK, delivered_gbq=Decimal("2.96"))),
        reason="the line had leaked",
        by=nurse(),
        second=second_nurse(),
        now=at(13),
    )
    set_clock(at(13, 10))
    doctor = enter_as(physician())
    page = text(doctor.get(url(cycle)))
    assert "A part of cycle 1 was given, 2.96 GBq (80 mCi), and waits for a physician's judgement" in page
    shown = text(doctor.get(url(cycle, "day_judge")))
    assert "Cycle 1 is on record as given, so that no remainder is directed in it." in shown
    rest = {"counts": "remainder", "remainder_gbq": "4.4 GBq", "reason": "leaked"}
    refused = send_with_password(doctor, url(cycle, "day_judge"), rest)
    assert (refused.status_code, "on record as given, and nothing more" in text(refused)) == (400, True)
    form = {"counts": "counts", "reason": "most of it arrived"}
    assert doctor.post(url(cycle, "day_judge"), form).status_code == 302
    assert "waits for a physician's judgement" not in text(doctor.get(url(cycle)))


def test_a_part_given_without_the_sheet_of_a_day_is_judged_all_the_same(
    enter_as, set_clock, send_with_password
):
    set_clock(at(13))
    cycle = ready_cycle()
    infused = Infused(
        started_at=at(12), ended_at=at(12, 10), ended_how=InfusionEnd.LEAK, delivered_gbq=Decimal(2)
    )
    part = record_infusion(cycle=cycle, infused=infused, by=nurse())
    doctor = enter_as(physician())
    page = text(doctor.get(url(cycle)))
    assert "A part of cycle 1 was given, 2 GBq" in page
    assert url(cycle, "day_judge") in page
    assert "the protocol's interval runs from it" in text(doctor.get(url(cycle, "day_judge")))
    form = {"counts": "open", "reason": "hardly any", "infusion": str(part.public_id)}
    assert send_with_password(doctor, url(cycle, "day_judge"), form).status_code == 302
    assert part.judgement.counts is False


def test_an_entry_is_corrected_and_the_earlier_one_stays_visible(cycle: Cycle, enter_as, set_clock):
    day = opened(cycle)
    until_start(day)
    set_clock(at(12))
    browser = enter_as(nurse())
    entry = day.steps.get(kind="amino_start")
    address = url(cycle, "day_correct", str(entry.public_id))
    assert "BAG-1" in text(browser.get(address))
    assert browser.post(address, {"bag": "BAG-1"}).status_code == 400
    form = {"bag": "BAG-1", "reason": "clock read wrongly", "happened_at": "2026-05-04T11:45"}
    assert browser.post(address, form | seen(cycle)).status_code == 302
    page = text(browser.get(url(cycle)))
    assert "clock read wrongly" in page
    assert "<del>Amino acids started</del>" in page


@pytest.mark.hazard("HZ-63")
def test_the_sheet_for_paper_says_what_it_is_valid_for(cycle: Cycle, enter_as, set_clock):
    until_start(opened(cycle))
    set_clock(at(12))
    page = text(enter_as(nurse()).get(url(cycle, "day_print")))
    assert "Valid for directive revision 1 of Mon 4 May 2026" in page
    assert "printed 4 May 2026 12:00 CEST" in page
    assert "If any newer result exists" in page
    assert "7.4 GBq (200 mCi)" in page


@pytest.mark.hazard("HZ-62")
@pytest.mark.hazard("HZ-63")
def test_what_was_given_while_the_system_was_down_is_entered_as_it_happened(cycle, enter_as, set_clock):
    set_clock(at(18))
    browser = enter_as(nurse())
    address = url(cycle, "back_entry", "1")
    assert address in text(browser.get(url(cycle)))
    form = {
        "started_at": "2026-05-04T12:00",
        "ended_at": "2026-05-04T12:35",
        "ended_how": "complete",
        "product": "lutetium Lu 177 dotatate",
        "delivered_gbq": "7300",
    }
    assert "7300 has no unit" in text(browser.post(address, form))
    assert browser.post(address, form | {"delivered_gbq": "7300 MBq"}).status_code == 302
    given = Administration.objects.get()
    assert given.administered_gbq == Decimal("7.3")
    assert "without a valid authorisation" in given.deviation
    assert Incident.objects.get(kind="unauthorised").infusion == Infusion.objects.get()


def test_reading_the_day_changes_nothing(cycle: Cycle, enter_as, set_clock):
    until_start(opened(cycle))
    set_clock(at(12))
    before = (TherapyDay.objects.get().version, cycle.course.decisions.count())
    browser = enter_as(nurse())
    for name in ("day", "day_print", "day_infusion", "day_not_given", "day_release"):
        assert browser.get(url(cycle, name)).status_code == 200
    assert browser.get(url(cycle, "day_open")).status_code == 405
    assert browser.get(url(cycle, "day_authorise")).url == url(cycle, "day")
    assert (TherapyDay.objects.get().version, cycle.course.decisions.count()) == before


def test_who_may_not_read_the_day_is_refused_and_who_may_not_act_sees_no_form(
    cycle: Cycle, enter_as, set_clock
):
    opened(cycle)
    set_clock(at(10))
    for role in ("pharmacist", "auditor", "administrator"):
        assert enter_as(colleague(f"a-{role}", role)).get(url(cycle)).status_code == 403
    page = text(enter_as(colleague("a-physicist", "physicist")).get(url(cycle)))
    assert "Residual measured" in page
    assert "Nothing was given" not in page


def test_the_course_and_the_first_page_lead_to_the_day(cycle: Cycle, enter_as, set_clock):
    opened(cycle)
    set_clock(at(10))
    browser = enter_as(nurse())
    assert url(cycle) in text(browser.get(reverse("admin:courses_course_change", args=[cycle.course_id])))
    assert "Days of therapy in progress" in text(browser.get(reverse("admin:index")))


def test_a_course_without_a_day_answers_404_for_its_forms(cycle: Cycle, enter_as):
    assert enter_as(nurse()).get(url(cycle, "day_infusion")).status_code == 404
    assert enter_as(nurse()).get(url(cycle, "day_step", "dance")).status_code == 404


# --- A page that others have overtaken -------------------------------------------------------


def carried(page: str) -> dict[str, str]:
    """What the form of a page carries of the day it was made from."""
    found = re.search(r'name="seen" value="([^"]+)"', page)
    assert found is not None
    return {"seen": found[1]}


@pytest.mark.hazard("HZ-39")
def test_a_form_made_before_others_recorded_something_is_refused_with_what_changed(
    cycle: Cycle, enter_as, set_clock
):
    day = opened(cycle)
    set_clock(at(10))
    one, other = enter_as(nurse()), enter_as(second_nurse())
    old = carried(text(one.get(url(cycle, "day_step", "antiemetic"))))
    assert carried(text(one.get(url(cycle)))) == old
    sent(other, cycle, "note", text="Her sister is with her.")
    form = {"medicine": "granisetron", "amount": "1 mg"}
    refused = one.post(url(cycle, "day_step", "antiemetic"), form | old)
    assert refused.status_code == 409
    page = text(refused)
    assert "The day has changed since you read it" in page
    assert "Note: recorded by day-nurse-2, for 4 May 2026, 10:00" in page
    assert 'value="granisetron"' in page
    assert list(day.steps.values_list("kind", flat=True)) == ["note"]
    # Whoever has read what changed sends the same form again.
    assert one.post(url(cycle, "day_step", "antiemetic"), form | carried(page)).status_code == 302


@pytest.mark.hazard("HZ-39")
@pytest.mark.parametrize("told", ["", "nonsense", "0" * 36 + ".1.0.0.0"])
def test_a_form_that_does_not_say_what_it_was_made_from_records_nothing(
    cycle: Cycle, enter_as, set_clock, told: str
):
    day = opened(cycle)
    set_clock(at(10))
    form = {"text": "Well.", "seen": told}
    refused = enter_as(nurse()).post(url(cycle, "day_step", "note"), form)
    assert refused.status_code == 409
    assert "did not say which version" in text(refused)
    assert not day.steps.exists()


@pytest.mark.hazard("HZ-44")
def test_the_form_of_an_earlier_day_records_nothing_on_the_next_one(cycle: Cycle, enter_as, set_clock):
    until_start(opened(cycle))
    set_clock(at(12))
    one = enter_as(nurse())
    old = carried(text(one.get(url(cycle, "day_step", "note"))))
    ended = {"reason": "unwell", "note": "fever", "vial": "wasted", "rebook_on": "2026-05-05"}
    assert one.post(url(cycle, "day_not_given"), ended | seen(cycle)).status_code == 302
    tomorrow = date(2026, 5, 5)
    set_clock(at(8, on=tomorrow))
    sign_now(cycle.course, now=at(8, on=tomorrow))
    assert one.post(url(cycle, "day_open"), {}).status_code == 302
    refused = one.post(url(cycle, "day_step", "note"), {"text": "Feverish."} | old)
    assert refused.status_code == 409
    assert "That page was of another day of therapy" in text(refused)
    assert not TherapyDay.objects.latest("pk").steps.exists()


@pytest.mark.parametrize("name", ["day_infusion", "day_not_given", "day_release", "day_rebook"])
def test_what_ends_a_day_is_refused_on_a_page_that_others_have_overtaken(
    cycle: Cycle, enter_as, set_clock, name: str
):
    until_start(opened(cycle))
    set_clock(at(12))
    one = enter_as(nurse())
    old = carried(text(one.get(url(cycle, name))))
    sent(enter_as(second_nurse()), cycle, "note", text="Feels hot.")
    form = {"reason": "unwell", "vial": "wasted", "rebook_on": "2026-05-06"}
    refused = one.post(url(cycle, name), form | old)
    assert refused.status_code == 409
    assert "Note: recorded by day-nurse-2" in text(refused)
    assert TherapyDay.objects.get().ended_at is None


def test_a_form_with_a_fault_still_stands_for_the_version_it_was_made_from(cycle: Cycle, enter_as, set_clock):
    opened(cycle)
    set_clock(at(10))
    one = enter_as(nurse())
    old = carried(text(one.get(url(cycle, "day_step", "antiemetic"))))
    sent(enter_as(second_nurse()), cycle, "note", text="Her sister is with her.")
    faulty = one.post(url(cycle, "day_step", "antiemetic"), {"medicine": "granisetron"} | old)
    assert (faulty.status_code, carried(text(faulty))) == (400, old)


@pytest.mark.hazard("HZ-38")
@pytest.mark.hazard("HZ-39")
def test_a_start_is_not_authorised_on_a_sheet_that_others_have_overtaken(
    cycle: Cycle, enter_as, set_clock, send_with_password
):
    until_start(opened(cycle))
    set_clock(at(12))
    doctor = enter_as(physician())
    page = text(doctor.get(url(cycle)))
    form = page[page.index(url(cycle, "day_authorise")) :]
    old = carried(form)
    sent(enter_as(second_nurse()), cycle, "note", text="Feels hot.")
    refused = send_with_password(doctor, url(cycle, "day_authorise"), old)
    assert refused.status_code == 409
    assert "Note: recorded by day-nurse-2" in text(refused)
    assert doctor.post(url(cycle, "day_authorise"), {}).status_code == 409
    assert not StartAuthorisation.objects.exists()
    assert doctor.post(url(cycle, "day_authorise"), carried(text(refused))).status_code == 302
    with pytest.raises(StaleDay):
        authorise_start(day=day_of(cycle.course), by=physician(), authenticated_at=at(12), version=1)


@pytest.mark.hazard("HZ-39")
def test_a_correction_of_what_others_corrected_meanwhile_is_refused_with_what_changed(
    cycle: Cycle, enter_as, set_clock
):
    day = opened(cycle)
    until_start(day)
    set_clock(at(12))
    one, other = enter_as(nurse()), enter_as(second_nurse())
    entry = day.steps.get(kind="amino_start")
    address = url(cycle, "day_correct", str(entry.public_id))
    old = carried(text(one.get(address)))
    form = {"bag": "BAG-1", "reason": "clock read wrongly", "happened_at": "2026-05-04T11:45"}
    assert other.post(address, form | old).status_code == 302
    refused = one.post(address, form | {"reason": "the other bag"} | old)
    assert refused.status_code == 409
    assert "Amino acids started: corrected by day-nurse-2" in text(refused)
    assert "the other bag" in text(refused)
    assert day.steps.filter(kind="amino_start").count() == 2
    assert one.get(address).status_code == 404


# --- A sheet that stays open -----------------------------------------------------------------------


def test_what_time_alone_changes_says_as_of_when_it_is_told_and_when_it_changes(
    cycle: Cycle, enter_as, set_clock
):
    one = enter_as(nurse())
    one.post(url(cycle, "day_open"))
    page = text(one.get(url(cycle)))
    assert re.search(r'<time datetime="\S+T09:00:00\+0\d:00" data-as-of>09:00 CES?T</time>', page)
    assert "amino acids were started" not in page
    set_clock(at(11))
    sent(one, cycle, "amino_start", bag="BAG-1")
    set_clock(at(11, 25))
    page = text(one.get(url(cycle)))
    line = page[page.index("The day, step by step") :]
    line = line[line.index("start allowed from 11:30.") :][:400]
    assert re.search(
        r'As of 11:25 CES?T; changes at <time datetime="\S+T11:30:00\+0\d:00" data-until>11:30 CES?T</time>',
        line,
    )
    assert re.search(r'started <span data-since="\S+T11:00:00\+0\d:00">25 min</span> ago', page)
    assert re.search(r'<script src="\S*prrt/day_clock\S*\.js" defer></script>', page)
    # Shown by the script alone, once time has made the page old.
    assert re.search(r"data-read-again hidden>.*Read the page again</a>", page)


def test_the_count_goes_with_the_end_of_the_amino_acids_and_all_of_it_with_the_end_of_the_day(
    cycle: Cycle, enter_as, set_clock
):
    one, day = enter_as(nurse()), opened(cycle)
    until_start(day)
    set_clock(at(12))
    assert "data-since" in text(one.get(url(cycle)))
    sent(one, cycle, "amino_end")
    page = text(one.get(url(cycle)))
    assert "data-since" not in page
    assert "data-as-of" in page
    end = {"reason": "unwell", "note": "fever", "vial": "wasted"} | seen(cycle)
    assert one.post(url(cycle, "day_not_given"), end).status_code == 302
    assert "data-as-of" not in text(one.get(url(cycle)))
