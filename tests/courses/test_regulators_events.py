"""Events from a regulator's files re-enacted through the doors, and days played from signature to release.

N1: reduced on the day, while the directive still said the whole. N2: lutetium before amino acids. N4 and N5:
a leaking line, 80 of 200 mCi delivered. What the doors cannot make impossible they tell at once: incident,
alert, ledger. After every act the rules of `manage.py verify` find nothing.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from courses.ledger import ledger_of
from courses.models import (
    Administration,
    Directive,
    DispensedUnit,
    Incident,
    Infusion,
    Order,
    Recall,
    StartAuthorisation,
    TherapyDay,
    VialEvent,
)
from courses.services.assess import assess_course
from courses.services.sign import current_signature
from tests.builders import draw
from tests.builders_played_day import PlayedClinic, first_cycle, second_cycle, text, typed
from tests.builders_therapy_day import DAY, at

pytestmark = pytest.mark.django_db
SetClock = Callable[[datetime], None]
EARLIER = date(2026, 4, 6)  # between the first cycle and the second


@pytest.fixture
def clinic(set_clock: SetClock) -> PlayedClinic:
    """A first cycle, signed in the morning."""
    made = first_cycle(set_clock)
    assert made.sign().status_code == 302
    return made


@pytest.fixture
def supplied(clinic: PlayedClinic) -> tuple[PlayedClinic, DispensedUnit]:
    """Pharmacy has handed everything out, and everything is done until noon."""
    unit = clinic.supply()
    clinic.open_day()
    clinic.run_amino_acids()
    clinic.check_start(unit, at(11, 55))
    return clinic, unit


def incidents() -> list[str]:
    return sorted(Incident.objects.values_list("kind", flat=True))


def counted_gbq(clinic: PlayedClinic) -> Decimal:
    """What the person's ledger comes to."""
    return ledger_of(clinic.course.patient_id).totals.total_gbq


def confirm_occurrence(clinic: PlayedClinic) -> None:
    """The physician says on the page that what was seen between the cycles counts."""
    (item,) = clinic.decision.answer["to_confirm"]
    form = {
        "rule": item["rule"],
        "onset": item["onset"],
        "track": item["track"],
        "grade": item["grade"],
        "counts": "yes",
        "reason": "seen in the outside report",
        "decision": str(clinic.decision.public_id),
        "evidence_sha256": clinic.decision.evidence_sha256,
    }
    clinic.done("doctor", clinic.url("record_fact", "occurrence_reviews"), form)
    assess_course(course_id=clinic.course.pk, now=clinic.now)
    clinic.check()


# --- N1: a reduction of the same day ---------------------------------------------------------------


@pytest.mark.hazard("HZ-46")
def test_n1_a_reduction_of_the_same_day_leaves_no_way_for_the_whole_activity(set_clock: SetClock) -> None:
    """Fails when a changed verdict voids no directive, or calls nothing back."""
    clinic = second_cycle(set_clock)
    assert clinic.sign().status_code == 302
    whole = clinic.supply()
    assert Directive.objects.get(cycle=clinic.cycle).activity_gbq == Decimal("7.4")

    # The outside report of April arrives on the day, after the unit was handed out.
    draw(clinic.course.patient, EARLIER, PLT="60")
    clinic.clock(at(9, 10))
    assess_course(course_id=clinic.course.pk, now=clinic.now)
    clinic.check()
    assert clinic.decision.action == "reduce"
    old = Directive.objects.get(cycle=clinic.cycle)
    assert old.voided
    assert Recall.objects.unanswered().get().order == whole.order
    assert "recall-unanswered" in clinic.alerts()

    # The oncologist signs the reduction only once what is out is accounted for.
    confirm_occurrence(clinic)
    refused = clinic.sign()
    assert refused.status_code == 403
    assert "called back and not yet accounted for" in text(refused)
    clinic.done(
        "pharmacist",
        clinic.order_url("recall"),
        {"version": clinic.order().version, "outcome": "secured", "note": "in the safe"},
    )
    assert clinic.sign().status_code == 302
    newest = Directive.objects.filter(cycle=clinic.cycle).latest("revision")
    assert (newest.activity_gbq, newest.revision) == (Decimal("3.7"), 2)

    # The whole activity cannot be handed out a second time, nor its old label be started.
    clinic.prepare()
    vial = clinic.receive("4.1 GBq", lot="L-HALF")
    full = clinic.receive("8.2 GBq", lot="L-WHOLE")
    clinic.clock(at(9, 30))
    too_much = clinic.send("pharmacist", clinic.order_url("dispense"), clinic.unit_form(full, "7.4 GBq"))
    assert too_much.status_code == 409
    assert DispensedUnit.objects.filter(directive=newest).count() == 0
    clinic.hand_out(vial, "3.7 GBq")
    clinic.open_day()
    clinic.run_amino_acids()
    clinic.check_start(whole, at(11, 55))
    answer = clinic.authorise(at(12))
    assert answer.status_code == 409
    assert "3.7 GBq (100 mCi)" in text(answer)
    assert not StartAuthorisation.objects.exists()


@pytest.mark.hazard("HZ-62")
def test_n1_the_whole_activity_given_all_the_same_is_told_at_once(set_clock: SetClock) -> None:
    """Fails when an infusion without a valid authorisation is stored as a normal one."""
    clinic = second_cycle(set_clock)
    assert clinic.sign().status_code == 302
    clinic.supply()
    clinic.open_day()
    before = counted_gbq(clinic)
    draw(clinic.course.patient, EARLIER, PLT="60")
    assess_course(course_id=clinic.course.pk, now=clinic.now)
    clinic.infuse(at(12), minutes=35, how="complete", residual="0.1 GBq")
    assert "unauthorised" in incidents()
    assert "deviation" in clinic.alerts()
    given = Administration.objects.get(cycle=clinic.cycle)
    assert "without a valid authorisation" in given.deviation
    assert counted_gbq(clinic) == before + given.administered_gbq


# --- N2: lutetium before amino acids ---------------------------------------------------------------


@pytest.mark.hazard("HZ-53")
def test_n2_lutetium_before_amino_acids_is_not_authorised(clinic: PlayedClinic) -> None:
    """Fails when the gate asks for no amino acids."""
    unit = clinic.supply()
    clinic.open_day()
    clinic.check_start(unit, at(11, 55))
    answer = clinic.authorise(at(12))
    assert answer.status_code == 409
    assert "Amino acids" in text(answer)
    clinic.run_amino_acids(at(12, 1))
    clinic.check_start(unit, at(12, 25))
    assert clinic.authorise(at(12, 30)).status_code == 409
    assert clinic.authorise(at(12, 31)).status_code == 302


@pytest.mark.hazard("HZ-53")
@pytest.mark.hazard("HZ-62")
def test_n2_lutetium_that_was_started_before_them_is_told_at_its_start(clinic: PlayedClinic) -> None:
    """Fails when a start without authorisation opens no incident."""
    unit = clinic.supply()
    clinic.open_day()
    clinic.check_start(unit, at(11, 55))
    clinic.clock(at(12))
    clinic.step("infusion_start")
    incident = Incident.objects.get()
    assert (incident.kind, incident.opened_at) == ("unauthorised", at(12))
    assert incident.notify_by is not None
    clinic.run_amino_acids(at(12, 5))
    clinic.clock(at(12, 35))
    clinic.step("infusion_end", how="complete")
    clinic.clock(at(12, 45))
    clinic.step("residual", who="physicist", activity="0.1 GBq", what="vial")
    assert clinic.record().status_code == 302
    assert "deviation" in clinic.alerts()
    given = Administration.objects.get()
    assert "without a valid authorisation" in given.deviation
    assert counted_gbq(clinic) == given.administered_gbq
    assert incidents() == ["unauthorised"]
    clinic.check(whole=True)


# --- N4, N5: a leaking line -------------------------------------------------------------------------


@pytest.fixture
def leaked(supplied: tuple[PlayedClinic, DispensedUnit]) -> PlayedClinic:
    """The leak was seen two minutes in; of 200 mCi 80 were delivered."""
    clinic, _ = supplied
    assert clinic.authorise(at(12)).status_code == 302
    clinic.infuse(at(12), minutes=2, how="leak", residual="4.35 GBq")
    return clinic


@pytest.mark.hazard("HZ-62")
def test_n4_a_leak_is_an_incident_an_alert_and_a_line_of_the_ledger_at_once(leaked: PlayedClinic) -> None:
    """Fails when a part counts as the whole, or what stayed in the line as delivered."""
    part = Infusion.objects.get()
    assert part.ended_how == "leak"
    assert abs(part.delivered_gbq - Decimal("2.96")) < Decimal("0.02")  # 80 mCi
    assert incidents() == ["activity"]
    assert "7.4 GBq (200 mCi)" in Incident.objects.get().sentence
    assert "deviation" in leaked.alerts()
    assert counted_gbq(leaked) == part.delivered_gbq
    assert not Administration.objects.exists()
    page = leaked.page("doctor", leaked.url())
    assert "waits for a physician's judgement" in page
    assert Incident.objects.get().sentence in leaked.page("doctor", reverse("courses:incidents"))


@pytest.mark.hazard("HZ-62")
def test_n5_nothing_more_is_given_before_a_physician_judged_the_part(leaked: PlayedClinic) -> None:
    """Fails when a part that waits lets the cycle go on, or a remainder may exceed what is left."""
    assert leaked.sign().status_code == 403
    assert leaked.authorise(at(12, 20)).status_code == 409
    form = {"counts": "remainder", "remainder_gbq": "4.5 GBq", "reason": "most of it leaked"}
    too_much = leaked.send("doctor", leaked.url("day_judge"), form)
    assert "are left of the directive" in text(too_much)
    assert (
        leaked.send("nurse", leaked.url("day_judge"), {**form, "remainder_gbq": "4.4 GBq"}).status_code == 403
    )


# --- Days as they are -------------------------------------------------------------------------------


def test_a_whole_day_is_played_from_the_signature_to_the_release(
    supplied: tuple[PlayedClinic, DispensedUnit],
) -> None:
    clinic, unit = supplied
    assert clinic.authorise(at(12)).status_code == 302
    clinic.infuse(at(12, 1), minutes=35, how="complete", residual="0.1 GBq")
    clinic.go_home(at(15, 30))
    given = Administration.objects.get()
    assert (given.administered_on, given.deviation) == (DAY, "")
    assert Infusion.objects.get().unit == unit
    assert counted_gbq(clinic) == given.administered_gbq
    assert TherapyDay.objects.get().outcome == "released"
    # The analogue's restart lies 4 to 24 hours after the infusion, and outlives the stay.
    orders = Order.objects.filter(cycle=clinic.cycle).exclude(kind="analogue_restart")
    assert set(orders.values_list("state", flat=True)) == {"done"}
    assert incidents() == []


def test_an_unwell_patient_goes_home_and_the_cycle_is_signed_and_given_two_days_later(
    supplied: tuple[PlayedClinic, DispensedUnit],
) -> None:
    clinic, _ = supplied
    clinic.clock(at(12))
    ended = {"reason": "unwell", "note": "fever", "vial": "wasted", "rebook_on": "2026-05-06"}
    clinic.done("nurse", clinic.url("day_not_given"), ended | clinic.seen())
    assert TherapyDay.objects.get().outcome == "not_given"
    assert VialEvent.objects.get().fate == "wasted"
    assert counted_gbq(clinic) == 0
    assert clinic.cycle.planned_on == date(2026, 5, 6)
    assert current_signature(clinic.decision) is None
    assert clinic.authorise(at(12, 5)).status_code != 302
    assert clinic.sign().status_code == 302
    newest = Directive.objects.filter(cycle=clinic.cycle).latest("revision")
    assert (newest.revision, newest.administer_on) == (2, date(2026, 5, 6))
    clinic.check(whole=True)


def test_a_late_vial_ends_the_day_without_a_unit(clinic: PlayedClinic) -> None:
    clinic.clock(at(8))
    clinic.prepare()
    clinic.hand_out_bag()
    clinic.open_day()
    clinic.run_amino_acids()
    refused = clinic.authorise(at(12))
    assert refused.status_code == 409
    clinic.clock(at(15))
    late = {"reason": "vial_late", "note": "stuck at customs"}
    clinic.done("nurse", clinic.url("day_not_given"), late | clinic.seen())
    clinic.done("nurse", clinic.url("day_rebook"), {"rebook_on": "2026-05-05"} | clinic.seen())
    states = dict(
        Order.objects.filter(cycle=clinic.cycle, directive__isnull=False).values_list("kind", "state")
    )
    assert states == {"radiopharmaceutical": "cancelled"}
    assert "Amino acids" in clinic.page("nurse", clinic.url())
    assert not Infusion.objects.exists()
    clinic.check(whole=True)


def test_a_half_activity_is_played_from_the_signature_to_the_release(set_clock: SetClock) -> None:
    clinic = second_cycle(set_clock)
    draw(clinic.course.patient, EARLIER, PLT="60")
    assess_course(course_id=clinic.course.pk, now=clinic.now)
    confirm_occurrence(clinic)
    assert clinic.sign().status_code == 302
    assert Directive.objects.get(cycle=clinic.cycle).activity_gbq == Decimal("3.7")
    unit = clinic.supply("3.7 GBq", calibrated="4.1 GBq")
    clinic.open_day()
    clinic.run_amino_acids()
    clinic.check_start(unit, at(11, 55))
    assert clinic.authorise(at(12)).status_code == 302
    clinic.infuse(at(12, 1), minutes=35, how="complete", residual="0.1 GBq")
    clinic.go_home(at(15, 30))
    given = Administration.objects.get(cycle=clinic.cycle)
    assert given.deviation == ""
    assert Decimal("3.4") < given.administered_gbq < Decimal("3.7")
    assert incidents() == []


def test_a_part_is_completed_by_its_remainder_on_the_same_day(leaked: PlayedClinic) -> None:
    part = Infusion.objects.get()
    leaked.clock(at(12, 30))
    form = {"counts": "remainder", "remainder_gbq": "4.4 GBq", "reason": "most of it leaked"}
    leaked.done("doctor", leaked.url("day_judge"), form)
    assert leaked.sign().status_code == 302
    newest = Directive.objects.filter(cycle=leaked.cycle).latest("revision")
    assert (newest.activity_gbq, newest.remainder_of) == (Decimal("4.4"), part.judgement)
    leaked.clock(at(12, 50))
    vial = leaked.receive("4.9 GBq", lot="L-REST")
    leaked.prepare()
    leaked.clock(at(13))
    rest = leaked.hand_out(vial, "4.4 GBq")
    leaked.check_start(rest, at(13, 20))
    assert leaked.authorise(at(13, 25)).status_code == 302
    leaked.infuse(at(13, 26), minutes=35, how="complete", residual="0.05 GBq")
    given = Administration.objects.get()
    second = Infusion.objects.latest("pk")
    assert second.deviation == ""
    assert given.administered_gbq == part.delivered_gbq + second.delivered_gbq == counted_gbq(leaked)
    leaked.go_home(at(17))


def test_a_late_result_that_changes_only_a_note_stops_nothing(
    supplied: tuple[PlayedClinic, DispensedUnit],
) -> None:
    clinic, _ = supplied
    before = clinic.decision
    draw(clinic.course.patient, DAY, PLT="140")
    assess_course(course_id=clinic.course.pk, now=clinic.now)
    clinic.check()
    assert clinic.decision.confirms_id == before.verdict_origin_id
    assert not Recall.objects.exists()
    assert clinic.authorise(at(12)).status_code == 302
    clinic.infuse(at(12, 1), minutes=35, how="complete", residual="0.1 GBq")
    clinic.go_home(at(15, 30))
    assert Administration.objects.get().deviation == ""


def test_a_late_result_that_changes_the_verdict_stops_the_start(
    supplied: tuple[PlayedClinic, DispensedUnit],
) -> None:
    clinic, unit = supplied
    draw(clinic.course.patient, DAY, PLT="60")
    answer = clinic.authorise(at(12))
    assert answer.status_code == 409
    assert "says delay" in text(answer)
    assert Recall.objects.unanswered().get().order == unit.order
    assert clinic.decision.action == "delay"
    clinic.check(whole=True)


def test_a_moment_is_sent_as_the_clinic_s_clock_shows_it() -> None:
    assert typed(at(9)) == "2026-05-04T09:00:00"
    assert at(9) + timedelta(hours=3) == at(12)
