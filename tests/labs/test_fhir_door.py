"""The FHIR door for single resources: conditions, versions, life cycle, repeats, rights and limits."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labs.clock import database_now
from labs.formats.fhir_json import dump
from labs.library import limits
from labs.models import (
    AnsweredRequest,
    FhirResource,
    LabMessage,
    MessageOutcome,
    Observation,
    Patient,
    QuarantinedResult,
    Result,
)
from labs.services import keep_request, read_waiting_messages, take_request
from labs.services.setup import load_setup
from labs.signals import evidence_changed
from tests.builders import colleague
from tests.builders_fhir import (
    FHIR,
    LAB_IDS,
    OURS,
    WHOLE,
    bundle,
    changed_at,
    code,
    counted,
    entry,
    fhir_patient,
    issues,
    lab,
    observation,
    places_in,
    quantity,
    results,
    send,
    subject,
    told,
    values,
)
from tests.builders_labs import make_local_code, make_sender, message, receive
from tests.strategies_fhir import JSON

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
R1 = f"identifier={LAB_IDS}|R1"
LATER = "2026-05-04T10:00:00+02:00"


@pytest.fixture
def patient() -> Patient:
    return fhir_patient()


@pytest.fixture
def client(patient: Patient) -> Client:
    return lab()


def with_id(answer: Any, **parts: Any) -> tuple[dict[str, Any], str]:
    """The resource for an update of what was just made, and its address."""
    address = answer.headers["Location"].split("/fhir/")[1]
    return {**observation("R1", **parts), "id": address.split("/")[1]}, address


# --- Conditions --------------------------------------------------------------------------------


def test_if_none_exist_makes_one_and_finds_it_afterwards(client: Client) -> None:
    first = send(client, observation(), if_none_exist=R1)
    again = send(client, observation("R1", valueQuantity=quantity("70")), if_none_exist=R1)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.headers["Location"] == again.headers["Location"]
    assert again.headers["ETag"] == 'W/"1"'
    assert values() == [("PLT", "60", "final")]


def test_a_condition_that_fits_two_resources_is_refused(client: Client) -> None:
    send(client, observation("R1"))
    send(client, observation("R2", code=code("718-7"), valueQuantity=quantity("134", "g/L")))
    both = observation("R1")
    both["identifier"].append({"system": LAB_IDS, "value": "R2"})
    for answer in (
        send(client, both, if_none_exist=R1),
        send(client, both, f"Observation?{R1}", method="put"),
    ):
        assert answer.status_code == 412
        assert issues(answer) == [("error", "multiple-matches")]
    assert FhirResource.objects.count() == 2


def test_a_condition_must_be_an_identifier_that_the_resource_carries(client: Client) -> None:
    other = send(client, observation("R2"), if_none_exist=R1)
    assert (other.status_code, issues(other)) == (422, [("error", "value")])
    for condition in ("code=777-3", "identifier=R1", f"{R1}&status=final"):
        answer = send(client, observation(), if_none_exist=condition)
        assert (answer.status_code, issues(answer)) == (400, [("error", "not-supported")])
    assert values() == []


def test_a_conditional_update_makes_then_changes_one_resource(client: Client) -> None:
    first = send(client, observation(), f"Observation?{R1}", method="put")
    changed = observation("R1", status="corrected", valueQuantity=quantity("70"))
    second = send(client, changed, f"Observation?{R1}", method="put")
    assert (first.status_code, second.status_code) == (201, 200)
    assert (first.headers["ETag"], second.headers["ETag"]) == ('W/"1"', 'W/"2"')
    assert first.headers["Location"] == second.headers["Location"]
    assert values() == [("PLT", "70", "corrected")]
    assert Observation.objects.get(version=2).supersedes == Observation.objects.get(version=1)


def test_an_update_of_a_stale_version_changes_nothing(client: Client) -> None:
    made = send(client, observation())
    changed, address = with_id(made, status="corrected", valueQuantity=quantity("70"))
    for tag in ('W/"2"', '"7"', "something"):
        answer = send(client, changed, address, method="put", if_match=tag)
        assert (answer.status_code, issues(answer)) == (412, [("error", "conflict")])
    assert values() == [("PLT", "60", "final")]
    answer = send(client, changed, address, method="put", if_match=made.headers["ETag"])
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    assert values() == [("PLT", "70", "corrected")]
    again = send(client, changed, address, method="put", if_match=made.headers["ETag"])
    assert again.status_code == 412


def test_if_match_is_honoured_on_conditional_updates_too(client: Client) -> None:
    answer = send(client, observation(), f"Observation?{R1}", method="put", if_match='W/"1"')
    assert answer.status_code == 412
    send(client, observation())
    changed = observation("R1", status="corrected", valueQuantity=quantity("70"))
    answer = send(client, changed, f"Observation?{R1}", method="put", if_match='W/"1"')
    assert (answer.status_code, values()) == (200, [("PLT", "70", "corrected")])


def test_if_match_with_a_star_asks_for_any_version_and_for_one_at_least(client: Client) -> None:
    answer = send(client, observation(), f"Observation?{R1}", method="put", if_match="*")
    assert (answer.status_code, issues(answer), values()) == (412, [("error", "conflict")], [])
    send(client, observation())
    changed = observation("R1", status="corrected", valueQuantity=quantity("70"))
    answer = send(client, changed, f"Observation?{R1}", method="put", if_match="*")
    assert (answer.status_code, values()) == (200, [("PLT", "70", "corrected")])


@pytest.mark.parametrize("condition", ["if_none_match", "if_modified_since", "if_unmodified_since"])
@pytest.mark.parametrize("method", ["post", "put"])
def test_a_condition_that_is_not_known_is_refused_and_nothing_is_stored(
    client: Client, condition: str, method: str
) -> None:
    address = f"Observation?{R1}" if method == "put" else "Observation"
    answer = send(client, observation(), address, method=method, **{condition: "*"})
    assert (answer.status_code, issues(answer)) == (422, [("error", "not-supported")])
    assert (values(), LabMessage.objects.count()) == ([], 0)


def test_the_same_resource_again_is_the_same_version(client: Client) -> None:
    made = send(client, observation())
    again = send(client, observation(), f"Observation?{R1}", method="put")
    posted = send(client, observation())
    assert [answer.headers["ETag"] for answer in (made, again, posted)] == ['W/"1"'] * 3
    assert (again.status_code, posted.status_code) == (200, 200)
    assert (Observation.objects.count(), FhirResource.objects.count()) == (1, 1)
    assert LabMessage.objects.count() == 3
    assert list(MessageOutcome.objects.order_by("pk").values_list("state", flat=True)) == [
        "read",
        "duplicate",
        "duplicate",
    ]


def test_an_update_of_a_resource_that_is_not_there_is_not_found(client: Client) -> None:
    missing = {**observation(), "id": "00000000-0000-0000-0000-000000000000"}
    answer = send(client, missing, f"Observation/{missing['id']}", method="put")
    assert (answer.status_code, issues(answer)) == (404, [("error", "not-found")])
    odd = {**observation(), "id": "mine"}
    assert send(client, odd, "Observation/mine", method="put").status_code == 404
    assert not FhirResource.objects.exists()


def test_the_id_in_the_resource_must_be_the_one_in_the_address(client: Client) -> None:
    made = send(client, observation())
    changed, address = with_id(made)
    assert send(client, {**changed, "id": "other"}, address, method="put").status_code == 400
    del changed["id"]
    assert send(client, changed, address, method="put").status_code == 400


def test_an_identifier_of_another_resource_is_a_conflict(client: Client) -> None:
    send(client, observation("R2", code=code("718-7"), valueQuantity=quantity("134", "g/L")))
    changed, address = with_id(send(client, observation()))
    changed["identifier"] = [{"system": LAB_IDS, "value": "R2"}]
    answer = send(client, changed, address, method="put")
    assert (answer.status_code, issues(answer)) == (409, [("error", "duplicate")])


def test_one_laboratorys_identifiers_and_resources_are_not_anothers(client: Client) -> None:
    made = send(client, observation())
    other = lab("other-lab")
    changed, address = with_id(made, status="entered-in-error")
    assert send(other, changed, address, method="put").status_code == 404
    assert other.get(f"/fhir/{address}").status_code == 404
    assert "entry" not in told(other.get("/fhir/Observation", {"identifier": f"{LAB_IDS}|R1"}))
    theirs = send(other, observation("R1", status="entered-in-error"))
    assert theirs.status_code == 201
    assert theirs.headers["Location"] != made.headers["Location"]
    assert values() == [("PLT", "60", "final")]


# --- Life cycle --------------------------------------------------------------------------------


def test_a_correction_may_be_posted_or_put_and_supersedes(client: Client) -> None:
    send(client, observation())
    answer = send(client, observation("R1", status="corrected", valueQuantity=quantity("70")))
    assert answer.status_code == 200
    assert values() == [("PLT", "70", "corrected")]
    send(client, observation("R1", issued=LATER))
    assert values() == [("PLT", "70", "corrected")]  # a plain final later is history


def test_a_late_older_final_is_history_by_the_laboratorys_own_time(client: Client) -> None:
    send(client, observation("R1", issued=LATER))
    send(client, observation("R1", issued="2026-05-04T09:00:00+02:00", valueQuantity=quantity("70")))
    assert values() == [("PLT", "60", "final")]


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
@pytest.mark.parametrize("issued", [None, LATER])
def test_a_withdrawal_takes_back_what_was_stated_whatever_its_body_still_says(
    client: Client, status: str, issued: str | None
) -> None:
    made = send(client, observation("R1", issued=issued))
    changed, address = with_id(
        made, status=status, issued=issued, effectiveDateTime=None, valueQuantity=None, subject=None
    )
    answer = send(client, changed, address, method="put")
    assert answer.status_code == 200, answer.content
    assert values() == []
    [row, voided] = sorted(results(history=True), key=lambda row: row["version"])
    assert (row["state"], voided["state"], voided["status"]) == ("superseded", "voided", status)
    assert not QuarantinedResult.objects.exists()


@pytest.mark.parametrize("status", ["entered-in-error", "corrected"])
def test_an_update_without_a_time_of_its_own_is_newer_whatever_the_laboratorys_clock_said(
    client: Client, status: str
) -> None:
    send(client, observation("R1", status="corrected", issued="2036-01-01T00:00:00Z"))
    answer = send(client, observation("R1", status=status, valueQuantity=quantity("70")))
    if status == "corrected":  # nobody can say which is newer
        assert answer.status_code == 202
        assert not Result.objects.get().is_usable
    else:
        assert values() == []


def test_no_repeat_revives_a_withdrawn_result(client: Client) -> None:
    send(client, observation("R1", issued=LATER))
    send(client, observation("R1", issued=LATER, status="entered-in-error"))
    answer = send(client, observation("R1", issued=LATER))
    assert values() == []
    assert not Result.objects.get().is_usable
    send(client, observation("R1", status="corrected", issued="2026-05-04T12:00:00+02:00"))
    assert answer.status_code == 200
    assert values() == [("PLT", "60", "corrected")]


def test_a_resource_that_moves_to_another_time_or_patient_waits_and_so_does_the_old_result(
    client: Client,
) -> None:
    fhir_patient(mrn="1002", family="Schmidt")
    made = send(client, observation())
    for parts in ({"effectiveDateTime": LATER}, {"subject": subject("1002")}, {"code": code("718-7")}):
        changed, address = with_id(made, **parts)
        answer = send(client, changed, address, method="put")
        assert answer.status_code == 202
        assert issues(answer) == [("warning", "incomplete")] * 2
    held = QuarantinedResult.objects.filter(reason_code="identity-changed")
    assert held.count() == 6
    assert held.filter(patient__mrn="1001", analyte="PLT", collected_at="2026-05-04T06:00:00Z").count() >= 3
    assert values() == [("PLT", "60", "final")]
    assert values(mrn="1002") == []
    # Withdrawn and sent again as something else, it is taken.
    withdrawn, address = with_id(made, status="entered-in-error")
    send(client, withdrawn, address, method="put")
    assert values() == []
    again = send(client, observation("R9", effectiveDateTime=LATER))
    assert (again.status_code, values()) == (201, [("PLT", "60", "final")])


@pytest.mark.parametrize(
    "parts",
    [
        {"valueQuantity": None, "dataAbsentReason": {"coding": [{"code": "error"}]}},
        {"valueQuantity": None, "status": "registered"},
    ],
)
def test_a_value_that_is_no_longer_stated_waits(client: Client, parts: dict[str, Any]) -> None:
    send(client, observation())
    answer = send(client, observation("R1", **parts))
    assert answer.status_code == 202
    held = QuarantinedResult.objects.get()
    assert (held.reason_code, held.analyte, held.patient.mrn) == ("no-longer-stated", "PLT", "1001")
    assert held.collected_at == Result.objects.get().collected_at


def test_a_component_that_disappears_waits_and_the_others_are_corrected(client: Client) -> None:
    def panel(*components: dict[str, Any], **parts: Any) -> dict[str, Any]:
        return observation(
            "R1",
            code=code("58410-2"),
            valueQuantity=None,
            referenceRange=None,
            component=list(components),
            **parts,
        )

    platelets = {"code": code(), "valueQuantity": quantity()}
    haemoglobin = {"code": code("718-7"), "valueQuantity": quantity("134", "g/L")}
    made = send(client, panel(platelets, haemoglobin))
    again = send(client, panel(haemoglobin, platelets))  # in another order nothing changes
    assert (made.status_code, again.status_code) == (201, 200)
    assert Observation.objects.count() == 2
    answer = send(client, panel({**haemoglobin, "valueQuantity": quantity("94", "g/L")}, status="corrected"))
    assert answer.status_code == 202
    assert values() == [("HGB", "94", "corrected"), ("PLT", "60", "final")]
    assert QuarantinedResult.objects.get().analyte == "PLT"


def test_two_draws_without_identifier_are_two_results_and_a_repeat_is_none(client: Client) -> None:
    for body in (observation(""), observation(""), observation("", effectiveDateTime=LATER)):
        assert send(client, body).status_code == 201
    assert len(values()) == 2


def test_a_laboratorys_own_codes_are_those_of_the_sender_its_token_names(client: Client) -> None:
    make_local_code(coding_system="https://lab.example.org/codes")
    own = {"coding": [{"system": "https://lab.example.org/codes", "code": "THRO"}]}
    assert send(client, observation("R1", code=own)).status_code == 201
    assert Result.objects.get().sender == "central-lab"
    assert send(lab("other-lab"), observation("R1", code=own)).status_code == 202


def test_both_reference_and_identifier_must_mean_one_patient(client: Client, patient: Patient) -> None:
    other = fhir_patient(mrn="1002", family="Schmidt")
    mine, theirs = {"reference": f"Patient/{patient.public_id}"}, {"reference": f"Patient/{other.public_id}"}
    full = {"reference": f"http://127.0.0.1:8000/fhir/Patient/{patient.public_id}"}
    assert send(client, observation("A", subject=mine)).status_code == 201
    assert send(client, observation("B", subject=full, effectiveDateTime=LATER)).status_code == 201
    assert send(client, observation("C", subject=mine | subject())).status_code == 201
    for wrong in (theirs | subject("1001"), mine | subject("9999")):
        answer = send(client, observation("D", subject=wrong))
        assert answer.status_code == 202
    assert {row.reason_code for row in QuarantinedResult.objects.all()} == {"two-patients"}
    assert values(mrn="1002") == []


def test_no_patient_is_ever_made(client: Client) -> None:
    before = Patient.objects.count()
    person = {
        "resourceType": "Patient",
        "identifier": [{"system": "x", "value": "y"}],
        "name": [{"family": "Neu"}],
    }
    sent = bundle(entry(person, "urn:uuid:p"), entry(observation("R1", subject={"reference": "urn:uuid:p"})))
    answer = told(send(client, sent))
    assert [each["response"]["status"] for each in answer["entry"]] == ["202 Accepted", "202 Accepted"]
    assert send(client, person, "Patient").status_code == 404
    assert Patient.objects.count() == before


# --- Repeats, crashes --------------------------------------------------------------------------


def test_the_same_key_and_bytes_get_the_same_answer_and_do_nothing_more(client: Client) -> None:
    first = send(client, observation(""), idempotency_key="k1")
    again = send(client, observation(""), idempotency_key="k1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert first.headers["Location"] == again.headers["Location"]
    assert (FhirResource.objects.count(), LabMessage.objects.count()) == (1, 1)


def test_the_same_key_with_other_bytes_or_another_address_is_refused(client: Client) -> None:
    send(client, observation(), idempotency_key="k1")
    for answer in (
        send(client, observation("R2"), idempotency_key="k1"),
        send(client, observation(), f"Observation?{R1}", method="put", idempotency_key="k1"),
        send(client, observation(), idempotency_key="k1", if_none_exist=R1),
    ):
        assert (answer.status_code, issues(answer)) == (422, [("error", "conflict")])
    assert AnsweredRequest.objects.count() == 1
    assert send(lab("other-lab"), observation("R2"), idempotency_key="k1").status_code == 201


def test_a_refusal_is_repeated_too(client: Client) -> None:
    wrong = observation("R1", valueQuantity=quantity(comparator="ad"))
    answers = [send(client, wrong, idempotency_key="k1") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert LabMessage.objects.count() == 1


@pytest.mark.parametrize("key", ["k" * 256, "a\tb"])
def test_a_key_nobody_can_keep_is_refused(client: Client, key: str) -> None:
    assert send(client, observation(), idempotency_key=key).status_code == 400


def test_a_request_whose_web_server_died_is_read_later_and_only_then(patient: Patient) -> None:
    asked = {"method": "POST", "target": "Observation", "if_match": "", "if_none_exist": ""}
    lost = keep_request(body=_bytes(observation()), sender="central-lab", peer="", request=asked)
    assert read_waiting_messages() == 0
    patience = timedelta(seconds=limits().fhir_patience_seconds + 1)
    row = LabMessage.objects.get(pk=lost)
    LabMessage.objects.create(
        **{
            field.name: getattr(row, field.name)
            for field in LabMessage._meta.concrete_fields
            if field.name not in {"id", "public_id", "control_id", "received_at"}
        },
        control_id="older",
        received_at=database_now() - patience,
    )
    assert read_waiting_messages() == 1
    assert values() == [("PLT", "60", "final")]
    assert take_request(message_id=LabMessage.objects.get(control_id="older").pk) is None


def test_a_fault_of_ours_leaves_the_request_kept_and_waiting(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: Any, **__: Any) -> None:
        raise RuntimeError("seeded fault")

    client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr("labs.services.fhir.read_request", stumble)
        answer = send(client, observation())
    assert answer.status_code == 500
    assert issues(answer) == [("error", "exception")]
    assert LabMessage.objects.filter(outcome__isnull=True).count() == 1


def test_new_evidence_is_told_after_the_commit(
    client: Client, patient: Patient, django_capture_on_commit_callbacks: Any
) -> None:
    heard: list[list[int]] = []

    def listen(patient_ids: list[int], **_: Any) -> None:
        heard.append(patient_ids)

    evidence_changed.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            send(client, observation())
        with django_capture_on_commit_callbacks(execute=True):
            send(client, observation())
    finally:
        evidence_changed.disconnect(listen)
    assert heard == [[patient.pk]]


# --- Rights, limits, forms ---------------------------------------------------------------------


def test_only_a_laboratorys_token_hands_in(patient: Patient, person: Person) -> None:
    assert send(Client(), observation()).status_code == 401
    wrong = Client(headers={"Authorization": "Bearer nonsense"})
    answer = send(wrong, observation())
    assert (answer.status_code, issues(answer)) == (401, [("error", "login")])
    for role in ("physician", "nurse", "auditor"):
        reader = Client()
        reader.force_login(person(role))
        answer = send(reader, observation())
        assert (answer.status_code, issues(answer)) == (403, [("error", "forbidden")])
    assert not LabMessage.objects.exists()


def test_a_laboratory_reads_its_own_and_nobody_elses(client: Client, patient: Patient) -> None:
    make_sender()
    receive(message())
    made = send(client, observation("R2", effectiveDateTime=LATER))
    assert client.get(made.headers["Location"]).status_code == 200
    mine = told(client.get("/fhir/Observation", {"identifier": f"{LAB_IDS}|R2"}))
    assert len(mine["entry"]) == 1
    by_patient = client.get("/fhir/Observation", {"patient": str(patient.public_id)})
    assert (by_patient.status_code, issues(by_patient)) == (403, [("error", "forbidden")])
    foreign = Result.objects.get(collected_at="2026-05-04T06:00:00Z")
    assert client.get(f"/fhir/Observation/result-{foreign.pk}").status_code == 404


@pytest.mark.parametrize(
    ("role", "may"),
    [("physician", True), ("nurse", True), ("physicist", True), ("on-call", True), ("auditor", False),
     ("administrator", False), ("pharmacist", False)],
)  # fmt: skip
def test_people_read_by_the_role_matrix(
    client: Client, patient: Patient, person: Person, role: str, may: bool
) -> None:
    made = send(client, observation())
    reader = Client()
    reader.force_login(person(role))
    for address in (made.headers["Location"], f"/fhir/Observation?patient={patient.public_id}"):
        answer = reader.get(address)
        assert answer.status_code == (200 if may else 403)


@pytest.mark.parametrize(
    "kind", ["application/xml", "text/plain", "application/fhir+xml", "application/json; charset=latin-1", ""]
)
def test_other_media_types_are_refused(client: Client, kind: str) -> None:
    answer = client.post("/fhir/Observation", data=_bytes(observation()), content_type=kind)
    assert (answer.status_code, issues(answer)) == (415, [("error", "not-supported")])
    assert not LabMessage.objects.exists()


@pytest.mark.parametrize("kind", [FHIR, "application/json", "application/fhir+json; charset=UTF-8"])
def test_json_in_either_name_is_taken(client: Client, kind: str) -> None:
    answer = client.post("/fhir/Observation", data=_bytes(observation()), content_type=kind)
    assert answer.status_code == 201
    asked = client.get(answer.headers["Location"], headers={"Accept": "application/json"})
    assert asked.headers["Content-Type"].startswith("application/json")
    refused = client.get(answer.headers["Location"], headers={"Accept": "application/fhir+xml"})
    assert (refused.status_code, issues(refused)) == (406, [("error", "not-supported")])


def test_a_request_too_large_is_refused_unread(client: Client, settings: Any) -> None:
    settings.FHIR_MOST_BYTES = 300
    answer = send(client, observation())
    assert (answer.status_code, issues(answer)) == (413, [("error", "too-long")])
    assert not LabMessage.objects.exists()


def test_a_body_in_chunks_is_asked_for_with_its_length(client: Client) -> None:
    answer = send(client, observation(), transfer_encoding="chunked")
    assert (answer.status_code, issues(answer)) == (411, [("error", "required")])
    assert not LabMessage.objects.exists()


def test_more_requests_than_the_rate_are_told_to_wait(client: Client, settings: Any) -> None:
    settings.FHIR_RATE = "2/hour"
    cache.clear()
    answers = [send(client, observation(f"R{n}")) for n in range(3)]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert issues(answers[-1]) == [("error", "throttled")]
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 3600
    assert FhirResource.objects.count() == 2
    assert send(lab("other-lab"), observation()).status_code == 201


BROKEN = [
    b"{",
    b"[]",
    b"\xff\xfe",
    b'{"resourceType":"Observation","status":"final","status":"preliminary"}',
    b'{"resourceType":"Observation","valueQuantity":{"value":NaN}}',
    b'{"resourceType":"Observation","valueQuantity":{"value":Infinity}}',
    b'{"resourceType":"Observation","status":"a\\u0000b"}',
    b'{"resourceType":"Observation","status":"\\ud800"}',
    b'{"resourceType":"Observation","a":' + b"[" * 60 + b"]" * 60 + b"}",
    b'{"a":' * 20000 + b"1" + b"}" * 20000,
    b'{"status":"final"}',
    b'{"resourceType":1}',
]


@pytest.mark.parametrize("body", BROKEN, ids=range(len(BROKEN)))
def test_what_is_no_resource_is_kept_and_refused(client: Client, body: bytes) -> None:
    answer = send(client, body, "Observation")
    assert (answer.status_code, issues(answer)) == (400, [("error", "structure")])
    kept = LabMessage.objects.get()
    assert bytes(kept.body) == body
    assert MessageOutcome.objects.get(message=kept).state == "rejected"
    assert values() == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.sampled_from(places_in(WHOLE)), JSON | st.just(...))
def test_whatever_stands_in_place_of_a_part_is_answered(
    patient: Patient, path: tuple[Any, ...], other: Any
) -> None:
    client = Client()
    client.force_login(colleague("fuzzing-lab", "lab-feed"))
    answer = send(client, _bytes(changed_at(WHOLE, path, other)), "")
    assert answer.status_code in (200, 400, 413, 422), answer.content
    assert not LabMessage.objects.filter(outcome__isnull=True).exists()
    kept = LabMessage.objects.latest("pk")
    assert (kept.outcome.state == "rejected") >= (answer.status_code != 200)
    for row in Observation.objects.filter(message=kept):
        assert row.sent_value in {"60", "1.50", str(other)}, row.sent_value


def test_another_resource_than_the_address_names_is_refused(client: Client) -> None:
    assert send(client, observation(), "DiagnosticReport").status_code == 400
    assert send(client, observation(), "/".join(["DiagnosticReport", "x"]), method="put").status_code == 400
    assert client.post("/fhir/", data=_bytes(observation()), content_type=FHIR).status_code == 400


@pytest.mark.parametrize("method", ["delete", "patch"])
def test_other_methods_are_told_so(client: Client, method: str) -> None:
    answer = getattr(client, method)("/fhir/Observation", content_type=FHIR)
    assert (answer.status_code, issues(answer)) == (405, [("error", "not-supported")])


def test_an_address_below_the_door_that_is_none_answers_as_fhir(client: Client) -> None:
    answer = client.get("/fhir/Patient/1")
    assert (answer.status_code, issues(answer)) == (404, [("error", "not-found")])


@pytest.mark.parametrize(("prefer", "length"), [("return=minimal", 0), ("return=OperationOutcome", 1)])
def test_the_body_of_the_answer_is_what_is_preferred(client: Client, prefer: str, length: int) -> None:
    answer = send(client, observation(), prefer=prefer)
    assert answer.status_code == 201
    assert bool(answer.content) is bool(length)
    if length:
        assert issues(answer) == [("information", "informational")]


def test_the_number_of_queries_does_not_depend_on_what_is_stored(client: Client) -> None:
    def queries(body: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert send(client, body).status_code in (200, 201)
        return counted(captured)

    def draw(name: str, count: int) -> dict[str, Any]:
        return bundle(
            *[
                entry(observation(f"{name}{n}", effectiveDateTime=f"2026-05-{n + 1:02}T08:00:00Z"))
                for n in range(count)
            ]
        )

    send(client, observation("warm"))
    single, many = queries(observation("A", effectiveDateTime=LATER)), queries(draw("B", 3))
    for name in "CDEFG":
        send(client, draw(name, 25))
    assert queries(observation("Z", effectiveDateTime=LATER)) == single
    assert queries(draw("Y", 3)) == many
    assert queries(draw("X", 25)) == many


def _bytes(body: dict[str, Any]) -> bytes:
    return dump(body).encode()


PERSON = {
    "resourceType": "Patient",
    "id": "p",
    "identifier": [{"value": "1001"}],
    "name": [{"family": "Müller", "given": ["Maria"]}],
    "birthDate": "1961-03-02",
}


@pytest.mark.parametrize(
    ("bare_ok", "person", "status"),
    [
        (True, PERSON, 201),
        (False, PERSON, 202),
        (True, PERSON | {"birthDate": "1961-03-03"}, 202),
        (True, {name: part for name, part in PERSON.items() if name != "birthDate"}, 202),
    ],
)
def test_a_number_without_system_is_ours_only_where_the_sender_is_trusted_and_the_person_agrees(
    bare_ok: bool, person: dict[str, Any], status: int, client: Client
) -> None:
    make_sender(bare_mrn_ok=bare_ok)
    sent = observation("R1", contained=[person], subject={"reference": "#p"})
    assert send(client, sent).status_code == status
    # The number alone, under no system, says nothing whatever the sender's row says.
    assert send(client, observation("R2", subject={"identifier": {"value": "1001"}})).status_code == 202


def test_a_sender_may_be_held_to_state_birth_date_and_name(client: Client, patient: Patient) -> None:
    head = "sender,msh3,msh4,tz,default_charset,bare_mrn_ok,fhir_demographics"
    row = "central-lab,LAB,HOSPITAL,Europe/Berlin,UTF-8,false,true"
    load_setup(files={"senders.csv": f"{head}\n{row}\n".encode()})
    ours = PERSON | {"identifier": [{"system": OURS, "value": "1001"}]}
    whole = observation("A", contained=[ours], subject={"reference": "#p"})
    assert send(client, whole).status_code == 201
    assert values() == [("PLT", "60", "final")]
    nameless = {name: part for name, part in ours.items() if name != "name"}
    cases: dict[str, dict[str, Any]] = {
        "B": {},
        "C": {"subject": {"reference": f"Patient/{patient.public_id}"}},
        "D": {"contained": [nameless], "subject": {"reference": "#p"}},
    }
    for key, parts in cases.items():
        assert send(client, observation(key, **parts)).status_code == 202
    assert {row.reason_code for row in QuarantinedResult.objects.all()} == {"no-birth-date", "name-differs"}
    # A known resource that is corrected so leaves its result in doubt.
    again = observation("A", status="corrected", valueQuantity=quantity("50"))
    assert send(client, again).status_code == 202
    assert [row["usable"] for row in results()] == [False]


def test_a_request_that_lost_its_web_server_and_was_sent_again_is_not_done_twice(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = observation("R1", subject=subject("9999"))
    assert send(client, asked).status_code == 202
    twin = LabMessage.objects.get()
    # The first try of the same request, kept before it by a web server that died then.
    lost = keep_request(body=bytes(twin.body), sender=twin.sender, peer=twin.peer, request=twin.request)
    assert send(client, asked).status_code == 202
    waiting = QuarantinedResult.objects.count()
    later = database_now() + timedelta(minutes=5)
    monkeypatch.setattr("labs.services.read.database_now", lambda: later)
    assert read_waiting_messages() == 1
    outcome = MessageOutcome.objects.get(message_id=lost)
    assert (outcome.state, outcome.stored, outcome.held) == ("duplicate", 0, 0)
    assert "sent the same request again" in outcome.notes[0]
    assert QuarantinedResult.objects.count() == waiting
