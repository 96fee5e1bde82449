"""The pages of recorded facts: who may record what, what is stored, what is refused, and what they show."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from courses.models import ChartFact, Course, Decision, FactConfirmation, RecordKind
from courses.models.fact import OF_PHYSICIANS
from courses.services.assess import assess_course
from courses.services.course import record_administration
from labs.clinic_days import add_days, clinic_day
from labs.models import Observation
from labs.zones import clinic_zone
from tests import builders

pytestmark = pytest.mark.django_db

REASON = "seen on the report"
PLAIN = [kind for kind in RecordKind if kind not in OF_PHYSICIANS]
# A stop is rescinded on a page of its own; overrides and waivers need a decision that asks for them.
RECORDED_HERE = [kind for kind in RecordKind if kind is not RecordKind.STOP_RESCISSION]
_ELSEWHERE = (RecordKind.STOP_RESCISSION, RecordKind.OVERRIDE, RecordKind.WAIVER)
JUDGED_HERE = [kind.value for kind in OF_PHYSICIANS if kind not in _ELSEWHERE]


def today() -> date:
    return clinic_day(datetime.now(UTC), clinic_zone())


def day(back: int) -> str:
    return add_days(today(), -back).isoformat()


def text(response) -> str:
    return unescape(response.content.decode())


@pytest.fixture
def course(person) -> Course:
    """A course whose first cycle is planned in three days, with yesterday's healthy bloods."""
    course = builders.make_course(
        builders.make_patient(family="Longname"),
        first_on=add_days(today(), 3),
        by=person("nurse", username="starter"),
    )
    builders.draw(course.patient, add_days(today(), -1))
    assess_course(course_id=course.pk)
    course.refresh_from_db()
    return course


def standing(course: Course) -> Decision:
    course.refresh_from_db()
    assert course.current_decision is not None
    return course.current_decision


def url(course: Course, kind: str) -> str:
    return reverse("courses:record_fact", args=[course.public_id, kind])


def act_url(act: str, course: Course, fact: ChartFact) -> str:
    return reverse(f"courses:{act}_fact", args=[course.public_id, fact.public_id])


def course_url(course: Course) -> str:
    return reverse("admin:courses_course_change", args=[course.pk])


def seen(course: Course) -> dict[str, str]:
    decision = standing(course)
    return {"decision": str(decision.public_id), "evidence_sha256": decision.evidence_sha256}


def version_of(course: Course, analyte: str) -> str:
    return str(Observation.objects.get(patient=course.patient, analyte=analyte).public_id)


def newest(kind: str) -> ChartFact:
    return ChartFact.objects.filter(kind=kind, data__isnull=False).order_by("-pk")[0]


# --- Who may -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", RECORDED_HERE)
@pytest.mark.parametrize("role", ["nurse", "physician"])
def test_nurses_and_physicians_open_the_page_of_every_kind(enter, course, role, kind):
    page = enter(role).get(url(course, kind))
    assert page.status_code == 200
    assert "Longname, Testa" in text(page)
    judged = RecordKind(kind) in OF_PHYSICIANS
    assert ("<form" in text(page).split('id="record"')[1]) == (role == "physician" or not judged)


@pytest.mark.parametrize("roles", [("pharmacist",), ("on-call",), ("auditor",), ("administrator",), ()])
def test_other_roles_neither_read_nor_record_facts(enter, course, roles):
    browser = enter(*roles)
    fact = newest("sstr_imaging")
    for address in (url(course, "pregnancy"), act_url("withdraw", course, fact)):
        assert browser.get(address).status_code == 403
        assert browser.post(address, {"reason": REASON}).status_code == 403
    before = ChartFact.objects.count()
    browser.post(url(course, "pregnancy"), {"finding": "negative", "on": day(1)})
    assert ChartFact.objects.count() == before


def test_whoever_is_not_logged_in_is_sent_to_the_log_in(client, course):
    response = client.get(url(course, "pregnancy"), follow=True)
    assert response.resolver_match.url_name == "account_login"


@pytest.mark.parametrize("kind", [kind for kind in OF_PHYSICIANS if kind in RECORDED_HERE])
def test_a_nurse_records_nothing_that_takes_a_physician(enter, course, kind):
    before = ChartFact.objects.count()
    assert enter("nurse").post(url(course, kind), {"reason": REASON}).status_code == 403
    assert ChartFact.objects.count() == before


def test_a_forged_post_without_the_forms_safeguard_is_refused(person, course):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(person("nurse"))
    fact = newest("sstr_imaging")
    for address in (url(course, "pregnancy"), act_url("withdraw", course, fact)):
        assert browser.post(address, {"reason": REASON}).status_code == 403


def test_an_unknown_kind_or_course_is_no_page(enter, course):
    browser = enter("nurse")
    assert browser.get(url(course, "horoscope")).status_code == 404
    strange = reverse("courses:record_fact", args=[course.patient.public_id, "pregnancy"])
    assert browser.get(strange).status_code == 404


def test_looking_at_the_pages_changes_no_row(enter, course):
    browser = enter("physician")
    fact = newest("sstr_imaging")

    def rows() -> dict[str, int]:
        return {
            model._meta.label: model._default_manager.count()
            for model in apps.get_models()
            if model._meta.managed and model._meta.label != "sessions.Session"
        }

    before = rows()
    pages = [url(course, kind) for kind in RECORDED_HERE]
    for address in (*pages, act_url("withdraw", course, fact), course_url(course)):
        assert browser.get(address).status_code == 200, address
    assert rows() == before


# --- Plain facts ---------------------------------------------------------------------------------

PLAIN_FORMS = [
    ("pregnancy", {"finding": "not_possible", "on": day(2)}, {"finding": "not_possible", "on": day(2)}),
    (
        "sstr_imaging",
        {"modality": "pet", "uptake": "3", "on": day(9)},
        {"modality": "pet", "uptake": 3, "on": day(9)},
    ),
    (
        "analogue_injections",
        {"kind": "long_acting", "on": day(30)},
        {"kind": "long_acting", "on": day(30)},
    ),
    ("allergy_review", {"finding": "premedicate", "on": day(0)}, {"finding": "premedicate", "on": day(0)}),
    (
        "interruptions",
        {"kind": "major_surgery", "from_day": day(20), "to_day": ""},
        {"kind": "major_surgery", "from": day(20)},
    ),
    (
        "disease_flags",
        {"flag": "dialysis", "value": "no", "on": day(3)},
        {"flag": "dialysis", "value": False, "on": day(3)},
    ),
    (
        "disease_flags",
        {"flag": "nyha_class", "value": "2", "on": day(3)},
        {"flag": "nyha_class", "value": 2, "on": day(3)},
    ),
    (
        "support",
        {"kind": "red_cell_transfusion", "on": day(4)},
        {"kind": "red_cell_transfusion", "on": day(4)},
    ),
    (
        "adverse_event",
        {"term": "anaphylaxis", "grade": "3", "from_day": day(4), "to_day": day(3), "related": "yes"},
        {"term": "Anaphylaxis", "grade": 3, "from": day(4), "to": day(3), "related": True},
    ),
    (
        "adverse_event",
        {"term": "Nausea", "grade": "1", "from_day": day(4), "to_day": "", "related": ""},
        {"term": "Nausea", "grade": 1, "from": day(4), "related": None},
    ),
    (
        "delay",
        {"cycle": "1", "cause": "supply", "from_day": day(1), "to_day": ""},
        {"cycle": 1, "cause": "supply", "from": day(1)},
    ),
    (
        "prior_treatment",
        {
            "answer": "given",
            "on": day(1),
            "product": "90Y-DOTATOC",
            "administered_gbq": "3.70",
            "month": "2021-03",
            "hospital": "St Anna",
            "provenance": "discharge letter",
        },
        {
            "answer": "given",
            "on": day(1),
            "product": "90Y-DOTATOC",
            "administered_gbq": "3.70",
            "month": "2021-03",
            "hospital": "St Anna",
            "provenance": "discharge letter",
        },
    ),
    ("precautionary_holds", {"reason": "new confusion"}, {"on": day(0)}),
]


@pytest.mark.parametrize(("kind", "form", "stored"), PLAIN_FORMS)
def test_a_nurse_records_a_plain_fact_and_finds_it_on_the_course(enter, course, kind, form, stored):
    browser = enter("nurse")
    response = browser.post(url(course, kind), form)
    assert response.status_code == 302, text(response)
    assert response.url == f"{course_url(course)}#facts"
    fact = newest(kind)
    assert fact.data == stored
    assert fact.recorded_by.username == "nurse"
    page = text(browser.get(url(course, kind)))
    assert "recorded by nurse" in page
    assert 'id="facts"' in text(browser.get(course_url(course)))


def test_every_plain_kind_is_among_the_forms_tried():
    assert {kind for kind, _, _ in PLAIN_FORMS} == {kind.value for kind in PLAIN}


def test_what_was_recorded_leads_to_a_new_decision(enter, course):
    before = standing(course)
    enter("nurse").post(url(course, "allergy_review"), {"finding": "contraindicated", "on": day(0)})
    assess_course(course_id=course.pk)
    assert standing(course).pk != before.pk
    assert standing(course).action != before.action


@pytest.mark.parametrize(
    "mistake",
    [
        # Three days, because the suite may run over midnight.
        ("pregnancy", {"finding": "negative", "on": day(-3)}, "on", "lies after today"),
        ("pregnancy", {"finding": "negative", "on": "04/05/2026"}, "on", "year-month-day"),
        ("pregnancy", {"finding": "", "on": day(1)}, "finding", "Fill this in."),
        ("pregnancy", {"finding": "maybe", "on": day(1)}, "finding", "not one of"),
        ("sstr_imaging", {"modality": "pet", "uptake": "5", "on": day(1)}, "uptake", "not one of"),
        ("interruptions", {"kind": "surgery", "from_day": day(1), "to_day": day(5)}, "to_day", "before from"),
        ("disease_flags", {"flag": "dialysis", "value": "2", "on": day(1)}, "value", "Choose yes or no."),
        ("disease_flags", {"flag": "nyha_class", "value": "no", "on": day(1)}, "value", "NYHA class"),
        ("delay", {"cycle": "9", "cause": "supply", "from_day": day(1)}, "cycle", "not one of"),
        ("pregnancy", {"finding": "negative", "on": "1950-01-01"}, "on", "birth"),
    ],
)
def test_a_mistake_is_told_above_the_form_and_at_its_field(enter, course, mistake):
    kind, form, field, words = mistake
    before = ChartFact.objects.count()
    response = enter("nurse").post(url(course, kind), form)
    assert response.status_code == 400
    page = text(response)
    summary = page[page.index('id="faults"') : page.index('id="record"')]
    assert "Nothing was recorded." in summary
    assert f'href="#id_{field}"' in summary
    assert words in summary
    shown = page[page.index('id="record"') :]
    control = next(tag for tag in shown.split("<") if f'id="id_{field}"' in tag)
    assert 'aria-invalid="true"' in control
    assert f"id_{field}_error" in control
    assert f'id="id_{field}_error"' in shown
    assert ChartFact.objects.count() == before


def test_the_summary_of_faults_takes_the_focus(enter, course):
    page = text(enter("nurse").post(url(course, "pregnancy"), {}))
    summary = next(tag for tag in page.split("<") if 'id="faults"' in tag)
    assert "autofocus" in summary
    assert 'tabindex="-1"' in summary
    assert 'role="alert"' in summary


def test_no_choice_is_made_beforehand(enter, course):
    for kind in RECORDED_HERE:
        page = text(enter_again(enter).get(url(course, kind)))
        form = page[page.index('id="record"') : page.index('id="known"')]
        chosen = [tag for tag in form.split("<") if "selected" in tag]
        assert all('value=""' in tag for tag in chosen), kind
        assert "checked" not in form


def enter_again(enter: Callable[..., Client], role: str = "physician") -> Client:
    User.objects.filter(username=role).delete()
    return enter(role)


def test_an_illness_is_ended_by_a_record_in_its_place(enter, course):
    browser = enter("nurse")
    browser.post(url(course, "interruptions"), {"kind": "intercurrent_illness", "from_day": day(9)})
    ill = newest("interruptions")
    page = text(browser.get(url(course, "interruptions"), {"replaces": str(ill.public_id)}))
    assert f'value="{day(9)}"' in page
    form = {
        "replaces": str(ill.public_id),
        "kind": "intercurrent_illness",
        "from_day": day(9),
        "to_day": day(2),
    }
    assert browser.post(url(course, "interruptions"), form).status_code == 400
    done = browser.post(url(course, "interruptions"), {**form, "reason": "well again"})
    assert done.status_code == 302, text(done)
    assert newest("interruptions").withdraws == ill
    assert newest("interruptions").data == {"kind": "intercurrent_illness", "from": day(9), "to": day(2)}
    assert "Changed" in text(browser.get(url(course, "interruptions")))


def test_a_record_in_place_of_a_strange_one_is_refused(enter, course):
    imaging = newest("sstr_imaging")
    for named in (str(imaging.public_id), "no-such-thing"):
        answer = enter_again(enter, "nurse").post(
            url(course, "interruptions"),
            {"replaces": named, "kind": "surgery", "from_day": day(3), "reason": REASON},
        )
        assert answer.status_code == 404


def test_a_record_is_taken_back_with_a_reason_and_stays_readable(enter, course):
    browser, fact = enter("nurse"), newest("sstr_imaging")
    assert browser.post(act_url("withdraw", course, fact), {"reason": "  "}).status_code == 400
    done = browser.post(act_url("withdraw", course, fact), {"reason": "wrong patient's scan"})
    assert done.status_code == 302
    assert not ChartFact.objects.standing().filter(pk=fact.pk).exists()
    page = text(browser.get(url(course, "sstr_imaging")))
    assert "wrong patient's scan" in page
    assert "<del>" in page
    assert browser.post(act_url("withdraw", course, fact), {"reason": REASON}).status_code == 404


def test_a_fact_is_not_reached_through_another_patients_course(enter, course, person):
    other = builders.make_course(
        builders.make_patient(mrn="T-2"),
        first_on=add_days(today(), 3),
        by=person("nurse", username="other-starter"),
    )
    fact = ChartFact.objects.filter(patient=course.patient, kind="sstr_imaging").get()
    browser = enter("nurse")
    assert browser.get(act_url("withdraw", other, fact)).status_code == 404
    assert browser.post(act_url("withdraw", other, fact), {"reason": REASON}).status_code == 404
    assert ChartFact.objects.standing().filter(pk=fact.pk).exists()


def test_nothing_of_a_course_is_recorded_once_it_is_closed(enter, course):
    Course.objects.filter(pk=course.pk).update(status="stopped")
    answer = enter("nurse").post(
        url(course, "delay"), {"cycle": "1", "cause": "supply", "from_day": day(1), "to_day": ""}
    )
    assert answer.status_code == 400
    assert "it is closed" in text(answer)


# --- What physicians judge ----------------------------------------------------------------------


def judgements(course: Course) -> dict[str, tuple[dict[str, str], dict[str, object]]]:
    """What is typed for each of the physicians' kinds, and what is then stored."""
    platelets = version_of(course, "PLT")
    return {
        "manual_grades": (
            {"term": "Anemia", "grade": "2", "on": day(1)},
            {"term": "Anemia", "grade": 2, "on": day(1)},
        ),
        "attributions": (
            {"term": "Hypokalemia", "grade": "3", "on": day(1), "related": "no"},
            {"term": "Hypokalemia", "grade": 3, "on": day(1), "related": False},
        ),
        "occurrence_reviews": (
            {"rule": "DM-PLT", "onset": day(8), "counts": "no"},
            {"rule": "DM-PLT", "onset": day(8), "counts": False, "on": day(0)},
        ),
        "not_representative": ({"result": platelets}, {"result": platelets}),
        "declared_baseline": (
            {"analyte": "CREAT", "value": "0.9", "unit": "mg/dL", "on": day(40), "low": "", "high": "1.2"},
            {"analyte": "CREAT", "value": "0.9", "unit": "mg/dL", "on": day(40), "high": "1.2"},
        ),
        "baseline_amendment": ({"result": platelets}, {"analyte": "PLT", "result": platelets}),
    }


@pytest.mark.parametrize("kind", JUDGED_HERE)
def test_a_physician_judges_with_a_reason_and_the_password(enter, course, send_with_password, kind):
    typed, stored = judgements(course)[kind]
    browser = enter("physician")
    form = {**typed, **seen(course), "reason": REASON}
    response = send_with_password(browser, url(course, kind), form)
    assert response.status_code == 302, text(response)
    fact = newest(kind)
    assert fact.data == stored
    assert fact.reason == REASON
    assert fact.authenticated_at is not None
    assert fact.recorded_by.username == "physician"


@pytest.mark.parametrize("kind", JUDGED_HERE)
def test_a_judgement_without_a_reason_or_with_a_wrong_password_stores_nothing(
    enter, course, send_with_password, kind
):
    typed, _ = judgements(course)[kind]
    browser = enter("physician")
    before = ChartFact.objects.count()
    bare = browser.post(url(course, kind), {**typed, **seen(course), "reason": " "})
    assert bare.status_code == 400
    assert 'href="#id_reason"' in text(bare)
    form = {**typed, **seen(course), "reason": REASON}
    assert send_with_password(browser, url(course, kind), form, password="wrong").status_code == 200
    assert ChartFact.objects.count() == before


@pytest.mark.parametrize("kind", JUDGED_HERE)
def test_a_judgement_of_a_decision_that_no_longer_stands_stores_nothing(
    enter, course, send_with_password, kind
):
    typed, _ = judgements(course)[kind]
    form = {**typed, **seen(course), "reason": REASON}
    # Nobody has assessed the course since; the form's own check finds the new result.
    builders.receive(
        builders.panel_message(
            course.patient, drawn_at=builders.clinic_time(add_days(today(), -1), 23), only=("PLT",), PLT="40"
        )
    )
    before = ChartFact.objects.count()
    response = send_with_password(enter("physician"), url(course, kind), form)
    assert response.status_code == 409
    page = text(response)
    assert "Nothing was recorded." in page
    assert "Longname, Testa" in page
    assert "New: Platelets 40" in page
    assert ChartFact.objects.count() == before


def test_a_judgement_that_names_no_decision_stores_nothing(enter, course, send_with_password):
    typed, _ = judgements(course)["attributions"]
    for claim in ({}, {"decision": "nonsense", "evidence_sha256": "0" * 64}):
        form = {**typed, **claim, "reason": REASON}
        browser = enter_again(enter)
        assert send_with_password(browser, url(course, "attributions"), form).status_code == 409
    assert not ChartFact.objects.filter(kind="attributions").exists()


def test_a_judgement_on_a_closed_course_is_refused_in_words(enter, course, send_with_password):
    typed, _ = judgements(course)["attributions"]
    form = {**typed, **seen(course), "reason": REASON}
    Course.objects.filter(pk=course.pk).update(status="stopped")
    response = send_with_password(enter("physician"), url(course, "attributions"), form)
    assert response.status_code == 409
    assert "no longer open" in text(response)


def test_a_fault_found_by_the_service_is_shown_at_its_field_after_the_password(
    enter, course, send_with_password
):
    form = {"term": "Anemia", "grade": "2", "on": day(-3), **seen(course), "reason": REASON}
    response = send_with_password(enter("physician"), url(course, "manual_grades"), form)
    assert response.status_code == 400
    page = text(response)
    assert 'href="#id_on"' in page
    assert f'action="{url(course, "manual_grades")}"' in page


def test_the_form_is_made_for_the_decision_that_stands(enter, course):
    page = text(enter("physician").get(url(course, "attributions")))
    assert f'name="decision" value="{standing(course).public_id}"' in page
    assert f'name="evidence_sha256" value="{standing(course).evidence_sha256}"' in page


def test_what_needs_two_counts_only_after_another_physician_confirmed_it(
    enter, course, send_with_password, person
):
    first, second = enter("physician"), enter("physician", "authorised-user", username="second")
    typed, _ = judgements(course)["not_representative"]
    form = {**typed, **seen(course), "reason": "drawn above the infusion"}
    send_with_password(first, url(course, "not_representative"), form)
    fact = newest("not_representative")
    confirm = act_url("confirm", course, fact)
    assert "Waits for a second physician" in text(first.get(course_url(course)))
    assert "another physician confirms it" in text(first.get(confirm))
    own = first.post(confirm)
    assert own.status_code == 403
    assert "You recorded this yourself" in text(own)
    nurse = Client()
    nurse.force_login(person("nurse"))
    assert nurse.post(confirm).status_code == 403
    assert not FactConfirmation.objects.exists()
    assert "drawn above the infusion" in text(second.get(confirm))
    assert send_with_password(second, confirm, {}, password="wrong").status_code == 200
    assert not FactConfirmation.objects.exists()
    done = send_with_password(second, confirm, {})
    assert done.status_code == 302
    assert FactConfirmation.objects.get().confirmed_by.username == "second"
    assert "Confirmed by second" in text(second.get(url(course, "not_representative")))
    assert second.post(confirm).status_code == 400


def test_a_fact_of_one_person_has_no_page_to_confirm_it(enter, course):
    assert enter("physician").get(act_url("confirm", course, newest("sstr_imaging"))).status_code == 404


def test_a_physicians_word_is_taken_back_only_with_the_password(enter, course, send_with_password, person):
    browser = enter("physician")
    typed, _ = judgements(course)["attributions"]
    form = {**typed, **seen(course), "reason": REASON}
    send_with_password(browser, url(course, "attributions"), form)
    fact = newest("attributions")
    nurse = Client()
    nurse.force_login(person("nurse"))
    withdraw = act_url("withdraw", course, fact)
    assert nurse.post(withdraw, {"reason": REASON}).status_code == 403
    other = enter("physician", username="other")
    assert send_with_password(other, withdraw, {"reason": "mistaken"}).status_code == 302
    assert not ChartFact.objects.standing().filter(pk=fact.pk).exists()


def test_the_baseline_is_proposed_then_locked_then_amended_by_two(enter, course, send_with_password, person):
    first, second = enter("physician"), enter("physician", username="second")
    early = add_days(today(), -12)
    builders.receive(
        builders.panel_message(
            course.patient, drawn_at=builders.clinic_time(early, 8), only=("PLT",), PLT="301"
        )
    )
    page = text(first.get(course_url(course)))
    baseline = page[page.index('id="baselines"') :]
    assert "proposed" in baseline[: baseline.index("</section>")]
    record_administration(
        cycle=course.cycles.get(number=1),
        administered_on=today(),
        administered_gbq=Decimal("7.4"),
        by=person("physicist", username="giver"),
    )
    page = text(first.get(course_url(course)))
    baseline = page[page.index('id="baselines"') :]
    baseline = baseline[: baseline.index("</section>")]
    assert "locked," in baseline
    assert "proposed" not in baseline
    assert "228" in baseline
    assess_course(course_id=course.pk)
    chosen = Observation.objects.get(patient=course.patient, sent_value="301")
    form = {"result": str(chosen.public_id), **seen(course), "reason": "the newer one was diluted"}
    done = send_with_password(first, url(course, "baseline_amendment"), form)
    assert done.status_code == 302, text(done)
    send_with_password(second, act_url("confirm", course, newest("baseline_amendment")), {})
    page = text(first.get(course_url(course)))
    baseline = page[page.index('id="baselines"') :]
    assert "301" in baseline[: baseline.index("</section>")]


def test_a_result_from_after_the_first_administration_is_not_offered_as_a_baseline(enter, course, person):
    record_administration(
        cycle=course.cycles.get(number=1),
        administered_on=add_days(today(), -5),
        administered_gbq=Decimal("7.4"),
        by=person("physicist", username="giver"),
    )
    page = text(enter("physician").get(url(course, "baseline_amendment")))
    assert version_of(course, "PLT") not in page


# --- What the course's page shows -----------------------------------------------------------------


def test_the_course_says_what_is_due_beside_its_kind(enter, course):
    fact = newest("sstr_imaging")
    enter("nurse").post(act_url("withdraw", course, fact), {"reason": REASON})
    assess_course(course_id=course.pk)
    page = text(enter("physician").get(course_url(course)))
    facts = page[page.index('id="facts"') :]
    row = facts[facts.index("Receptor imaging") : facts.index("Analogue injection")]
    assert "nothing recorded" in row
    assert "record the somatostatin receptor imaging" in row


def test_of_lasting_facts_the_newest_of_each_is_shown(enter, course):
    browser = enter("nurse")
    for value, back in (("2", 9), ("3", 2)):
        browser.post(url(course, "disease_flags"), {"flag": "nyha_class", "value": value, "on": day(back)})
    page = text(browser.get(course_url(course)))
    assert "Heart failure class (NYHA): 3" in page
    assert "Heart failure class (NYHA): 2" not in page
    assert "Dialysis: no" in page


def test_a_nurse_reads_what_physicians_judge_and_is_not_asked_to_record_it(enter, course):
    page = text(enter("nurse").get(course_url(course)))
    assert 'aria-label="Record: Pregnancy"' in page
    assert 'aria-label="Read: Attribution"' in page


def test_the_pages_cost_the_same_with_2_and_with_40_facts(enter, course):
    browser = enter("physician")
    pages = (course_url(course), url(course, "support"))

    def queries() -> list[int]:
        counts = []
        for page in pages:
            with CaptureQueriesContext(connection) as captured:
                assert browser.get(page).status_code == 200
            counts.append(len(captured))
        return counts

    builders.state(course.patient, "support", add_days(today(), -50), kind="growth_factor")
    queries()
    few = queries()
    for back in range(1, 40):
        builders.state(course.patient, "support", add_days(today(), -back), kind="growth_factor")
    assert queries() == few


@pytest.mark.parametrize("payload", ["<script>alert('x')</script>", "{{ 7|add:7 }}", "\u202egnp.exe"])
def test_foreign_words_are_inert_on_every_page(enter, course, payload):
    browser = enter("nurse")
    form = {"term": payload, "grade": "1", "from_day": day(3), "to_day": "", "related": ""}
    assert browser.post(url(course, "adverse_event"), form).status_code == 302
    fact = newest("adverse_event")
    browser.post(act_url("withdraw", course, fact), {"reason": payload})
    for address in (url(course, "adverse_event"), course_url(course)):
        page = browser.get(address).content.decode()
        assert "<script>alert" not in page
        assert "\u202e" not in page
