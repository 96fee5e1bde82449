"""Rows of the FHIR table and of our decisions on it that need more than one resource, or another kind."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from labs.models import (
    FhirKey,
    FhirResource,
    FhirWriting,
    LabMessage,
    MessageOutcome,
    Observation,
    Patient,
    QuarantinedResult,
    Result,
)
from labs.services import propose_merge, review_merge
from tests.builders_fhir import (
    LAB_IDS,
    bundle,
    code,
    entry,
    fhir_patient,
    issues,
    lab,
    observation,
    quantity,
    report,
    results,
    send,
    subject,
    told,
    values,
)

pytestmark = pytest.mark.django_db
PLT60 = ("PLT", "60", "final")
R1, D1 = f"identifier={LAB_IDS}|R1", f"identifier={LAB_IDS}|D1"
ABSENT = {"coding": [{"code": "unknown"}]}
GROUP = {"code": code("58410-2"), "valueQuantity": None, "referenceRange": None}
UNKNOWN_EXTENSION = [{"url": "https://else.org/turns-the-meaning"}]


@pytest.fixture
def client() -> Client:
    fhir_patient()
    return lab()


def with_component(**parts: Any) -> dict[str, Any]:
    component = {"code": code(), "valueQuantity": quantity()} | parts
    return observation(
        "R1", **GROUP, component=[{key: part for key, part in component.items() if part is not None}]
    )


def merge_numbers(person: Any) -> None:
    """Two people agree that 1001 is 1002."""
    retired, survivor = Patient.objects.get(mrn="1001"), fhir_patient(mrn="1002")
    merge = propose_merge(retired=retired, survivor=survivor, reason="Same person.", proposed_by="clerk")
    for name in ("nora", "pia"):
        review_merge(merge=merge.merge, by=person("physician", username=name), agrees=True)


# --- status: preliminary is visible and clears nothing ------------------------------------------


@pytest.mark.parametrize(
    ("status", "usable"), [("preliminary", False), ("final", True), ("amended", True), ("corrected", True)]
)
def test_only_what_is_final_clears(client: Client, status: str, usable: bool) -> None:
    send(client, observation("R1", status=status))
    assert [row["usable"] for row in results()] == [usable]


# --- component, hasMember -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "status", "issue"),
    [
        ({"dataAbsentReason": ABSENT}, 422, "invariant"),
        ({"valueString": "60"}, 400, "structure"),
        ({"code": None}, 422, "required"),
        ({"modifierExtension": UNKNOWN_EXTENSION}, 422, "extension"),
        ({"valueQuantity": quantity(comparator="ad")}, 422, "code-invalid"),
        ({"effectiveDateTime": "2026-05-04"}, 400, "structure"),
    ],
)
def test_a_component_is_held_to_the_same_rules(
    client: Client, parts: dict[str, Any], status: int, issue: str
) -> None:
    answer = send(client, with_component(**parts))
    assert (answer.status_code, issues(answer)) == (status, [("error", issue)])
    [where] = told(answer)["issue"][0]["expression"]
    assert where.startswith("Observation.component[0]")
    assert not Observation.objects.exists()


def test_a_components_comparator_is_part_of_its_value(client: Client) -> None:
    send(client, with_component(valueQuantity=quantity(comparator="<")))
    assert [(row["value"], row["comparator"]) for row in results()] == [("60", "<")]


def test_a_withdrawn_parent_takes_its_components_back(client: Client) -> None:
    send(client, with_component())
    send(client, with_component() | {"status": "entered-in-error"})
    assert (values(), Result.objects.get().current.status) == ([], "entered-in-error")


@pytest.mark.parametrize("status", ["preliminary", "entered-in-error", "unknown"])
def test_the_status_of_a_panel_says_nothing_of_its_members(client: Client, status: str) -> None:
    panel = observation("P1", **GROUP, status=status, hasMember=[{"reference": "urn:uuid:m"}])
    answer = send(client, bundle(entry(panel, "urn:uuid:p"), entry(observation("R1"), "urn:uuid:m")))
    assert answer.status_code == 200
    assert values() == [PLT60]


# --- modifierExtension, implicitRules -----------------------------------------------------------


@pytest.mark.parametrize("where", ["entry", "request"])
@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_an_unknown_modifier_around_a_resource_is_refused_like_one_within(
    client: Client, where: str, kind: str
) -> None:
    sent = bundle(entry(observation("R1")), kind=kind)
    part = sent["entry"][0] if where == "entry" else sent["entry"][0]["request"]
    part["modifierExtension"] = UNKNOWN_EXTENSION
    answer = send(client, sent)
    found = told(answer) if kind == "transaction" else told(answer)["entry"][0]["response"]["outcome"]
    assert answer.status_code == (422 if kind == "transaction" else 200)
    assert [(each["severity"], each["code"]) for each in found["issue"]] == [("error", "extension")]
    assert (values(), LabMessage.objects.get().outcome.state) == ([], "rejected")


@pytest.mark.parametrize(
    ("asked", "status"),
    [({"ifNoneExists": R1}, 400), ({"ifNoneMatch": "*"}, 422), ({"ifModifiedSince": "2026-05-04"}, 422)],
)
def test_a_condition_that_is_not_known_is_refused_not_passed_over(
    client: Client, asked: dict[str, str], status: int
) -> None:
    answer = send(client, bundle(entry(observation("R1"), **asked)))
    assert (answer.status_code, values()) == (status, [])


def test_a_bundle_under_unknown_rules_is_refused(client: Client) -> None:
    answer = send(client, bundle(entry(observation("R1")), implicitRules="https://else.org/rules"))
    assert (answer.status_code, issues(answer)) == (422, [("error", "not-supported")])


def test_a_bundled_patient_under_unknown_rules_names_nobody(client: Client) -> None:
    person = {
        "resourceType": "Patient",
        "identifier": [{"system": "https://clinic.example.org/mrn", "value": "1001"}],
        "implicitRules": "https://else.org/rules",
    }
    one = observation("R1", subject={"reference": "urn:uuid:p"})
    answer = send(client, bundle(entry(person, "urn:uuid:p"), entry(one)))
    assert (answer.status_code, issues(answer)) == (422, [("error", "not-supported")])


# --- create and update of a report --------------------------------------------------------------


def test_a_report_is_created_with_its_address_and_version(client: Client) -> None:
    answer = send(client, report("D1"))
    made = FhirResource.objects.get()
    assert (answer.status_code, answer.headers["ETag"]) == (201, 'W/"1"')
    assert answer.headers["Location"].endswith(f"/fhir/DiagnosticReport/{made.public_id}")


def test_a_report_is_conditionally_created_found_and_ambiguous(client: Client) -> None:
    first = send(client, report("D1"), if_none_exist=D1)
    again = send(client, report("D1", conclusion="other words"), if_none_exist=D1)
    assert (first.status_code, again.status_code, again.headers["ETag"]) == (201, 200, 'W/"1"')
    assert first.headers["Location"] == again.headers["Location"]
    send(client, report("D2"))
    both = report("D1")
    both["identifier"].append({"system": LAB_IDS, "value": "D2"})
    answer = send(client, both, if_none_exist=D1)
    assert (answer.status_code, issues(answer)) == (412, [("error", "multiple-matches")])


def test_a_report_is_updated_by_identifier_and_by_id_under_its_version(client: Client) -> None:
    first = send(client, report("D1"), f"DiagnosticReport?{D1}", method="put")
    address = first.headers["Location"].split("/fhir/")[1]
    changed = report("D1", conclusion="anaemia") | {"id": address.split("/")[1]}
    stale = send(client, changed, address, method="put", if_match='W/"3"')
    second = send(client, changed, address, method="put", if_match='W/"1"')
    assert [each.status_code for each in (first, stale, second)] == [201, 412, 200]
    assert second.headers["ETag"] == 'W/"2"'
    third = send(client, report("D1"), f"DiagnosticReport?{D1}", method="put", if_match='W/"1"')
    assert third.status_code == 412


@pytest.mark.parametrize(
    "status",
    ["registered", "partial", "preliminary", "amended", "corrected", "appended", "cancelled", "unknown"],
)
def test_no_status_of_a_report_but_in_error_says_anything_of_its_results(client: Client, status: str) -> None:
    listed = [{"reference": "urn:uuid:a"}]
    sent = bundle(entry(observation("R1"), "urn:uuid:a"), entry(report("D1", status=status, result=listed)))
    assert send(client, sent).status_code == 200
    assert (values(), results()[0]["usable"]) == ([PLT60], True)
    assert send(client, report("D1", status=status)).status_code == 200
    assert values() == [PLT60]


def test_a_report_and_its_result_may_name_two_merged_numbers_of_one_patient(
    client: Client, person: Any
) -> None:
    merge_numbers(person)
    listed = [{"reference": "urn:uuid:a"}]
    named = report("D1", subject=subject("1002"), result=listed)
    send(client, bundle(entry(observation("R1"), "urn:uuid:a"), entry(named)))
    assert (values(), QuarantinedResult.objects.count()) == ([PLT60], 0)


# --- errors -------------------------------------------------------------------------------------


def refused_update(client: Client) -> Any:
    return send(client, observation("R1"), f"Observation?{R1}", method="put", if_match='W/"9"')


def unknown_id(client: Client) -> Any:
    body = observation("R1") | {"id": "00000000-0000-0000-0000-000000000000"}
    return send(client, body, f"Observation/{body['id']}", method="put")


def taken_identifier(client: Client) -> Any:
    made = send(client, observation("R1"))
    send(client, observation("R2", code=code("718-7"), valueQuantity=quantity("134", "g/L")))
    address = made.headers["Location"].split("/fhir/")[1]
    body = observation("R2") | {"id": address.split("/")[1]}
    return send(client, body, address, method="put")


@pytest.mark.parametrize(
    ("ask", "status"), [(refused_update, 412), (unknown_id, 404), (taken_identifier, 409)]
)
def test_of_a_refused_request_only_its_bytes_and_the_refusal_stay(
    client: Client, ask: Any, status: int
) -> None:
    answer = ask(client)
    assert answer.status_code == status
    [issue] = told(answer)["issue"]
    assert (issue["severity"], issue["expression"]) == ("error", ["Observation"])
    kept = LabMessage.objects.latest("pk")
    assert kept.outcome.state == "rejected"
    assert not Observation.objects.filter(message=kept).exists()
    assert not FhirWriting.objects.filter(message=kept).exists()
    assert not FhirKey.objects.filter(resource__made_by=kept).exists()
    assert not QuarantinedResult.objects.exists()


def test_a_database_that_cannot_take_it_now_is_told_with_a_time_to_wait(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise OperationalError("seeded fault: lock time-out")

    with monkeypatch.context() as patch:
        patch.setattr("labs.api.take_request", refuse)
        answer = send(client, observation("R1"), idempotency_key="k1")
    assert (answer.status_code, issues(answer)) == (503, [("error", "transient")])
    assert int(answer.headers["Retry-After"]) > 0
    assert send(client, observation("R1"), idempotency_key="k1").status_code == 201


# --- Whose result, and which version ------------------------------------------------------------


def test_the_authority_that_hl7_uses_names_a_patient_too() -> None:
    fhir_patient(assigning_authority="CLINIC&1.2.3&ISO", fhir_system="")
    assert send(lab(), observation("R1", subject=subject("1001", "urn:oid:1.2.3"))).status_code == 201
    assert send(lab("b"), observation("R1", subject=subject("1001", "urn:oid:1.2.4"))).status_code == 202


def test_versions_without_any_time_are_ordered_by_arrival(client: Client) -> None:
    for value in ("60", "70", "80"):
        send(client, observation("R1", valueQuantity=quantity(value)))
    assert values() == [("PLT", "80", "final")]
    assert MessageOutcome.objects.filter(state="read").count() == 3


def test_a_correction_under_a_merged_number_corrects_what_is_filed_under_the_other(
    client: Client, person: Any
) -> None:
    send(client, observation("R1"))
    merge_numbers(person)
    corrected = observation("R1", status="corrected", subject=subject("1002"), valueQuantity=quantity("70"))
    answer = send(client, corrected)
    assert (answer.status_code, QuarantinedResult.objects.count()) == (200, 0)
    assert values(mrn="1002") == [("PLT", "70", "corrected")]
    assert Result.objects.count() == 1
