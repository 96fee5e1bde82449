"""Signing: every action, never on what is stale, never by a token, and bound to what was signed."""

from datetime import UTC, date, datetime, timedelta
from html import unescape

import pytest
from django.urls import reverse
from knox.models import AuthToken

from courses.models import Course, Cycle, Directive, Signature
from courses.services.assess import assess_course
from courses.services.authority import NotAllowed
from courses.services.facts import record_fact
from courses.services.manifests import manifest_holds, record_of
from courses.services.sign import sign_decision
from courses.situation_difference import other_changes
from labs.clinic_days import add_days, clinic_day
from labs.zones import clinic_zone
from tests.builders import colleague, draw, give_cycle, make_course, make_patient, sign
from tests.courses.signing import AT, before_third, doctor, fresh, live_states, other_doctor, standing

pytestmark = pytest.mark.django_db


def today() -> date:
    return clinic_day(datetime.now(UTC), clinic_zone())


@pytest.fixture
def now_due() -> Course:
    """A second cycle planned in a few days, all healthy: the decision that stands says proceed."""
    course = make_course(make_patient(), first_on=add_days(today(), -52), by=doctor())
    give_cycle(course.cycles.get(number=1), by=doctor())
    draw(course.patient, add_days(today(), -1))
    assess_course(course_id=course.pk)
    assert standing(course).action == "proceed", standing(course).answer["reasons"]
    return course


def form_of(course: Course) -> dict[str, str]:
    decision = standing(course)
    return {"evidence_sha256": decision.evidence_sha256, "meaning": decision.action}


def sign_url(course: Course) -> str:
    return reverse("courses:sign", args=[standing(course).public_id])


# ------------------------------------------------------------------------- every action is signed


@pytest.mark.parametrize(("values", "action"), [({}, "proceed"), ({"PLT": "60"}, "delay")])
def test_go_and_delay_are_signed_as_they_stand(values, action):
    course = before_third(**values)
    signature = sign(standing(course), by=doctor(), now=AT)
    assert signature.meaning == action
    assert Directive.objects.filter(signature=signature).exists() == (action == "proceed")
    assert live_states(course) <= {"active"}


def test_a_delay_is_signed_by_a_physician_who_is_no_authorised_user():
    course = before_third(PLT="60")
    assert sign(standing(course), by=other_doctor(), now=AT).meaning == "delay"


# --------------------------------------------------------------------- bound to the record (HZ-42)


@pytest.mark.hazard("HZ-42")
def test_a_signature_holds_as_it_was_written():
    signature = sign(standing(before_third()), by=doctor(), now=AT)
    assert manifest_holds(Signature.objects.get(pk=signature.pk))
    assert manifest_holds(signature)


@pytest.mark.hazard("HZ-42")
@pytest.mark.parametrize(
    "change",
    [
        {"printed_name": "Somebody else"},
        {"meaning": "reduce"},
        {"signed_at": AT + timedelta(microseconds=1)},
        {"record_sha256": "0" * 64},
    ],
)
def test_a_tampered_signature_fails_verification(change):
    signature = sign(standing(before_third()), by=doctor(), now=AT)
    for name, value in change.items():
        setattr(signature, name, value)
    assert not manifest_holds(signature)


@pytest.mark.hazard("HZ-42")
@pytest.mark.parametrize("column", ["evidence_sha256", "verdict"])
def test_a_tampered_decision_fails_the_signature(column):
    signature = sign(standing(before_third()), by=doctor(), now=AT)
    setattr(signature.decision, column, "proceed|9.9||")
    assert not manifest_holds(signature)


def test_what_is_not_signed_has_no_record():
    with pytest.raises(TypeError, match="Cycle is no kind of row that is signed"):
        record_of(Cycle())


@pytest.mark.hazard("HZ-42")
@pytest.mark.parametrize("age", [timedelta(minutes=30), timedelta(hours=8), timedelta(minutes=-5)])
def test_an_old_password_signs_nothing(age):
    decision = standing(before_third())
    with pytest.raises(NotAllowed, match="not fresh enough"):
        sign_decision(
            decision_public_id=decision.public_id,
            evidence_sha256=decision.evidence_sha256,
            meaning="proceed",
            signer=doctor(),
            authenticated_at=AT - age,
            now=AT,
        )
    assert not Signature.objects.filter(decision=decision).exists()


# ------------------------------------------------------------------------- never by a token (HZ-42)


def acting_pages(course: Course) -> list[str]:
    """Every page by which a person signs, holds, overrides, waives, confirms or rescinds."""
    kinds = ("precautionary_holds", "overrides", "waivers", "attributions", "prior_treatment")
    return [
        sign_url(course),
        *(reverse("courses:record_fact", args=[course.public_id, kind]) for kind in kinds),
        reverse("courses:ask_rescission", args=[course.public_id]),
        reverse("courses:confirm_rescission", args=[course.public_id]),
    ]


@pytest.mark.hazard("HZ-42")
@pytest.mark.parametrize("role", ["service-pharmacy", "lab-feed", "physician"])
def test_a_token_signs_nothing_whoever_it_belongs_to(client, now_due, role):
    """Also one that somebody made for a physician by hand: pages know people, and no tokens."""
    user = colleague(f"token-{role}", role, "authorised-user")
    headers = {"HTTP_AUTHORIZATION": f"Bearer {AuthToken.objects.create(user)[1]}"}
    facts = now_due.patient.chart_facts.count()
    signatures = Signature.objects.count()
    for address in acting_pages(now_due):
        answer = client.post(address, {**form_of(now_due), "reason": "by a machine, not a person"}, **headers)
        assert answer.status_code in (302, 403), address
        assert answer.status_code == 403 or "login" in answer.url
    assert Signature.objects.count() == signatures
    assert now_due.patient.chart_facts.count() == facts


@pytest.mark.hazard("HZ-42")
@pytest.mark.parametrize("role", ["service-pharmacy", "lab-feed"])
def test_a_service_account_has_no_right_to_sign(role):
    decision = standing(before_third())
    with pytest.raises(NotAllowed, match="Only a physician signs"):
        sign_decision(
            decision_public_id=decision.public_id,
            evidence_sha256=decision.evidence_sha256,
            meaning="proceed",
            signer=colleague("machine", role),
            authenticated_at=fresh(),
            now=AT,
        )


# ---------------------------------------------------------------------- what changed is told (HZ-38)


@pytest.mark.hazard("HZ-38")
def test_a_stale_form_signs_nothing_and_lists_a_new_fact(now_due, enter, send_with_password):
    form, address = form_of(now_due), sign_url(now_due)
    record_fact(
        kind="adverse_event",
        data={"term": "Nausea", "grade": 2, "from": today().isoformat()},
        by=colleague("fact-nurse", "nurse"),
        patient=now_due.patient,
    )
    before = Signature.objects.count()
    answer = send_with_password(enter("physician", "authorised-user"), address, form)
    assert answer.status_code == 409
    page = unescape(answer.content.decode())
    assert "Nothing was signed." in page
    assert "New: adverse event, Nausea, grade 2" in page
    assert Signature.objects.count() == before


@pytest.mark.hazard("HZ-38")
def test_a_stale_form_signs_nothing_after_somebody_held_the_course(now_due, enter, send_with_password):
    form, address = form_of(now_due), sign_url(now_due)
    record_fact(
        kind="precautionary_holds",
        data={},
        by=colleague("fact-nurse", "nurse"),
        course=now_due,
        reason="new confusion",
    )
    before = Signature.objects.count()
    answer = send_with_password(enter("physician", "authorised-user"), address, form)
    assert answer.status_code == 409
    assert "New: precautionary hold" in unescape(answer.content.decode())
    assert Signature.objects.count() == before


def test_the_list_of_changes_names_plan_flags_and_what_counts_no_longer():
    before = {
        "planned_on": "2026-05-04",
        "weights": [{"on": "2026-04-27", "kg": "72", "ref": "weight-1"}],
        "facts": {"disease_flags": {"dialysis": False, "nyha_class": 1}},
        "protocol": "one",
    }
    after = {
        "planned_on": "2026-05-11",
        "weights": [],
        "facts": {"disease_flags": {"dialysis": True, "nyha_class": 1}},
        "protocol": "two",
    }
    assert other_changes(before, after) == [
        "The planned day was moved from Mon 4 May 2026 to Mon 11 May 2026",
        "No longer counted: body weight, Mon 27 Apr 2026, 72 kg",
        "Dialysis: no became yes",
        "The course was moved from protocol one to two",
    ]
    assert other_changes(before, before) == []


# ------------------------------------------------------------------- no button leads the hand (HZ-43)


@pytest.mark.hazard("HZ-43")
def test_nothing_is_preselected_and_the_basis_stands_before_the_button(now_due, enter):
    page = enter("physician", "authorised-user").get(
        reverse("courses:decision", args=[standing(now_due).public_id])
    )
    told = unescape(page.content.decode())
    assert " checked" not in told
    order = [told.index(words) for words in ("<h3>Why</h3>", "Missing or not usable", "Grades</h3>")]
    button = told.index("Sign with your password")
    assert max(order) < button
    # To disagree is as near as to agree.
    assert button < told.index("Hold this course")
    assert "You decide." in told


@pytest.mark.hazard("HZ-43")
def test_an_unticked_statement_signs_nothing(now_due, enter, send_with_password):
    before = Signature.objects.count()
    form = {"evidence_sha256": standing(now_due).evidence_sha256}
    answer = send_with_password(enter("physician", "authorised-user"), sign_url(now_due), form)
    assert answer.status_code == 400
    assert Signature.objects.count() == before
