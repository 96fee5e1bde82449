"""Overrides through the services and pages: coded reason and words, one rule, one cycle, two physicians."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from courses.models import ChartFact, Course
from courses.services.assess import assess_course
from courses.services.authority import BadFact, NotAllowed
from courses.services.course import record_administration
from courses.services.facts import record_fact, withdraw_fact
from labs.clinic_days import add_days, clinic_day
from labs.models import Result
from labs.zones import clinic_zone
from tests.builders import (
    clinic_time,
    colleague,
    draw,
    give_cycle,
    make_course,
    make_patient,
    panel_message,
    receive,
    sign,
)
from tests.courses.signing import (
    AT,
    REASON,
    acting,
    before_third,
    confirm,
    doctor,
    fresh,
    live_states,
    notes,
    other_doctor,
    override,
    standing,
)

pytestmark = pytest.mark.django_db
LATER = AT + timedelta(hours=3)


@pytest.fixture
def delayed():
    """A third cycle delayed by platelets of 60."""
    course = before_third(PLT="60")
    assert acting(course) == {"DM-PLT"}
    return course


@pytest.fixture
def reduced():
    """A third cycle at half activity, after platelets of 60 that recovered."""
    course = before_third()
    draw(course.patient, date(2026, 4, 7), PLT="60")
    assess_course(course_id=course.pk, now=AT)
    assert standing(course).action == "reduce"
    return course


@pytest.mark.hazard("HZ-40")
def test_a_delay_is_overridden_only_once_a_second_physician_confirms(delayed):
    fact = override(delayed)
    assert fact.needs_two
    assert standing(delayed).action == "delay"
    confirm(fact)
    assert standing(delayed).action == "proceed"
    assert "Overridden for cycle 3 by dr-bauer and dr-chen" in notes(delayed)
    # It lets nothing be given: that takes a signature of its own.
    assert live_states(delayed) == {"proposed"}
    sign(standing(delayed), by=doctor(), now=LATER)
    assert live_states(delayed) == {"active"}


@pytest.mark.hazard("HZ-40")
def test_the_physician_who_overrides_is_not_the_second(delayed):
    fact = override(delayed)
    with pytest.raises(NotAllowed, match="second physician"):
        confirm(fact, by=doctor())
    assert standing(delayed).action == "delay"


@pytest.mark.hazard("HZ-40")
def test_reducing_is_overridden_by_one_physician(reduced):
    fact = override(reduced, code="explained_by_another_cause", reason="Heparin, stopped; antibodies found.")
    assert not fact.needs_two
    assert (standing(reduced).action, str(standing(reduced).activity_gbq.normalize())) == ("proceed", "7.4")


@pytest.mark.hazard("HZ-40")
@pytest.mark.parametrize(
    "reason", ["", "   ", "\u200b" * 40, "ok", "nineteen letters hi", "a\u200b" * 19, " a" * 19]
)
def test_too_few_letters_that_can_be_seen_are_refused(delayed, reason):
    with pytest.raises(BadFact, match="at least 20 letters"):
        override(delayed, reason=reason)
    assert not ChartFact.objects.filter(kind="overrides").exists()


@pytest.mark.hazard("HZ-40")
@pytest.mark.parametrize("code", ["", "because", None])
def test_a_coded_reason_is_one_of_the_list(delayed, code):
    with pytest.raises(BadFact, match="code: "):
        override(delayed, code=code)


@pytest.mark.hazard("HZ-40")
@pytest.mark.parametrize("rule", ["EV-MISSING", "EV-STALE", "EV-CONFLICT", "EV-BASELINE", "EV-UNUSABLE"])
@pytest.mark.parametrize("more", ["", "HOLD-PERSON", "SYS-FAULT", "ELIG-PRIOR", "ELIG-AGE", "CHK-PREGNANCY"])
def test_what_is_missing_in_doubt_or_held_is_never_overridden(delayed, rule, more):
    with pytest.raises(BadFact, match="never overridden"):
        override(delayed, rule=more or rule)


def test_a_rule_that_asks_for_nothing_is_not_overridden(delayed):
    with pytest.raises(BadFact, match="asks for nothing"):
        override(delayed, rule="DM-HEM")


def test_the_caller_cannot_say_what_is_overridden(delayed):
    with pytest.raises(BadFact, match="action: is filled in by the service"):
        record_fact(
            kind="overrides",
            data={"rule": "DM-PLT", "code": "other", "action": "reduce", "cycle": 4},
            by=doctor(),
            course=delayed,
            reason=REASON,
            authenticated_at=fresh(),
            now=AT,
        )


def test_the_row_holds_rule_cycle_action_and_the_values_as_they_stood(delayed):
    data = override(delayed).data
    assert data is not None
    assert (data["rule"], data["cycle"], data["action"]) == ("DM-PLT", 3, "delay")
    used = data["values"][0]
    assert (used["name"], used["value"], used["unit"]) == ("Platelets", "60", "10*9/L")
    assert used["ref"]
    assert used["at"].startswith("2026-04-27T06:00")


@pytest.mark.parametrize("roles", [("nurse",), ("physician",), ("pharmacist",), ("authorised-user",)])
def test_only_an_authorised_physician_overrides(delayed, roles):
    with pytest.raises(NotAllowed):
        override(delayed, by=colleague("-".join(roles), *roles))


@pytest.mark.hazard("HZ-42")
def test_an_override_takes_a_fresh_password(delayed):
    with pytest.raises(NotAllowed, match="Enter your password again"):
        record_fact(
            kind="overrides",
            data={"rule": "DM-PLT", "code": "other"},
            by=doctor(),
            course=delayed,
            reason=REASON,
            authenticated_at=AT - timedelta(hours=1),
            now=AT,
        )


# ------------------------------------------------------------------------------------------ void


@pytest.mark.hazard("HZ-40")
def test_a_worse_value_voids_it_and_suspends_what_was_signed(delayed):
    confirm(override(delayed))
    sign(standing(delayed), by=doctor(), now=AT + timedelta(hours=1))
    draw(delayed.patient, date(2026, 4, 29), PLT="55")
    assess_course(course_id=delayed.pk, now=clinic_time(date(2026, 4, 29), 12))
    assert acting(delayed) == {"DM-PLT"}
    assert "is void" in notes(delayed)
    assert live_states(delayed) == {"suspended"}


def test_a_better_value_confirms_it(delayed):
    confirm(override(delayed))
    sign(standing(delayed), by=doctor(), now=AT + timedelta(hours=1))
    draw(delayed.patient, date(2026, 4, 29), PLT="66")
    decision = assess_course(course_id=delayed.pk, now=clinic_time(date(2026, 4, 29), 12))
    assert decision.action == "proceed"
    assert decision.confirms_id
    assert live_states(delayed) == {"active"}


@pytest.mark.hazard("HZ-40")
def test_a_corrected_value_voids_it(delayed):
    confirm(override(delayed))
    message = panel_message(
        delayed.patient, drawn_at=clinic_time(date(2026, 4, 27), 8), status="C", only=("PLT",), PLT="62"
    )
    receive(message.replace(_order_of(message), _first_order(delayed)))
    assess_course(course_id=delayed.pk, now=LATER)
    assert acting(delayed) & {"DM-PLT", "EV-CONFLICT"}
    assert standing(delayed).action != "proceed"


def _order_of(message: bytes) -> bytes:
    return message.split(b"OBR|1||")[1].split(b"|")[0]


def _first_order(course: Course) -> bytes:
    """The order number under which the newest platelets came first: a correction names the same one."""
    result = Result.objects.filter(patient=course.patient, analyte="PLT").order_by("-collected_at")[0]
    assert result.current is not None
    return _order_of(bytes(result.current.message.body))


def test_it_is_void_for_the_next_cycle(reduced):
    override(reduced, code="explained_by_another_cause", reason="Heparin, stopped; antibodies found.")
    sign(standing(reduced), by=doctor(), now=LATER)
    cycle, activity = reduced.cycles.get(number=3), standing(reduced).activity_gbq
    assert activity is not None
    record_administration(
        cycle=cycle,
        administered_on=cycle.planned_on,
        administered_gbq=activity,
        by=doctor(),
        now=clinic_time(cycle.planned_on, 16),
    )
    draw(reduced.patient, date(2026, 6, 25))
    decision = assess_course(course_id=reduced.pk, now=clinic_time(date(2026, 6, 26)))
    # Given at full activity by a person's word: the label's ladder still asks for a reduced cycle.
    assert decision.action == "reduce"
    assert "for that cycle only" in notes(reduced)


def test_taking_it_back_brings_the_rule_back_at_once(delayed):
    fact = override(delayed)
    confirm(fact)
    sign(standing(delayed), by=doctor(), now=AT + timedelta(hours=1))
    withdraw_fact(
        fact=fact,
        by=other_doctor(),
        reason="the haematologist disagrees",
        authenticated_at=fresh(LATER),
        now=LATER,
    )
    assert acting(delayed) == {"DM-PLT"}
    assert live_states(delayed) == {"suspended"}


# --------------------------------------------------------------------------------- again and again


@pytest.mark.hazard("HZ-41")
def test_the_second_override_of_a_rule_in_a_course_takes_a_second_physician(reduced):
    words: dict[str, Any] = {
        "code": "explained_by_another_cause",
        "reason": "Heparin, stopped; antibodies found.",
    }
    first = override(reduced, **words)
    withdraw_fact(fact=first, by=doctor(), reason="typed too soon", authenticated_at=fresh(LATER), now=LATER)
    again = override(reduced, at=LATER + timedelta(minutes=5), **words)
    assert again.needs_two
    assert standing(reduced).action == "reduce"
    confirm(again, at=LATER + timedelta(minutes=6))
    assert standing(reduced).action == "proceed"


@pytest.mark.hazard("HZ-40")
def test_the_database_takes_no_override_with_a_short_reason(delayed):
    row = override(delayed)
    row.pk, row.public_id, row.reason = None, uuid4(), "  ok                                "
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


# ---------------------------------------------------------------------------------------- the page


def address_of(course) -> str:
    return reverse("courses:record_fact", args=[course.public_id, "overrides"])


def form_of(course, **more: str) -> dict[str, str]:
    decision = standing(course)
    return {
        "decision": str(decision.public_id),
        "evidence_sha256": decision.evidence_sha256,
        "rule": "DM-PLT",
        "code": "long_standing_finding",
        "reason": REASON,
        **more,
    }


@pytest.fixture
def delayed_now():
    """A course delayed on the test machine's own day, so that pages judge it as it stands."""
    today = clinic_day(datetime.now(UTC), clinic_zone())
    course = make_course(make_patient(), first_on=add_days(today, -52), by=doctor())
    give_cycle(course.cycles.get(number=1), by=doctor())
    draw(course.patient, add_days(today, -1), PLT="60")
    assess_course(course_id=course.pk)
    assert standing(course).action == "delay"
    return course


@pytest.mark.hazard("HZ-40")
def test_two_physicians_override_a_delay_on_the_pages(delayed_now, enter, send_with_password):
    first = enter("physician", "authorised-user", username="first")
    page = first.get(reverse("courses:decision", args=[standing(delayed_now).public_id])).content.decode()
    assert f"{address_of(delayed_now)}?rule=DM-PLT" in page
    asked = first.get(address_of(delayed_now), {"rule": "DM-PLT"}).content.decode()
    assert "DM-PLT: delay" in asked
    answer = send_with_password(first, address_of(delayed_now), form_of(delayed_now))
    assert answer.status_code == 302
    fact = ChartFact.objects.get(kind="overrides")
    assert standing(delayed_now).action == "delay"
    second = enter("physician", username="second")
    confirm_at = reverse("courses:confirm_fact", args=[delayed_now.public_id, fact.public_id])
    assert "DM-PLT asks to delay, overridden" in second.get(confirm_at).content.decode()
    assert send_with_password(second, confirm_at, {}).status_code == 302
    assert standing(delayed_now).action == "proceed"


@pytest.mark.hazard("HZ-40")
@pytest.mark.parametrize("reason", ["", "    ", "\u200b" * 30, "too short"])
def test_a_page_keeps_what_was_typed_where_the_reason_is_too_short(
    delayed_now, enter, send_with_password, reason
):
    browser = enter("physician", "authorised-user")
    form = form_of(delayed_now, reason=reason)
    answer = browser.post(address_of(delayed_now), form)
    if answer.status_code == 302:
        answer = send_with_password(browser, address_of(delayed_now), form)
    assert answer.status_code == 400
    assert not ChartFact.objects.filter(kind="overrides").exists()


@pytest.mark.hazard("HZ-38")
def test_an_override_of_a_decision_that_no_longer_stands_stores_nothing(
    delayed_now, enter, send_with_password
):
    form = form_of(delayed_now)
    today = clinic_day(datetime.now(UTC), clinic_zone())
    receive(panel_message(delayed_now.patient, drawn_at=clinic_time(today, 0), only=("PLT",), PLT="40"))
    answer = send_with_password(enter("physician", "authorised-user"), address_of(delayed_now), form)
    assert answer.status_code == 409
    assert "New: Platelets 40" in answer.content.decode()
    assert not ChartFact.objects.filter(kind="overrides").exists()
