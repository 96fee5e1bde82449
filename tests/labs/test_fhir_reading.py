"""What the FHIR door shows: reads, searches and its description, judged by another FHIR implementation."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.observation import Observation as R4Observation
from fhir.resources.R4B.operationoutcome import OperationOutcome

from labs.models import Patient, Result
from tests.builders_fhir import (
    COLLECTED,
    LAB_IDS,
    bundle,
    code,
    counted,
    entry,
    fhir_patient,
    lab,
    observation,
    quantity,
    report,
    send,
    told,
    values,
)
from tests.builders_labs import make_sender, message, obr, obx, receive

pytestmark = pytest.mark.django_db
LATER = "2026-05-04T10:00:00+02:00"


@pytest.fixture
def patient() -> Patient:
    return fhir_patient()


@pytest.fixture
def reader(patient: Patient, person: Callable[..., User]) -> Client:
    client = Client()
    client.force_login(person("physician"))
    client.get("/fhir/metadata")  # the first request of a log-in notes that it is used
    return client


def search(client: Client, **query: str) -> list[dict[str, Any]]:
    answer = client.get("/fhir/Observation", query)
    assert answer.status_code == 200, answer.content
    Bundle.model_validate_json(answer.content)
    return [each["resource"] for each in told(answer).get("entry", [])]


def read(client: Client, made: Any) -> dict[str, Any]:
    answer = client.get(made.headers["Location"])
    assert answer.status_code == 200
    R4Observation.model_validate_json(answer.content)
    assert answer.headers["ETag"] == f'W/"{told(answer)["meta"]["versionId"]}"'
    return told(answer)


def test_a_resource_is_read_as_it_was_sent(reader: Client) -> None:
    sent = observation("R1", valueQuantity=quantity("60.0"), note=[{"text": "fasting"}], issued=COLLECTED)
    shown = read(reader, send(lab(), sent))
    assert {key: part for key, part in shown.items() if key not in {"id", "meta"}} == sent
    assert str(shown["valueQuantity"]["value"]) == "60.0"


def test_a_resource_that_is_overtaken_is_shown_as_it_stands(reader: Client) -> None:
    client = lab()
    send(client, observation("R1", status="corrected", issued=LATER, valueQuantity=quantity("70.0")))
    made = send(client, observation("R1", issued=COLLECTED, note=[{"text": "first"}]))
    shown = read(reader, made)
    assert (shown["status"], str(shown["valueQuantity"]["value"])) == ("corrected", "70.0")
    assert shown["identifier"] == [{"system": LAB_IDS, "value": "R1"}]
    assert [note["text"] for note in shown["note"]] == [
        "Shown as it stands here, which is not as it was last sent."
    ]


def test_what_waits_is_shown_as_unknown(reader: Client) -> None:
    client = lab()
    waits = read(reader, send(client, observation("R1", valueQuantity=quantity("60000"))))
    assert waits["status"] == "unknown"
    assert "waits for a person" in waits["note"][-1]["text"]
    send(client, observation("R2", effectiveDateTime=LATER, issued=LATER))
    contradicts = send(
        client, observation("R2", effectiveDateTime=LATER, issued=LATER, valueQuantity=quantity("70"))
    )
    assert contradicts.status_code == 202
    assert read(reader, contradicts)["status"] == "unknown"


def test_a_withdrawn_resource_and_one_without_result_are_shown(reader: Client) -> None:
    client = lab()
    send(client, observation("R1"))
    withdrawn = read(reader, send(client, observation("R1", status="entered-in-error")))
    assert withdrawn["status"] == "entered-in-error"
    registered = read(reader, send(client, observation("R2", status="registered", valueQuantity=None)))
    assert (registered["status"], "valueQuantity" in registered) == ("registered", False)


def test_components_are_shown_as_they_stand(reader: Client) -> None:
    def panel(value: str, **parts: Any) -> dict[str, Any]:
        components = [{"code": code(), "valueQuantity": quantity(value)}]
        whole = {
            "code": code("58410-2"),
            "valueQuantity": None,
            "referenceRange": None,
            "component": components,
        }
        return observation("R1", **whole, **parts)

    client = lab()
    send(client, panel("70", status="corrected", issued=LATER))
    shown = read(reader, send(client, panel("60", issued=COLLECTED)))
    [component] = shown["component"]
    assert (str(component["valueQuantity"]["value"]), shown["status"]) == ("70", "corrected")
    again = read(reader, send(client, panel("70", status="corrected", issued=LATER)))
    assert again["component"][0]["valueQuantity"]["value"] == 70


def test_results_of_every_door_are_found_by_patient_and_code(reader: Client, patient: Patient) -> None:
    make_sender()
    haemoglobin = obx("13.4", code="718-7^Hb^LN", unit="g/dL", limits="12-16")
    receive(
        message(obr(), obx("61")),
        message(obr("F2", collected="20260503"), haemoglobin, control_id="M2"),
    )
    made = send(lab(), observation("R1", effectiveDateTime=LATER))
    found = search(reader, patient=str(patient.public_id))
    assert [str(each["valueQuantity"]["value"]) for each in found] == ["61", "134", "60"]
    assert {each["subject"]["reference"] for each in found} == {f"Patient/{patient.public_id}"}
    assert found[1]["effectiveDateTime"] == "2026-05-03"
    assert found[1]["referenceRange"][0]["low"]["value"] == 120
    assert found[2]["id"] == made.headers["Location"].rsplit("/", 1)[1]
    assert found[2]["identifier"] == [{"system": LAB_IDS, "value": "R1"}]
    first = reader.get(f"/fhir/Observation/{found[0]['id']}")
    assert (first.status_code, told(first)["valueQuantity"]["value"]) == (200, 61)
    for query in ("777-3", "http://loinc.org|777-3", "26515-7"):
        assert len(search(reader, subject=f"Patient/{patient.public_id}", code=query)) == 2
    assert search(reader, patient="00000000-0000-0000-0000-000000000000") == []


def test_a_search_says_when_results_of_the_patient_wait(reader: Client, patient: Patient) -> None:
    send(lab(), observation("R1", valueQuantity=quantity("60", "furlong")))
    [warning] = search(reader, patient=str(patient.public_id), code="777-3")
    assert warning["issue"][0]["severity"] == "warning"
    assert "1 result(s) of this patient wait" in warning["issue"][0]["diagnostics"]
    assert search(reader, patient=str(patient.public_id), code="718-7") == []


def test_a_search_by_identifier_finds_the_resource(reader: Client, patient: Patient) -> None:
    send(lab(), observation("R1"))
    here = f"{LAB_IDS}|R1"
    assert len(search(reader, identifier=here)) == 1
    assert len(search(reader, identifier=here, patient=str(patient.public_id), code="777-3")) == 1
    assert search(reader, identifier=here, code="718-7") == []
    assert search(reader, identifier=f"{LAB_IDS}|R2") == []


def test_pages_follow_one_another_without_a_gap(reader: Client, patient: Patient) -> None:
    days = [entry(observation(f"R{n}", effectiveDateTime=f"2026-05-{n:02}T08:00:00Z")) for n in range(1, 6)]
    send(lab(), bundle(*days))
    address, seen = f"/fhir/Observation?patient={patient.public_id}&_count=2", []
    while address:
        page = told(reader.get(address))
        seen += [each["resource"]["id"] for each in page["entry"]]
        address = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize(
    "query",
    [
        {"patients": "x"},
        {"patient": "1001"},
        {"code": "1-8"},
        {"code": "http://else.org|777-3"},
        {"identifier": "R1"},
        {"_count": "0"},
        {"_count": "9999"},
        {"_after": "x"},
        {"identifier": "a|b\0"},
    ],
)
def test_a_search_nobody_can_read_is_an_error(reader: Client, query: dict[str, str]) -> None:
    answer = reader.get("/fhir/Observation", query)
    assert answer.status_code == 400
    body = told(answer)
    OperationOutcome.model_validate_json(answer.content)
    assert body["issue"][0]["expression"] == list(query)
    assert reader.get("/fhir/Observation?code=777-3&code=718-7").status_code == 400


@pytest.mark.parametrize(
    "id_", ["x", "result-", "result-x", "result-99999999999999999999", "result-1", "0" * 32]
)
def test_an_id_of_nothing_is_not_found(reader: Client, id_: str) -> None:
    assert reader.get(f"/fhir/Observation/{id_}").status_code == 404
    assert reader.get(f"/fhir/DiagnosticReport/{id_}").status_code == 404


def test_a_search_asks_as_much_of_many_results_as_of_few(reader: Client, patient: Patient) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            search(reader, patient=str(patient.public_id))
        return counted(captured)

    client, start = lab(), datetime(2026, 1, 1, 8, tzinfo=UTC)

    def draws(count: int, name: str) -> None:
        days = [(start + timedelta(hours=n)).isoformat() for n in range(count)]
        send(
            client,
            bundle(*[entry(observation(f"{name}{n}", effectiveDateTime=day)) for n, day in enumerate(days)]),
        )

    draws(1, "A")
    few = queries()
    draws(40, "B")
    assert (queries(), Result.objects.count()) == (few, 41)


def test_a_report_is_read(reader: Client) -> None:
    made = send(lab(), report("D1", conclusion="as before"))
    answer = reader.get(made.headers["Location"])
    DiagnosticReport.model_validate_json(answer.content)
    assert told(answer)["conclusion"] == "as before"


def test_the_door_describes_itself_to_everybody() -> None:
    answer = Client().get("/fhir/metadata")
    statement = CapabilityStatement.model_validate_json(answer.content)
    assert (answer.status_code, statement.fhirVersion) == (200, "4.0.1")
    body = told(answer)
    kinds = {each["type"]: each for each in body["rest"][0]["resource"]}
    assert {"Observation", "DiagnosticReport"} <= set(kinds)  # beside them stands what courses show here
    assert {each["code"] for each in body["rest"][0]["interaction"]} == {"transaction", "batch"}
    assert [each["name"] for each in kinds["Observation"]["searchParam"]] == [
        "patient", "subject", "identifier", "code",
    ]  # fmt: skip


def test_answers_to_bundles_and_errors_are_valid(patient: Patient) -> None:
    client = lab()
    made = send(
        client, bundle(entry(observation("R1")), entry(observation("R2", status="unknown")), kind="batch")
    )
    Bundle.model_validate_json(made.content)
    for wrong in (b"{", observation("R1", status=None), observation("R3", valueQuantity=quantity("60000"))):
        answer = send(client, wrong, "Observation")
        OperationOutcome.model_validate_json(answer.content)


EXAMPLES: dict[str, dict[str, Any]] = {
    "everything a laboratory states": observation(
        "R1",
        meta={"profile": ["http://hl7.org/fhir/StructureDefinition/Observation"], "versionId": "7"},
        language="en",
        text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Platelets 60</div>'},
        basedOn=[{"reference": "ServiceRequest/1"}],
        category=[{"coding": [{"code": "laboratory"}], "text": "Laboratory"}],
        encounter={"display": "ward"},
        issued=LATER,
        performer=[{"display": "Dr Test"}],
        interpretation=[{"coding": [{"code": "L"}]}],
        method={"text": "impedance"},
        device={"display": "analyser"},
        extension=[{"url": "https://lab.example.org/x", "valueString": "y"}],
    ),
    "a comparator": observation("R1", valueQuantity=quantity("60", comparator="<")),
    "a panel": observation(
        "R1",
        code=code("58410-2"),
        valueQuantity=None,
        referenceRange=None,
        component=[{"code": code(), "valueQuantity": quantity()}],
    ),
    "an extension of a plain element": observation("R1")
    | {"_status": {"extension": [{"url": "x", "valueCode": "y"}]}},
    "a value in words beside its unit": observation("R1", valueQuantity=quantity() | {"unit": "giga/L"}),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_others_call_valid_is_taken(patient: Patient, name: str) -> None:
    R4Observation.model_validate(EXAMPLES[name])
    answer = send(lab(), EXAMPLES[name])
    assert answer.status_code == 201, answer.content
    R4Observation.model_validate_json(answer.content)
    assert values() == [("PLT", "60", "final")]
