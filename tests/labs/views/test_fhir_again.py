"""FHIR results kept apart: judged on their pages, and their requests read again through the same door."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from html import unescape
from itertools import count
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from labs.formats.fhir_words import Asked, Request, SentObservation
from labs.models import (
    FhirResource,
    FhirWriting,
    LabMessage,
    LabReport,
    MessageOutcome,
    MessageReplay,
    Observation,
    Patient,
    QuarantinedResult,
    QuarantineResolution,
    Result,
)
from labs.services.fhir import request_of
from tests.builders_fhir import (
    LAB_IDS,
    OURS,
    bundle,
    code,
    entry,
    fhir_patient,
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
R1 = f"identifier={LAB_IDS}|R1"
LATER = "2026-05-04T10:00:00+02:00"
FAR = "2036-01-01T00:00:00Z"
FURLONG = {"valueQuantity": quantity("60", "furlong")}
HGB = {"code": code("718-7"), "valueQuantity": quantity("134", "g/L"), "referenceRange": None}
THRO = {"coding": [{"system": "https://lab.example.org/codes", "code": "THRO"}]}
UNIT = {"unit": "10*9/L"}
MARIA = {"mrn": "1001", "birth_date": "1961-03-02"}
ANNA = {"mrn": "1002", "birth_date": "1961-03-02"}
Judge = Callable[..., Any]


@pytest.fixture
def patient() -> Patient:
    return fhir_patient()


@pytest.fixture
def client(patient: Patient) -> Client:
    return lab()


@pytest.fixture
def judge(enter: Any, send_with_password: Any) -> Judge:
    """Two physicians judge an item on its page, each with the password; what the second is shown."""
    names = (f"physician-{number}" for number in count())

    def do(item: QuarantinedResult, kind: str, **form: str) -> str:
        people = [enter("physician", username=next(names)) for _ in range(2)]
        said = {**form, "reason": "asked the laboratory"}
        first = send_with_password(people[0], page("say", item, kind), said)
        assert first.status_code == 302, shown(first)
        word = QuarantineResolution.objects.get(item=item, verdict__isnull=True)
        second = send_with_password(people[1], page("confirm", item, word.public_id), {})
        return shown(people[1].get(second.url) if second.status_code == 302 else second)

    return do


def page(name: str, item: QuarantinedResult, *args: Any) -> str:
    return reverse(f"labs:quarantine_{name}", args=[item.public_id, *args])


def shown(answer: Any) -> str:
    return unescape(answer.content.decode())


def waiting() -> list[str]:
    rows = QuarantinedResult.objects.filter(state="open").order_by("pk")
    return [row.reason_code for row in rows]


def held(why: str = "", **about: Any) -> QuarantinedResult:
    return QuarantinedResult.objects.get(state="open", **({"reason_code": why} if why else {}), **about)


def with_id(made: Any, **parts: Any) -> tuple[dict[str, Any], str]:
    """The resource for an update of what was just made, and its address."""
    address = made.headers["Location"].split("/fhir/")[1]
    return {**observation("R1", **parts), "id": address.split("/")[1]}, address


# --- Every way in, every answer ----------------------------------------------------------------


def posted(client: Client, **parts: Any) -> Any:
    return send(client, observation("R1", **parts))


def put_by_identifier(client: Client, **parts: Any) -> Any:
    return send(client, observation("R1", **parts), f"Observation?{R1}", method="put")


def put_by_id(client: Client, **parts: Any) -> Any:
    made = send(client, observation("R1", status="registered", valueQuantity=None))
    body, address = with_id(made, **parts)
    return send(client, body, address, method="put", if_match='W/"1"')


def posted_if_new(client: Client, **parts: Any) -> Any:
    return send(client, observation("R1", **parts), if_none_exist=R1)


def in_a_transaction(client: Client, **parts: Any) -> Any:
    listed = [{"reference": "urn:uuid:a"}]
    return send(
        client,
        bundle(
            entry(report("D1", result=listed, subject=parts.get("subject", subject()))),
            entry(observation("R1", **parts), "urn:uuid:a", ifNoneExist=R1),
        ),
    )


def in_a_batch(client: Client, **parts: Any) -> Any:
    return send(
        client,
        bundle(
            entry({"resourceType": "Condition"}),
            entry(observation("R1", **parts), method="PUT", url=f"Observation?{R1}"),
            kind="batch",
        ),
    )


def in_a_report(client: Client, **parts: Any) -> Any:
    inside = {**observation("", **parts), "id": "o1"}
    person = parts.get("subject", subject())
    body = report("D1", contained=[inside], result=[{"reference": "#o1"}], subject=person)
    return send(client, body)


def in_a_component(client: Client, **parts: Any) -> Any:
    inside = {key: parts.pop(key) for key in ("code", "valueQuantity") if key in parts}
    component = {"code": code(), "valueQuantity": quantity(), **inside}
    whole = {"code": code("58410-2"), "valueQuantity": None, "referenceRange": None}
    return send(client, observation("R1", **whole, component=[component], **parts))


WAYS = [
    posted,
    put_by_identifier,
    put_by_id,
    posted_if_new,
    in_a_transaction,
    in_a_batch,
    in_a_report,
    in_a_component,
]


@dataclass(frozen=True)
class Answer:
    """A result that waits, and what two people say of it."""

    kind: str
    parts: dict[str, Any]
    why: str
    form: dict[str, str] = field(default_factory=dict)
    value: str = "60"


ANSWERS = [
    Answer("match", {"subject": subject("9999")}, "unknown-patient", MARIA),
    Answer("map-code", {"code": THRO}, "unmapped-code", {"code": "THRO", "analyte": "PLT"}),
    Answer("map-unit", FURLONG, "unknown-unit", UNIT),
    Answer("confirm-value", {"valueQuantity": quantity("3500")}, "implausible", value="3500"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("answer", ANSWERS, ids=[answer.kind for answer in ANSWERS])
def test_what_two_people_say_has_the_request_read_again(
    client: Client, judge: Judge, way: Any, answer: Answer
) -> None:
    assert way(client, **answer.parts).status_code in (200, 202)
    assert (waiting(), values()) == ([answer.why], [])
    item = held(answer.why)
    before = list(FhirResource.objects.order_by("pk").values("version", "body", "message", "updated_at"))
    assert "The message was read again: 1 stored." in judge(item, answer.kind, **answer.form)
    assert (waiting(), values()) == ([], [("PLT", answer.value, "final")])
    stored = Observation.objects.get(value=answer.value)
    assert (stored.message, stored.position) == (item.message, item.position)
    assert (stored.report.message, stored.report.patient.mrn) == (item.message, "1001")
    assert stored.result.fhir_parts.get().resource.writings.filter(message=item.message).exists()
    tally = MessageReplay.objects.get()
    assert (tally.message, tally.stored, tally.unchanged, tally.held) == (item.message, 1, 0, 0)
    became = MessageOutcome.objects.get(message=item.message)
    assert (became.state, became.held, became.reason) == ("read", 0, "")
    after = list(FhirResource.objects.order_by("pk").values("version", "body", "message", "updated_at"))
    assert after == before


@pytest.mark.parametrize("way", WAYS)
def test_what_two_people_reject_waits_no_longer_and_is_not_read(
    client: Client, judge: Judge, way: Any
) -> None:
    way(client, **FURLONG)
    assert "Rejected by two people" in judge(held(), "reject")
    assert (waiting(), values()) == ([], [])
    assert not MessageReplay.objects.exists()
    assert [row["state"] for row in results(history=True)] == ["rejected"]


def test_the_page_shows_what_the_resource_says_and_whom_it_names(client: Client, enter: Any) -> None:
    person = {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"system": OURS, "value": "1001"}],
        "name": [{"family": "Schmidt", "given": ["Eva"]}],
        "birthDate": "1970-07-09",
    }
    send(client, observation("R1", contained=[person], subject={"reference": "#p"}))
    words = shown(enter("nurse").get(page("item", held("birth-date-differs"))))
    for part in ("Schmidt, Eva", "1001", "777-3", "10*9/L", "It belongs to a patient of ours"):
        assert part in words


def test_a_match_is_never_against_a_number_of_ours(client: Client, judge: Judge) -> None:
    fhir_patient(mrn="1002", family="Schmidt")
    two = subject("1001") | {"reference": f"Patient/{Patient.objects.get(mrn='1002').public_id}"}
    send(client, observation("R1", subject=two))
    with pytest.raises(AssertionError, match="another patient's here"):
        judge(held("two-patients"), "match", **ANNA)
    assert values(mrn="1002") == []


def test_reading_again_after_the_set_up_changed_needs_no_judgement(client: Client, enter: Any) -> None:
    send(client, observation("R1", subject=subject("1002")))
    assert waiting() == ["unknown-patient"]
    fhir_patient(mrn="1002", family="Schmidt")
    answer = enter("nurse").post(page("again", held()), follow=True)
    assert "Read again: 1 stored, 0 still waiting." in shown(answer)
    assert (waiting(), values(mrn="1002")) == ([], [PLT60])
    assert FhirResource.objects.get().patient.mrn == "1002"


# --- What waits, and nothing else --------------------------------------------------------------


def test_what_was_stored_before_is_not_touched(client: Client, judge: Judge) -> None:
    send(client, bundle(entry(observation("R1", **FURLONG)), entry(observation("R2", **HGB))))
    [before] = Observation.objects.values()
    report_before = LabReport.objects.get()
    assert "1 stored." in judge(held(), "map-unit", **UNIT)
    assert values() == [("HGB", "134", "final"), PLT60]
    assert Observation.objects.filter(analyte="HGB").values().get() == before
    assert LabReport.objects.get(pk=report_before.pk).message == LabReport.objects.latest("pk").message
    assert LabReport.objects.count() == 2


def test_a_map_cures_other_requests_of_the_laboratory_and_of_nobody_else(
    client: Client, judge: Judge
) -> None:
    other = lab("other-lab")
    send(client, observation("R1", **FURLONG))
    send(client, observation("R2", effectiveDateTime=LATER, **FURLONG))
    send(other, observation("R1", **FURLONG))
    first = QuarantinedResult.objects.order_by("pk").first()
    assert "1 other message(s) of this sender were read again" in judge(first, "map-unit", **UNIT)
    assert values() == [PLT60, PLT60]
    assert held().message.sender == "other-lab"


def test_a_second_reading_finds_nothing_to_do(client: Client, judge: Judge, enter: Any) -> None:
    both = [entry(observation("R1", **FURLONG)), entry(observation("R2", status="unknown"))]
    send(client, bundle(*both))
    judge(held("unknown-unit"), "map-unit", **UNIT)
    answer = enter("nurse").post(page("again", held("unknown-status")), follow=True)
    assert "Read again: 0 stored, 1 still waiting." in shown(answer)
    assert Observation.objects.count() == 1
    assert [row.held for row in MessageReplay.objects.all()] == [1, 1]


def test_the_resource_is_read_back_as_it_stands_now(client: Client, judge: Judge) -> None:
    made = posted(client, **FURLONG)
    address = f"/fhir/{made.headers['Location'].split('/fhir/')[1]}"
    assert told(client.get(address))["status"] == "unknown"
    judge(held(), "map-unit", **UNIT)
    assert told(client.get(address))["status"] == "final"
    assert client.get(address).headers["ETag"] == 'W/"1"'


def test_what_a_later_reader_no_longer_finds_goes_on_waiting(
    client: Client, enter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were this software to read a kept request otherwise one day, nothing would end by that."""
    send(client, observation("R1", **FURLONG))

    def reads_less(message: LabMessage) -> Request:
        request = request_of(message)
        [one] = request.entries
        assert isinstance(one, Asked)
        assert isinstance(one.sent, SentObservation)
        less = replace(one, sent=replace(one.sent, observations=()))
        return replace(request, entries=(less,))

    monkeypatch.setattr("labs.services.fhir_again.request_of", reads_less)
    answer = enter("nurse").post(page("again", held()), follow=True)
    assert "Read again: 0 stored, 1 still waiting." in shown(answer)
    assert waiting() == ["unknown-unit"]


# --- What was decided when the request came ----------------------------------------------------


def test_an_entry_that_found_or_was_refused_does_nothing_later(client: Client, judge: Judge) -> None:
    send(client, observation("R1"))
    other = observation("R1", status="corrected", valueQuantity=quantity("70"))
    missing = {**observation("R5"), "id": "00000000-0000-0000-0000-000000000000"}
    batch = bundle(
        entry(other, ifNoneExist=R1),
        entry(other, method="PUT", url=f"Observation?{R1}", ifMatch='W/"2"'),
        entry(missing, method="PUT", url=f"Observation/{missing['id']}"),
        entry(observation("R2", effectiveDateTime=LATER, **FURLONG)),
        kind="batch",
    )
    answer = told(send(client, batch))
    statuses = [each["response"]["status"].split()[0] for each in answer["entry"]]
    assert statuses == ["200", "412", "404", "202"]
    send(client, observation("R1", note=[{"text": "checked"}]))  # by now it has version 2
    assert FhirResource.objects.get(keys__value="R1").version == 2
    judge(held(), "map-unit", **UNIT)
    assert values() == [PLT60, PLT60]
    assert FhirResource.objects.get(keys__value="R1").version == 2
    assert FhirResource.objects.count() == 2


@pytest.mark.parametrize("way", [posted_if_new, put_by_id, put_by_identifier])
def test_a_condition_that_held_then_is_not_asked_again(client: Client, judge: Judge, way: Any) -> None:
    """By the time of the second reading the resource exists, and has another version."""
    way(client, **FURLONG)
    send(client, observation("R1", status="corrected", valueQuantity=quantity("70")))
    assert values() == [("PLT", "70", "corrected")]
    assert "1 stored." in judge(held(), "map-unit", **UNIT)
    assert (waiting(), values()) == ([], [("PLT", "70", "corrected")])
    assert Observation.objects.count() == 2


def test_the_address_of_this_door_is_that_of_then(
    client: Client, patient: Patient, judge: Judge, settings: Any
) -> None:
    whole = {"reference": f"{settings.SITE_URL}/fhir/Patient/{patient.public_id}"}
    send(client, observation("R1", subject=whole, **FURLONG))
    settings.SITE_URL = "https://elsewhere.example.org"
    judge(held(), "map-unit", **UNIT)
    assert values() == [PLT60]


# --- Versions and withdrawals ------------------------------------------------------------------


def test_an_older_version_becomes_history_and_leaves_what_stands(client: Client, judge: Judge) -> None:
    send(client, observation("R1", **FURLONG))
    send(client, observation("R1", valueQuantity=quantity("70")))
    assert (waiting(), values()) == (["unknown-unit"], [("PLT", "70", "final")])
    assert "1 stored." in judge(held(), "map-unit", **UNIT)
    assert (waiting(), values()) == ([], [("PLT", "70", "final")])
    assert [(row["value"], row["state"]) for row in results(history=True)] == [
        ("60", "superseded"),
        ("70", "current"),
    ]
    assert FhirResource.objects.get().version == 2


def test_two_versions_that_wait_for_one_map_are_both_read_and_the_later_counts(
    client: Client, judge: Judge
) -> None:
    send(client, observation("R1", **FURLONG))
    send(client, observation("R1", valueQuantity=quantity("70", "furlong")))
    first = QuarantinedResult.objects.order_by("pk").first()
    judge(first, "map-unit", **UNIT)
    assert (waiting(), values()) == ([], [("PLT", "70", "final")])
    assert Result.objects.get().is_usable


def test_an_older_version_alone_does_not_count_while_the_later_one_waits(
    client: Client, judge: Judge
) -> None:
    send(client, observation("R1", **FURLONG))
    send(client, observation("R1", valueQuantity=quantity("70", "stadium")))
    judge(held(reason__contains="furlong"), "map-unit", **UNIT)
    assert waiting() == ["unknown-unit"]
    assert [row["usable"] for row in results()] == [False]
    judge(held(), "map-unit", **UNIT)
    assert (waiting(), values()) == ([], [("PLT", "70", "final")])


@pytest.mark.parametrize("issued", [None, FAR])
def test_the_laboratorys_clock_does_not_put_an_older_version_before_a_later_one(
    client: Client, judge: Judge, issued: str | None
) -> None:
    send(client, observation("R1", issued=issued, **FURLONG))
    send(client, observation("R1", valueQuantity=quantity("70")))
    judge(held(), "map-unit", **UNIT)
    assert values() == [("PLT", "70", "final")]
    assert waiting() == ([] if issued is None else ["later-version"])


def test_an_older_version_of_somebody_else_is_not_taken_in(client: Client, judge: Judge) -> None:
    fhir_patient(mrn="1002", family="Schmidt")
    send(client, observation("R1", subject=subject("9999")))
    send(client, observation("R1"))
    judge(held("unknown-patient"), "match", **ANNA)
    assert (waiting(), values(), values(mrn="1002")) == (["identity-changed"], [PLT60], [])


def test_an_older_version_of_somebody_else_is_not_taken_in_after_a_withdrawal_either(
    client: Client, judge: Judge
) -> None:
    fhir_patient(mrn="1002", family="Schmidt")
    send(client, observation("R1", subject=subject("9999")))
    send(client, observation("R1"))
    send(client, observation("R1", status="entered-in-error"))
    send(client, observation("R1", status="registered", valueQuantity=None))
    judge(held("unknown-patient"), "match", **ANNA)
    assert (waiting(), values(), values(mrn="1002")) == (["identity-changed"], [], [])


def test_an_older_version_waits_while_nobody_knows_whose_the_later_one_is(
    client: Client, judge: Judge
) -> None:
    send(client, observation("R1", subject=subject("9998")))
    send(client, observation("R1", subject=subject("9999"), valueQuantity=quantity("70")))
    first = QuarantinedResult.objects.order_by("pk").first()
    judge(first, "match", **MARIA)
    assert (sorted(waiting()), values()) == (["later-version", "unknown-patient"], [])
    judge(held("unknown-patient"), "match", **MARIA)
    assert values() == [("PLT", "70", "final")]


@pytest.mark.parametrize("status", ["entered-in-error", "cancelled"])
@pytest.mark.parametrize("parts", [{}, {"effectiveDateTime": None, "valueQuantity": None}])
@pytest.mark.parametrize("issued", [None, FAR])
def test_what_the_laboratory_took_back_is_not_revived(
    client: Client, judge: Judge, status: str, parts: dict[str, Any], issued: str | None
) -> None:
    send(client, observation("R1", status="corrected", issued=issued, **FURLONG))
    send(client, observation("R1", status=status, **parts))
    judge(held("unknown-unit"), "map-unit", **UNIT)
    assert values() == []
    assert "took this resource back" in held("withdrawn-since").reason
    assert "Rejected by two people" in judge(held("withdrawn-since"), "reject")
    # The laboratory may still correct it, as ever.
    send(client, observation("R1", status="corrected", valueQuantity=quantity("80")))
    assert not Result.objects.filter(current__value=60).exists()


def test_a_withdrawal_that_waited_takes_back_what_it_was_sent_for(client: Client, judge: Judge) -> None:
    send(client, observation("R1"))
    send(client, observation("R2", status="entered-in-error", effectiveDateTime=LATER, code=THRO))
    judge(held("unmapped-code"), "map-code", code="THRO", analyte="PLT")
    assert (waiting(), values()) == ([], [PLT60])
    assert Result.objects.get(collected_at=LATER).current.status == "entered-in-error"


def test_an_older_withdrawal_takes_back_nothing_that_came_after_it(client: Client, judge: Judge) -> None:
    send(client, observation("R1", status="entered-in-error", subject=subject("9999")))
    send(client, observation("R1"))
    judge(held("unknown-patient"), "match", **MARIA)
    assert (waiting(), values()) == (["later-version"], [PLT60])
    assert Result.objects.get().is_usable


def test_a_later_version_with_a_wrong_number_is_cured_with_the_doubt_it_threw(
    client: Client, judge: Judge
) -> None:
    send(client, observation("R1"))
    changed = observation("R1", status="corrected", subject=subject("9999"), valueQuantity=quantity("70"))
    send(client, changed)
    assert (waiting(), values()) == (["unknown-patient", "identity-changed"], [PLT60])
    judge(held("unknown-patient"), "match", **MARIA)
    assert (waiting(), values()) == ([], [("PLT", "70", "corrected")])


def test_a_later_version_that_turns_out_to_be_somebody_elses_leaves_both_waiting(
    client: Client, judge: Judge
) -> None:
    fhir_patient(mrn="1002", family="Schmidt")
    send(client, observation("R1"))
    send(client, observation("R1", status="corrected", subject=subject("9999")))
    judge(held("unknown-patient"), "match", **ANNA)
    assert waiting() == ["identity-changed", "identity-changed"]
    assert values(mrn="1002") == []


def test_one_identity_twice_in_a_batch_keeps_its_order(client: Client, judge: Judge) -> None:
    answer = send(
        client,
        bundle(
            entry(observation("R1", **FURLONG)),
            entry(observation("R1", status="corrected", valueQuantity=quantity("70"))),
            kind="batch",
        ),
    )
    etags = [each["response"]["etag"] for each in told(answer)["entry"]]
    assert etags == ['W/"1"', 'W/"2"']
    judge(held(), "map-unit", **UNIT)
    assert values() == [("PLT", "70", "corrected")]


# --- Reports -----------------------------------------------------------------------------------


def test_a_result_whose_report_was_entered_in_error_meanwhile_does_not_count(
    client: Client, judge: Judge, enter: Any
) -> None:
    made = send(client, observation("R1", **FURLONG))
    listed = [{"reference": made.headers["Location"].split("/fhir/")[1]}]
    send(client, report("D1", result=listed))
    send(client, report("D1", status="entered-in-error"))
    judge(held("unknown-unit"), "map-unit", **UNIT)
    assert (waiting(), values()) == (["report-in-error"], [])
    # No further reading lets it count; the laboratory's correction does.
    enter("nurse").post(page("again", held()), follow=True)
    assert (waiting(), values()) == (["report-in-error"], [])
    send(client, observation("R1", status="corrected"))
    assert values() == [("PLT", "60", "corrected")]


def test_reading_again_does_not_end_the_review_of_what_a_report_took_back(
    client: Client, judge: Judge
) -> None:
    send(
        client,
        bundle(
            entry(observation("R1"), "urn:uuid:a"),
            entry(report("D1", result=[{"reference": "urn:uuid:a"}])),
        ),
    )
    withdrawn = report("D1", status="entered-in-error")
    send(client, bundle(entry(withdrawn), entry(observation("R2", effectiveDateTime=LATER, **FURLONG))))
    assert sorted(waiting()) == ["report-in-error", "unknown-unit"]
    judge(held("unknown-unit"), "map-unit", **UNIT)
    assert (waiting(), len(values())) == (["report-in-error"], 1)
    assert "Rejected by two people" in judge(held("report-in-error"), "reject")
    assert waiting() == []


def test_a_report_contained_result_taken_back_with_its_report_stays_so(client: Client, judge: Judge) -> None:
    in_a_report(client, **FURLONG)
    inside = {**observation("", **FURLONG), "id": "o1"}
    send(
        client,
        report("D1", status="entered-in-error", contained=[inside], result=[{"reference": "#o1"}]),
    )
    first = QuarantinedResult.objects.filter(reason_code="unknown-unit").order_by("pk").first()
    judge(first, "map-unit", **UNIT)
    assert values() == []
    assert "withdrawn-since" in waiting()


def test_two_people_say_whose_a_result_is_whose_report_names_another(client: Client, judge: Judge) -> None:
    fhir_patient(mrn="1002", family="Schmidt")
    listed = [{"reference": "urn:uuid:a"}]
    send(
        client,
        bundle(
            entry(observation("R1"), "urn:uuid:a"),
            entry(report("D1", subject=subject("1002"), result=listed)),
        ),
    )
    assert "1 stored." in judge(held("two-patients"), "match", **MARIA)
    assert (waiting(), values(), values(mrn="1002")) == ([], [PLT60], [])


def test_a_match_made_without_seeing_the_report_does_not_settle_what_it_says(
    client: Client, judge: Judge
) -> None:
    fhir_patient(mrn="1002", family="Schmidt")
    listed = [{"reference": "urn:uuid:a"}]
    send(
        client,
        bundle(
            entry(observation("R1", subject=subject("9999")), "urn:uuid:a"),
            entry(report("D1", subject=subject("1002"), result=listed)),
        ),
    )
    judge(held("unknown-patient"), "match", **MARIA)
    assert (waiting(), values()) == (["two-patients"], [])


def test_the_writings_of_a_request_are_those_it_made(client: Client) -> None:
    send(client, observation("R1"))
    send(client, observation("R1"), if_none_exist=R1)
    send(client, observation("R1", valueQuantity=quantity("70")))
    assert LabMessage.objects.count() == 3
    assert list(FhirWriting.objects.values_list("version", flat=True)) == [1, 2]
