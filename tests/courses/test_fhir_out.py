"""What the FHIR door shows of courses: every shape, judged by another FHIR implementation."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from courses.models import (
    AssayDirection,
    ChartFact,
    Course,
    CycleJudgement,
    Decision,
    DirectiveVoid,
    FactConfirmation,
    Infusion,
    Order,
    Recall,
    Signature,
)
from courses.rules.order_states import OrderState
from courses.services.assess import assess_course
from courses.services.leave_out import leave_out
from courses.services.orders import recall_order
from tests.builders import clinic_time, colleague, make_course
from tests.builders_fhir import OURS
from tests.builders_fhir_out import (
    FIRST,
    HANDED_OUT,
    SECOND,
    bag,
    delayed,
    dispensed,
    found,
    infused,
    known_patient,
    moved,
    not_given,
    open_day,
    order_of,
    physician,
    played,
    shown,
    signed_course,
)

pytestmark = pytest.mark.django_db
SIGNED = clinic_time(SECOND - timedelta(days=5))
UCUM = "http://unitsofmeasure.org"
GBQ_7_4 = {"value": Decimal("7.4"), "unit": "GBq", "system": UCUM, "code": "GBq"}


@pytest.fixture
def reader(person: Callable[..., User]) -> Client:
    client = Client()
    client.force_login(person("physician"))
    return client


def valid(client: Client, kind: str, id_: object) -> dict[str, Any]:
    """One resource that the other implementation accepts, with decimals as they were sent."""
    model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
    model.model_validate_json(client.get(f"/fhir/{kind}/{id_}").content)
    return shown(client, kind, id_)


def texts(notes: list[dict[str, str]]) -> str:
    return " ".join(note["text"] for note in notes)


# --- CarePlan ---------------------------------------------------------------------------------


def test_a_course_is_a_plan_of_its_cycles(reader: Client) -> None:
    story = played()
    plan = valid(reader, "CarePlan", story.course.public_id)
    assert (plan["status"], plan["intent"]) == ("active", "plan")
    assert plan["subject"] == {
        "reference": f"Patient/{story.course.patient.public_id}",
        "identifier": {"system": OURS, "value": "T-1"},
        "display": "Ahorn, Testa",
    }
    given, partly, third, _fourth = plan["activity"]
    assert given["detail"]["status"] == "completed"
    assert given["detail"]["scheduledPeriod"] == {"start": "2026-01-12", "end": "2026-01-12"}
    assert given["progress"] == [{"text": "7.4 GBq (200 mCi) administered on 2026-01-12."}]
    assert given["outcomeReference"] == [
        {"reference": f"MedicationAdministration/{story.course.public_id}.1"}
    ]
    assert partly["detail"]["status"] == "in-progress"
    assert "the cycle is not complete" in partly["progress"][0]["text"]
    assert (third["detail"]["status"], "progress" in third) == ("scheduled", False)
    current = story.course.current_decision
    assert current is not None
    assert plan["supportingInfo"] == [{"reference": f"GuidanceResponse/{current.public_id}"}]
    assert plan["category"][0]["coding"][0]["version"] == story.course.protocol_sha256


def test_a_plan_is_on_hold_while_its_decision_is_no_go_or_there_is_none(reader: Client) -> None:
    course = delayed(signed_course())
    plan = valid(reader, "CarePlan", course.public_id)
    assert plan["status"] == "on-hold"
    assert [each["detail"]["status"] for each in plan["activity"]] == [
        "completed", "on-hold", "scheduled", "scheduled",
    ]  # fmt: skip
    new = make_course(known_patient(mrn="T-2"), first_on=SECOND, by=physician())
    type(new).objects.filter(pk=new.pk).update(current_decision=None)
    assert valid(reader, "CarePlan", new.public_id)["status"] == "on-hold"


@pytest.mark.parametrize(
    ("status", "told", "cycle"),
    [("completed", "completed", "cancelled"), ("stopped", "revoked", "cancelled")],
)
def test_a_closed_course_plans_nothing_more(reader: Client, status: str, told: str, cycle: str) -> None:
    course = signed_course()
    type(course).objects.filter(pk=course.pk).update(status=status)
    plan = valid(reader, "CarePlan", course.public_id)
    assert (plan["status"], plan["activity"][1]["detail"]["status"]) == (told, cycle)


# --- MedicationRequest ------------------------------------------------------------------------


@pytest.mark.hazard("HZ-50")
def test_a_signed_order_says_the_directives_activity_and_nothing_of_its_own(reader: Client) -> None:
    order = order_of(signed_course())
    directive = order.directive
    assert directive is not None
    request = valid(reader, "MedicationRequest", order.public_id)
    assert (request["status"], request["intent"]) == ("active", "order")
    first = request["dosageInstruction"][0]
    assert first["doseAndRate"] == [{"doseQuantity": GBQ_7_4}]
    assert str(first["doseAndRate"][0]["doseQuantity"]["value"]) == "7.4"
    assert first["text"].startswith("7.4 GBq (200 mCi), ")
    assert request["medicationCodeableConcept"] == {"text": directive.product}
    assert request["requester"] == {"display": directive.signature.printed_name}
    assert request["eventHistory"] == [{"reference": f"Provenance/{directive.public_id}"}]
    assert request["dispenseRequest"]["validityPeriod"] == {"start": "2026-03-09", "end": "2026-03-09"}
    assert request["basedOn"] == [{"reference": f"CarePlan/{order.cycle.course.public_id}"}]


def test_supportive_orders_keep_their_words_and_carry_no_activity(reader: Client) -> None:
    order = order_of(signed_course(), "amino_acids")
    request = valid(reader, "MedicationRequest", order.public_id)
    assert request["status"] == "active"
    assert "arginine" in request["medicationCodeableConcept"]["text"]
    assert "never reduce" in request["dosageInstruction"][0]["text"]
    assert not any("doseAndRate" in each for each in request["dosageInstruction"])


def test_a_proposed_order_is_a_draft_without_an_activity(reader: Client) -> None:
    course = signed_course()
    order = order_of(course)
    new = Order.objects.create(
        cycle=course.cycles.get(number=3),
        kind="radiopharmaceutical",
        state="proposed",
        decision=order.decision,
        items=order.items,
        placed_at=HANDED_OUT,
        updated_at=HANDED_OUT,
    )
    request = valid(reader, "MedicationRequest", new.public_id)
    assert (request["status"], request["intent"]) == ("draft", "proposal")
    assert not any("doseAndRate" in each for each in request["dosageInstruction"])
    assert {"requester", "eventHistory"}.isdisjoint(request)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["suspended"], "on-hold"),
        (["accepted"], "active"),
        (["accepted", "prepared"], "active"),
        (["accepted", "prepared", "dispensed"], "active"),
        (["accepted", "prepared", "dispensed", "done"], "completed"),
        (["cancelled"], "cancelled"),
        (["void"], "cancelled"),
    ],
)
def test_every_state_of_an_order_has_its_status(reader: Client, states: list[str], status: str) -> None:
    course = signed_course()
    order = moved(order_of(course), *map(OrderState, states), reason="patient_unwell")
    request = valid(reader, "MedicationRequest", order.public_id)
    assert (request["status"], request["intent"]) == (status, "order")
    assert request["statusReason"]["coding"][0]["code"] == "patient_unwell"
    listed = [each["id"] for each in found(reader, "MedicationRequest", status=status)]
    assert str(order.public_id) in listed


def test_a_delay_puts_the_orders_on_hold_with_its_rule(reader: Client) -> None:
    order = order_of(delayed(signed_course()))
    request = valid(reader, "MedicationRequest", order.public_id)
    assert (request["status"], request["intent"]) == ("on-hold", "order")
    assert request["statusReason"]["coding"] == [{"system": "urn:prrt-clinic:reason", "code": "DM-PLT"}]


@pytest.mark.hazard("HZ-46")
@pytest.mark.parametrize("by_row", [True, False])
def test_what_was_called_back_is_stopped_and_never_active(reader: Client, by_row: bool) -> None:
    course = signed_course()
    unit, acids = dispensed(course), bag(course)
    assert valid(reader, "MedicationDispense", unit.public_id)["status"] == "completed"
    order = order_of(course)
    if by_row:
        Order.objects.filter(pk=order.pk).update(reason_code="DM-PLT")
        Recall.objects.create(order=order, reason_code="DM-PLT", opened_at=HANDED_OUT)
    else:
        recall_order(order=order, reason_code="DM-PLT", decision=order.decision, now=HANDED_OUT)
    request = valid(reader, "MedicationRequest", order.public_id)
    assert (request["status"], request["statusReason"]["text"]) == ("stopped", "DM-PLT")
    dispense = valid(reader, "MedicationDispense", unit.public_id)
    assert (dispense["status"], dispense["statusReasonCodeableConcept"]["text"]) == ("stopped", "DM-PLT")
    assert found(reader, "MedicationRequest", status="stopped") == [request]
    assert found(reader, "MedicationDispense", status="stopped") == [dispense]
    active = [each["id"] for each in found(reader, "MedicationRequest", status="active")]
    assert str(order.public_id) not in active
    assert [each["id"] for each in found(reader, "MedicationDispense", status="completed")] == [
        str(acids.public_id)
    ]


# --- MedicationDispense -----------------------------------------------------------------------


def test_a_dispensed_unit_carries_its_own_assay_lot_and_expiry(reader: Client) -> None:
    unit = dispensed(signed_course())
    dispense = valid(reader, "MedicationDispense", unit.public_id)
    assert str(dispense["quantity"]["value"]) == "7.45"
    assert dispense["whenPrepared"] == "2026-03-09T05:40:00.000+00:00"
    assert "7.45 GBq (201.4 mCi) measured at 2026-03-09T05:40" in dispense["note"][0]["text"]
    [medication] = dispense["contained"]
    assert medication["batch"]["lotNumber"] == "L2403"
    assert medication["code"]["coding"][0]["code"] == "69488-003-01"
    assert str(medication["amount"]["numerator"]["value"]) == "22.5"
    assert [each["actor"]["display"] for each in dispense["performer"]] == ["P. Erle", "Q. Esche"]
    assert dispense["identifier"] == [{"system": "urn:prrt-clinic:label", "value": "U-1"}]
    assert dispense["authorizingPrescription"] == [{"reference": f"MedicationRequest/{unit.order.public_id}"}]


def test_a_bag_says_what_it_holds(reader: Client) -> None:
    acids = bag(signed_course())
    dispense = valid(reader, "MedicationDispense", acids.public_id)
    [medication] = dispense["contained"]
    strengths = [
        (each["itemCodeableConcept"]["text"], str(each["strength"]["numerator"]["value"]))
        for each in medication["ingredient"]
    ]
    assert strengths == [("lysine", "25"), ("arginine", "25")]
    assert (str(dispense["quantity"]["value"]), dispense["quantity"]["code"]) == ("1000", "mL")


def test_what_was_dispensed_under_an_order_that_ended_is_stopped(reader: Client) -> None:
    unit = dispensed(signed_course())
    moved(unit.order, OrderState.CANCELLED, reason="vial_damaged")
    dispense = valid(reader, "MedicationDispense", unit.public_id)
    assert dispense["status"] == "stopped"
    assert dispense["statusReasonCodeableConcept"]["text"] == "vial damaged"


# --- MedicationAdministration -----------------------------------------------------------------


def test_an_administration_is_told_by_its_day(reader: Client) -> None:
    course = signed_course()
    [given] = found(reader, "MedicationAdministration")
    assert given == valid(reader, "MedicationAdministration", f"{course.public_id}.1")
    assert (given["status"], given["effectiveDateTime"]) == ("completed", FIRST.isoformat())
    assert given["dosage"] == {"dose": GBQ_7_4}
    assert given["note"] == [{"text": "Cycle 1: 7.4 GBq (200 mCi)."}]


def test_an_infusion_is_told_by_its_instants_and_takes_the_place_of_its_administration(
    reader: Client,
) -> None:
    story = played()
    given = valid(reader, "MedicationAdministration", story.infusion.public_id)
    assert given["status"] == "completed"
    assert given["effectivePeriod"] == {
        "start": "2026-03-09T09:00:00.000+00:00",
        "end": "2026-03-09T09:35:00.000+00:00",
    }
    assert given["dosage"]["dose"] == GBQ_7_4
    assert given["request"] == {"reference": f"MedicationRequest/{story.unit.order.public_id}"}
    course = story.course
    type(course.cycles.get(number=1).administration).objects.create(
        cycle=course.cycles.get(number=2),
        administered_on=SECOND,
        administered_gbq=Decimal("7.4"),
        product="lutetium Lu 177 dotatate",
        recorded_at=HANDED_OUT,
        recorded_by=physician(),
    )
    ids = {each["id"] for each in found(reader, "MedicationAdministration")}
    assert ids == {str(story.infusion.public_id), f"{course.public_id}.1"}
    assert reader.get(f"/fhir/MedicationAdministration/{course.public_id}.2").status_code == 404


def test_a_part_given_is_stopped_with_its_reason_its_judgement_and_its_deviation(reader: Client) -> None:
    unit = dispensed(signed_course())
    infusion = infused(unit, ended_how="extravasation", delivered_gbq=Decimal("3.1"))
    CycleJudgement.objects.create(
        cycle=unit.order.cycle,
        infusion=infusion,
        counts=False,
        remainder_gbq=Decimal("4.3000"),
        reason="Line came out.",
        signer=physician(),
        printed_name="Dr. Linde",
        authenticated_at=HANDED_OUT,
        signed_at=HANDED_OUT,
    )
    given = valid(reader, "MedicationAdministration", infusion.public_id)
    assert (given["status"], given["statusReason"]) == ("stopped", [{"text": "extravasation"}])
    assert str(given["dosage"]["dose"]["value"]) == "3.1"
    words = texts(given["note"])
    assert "Deviation: Started without an authorisation." in words
    assert "does not count, signed by Dr. Linde: Line came out. Remainder: 4.3 GBq" in words


def test_a_corrected_infusion_is_in_error_and_points_to_its_correction(reader: Client) -> None:
    unit = dispensed(signed_course())
    wrong = infused(unit, delivered_gbq=Decimal("74"))
    right = infused(unit, corrects=wrong, reason="A figure too many.")
    assert Infusion.objects.effective().get() == right
    shape = valid(reader, "MedicationAdministration", wrong.public_id)
    assert (shape["status"], shape["meta"]["versionId"]) == ("entered-in-error", "2")
    assert f"See MedicationAdministration/{right.public_id}." in texts(shape["note"])
    listed = {each["id"] for each in found(reader, "MedicationAdministration")}
    assert str(wrong.public_id) not in listed
    [in_error] = found(reader, "MedicationAdministration", status="entered-in-error")
    assert in_error["id"] == str(wrong.public_id)


def test_a_day_without_infusion_is_not_done_with_its_reason(reader: Client) -> None:
    course = signed_course()
    day = not_given(open_day(course.cycles.get(number=2)), reason="vial_late")
    shape = valid(reader, "MedicationAdministration", day.public_id)
    assert (shape["status"], shape["statusReason"]) == ("not-done", [{"text": "vial late"}])
    assert "dosage" not in shape
    assert shape["performer"][0]["actor"] == {"display": "N. Ulme"}
    assert found(reader, "MedicationAdministration", status="not-done") == [shape]
    other = open_day(course.cycles.get(number=3))
    assert reader.get(f"/fhir/MedicationAdministration/{other.public_id}").status_code == 404


# --- GuidanceResponse and DetectedIssue -------------------------------------------------------


def test_a_decision_is_a_response_with_its_verdict_and_reasons(reader: Client) -> None:
    course = delayed(signed_course())
    current = course.current_decision
    assert current is not None
    response = valid(reader, "GuidanceResponse", current.public_id)
    assert response["status"] == "success"
    output = {each["name"]: each for each in response["contained"][0]["parameter"]}
    assert output["action"]["valueCode"] == "delay"
    assert output["cycle"]["valuePositiveInt"] == 2
    assert output["plannedOn"]["valueDate"] == current.answer["planned_on"]
    assert "activity" not in output
    assert output["evidenceSha256"]["valueString"] == current.evidence_sha256
    assert "DM-PLT" in [each["coding"][0]["code"] for each in response["reasonCode"]]
    assert response["moduleCodeableConcept"]["coding"][0] == {
        "system": "urn:prrt-clinic:protocol",
        "version": current.protocol_sha256,
        "code": current.protocol_id,
    }
    assert "note" not in response


def test_a_decision_that_no_longer_stands_says_which_one_does(reader: Client) -> None:
    course = signed_course()
    before = course.current_decision
    assert before is not None
    after = delayed(course).current_decision
    assert after is not None
    response = valid(reader, "GuidanceResponse", before.public_id)
    assert response["note"][0]["text"] == (
        f"This decision no longer stands; the one that does is GuidanceResponse/{after.public_id}."
    )
    output = {each["name"]: each for each in response["contained"][0]["parameter"]}
    assert output["activity"]["valueQuantity"] == GBQ_7_4


def test_missing_evidence_is_data_required_with_why_and_how_to_get_it(reader: Client) -> None:
    course = make_course(known_patient(), first_on=FIRST, by=physician())
    decision = assess_course(course_id=course.pk, now=clinic_time(FIRST))
    assert decision is not None
    assert decision.answer["missing"]
    response = valid(reader, "GuidanceResponse", decision.public_id)
    assert response["status"] == "data-required"
    [evaluation] = response["evaluationMessage"]
    message = next(each for each in response["contained"] if f"#{each['id']}" == evaluation["reference"])
    assert message["resourceType"] == "OperationOutcome"
    assert len(message["issue"]) == len(decision.answer["missing"])
    gap = decision.answer["missing"][0]
    assert gap["why"] in message["issue"][0]["diagnostics"]
    assert gap["resolve"] in message["issue"][0]["diagnostics"]
    codes = [each["codeFilter"][0]["code"][0]["code"] for each in response["dataRequirement"]]
    assert "777-3" in codes
    assert found(reader, "GuidanceResponse", status="data-required") == [response]
    assert found(reader, "GuidanceResponse", status="success") == []


def test_each_acting_reason_of_the_current_decision_is_an_issue(reader: Client) -> None:
    course = signed_course()
    assert found(reader, "DetectedIssue") == []
    current = delayed(course).current_decision
    assert current is not None
    acting = [each for each in current.answer["reasons"] if each["action"] != "proceed"]
    issues = found(reader, "DetectedIssue")
    assert [each["detail"] for each in issues] == [each["sentence"] for each in acting]
    platelets = next(each for each in issues if each["code"]["coding"][0]["code"] == "DM-PLT")
    assert platelets == valid(reader, "DetectedIssue", platelets["id"])
    assert (platelets["status"], platelets["severity"]) == ("preliminary", "moderate")
    assert any("60 10*9/L" in each["code"][0]["text"] for each in platelets["evidence"])
    assert platelets["mitigation"][0]["action"]["text"].startswith("What ends it: ")
    assert {"reference": f"GuidanceResponse/{current.public_id}"} in platelets["implicated"]


def test_an_issue_that_is_signed_is_final_and_one_of_an_older_decision_is_gone(reader: Client) -> None:
    course = delayed(signed_course())
    current = course.current_decision
    assert current is not None
    Signature.objects.create(
        decision_id=current.verdict_origin_id,
        meaning="delay",
        signer=physician(),
        printed_name="Dr. Linde",
        signed_at=HANDED_OUT,
        authenticated_at=HANDED_OUT,
        record_sha256="ab" * 32,
    )
    issues = found(reader, "DetectedIssue", status="final")
    assert issues
    assert found(reader, "DetectedIssue", status="preliminary") == []
    older = Decision.objects.filter(course=course).earliest("pk")
    assert reader.get(f"/fhir/DetectedIssue/{older.public_id}.1").status_code == 404
    assert reader.get(f"/fhir/DetectedIssue/{current.public_id}.99").status_code == 404


def test_labs_that_are_not_due_yet_are_an_issue_of_low_severity(reader: Client) -> None:
    course = make_course(known_patient(), first_on=FIRST, by=physician())
    decision = assess_course(course_id=course.pk, now=clinic_time(FIRST - timedelta(days=19)))
    assert decision is not None
    assert decision.awaiting_labs
    assert {each["severity"] for each in found(reader, "DetectedIssue")} == {"low"}


# --- Provenance -------------------------------------------------------------------------------


def test_a_signature_says_who_when_what_it_means_and_the_hash_it_is_bound_to(reader: Client) -> None:
    course = signed_course()
    signature = Signature.objects.filter(decision__course=course).latest("pk")
    shape = valid(reader, "Provenance", signature.record_sha256)
    assert shape["activity"]["coding"][0]["code"] == signature.meaning == "proceed"
    assert shape["agent"][0]["who"] == {"display": signature.printed_name}
    assert shape["signature"][0]["when"] == shape["recorded"]
    assert {"reference": f"GuidanceResponse/{signature.decision.public_id}"} in shape["target"]
    hashes = [each["what"]["identifier"]["value"] for each in shape["entity"]]
    assert hashes == [signature.record_sha256, signature.decision.evidence_sha256]


def test_a_directive_names_its_orders_and_says_when_it_is_void(reader: Client) -> None:
    order = order_of(signed_course())
    directive = order.directive
    assert directive is not None
    shape = valid(reader, "Provenance", directive.public_id)
    assert {"reference": f"MedicationRequest/{order.public_id}"} in shape["target"]
    assert shape["activity"]["text"] == "written directive, revision 1, of cycle 2"
    DirectiveVoid.objects.create(directive=directive, reason_code="DM-PLT", at=HANDED_OUT)
    void = valid(reader, "Provenance", directive.public_id)
    assert void["activity"]["text"].endswith("; void since 2026-03-09T06:00:00.000+00:00 (DM-PLT)")
    assert (shape["meta"]["versionId"], void["meta"]["versionId"]) == ("1", "2")


def test_an_authorised_start_names_both_people(reader: Client) -> None:
    story = played()
    shape = valid(reader, "Provenance", story.authorisation.public_id)
    assert [each["who"]["display"] for each in shape["agent"]] == ["Dr. Linde", "N. Ulme"]
    assert {"reference": f"MedicationDispense/{story.unit.public_id}"} in shape["target"]
    assert shape["entity"][0]["what"]["identifier"]["value"] == "34" * 32


def test_a_word_on_a_part_names_the_infusion_and_why(reader: Client) -> None:
    story = played()
    word = CycleJudgement.objects.create(
        cycle=story.infusion.cycle,
        infusion=story.infusion,
        counts=True,
        remainder_gbq=Decimal(3),
        reason="The line leaked.",
        signer=physician(),
        printed_name="Dr. Linde",
        authenticated_at=HANDED_OUT,
        signed_at=HANDED_OUT,
    )
    shape = valid(reader, "Provenance", word.public_id)
    assert {"reference": f"MedicationAdministration/{story.infusion.public_id}"} in shape["target"]
    assert "a remainder of 3 GBq (81.1 mCi)" in shape["activity"]["text"]
    assert shape["reason"] == [{"text": "The line leaked."}]
    assert shape["agent"][0]["who"] == {"display": "Dr. Linde"}


def test_each_written_word_on_an_assay_has_its_own_provenance(reader: Client) -> None:
    order = order_of(signed_course())
    assert order.directive is not None
    for gbq in ("9.1", "9.2"):
        AssayDirection.objects.create(
            order=order,
            directive=order.directive,
            measured_gbq=Decimal(gbq),
            measured_at=HANDED_OUT,
            reason="Benefit outweighs.",
            signer=physician(),
            printed_name="Dr. Linde",
            authenticated_at=HANDED_OUT,
            signed_at=HANDED_OUT,
        )
    first = valid(reader, "Provenance", f"{order.public_id}.1")
    second = valid(reader, "Provenance", f"{order.public_id}.2")
    assert "9.1 GBq" in first["activity"]["text"]
    assert "9.2 GBq" in second["activity"]["text"]
    assert {"reference": f"MedicationRequest/{order.public_id}"} in first["target"]
    assert reader.get(f"/fhir/Provenance/{order.public_id}.3").status_code == 404


def physicians_act(course: Course, kind: str, **about: Any) -> ChartFact:
    return ChartFact.objects.create(
        **{
            "patient": course.patient,
            "course": course,
            "kind": kind,
            "data": {"rule": "DM-PLT"},
            "reason": "Stable for three draws in a row.",
            "recorded_by": physician(),
            "printed_name": "Dr. Linde",
            "authenticated_at": HANDED_OUT,
            "recorded_at": HANDED_OUT,
        }
        | about
    )


def test_an_override_names_its_rule_and_both_physicians_and_its_end_is_another_act(reader: Client) -> None:
    course = signed_course()
    act = physicians_act(course, "overrides", second_needed=True)
    waiting = valid(reader, "Provenance", act.public_id)
    assert waiting["activity"]["text"].endswith("of rule DM-PLT; a second physician is awaited")
    FactConfirmation.objects.create(
        fact=act,
        confirmed_by=colleague("dr-eiche", "physician"),
        printed_name="Dr. Eiche",
        authenticated_at=HANDED_OUT,
        confirmed_at=HANDED_OUT + timedelta(minutes=5),
    )
    shape = valid(reader, "Provenance", act.public_id)
    assert [each["who"]["display"] for each in shape["signature"]] == ["Dr. Linde", "Dr. Eiche"]
    assert (shape["meta"]["versionId"], shape["activity"]["coding"][0]["code"]) == ("2", "overrides")
    end = physicians_act(course, "overrides", data=None, withdraws=act)
    assert valid(reader, "Provenance", end.public_id)["activity"]["text"].startswith("taken back")


@pytest.mark.parametrize("kind", ["waivers", "stop_rescissions"])
def test_waivers_and_rescissions_have_their_provenance(reader: Client, kind: str) -> None:
    course = signed_course()
    act = physicians_act(course, kind, data={"decision": "x"})
    shape = valid(reader, "Provenance", act.public_id)
    assert shape["target"] == [{"reference": f"CarePlan/{course.public_id}"}]
    assert shape["reason"] == [{"text": "Stable for three draws in a row."}]


def test_a_plain_fact_is_no_signature(reader: Client) -> None:
    fact = physicians_act(signed_course(), "precautionary_holds", authenticated_at=None, data={})
    assert reader.get(f"/fhir/Provenance/{fact.public_id}").status_code == 404


def test_leaving_an_order_out_names_the_order_and_the_reason(reader: Client) -> None:
    course = signed_course()
    order = Order.objects.filter(cycle__course=course, kind="rescue", state="active").latest("pk")
    leave_out(
        order=order,
        by=physician(),
        reason="Carries her own.",
        authenticated_at=SIGNED + timedelta(minutes=1),
        now=SIGNED + timedelta(minutes=1),
    )
    shape = valid(reader, "Provenance", f"{order.public_id}.left-out")
    assert shape["reason"] == [{"text": "Carries her own."}]
    assert {"reference": f"MedicationRequest/{order.public_id}"} in shape["target"]
    codes = [each["activity"]["coding"][0]["code"] for each in found(reader, "Provenance")]
    assert "left-out" in codes
