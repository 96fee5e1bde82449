"""The page of a decision: it shows the whole explanation, and leads people to where they can answer it."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.urls import reverse

from courses.models import ChartFact, Course, CycleMove, Decision, ProtocolApproval
from courses.rules.ctcae import GradeRange
from courses.rules.derived import GapKind, gap
from courses.services.assess import assess_course
from courses.services.course import record_administration
from courses.services.facts import withdraw_fact
from labs.clinic_days import add_days, clinic_day
from labs.models import LabMessage, Result
from labs.templatetags.clinic_text import day
from labs.zones import clinic_zone
from tests import builders
from tests.builders_pages import answer_for, decide, sign
from tests.builders_pages import make_course as make_plain_course
from tests.builders_pages import standing as standing_of

pytestmark = pytest.mark.django_db

COMPARISON = {
    "quantity": "Platelets",
    "value": "60",
    "unit": "10*9/L",
    "test": "below",
    "limit": "75",
    "met": True,
    "collected_at": "2026-05-04T06:00:00+00:00",
    "to_limit": "15 ×10^9/L below 75",
    "to_next_grade": "10 ×10^9/L above grade 3 (below 50)",
}
EXPLAINED: dict[str, Any] = {
    "reasons": [
        answer_for("delay")["reasons"][0]
        | {
            "comparisons": [
                COMPARISON,
                {**COMPARISON, "met": None, "purpose": "resolution", "limit_from": "1.5 × 50"},
            ],
            "release": "Platelets 75 ×10^9/L or more",
            "release_on": "2026-05-11",
        }
    ],
    "release": ["platelets 75 ×10^9/L or more, in a final result", "collect creatinine"],
    "release_on": "2026-05-11",
    "activity_level": "reduced",
    "activity_level_why": "thrombocytopenia from 4 May 2026.",
    "cycles": [{"number": 1, "on": "2026-03-09", "activity_gbq": "7.4", "elsewhere": "City hospital"}],
    "silent": [
        {"rule": "DM-HEP", "name": "hepatic toxicity", "why": "bilirubin is not above", "comparisons": []}
    ],
    "grade_differences": [
        {
            "term": "Platelet count decreased",
            "grade": 2,
            "version": "5.0",
            "other_term": "Thrombocytopenia",
            "other_grade": None,
            "other_version": "6.0",
        }
    ],
    "delay": {"days": 7, "toxicity_days": 7, "limit_days": 112, "counted_from": "2026-03-09"},
    "clock_day": 63,
    "stops_on": "2026-06-29",
}
OCCURRENCE = {"rule": "DM-PLT", "onset": "2026-04-06", "sentence": "Platelets 60 on 6 April 2026, seen once."}


def today() -> date:
    return clinic_day(datetime.now(UTC), clinic_zone())


def text(response) -> str:
    return unescape(response.content.decode())


def decision_url(course: Course) -> str:
    return reverse("courses:decision", args=[standing_of(course).public_id])


def course_url(course: Course) -> str:
    return reverse("admin:courses_course_change", args=[course.pk])


def explained(**more) -> Course:
    course = make_plain_course(1, action="delay", family="Longname")
    decide(course, standing_of(course).cycle, action="delay", **EXPLAINED, **more)
    return course


# --- What stands on it -------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["nurse", "physician", "pharmacist"])
def test_what_would_release_the_cycle_stands_before_everything_else(enter, role):
    page = text(enter(role).get(decision_url(explained())))
    release = page[page.index("What would release this cycle") : page.index("You decide.")]
    assert "Platelets 75 ×10^9/L or more, in a final result" in release
    assert "Collect creatinine" in release
    assert "Mon 11 May 2026" in release


def test_a_cycle_without_a_known_day_says_so(enter):
    course = make_plain_course(1, action="hold")
    decide(course, standing_of(course).cycle, action="hold", release=["collect creatinine"], release_on=None)
    assert "No earliest day can be told yet." in text(enter("nurse").get(decision_url(course)))


def test_every_comparison_is_printed_with_its_distances_and_what_it_was_made_for(enter):
    page = " ".join(text(enter("nurse").get(decision_url(explained()))).split())
    compared = page[page.index("<dt>Compared</dt>") : page.index("<dt>Ends with</dt>")]
    assert (
        "<strong>60 ×10^9/L</strong> (4 May 2026 08:00 CEST) below 75 ×10^9/L: <strong>yes</strong>"
        in compared
    )
    assert "15 ×10^9/L below 75; 10 ×10^9/L above grade 3 (below 50)" in compared
    assert "To end the toxicity:" in compared
    assert "<strong>cannot be told</strong>" in compared
    assert "Limit from 1.5 × 50" in compared


def test_rules_that_say_nothing_are_folded_away_and_readable(enter):
    page = text(enter("nurse").get(decision_url(explained())))
    folded = page[page.index("<details") : page.index("</details>")]
    assert folded.startswith('<details class="prrt-details">')
    assert "Rules that were asked and say nothing (1)" in folded
    assert "DM-HEP" in folded
    assert "Bilirubin is not above" in folded


def test_memory_differing_grades_and_the_limit_are_told(enter):
    page = " ".join(text(enter("nurse").get(decision_url(explained()))).split())
    assert "Activity level: <strong>reduced</strong>. Thrombocytopenia from 4 May 2026." in page
    assert "Cycle 1: 7.4 GBq (200 mCi), Mon 9 Mar 2026, given at City hospital" in page
    assert (
        "Platelet count decreased: grade 2 by CTCAE 5.0, but Thrombocytopenia not gradable by CTCAE 6.0"
        in page
    )
    assert "day 63 of 112, counted from Mon 9 Mar 2026" in page


def test_a_decision_of_an_older_shape_still_opens(enter):
    assert enter("nurse").get(decision_url(make_plain_course(1, action="delay"))).status_code == 200


@pytest.mark.parametrize("payload", ["<script>alert('x')</script>", "\u202egnp.exe", "{{ 7|add:7 }}"])
def test_foreign_words_in_an_explanation_are_inert(enter, payload):
    course = make_plain_course(1, action="delay")
    reason = {**EXPLAINED["reasons"][0], "sentence": payload, "release": payload}
    reason["comparisons"] = [{**COMPARISON, "quantity": payload, "to_limit": payload, "value_from": payload}]
    decide(
        course,
        standing_of(course).cycle,
        action="delay",
        reasons=[reason],
        release=[payload],
        silent=[{"rule": payload, "name": payload, "why": payload}],
        to_confirm=[{**OCCURRENCE, "sentence": payload}],
        activity_level=payload,
        activity_level_why=payload,
    )
    browser = enter("physician")
    for url in (decision_url(course), course_url(course)):
        page = browser.get(url).content.decode()
        assert "<script>alert" not in page
        assert "\u202e" not in page


# --- Confirming an occurrence ---------------------------------------------------------------------


def test_an_occurrence_to_confirm_offers_both_answers_and_no_signature(enter):
    page = text(enter("physician", "authorised-user").get(decision_url(explained(to_confirm=[OCCURRENCE]))))
    block = page[page.index('id="to-confirm"') : page.index('id="signature"')]
    assert OCCURRENCE["sentence"] in block
    assert block.index('name="counts" value="yes"') < block.index('name="counts" value="no"')
    assert 'name="meaning"' not in page
    assert "confirmed or dismissed first" in page


def test_a_nurse_reads_what_is_to_be_confirmed_and_gets_no_buttons(enter):
    page = text(enter("nurse").get(decision_url(explained(to_confirm=[OCCURRENCE]))))
    block = page[page.index('id="to-confirm"') : page.index('id="signature"')]
    assert OCCURRENCE["sentence"] in block
    assert "<form" not in block
    assert "A physician confirms or dismisses it here." in block


def test_an_earlier_decision_asks_nothing_any_more(enter):
    course = explained(to_confirm=[OCCURRENCE])
    old = decision_url(course)
    decide(course, standing_of(course).cycle, action="hold")
    assert 'id="to-confirm"' not in text(enter("physician").get(old))


# --- Ways to answer -------------------------------------------------------------------------------


@pytest.fixture
def treated(person) -> Course:
    """A course with one cycle behind it."""
    giver = person("nurse", username="giver")
    course = builders.make_course(
        builders.make_patient(family="Longname"), first_on=add_days(today(), -54), by=giver
    )
    builders.draw(course.patient, add_days(today(), -58))
    record_administration(
        cycle=course.cycles.get(number=1),
        administered_on=add_days(today(), -54),
        administered_gbq=Decimal("7.4"),
        by=giver,
    )
    return course


def assessed(course: Course) -> Decision:
    assess_course(course_id=course.pk)
    course.refresh_from_db()
    return standing_of(course)


def test_beside_a_finding_of_another_kind_a_physician_records_what_it_comes_of(enter, treated):
    builders.draw(treated.patient, add_days(today(), -1), ALT="500", PLT="60")
    assessed(treated)
    link = "Record what Alanine aminotransferase increased comes of"
    physician = enter("physician")
    page = text(physician.get(decision_url(treated)))
    assert link in page
    assert "Record what Platelet count decreased comes of" not in page
    address = page[: page.index(link)].rsplit('href="', 1)[1].split('"')[0]
    form = text(physician.get(address))
    assert '<option value="Alanine aminotransferase increased" selected>' in form
    assert '<option value="3" selected>Grade 3</option>' in form
    assert f'value="{add_days(today(), -1).isoformat()}"' in form
    assert link not in text(enter("nurse").get(decision_url(treated)))


def test_an_earlier_decision_leads_nowhere(enter, treated):
    builders.draw(treated.patient, add_days(today(), -2), ALT="500")
    assessed(treated)
    old = decision_url(treated)
    builders.draw(treated.patient, add_days(today(), -1), ALT="600")
    assessed(treated)
    assert "Record what" not in text(enter("physician").get(old))


def test_the_word_of_a_physician_ends_the_delay_that_it_answers(enter, treated, send_with_password):
    builders.draw(treated.patient, add_days(today(), -1), ALT="500")
    before = assessed(treated)
    assert before.action == "delay"
    form = {
        "term": "Alanine aminotransferase increased",
        "grade": "3",
        "on": add_days(today(), -1).isoformat(),
        "related": "no",
        "decision": str(before.public_id),
        "evidence_sha256": before.evidence_sha256,
        "reason": "gall stones on the ultrasound",
    }
    url = reverse("courses:record_fact", args=[treated.public_id, "attributions"])
    assert send_with_password(enter("physician"), url, form).status_code == 302
    assert assessed(treated).action == "proceed"


def test_beside_what_people_have_to_record_stands_the_way_to_record_it(enter, treated):
    fact = ChartFact.objects.get(kind="sstr_imaging")
    reviews = ChartFact.objects.filter(kind="allergy_review")
    for each in (fact, *reviews):
        withdraw_fact(fact=each, by=builders.colleague("fact-nurse"), reason="wrong patient")
    builders.receive(
        builders.panel_message(treated.patient, drawn_at=builders.clinic_time(add_days(today(), -1), 8))
    )
    assessed(treated)
    nurse = text(enter("nurse").get(decision_url(treated)))
    missing = nurse[nurse.index("Missing or not usable") : nurse.index("Grades</h3>")]
    assert reverse("courses:record_fact", args=[treated.public_id, "allergy_review"]) in missing
    assert reverse("labs:weight", args=[treated.patient.public_id]) in missing
    pharmacist = text(enter("pharmacist").get(decision_url(treated)))
    # A pharmacist records no fact, but may hold the course like anyone clinical.
    assert pharmacist.count("/facts/") == pharmacist.count("/facts/precautionary_holds/") == 1
    assert "/weight/" not in pharmacist


def test_beside_a_grade_that_symptoms_decide_a_physician_records_it(enter):
    by_symptoms = GradeRange(1, 2, frozenset({gap(GapKind.SYMPTOM, "Hypokalemia")}))
    line = {
        "term": "Hypokalemia",
        "grade": None,
        "version": "5.0",
        "ungradable": by_symptoms.ungradable,
        "analyte": "K",
        "collected_on": "2026-05-04",
    }
    course = make_plain_course(1, action="proceed")
    other = {**line, "term": "Anemia", "ungradable": "no baseline"}
    decide(course, standing_of(course).cycle, action="proceed", grades=[line, other])
    page = text(enter("physician").get(decision_url(course)))
    assert "Record the grade of Hypokalemia" in page
    assert "Record the grade of Anemia" not in page
    assert "term=Hypokalemia&on=2026-05-04" in page
    assert "Record the grade of" not in text(enter("nurse").get(decision_url(course)))


# --- Where the cycle is moved --------------------------------------------------------------------


def move_url(course: Course) -> str:
    return reverse("courses:move_cycle", args=[course.public_id, standing_of(course).cycle.number])


@pytest.mark.parametrize(
    ("role", "leads"), [("nurse", True), ("physician", True), ("pharmacist", False), ("auditor", False)]
)
def test_the_page_leads_whoever_plans_to_where_its_cycle_is_moved(enter, role, leads):
    course = make_plain_course(1, action="delay")
    browser = enter(role)
    assert (move_url(course) in text(browser.get(decision_url(course)))) is leads
    assert browser.get(move_url(course)).status_code == (200 if leads else 403)


def test_after_a_stop_and_on_an_earlier_decision_no_cycle_is_moved(enter):
    stopped, changed = make_plain_course(1, action="stop"), make_plain_course(2, action="delay")
    earlier = reverse("courses:decision", args=[standing_of(changed).public_id])
    decide(changed, standing_of(changed).cycle, action="proceed")
    browser = enter("physician")
    assert move_url(stopped) not in text(browser.get(decision_url(stopped)))
    assert move_url(changed) not in text(browser.get(earlier))
    assert move_url(changed) in text(browser.get(decision_url(changed)))


@pytest.mark.parametrize("action", ["delay", "proceed"])
def test_only_a_signed_delay_says_that_its_day_still_stands(enter, person, action):
    course = make_plain_course(1, action=action)
    browser, words = enter("nurse"), "The day is not moved yet."
    assert words not in text(browser.get(decision_url(course)))
    sign(standing_of(course), by=person("physician", username="signer"))
    assert (words in text(browser.get(decision_url(course)))) is (action == "delay")


def test_the_note_of_a_signed_delay_goes_when_the_cycle_was_moved_after_it(enter, person):
    course = make_plain_course(1, action="delay")
    signature = sign(standing_of(course), by=person("physician", username="signer"))
    cycle = standing_of(course).cycle
    CycleMove.objects.create(
        cycle=cycle,
        from_on=cycle.planned_on,
        to_on=add_days(cycle.planned_on, 14),
        cause="toxicity",
        reason="Platelets 60.",
        moved_by=signature.signer,
        printed_name="signer",
        moved_at=signature.signed_at + timedelta(minutes=5),
    )
    assert "The day is not moved yet." not in text(enter("nurse").get(decision_url(course)))


def test_signing_a_delay_says_that_the_old_day_stands(enter, treated, send_with_password):
    builders.draw(treated.patient, add_days(today(), -1), PLT="60")
    decision = assessed(treated)
    assert decision.action == "delay"
    form = {"evidence_sha256": decision.evidence_sha256, "meaning": "delay"}
    browser = enter("physician")
    sent = send_with_password(browser, reverse("courses:sign", args=[decision.public_id]), form)
    answer = browser.get(sent.url, follow=True) if sent.status_code == 302 else sent
    page = text(answer)
    assert f"It is still planned for {day(decision.cycle.planned_on)}: a signature moves no day." in page
    assert move_url(treated) in page


# --- Where its reasons come from -----------------------------------------------------------------


def reasons_of(page: str) -> str:
    return " ".join(page[page.index("<h3>Why</h3>") : page.index("<h3>Missing")].split())


def test_evidence_leads_to_its_result_with_status_and_laboratory_for_who_may_read_results(enter, treated):
    builders.draw(treated.patient, add_days(today(), -1), PLT="60")
    assert assessed(treated).action == "delay"
    result = Result.objects.get(analyte="PLT", current__value=60)
    address = reverse("admin:labs_result_change", args=[result.pk])
    browser = enter("nurse")
    told = reasons_of(text(browser.get(decision_url(treated))))
    assert f'href="{address}"' in told
    assert f"final, from {result.sender}" in told
    assert "A newer version of it has come since." not in told
    assert browser.get(address).status_code == 200
    pharmacist = reasons_of(text(enter("pharmacist").get(decision_url(treated))))
    assert address not in pharmacist
    assert "60" in pharmacist


def test_evidence_that_the_laboratory_has_replaced_since_says_so(enter, treated):
    builders.draw(treated.patient, add_days(today(), -1), PLT="60")
    decision = assessed(treated)
    sent = bytes(LabMessage.objects.latest("pk").body).decode()
    corrected = (
        re.sub(r"\|B\d+\|P\|", "|CORRECTED|P|", sent)
        .replace("||60|", "||61|")
        .replace("||||F|||", "||||C|||")
    )
    builders.receive(corrected.encode())
    told = reasons_of(text(enter("nurse").get(reverse("courses:decision", args=[decision.public_id]))))
    assert "A newer version of it has come since." in told


@pytest.mark.parametrize(("role", "leads"), [("nurse", True), ("auditor", True), ("pharmacist", False)])
def test_the_protocol_leads_to_its_version_with_who_approved_these_bytes(enter, treated, role, leads):
    decision = assessed(treated)
    approvers = ProtocolApproval.objects.filter(
        protocol_id=decision.protocol_id, protocol_sha256=decision.protocol_sha256
    ).values_list("printed_name", flat=True)
    assert len(approvers) == 2
    browser, address = enter(role), reverse("courses:protocol", args=[decision.protocol_id])
    page = text(browser.get(decision_url(treated)))
    assert (f'href="{address}"' in page) is leads
    assert ("This file is for use as labelled, and was approved by" in page) is leads
    assert all((name in page) is leads for name in approvers)
    assert browser.get(address).status_code == (200 if leads else 403)


def test_a_file_that_nobody_approved_and_that_was_replaced_says_both(enter):
    page = text(enter("nurse").get(decision_url(make_plain_course(1, action="delay"))))
    assert "This file has been replaced since, and was approved by nobody." in page
