"""Bundles through the FHIR door: all or nothing, entry by entry, references, doubles, reports in error."""

from typing import Any

import pytest
from django.test import Client

from labs.library import limits
from labs.models import FhirKey, FhirResource, LabMessage, MessageOutcome, Observation, QuarantinedResult
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
PERSON = {
    "resourceType": "Patient",
    "identifier": [{"system": "https://clinic.example.org/mrn", "value": "1001"}],
    "name": [{"family": "Müller"}],
    "birthDate": "1961-03-02",
}
HGB = {"code": code("718-7"), "valueQuantity": quantity("134", "g/L"), "referenceRange": None}
R2 = f"identifier={LAB_IDS}|R2"
LATER = "2026-05-05T08:00:00+02:00"


@pytest.fixture
def client() -> Client:
    fhir_patient()
    return lab()


def statuses(answer: Any) -> list[str]:
    return [each["response"]["status"].split()[0] for each in told(answer)["entry"]]


def test_a_transaction_resolves_its_references_and_answers_in_order(client: Client) -> None:
    sent = bundle(
        entry(
            report("D1", subject={"reference": "urn:uuid:p"}, result=[{"reference": "urn:uuid:b"}]),
            "urn:uuid:d",
        ),
        entry(PERSON, "urn:uuid:p"),
        entry(observation("R1", subject={"reference": "urn:uuid:p"}), "urn:uuid:a"),
        entry({"resourceType": "Specimen", "condition": [{"text": "haemolysed"}]}, "urn:uuid:s"),
        entry(
            observation(
                "R2", subject={"reference": "urn:uuid:p"}, specimen={"reference": "urn:uuid:s"}, **HGB
            ),
            "urn:uuid:b",
        ),
    )
    answer = send(client, sent)
    assert answer.status_code == 200
    body = told(answer)
    assert (body["resourceType"], body["type"]) == ("Bundle", "transaction-response")
    assert statuses(answer) == ["201", "200", "201", "202", "201"]
    places = [each["response"].get("location", "") for each in body["entry"]]
    assert [place.split("/")[0] for place in places] == [
        "DiagnosticReport", "Patient", "Observation", "", "Observation",
    ]  # fmt: skip
    read = told(client.get(f"/fhir/{places[0]}"))
    assert read["result"] == [{"reference": places[4]}]
    assert read["subject"] == {"reference": places[1]}
    assert values() == [("HGB", "134", "final"), ("PLT", "60", "final")]
    assert results()[0]["quality"] == ["haemolysed"]


@pytest.mark.parametrize(
    ("bad", "status"),
    [
        (entry(observation("R2", valueQuantity=quantity(comparator="ad"))), 422),
        (entry(observation("R2", effectiveDateTime="2026-05-04T08:00:00")), 400),
        (entry(observation("R2"), method="PUT", url=f"Observation?{R2}", ifMatch='W/"4"'), 412),
        (entry({**observation("R2"), "id": "no"}, method="PUT", url="Observation/no"), 404),
        (entry(observation("R2", subject={"reference": "urn:uuid:nobody"})), 422),
        (entry(observation("R1", status="corrected")), 422),
        (entry(observation("R2"), "urn:uuid:a"), 422),
        (entry(observation("R2"), method="DELETE"), 422),
        (entry({"resourceType": "Condition"}), 422),
        (entry(observation("R2"), url="DiagnosticReport"), 400),
        (entry(report(result=[{"reference": "Observation/1"}])), 422),
        ({"resource": observation("R2")}, 422),
        ({"request": {"method": "POST", "url": "Observation"}}, 422),
        (entry(observation("R2", subject={"reference": "Patient?identifier=s|1%00"})), 400),
    ],
)  # fmt: skip
def test_a_transaction_with_one_fault_stores_nothing(client: Client, bad: Any, status: int) -> None:
    answer = send(client, bundle(entry(observation("R1"), "urn:uuid:a"), bad))
    assert answer.status_code == status, answer.content
    assert issues(answer)[0][0] == "error"
    assert values() == []
    assert not FhirResource.objects.exists()
    assert not FhirKey.objects.exists()
    assert LabMessage.objects.get().outcome.state == "rejected"


def test_every_fault_of_a_transaction_is_told(client: Client) -> None:
    bad = observation("R2", status=None)
    answer = send(client, bundle(entry(bad), entry(observation("R3")), entry(bad)))
    assert issues(answer) == [("error", "required")] * 2
    assert [each["expression"] for each in told(answer)["issue"]] == [
        ["Bundle.entry[0].resource.status"],
        ["Bundle.entry[2].resource.status"],
    ]


def test_what_waits_does_not_stop_a_transaction(client: Client) -> None:
    answer = send(
        client,
        bundle(entry(observation("R1")), entry(observation("R2", valueQuantity=quantity("60", "furlong")))),
    )
    assert statuses(answer) == ["201", "202"]
    [_, waits] = told(answer)["entry"]
    assert waits["response"]["outcome"]["issue"][0]["severity"] == "warning"
    assert values() == [("PLT", "60", "final")]
    assert QuarantinedResult.objects.get().reason_code == "unknown-unit"


def test_a_batch_takes_entry_by_entry(client: Client) -> None:
    answer = send(
        client,
        bundle(
            entry(observation("R1", effectiveDateTime="2026-05-04T08:00:00")),
            entry(observation("R2", **HGB)),
            entry({"resourceType": "Condition"}),
            entry(observation("R3", status="unknown", effectiveDateTime=LATER)),
            entry({**observation("R4"), "id": "x"}, method="PUT", url="Observation/x"),
            kind="batch",
        ),
    )
    assert (answer.status_code, told(answer)["type"]) == (200, "batch-response")
    assert statuses(answer) == ["400", "201", "422", "202", "404"]
    for place in (0, 2, 4):
        outcome = told(answer)["entry"][place]["response"]["outcome"]
        assert outcome["issue"][0]["severity"] == "error"
    assert values() == [("HGB", "134", "final")]
    row = MessageOutcome.objects.get()
    assert (row.state, row.stored, row.held, len(row.notes)) == ("read", 1, 1, 3)


def test_a_batch_of_faults_alone_is_refused(client: Client) -> None:
    answer = send(client, bundle(entry({"resourceType": "Condition"}), kind="batch"))
    assert (answer.status_code, statuses(answer)) == (200, ["422"])
    assert MessageOutcome.objects.get().state == "rejected"


def test_one_identity_twice_in_a_batch_is_one_resource(client: Client) -> None:
    answer = send(
        client,
        bundle(
            entry(observation("R1")),
            entry(observation("R1", status="corrected", valueQuantity=quantity("70"))),
            kind="batch",
        ),
    )
    assert statuses(answer) == ["201", "200"]
    assert FhirResource.objects.count() == 1
    assert values() == [("PLT", "70", "corrected")]


@pytest.mark.parametrize("kind", ["collection", "message", "document", "searchset", "none"])
def test_other_bundles_are_refused(client: Client, kind: str) -> None:
    answer = send(client, bundle(entry(observation()), kind=kind))
    assert (answer.status_code, issues(answer)) == (422, [("error", "value")])


def test_conditional_requests_work_inside_a_bundle(client: Client) -> None:
    condition = f"identifier={LAB_IDS}|R1"
    create = entry(observation("R1"), ifNoneExist=condition)
    assert statuses(send(client, bundle(create))) == ["201"]
    assert statuses(send(client, bundle(create))) == ["200"]
    corrected = observation("R1", status="corrected", valueQuantity=quantity("70"))
    update = entry(corrected, method="PUT", url=f"Observation?{condition}", ifMatch='W/"1"')
    assert statuses(send(client, bundle(update))) == ["200"]
    assert send(client, bundle(update)).status_code == 412
    assert values() == [("PLT", "70", "corrected")]


def test_a_patient_may_be_named_by_a_condition(client: Client) -> None:
    reference = "Patient?identifier=https://clinic.example.org/mrn|1001"
    assert statuses(send(client, bundle(entry(observation("R1", subject={"reference": reference}))))) == [
        "201"
    ]
    assert values() == [("PLT", "60", "final")]


def test_a_bundle_without_entries_is_refused(client: Client) -> None:
    answer = send(client, {"resourceType": "Bundle", "type": "batch"})
    assert (answer.status_code, issues(answer)) == (422, [("error", "required")])


def test_the_bundles_time_orders_what_states_none_itself(client: Client) -> None:
    new = entry(observation("R1", valueQuantity=quantity("70")))
    send(client, bundle(new, timestamp="2026-05-04T12:00:00Z"))
    send(client, bundle(entry(observation("R1")), timestamp="2026-05-04T11:00:00Z"))
    assert values() == [("PLT", "70", "final")]
    assert Observation.objects.first().ordered_by == "sent"


def test_a_collection_time_after_the_bundles_own_time_waits(client: Client) -> None:
    send(client, bundle(entry(observation()), timestamp="2026-05-03T12:00:00Z"))
    assert QuarantinedResult.objects.get().reason_code == "future-time"


def test_more_results_than_are_read_at_once_are_refused(client: Client) -> None:
    panel = observation(
        "R1",
        valueQuantity=None,
        component=[{"code": code(), "valueQuantity": quantity()}] * (limits().results_in_message + 1),
    )
    answer = send(client, panel)
    assert (answer.status_code, issues(answer)) == (413, [("error", "too-long")])
    entries: list[dict[str, Any]] = [{"request": {}}] * (limits().results_in_message + 1)
    assert send(client, bundle(*entries, kind="batch")).status_code == 413
    assert values() == []


# --- Reports -----------------------------------------------------------------------------------


def with_report(client: Client, **parts: Any) -> Any:
    return send(
        client,
        bundle(
            entry(observation("R1"), "urn:uuid:a"),
            entry(observation("R2", **HGB), "urn:uuid:b"),
            entry(report("D1", result=[{"reference": "urn:uuid:a"}, {"reference": "urn:uuid:b"}], **parts)),
        ),
    )


def test_a_report_entered_in_error_takes_back_its_results_and_each_waits_for_a_person(client: Client) -> None:
    with_report(client)
    assert len(values()) == 2
    answer = send(client, report("D1", status="entered-in-error"))
    assert answer.status_code == 202
    assert values() == []
    assert {row["state"] for row in results(history=True)} == {"superseded", "voided", "held"}
    held = QuarantinedResult.objects.order_by("analyte")
    assert [(row.reason_code, row.analyte) for row in held] == [
        ("report-in-error", "HGB"),
        ("report-in-error", "PLT"),
    ]
    again = send(client, report("D1", status="entered-in-error"))
    assert (again.status_code, held.count()) == (200, 2)
    send(client, observation("R1", status="corrected", issued="2036-01-01T00:00:00Z"))
    assert values() == [("PLT", "60", "corrected")]


@pytest.mark.parametrize("timestamp", [None, "2026-05-04T09:00:00Z"])
def test_a_laboratorys_clock_that_runs_ahead_saves_no_result_of_a_report_in_error(
    client: Client, timestamp: str | None
) -> None:
    made = send(client, observation("R1", issued="2036-01-01T00:00:00Z"))
    listed = [{"reference": made.headers["Location"].split("/fhir/")[1]}]
    send(client, report("D1", result=listed))
    in_error = bundle(entry(report("D1", status="entered-in-error")))
    send(client, in_error | ({"timestamp": timestamp} if timestamp else {}))
    assert values() == []


def test_a_report_that_arrives_in_error_makes_no_usable_result(client: Client) -> None:
    answer = with_report(client, status="entered-in-error")
    assert statuses(answer) == ["202", "202", "201"]
    assert values() == []


def test_results_contained_in_a_report_are_stored_and_taken_back_with_it(client: Client) -> None:
    def whole(**parts: Any) -> dict[str, Any]:
        one = {**observation("", subject=None, effectiveDateTime=None), "id": "o1"}
        two = {**observation("", **HGB), "id": "o2"}
        listed = [{"reference": "#o1"}, {"reference": "#o2"}]
        return report("D1", contained=[one, two], result=listed, **parts)

    assert send(client, whole()).status_code == 201
    assert values() == [("HGB", "134", "final"), ("PLT", "60", "final")]
    assert send(client, whole()).status_code == 200
    assert Observation.objects.count() == 2
    left = whole()
    del left["contained"][0], left["result"][0]
    assert send(client, left).status_code == 202
    held = QuarantinedResult.objects.get()
    assert (held.reason_code, held.analyte) == ("no-longer-stated", "PLT")
    assert send(client, whole(status="entered-in-error")).status_code == 202
    assert values() == []


def test_a_report_about_another_patient_makes_its_results_uncertain(client: Client) -> None:
    fhir_patient(mrn="1002", family="Schmidt")
    answer = with_report(client, subject=subject("1002"))
    assert statuses(answer) == ["202", "202", "201"]
    assert {row.reason_code for row in QuarantinedResult.objects.all()} == {"two-patients"}
    assert values() == []


def test_a_report_may_list_results_sent_before(client: Client) -> None:
    made = send(client, observation("R1"))
    address = made.headers["Location"].split("/fhir/")[1]
    assert send(client, report("D1", result=[{"reference": address}])).status_code == 201
    assert send(client, report("D1", status="entered-in-error")).status_code == 202
    assert values() == []


@pytest.mark.parametrize(
    ("parts", "status", "issue"),
    [
        ({"status": None}, 422, "required"),
        ({"status": "done"}, 422, "code-invalid"),
        ({"code": None}, 422, "required"),
        ({"result": [{"reference": "#x"}]}, 422, "not-found"),
        ({"result": [{"reference": "Observation/1"}]}, 422, "not-found"),
        ({"modifierExtension": [{"url": "x"}]}, 422, "extension"),
        ({"effectiveDateTime": "2026-05-04T08:00:00"}, 400, "structure"),
        ({"resultz": []}, 400, "structure"),
    ],
)
def test_a_report_that_breaks_a_rule_is_refused(
    client: Client, parts: dict[str, Any], status: int, issue: str
) -> None:
    answer = send(client, report("D1", **parts))
    assert (answer.status_code, issues(answer)) == (status, [("error", issue)])
    assert not FhirResource.objects.exists()
