"""Every row of the FHIR table, sent through the door and read back with `manage.py results`.

Each case: what is sent, the answer's number, the issues told, the results that stand, and what waits.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from labs.models import FhirResource, LabMessage, MessageOutcome, Observation, QuarantinedResult
from tests.builders_fhir import (
    COLLECTED,
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
    values,
)

pytestmark = pytest.mark.django_db
PLT60 = ("PLT", "60", "final")
ABSENT = {"coding": [{"code": "unknown"}]}
WORDS = {"text": "not a number"}


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    row: str
    sent: dict[str, Any]
    status: int = 201
    told: list[tuple[str, str]] = field(default_factory=list)
    stands: list[tuple[str, str, str]] = field(default_factory=lambda: [PLT60])
    waits: list[str] = field(default_factory=list)


def refused(row: str, sent: dict[str, Any], status: int, code: str) -> Case:
    return Case(row, sent, status, [("error", code)], [])


def held(row: str, sent: dict[str, Any], why: str) -> Case:
    return Case(row, sent, 202, [("warning", "incomplete")], [], [why])


def nothing(row: str, sent: dict[str, Any]) -> Case:
    return Case(row, sent, 201, [], [])


def one(**parts: Any) -> dict[str, Any]:
    return observation("R1", **parts)


def patient(**parts: Any) -> dict[str, Any]:
    given = {
        "resourceType": "Patient",
        "id": "p",
        "identifier": [{"system": "https://clinic.example.org/mrn", "value": "1001"}],
        "name": [{"family": "Mueller", "given": ["Maria"]}],
        "birthDate": "1961-03-02",
        "gender": "female",
    }
    return {name: part for name, part in (given | parts).items() if part is not None}


def about(**parts: Any) -> dict[str, Any]:
    return one(contained=[patient(**parts)], subject={"reference": "#p"})


CASES = [
    # status
    nothing("status registered", one(status="registered", valueQuantity=None)),
    Case("status preliminary", one(status="preliminary"), stands=[("PLT", "60", "preliminary")]),
    Case("status final", one()),
    Case("status amended", one(status="amended"), stands=[("PLT", "60", "amended")]),
    Case("status corrected", one(status="corrected"), stands=[("PLT", "60", "corrected")]),
    nothing("status cancelled", one(status="cancelled", valueQuantity=None)),
    nothing("status entered-in-error", one(status="entered-in-error")),
    held("status unknown", one(status="unknown"), "unknown-status"),
    held("status that is no status", one(status="verified"), "unknown-status"),
    held("status in capitals", one(status="Final"), "unknown-status"),
    refused("status missing", one(status=None), 422, "required"),
    # value
    Case("value in UCUM", one(valueQuantity=quantity("60"))),
    Case("value by unit text", one(valueQuantity={"value": Decimal(60), "unit": "K/uL"})),
    Case("UCUM first, text a description", one(valueQuantity=quantity("60") | {"unit": "Giga per litre"})),
    held(
        "code of another unit system is no unit",
        one(valueQuantity={"value": Decimal(60), "system": "http://snomed.info/sct", "code": "10*9/L"}),
        "no-unit",
    ),
    held("valid UCUM outside the table", one(valueQuantity=quantity("60", "kg")), "unknown-unit"),
    held("unit and code contradict", one(valueQuantity=quantity() | {"unit": "/uL"}), "unit-conflict"),
    held("no unit", one(valueQuantity={"value": Decimal(60)}), "no-unit"),
    refused("qty-3", one(valueQuantity={"value": Decimal(60), "code": "10*9/L"}), 422, "invariant"),
    held("percent is no count", one(valueQuantity=quantity("60", "%")), "unknown-unit"),
    held("implausible", one(valueQuantity=quantity("60000")), "implausible"),
    held("quantity without value", one(valueQuantity={"unit": "10*9/L"}), "no-value"),
    held("no value at all", one(valueQuantity=None), "no-value"),
    held("valueString with words", one(valueQuantity=None, valueString="see comment"), "not-a-number"),
    held("valueString without unit", one(valueQuantity=None, valueString="60"), "no-unit"),
    Case(
        "valueString as ST, where no unit is needed",
        one(valueQuantity=None, valueString="1.2", code=code("6301-6", "INR"), referenceRange=None),
        stands=[("INR", "1.2", "final")],
    ),
    Case(
        "valueInteger",
        one(valueQuantity=None, valueInteger=Decimal(1), code=code("6301-6", "INR"), referenceRange=None),
        stands=[("INR", "1", "final")],
    ),
    held("valueCodeableConcept", one(valueQuantity=None, valueCodeableConcept=WORDS), "not-a-number"),
    held("valueBoolean", one(valueQuantity=None, valueBoolean=True), "not-a-number"),
    held("valueRange", one(valueQuantity=None, valueRange={"low": quantity("50")}), "not-a-number"),
    held("valueRatio", one(valueQuantity=None, valueRatio={"numerator": quantity("1")}), "not-a-number"),
    refused("a number as text", one(valueQuantity=quantity() | {"value": "60"}), 400, "structure"),
    refused("two values", one(valueString="60"), 400, "structure"),
    refused("a misspelt element", one(valuQuantity=quantity()), 400, "structure"),
    refused("a misspelt part", one(valueQuantity=quantity(comparater="<")), 400, "structure"),
    # comparator
    *[
        Case(f"comparator {mark}", one(valueQuantity=quantity(comparator=mark)))
        for mark in ("<", "<=", ">=", ">")
    ],
    refused("comparator of R5", one(valueQuantity=quantity(comparator="ad")), 422, "code-invalid"),
    refused("comparator ~", one(valueQuantity=quantity(comparator="~")), 422, "code-invalid"),
    # dataAbsentReason
    nothing("dataAbsentReason", one(valueQuantity=None, dataAbsentReason=ABSENT)),
    refused("obs-6", one(dataAbsentReason=ABSENT), 422, "invariant"),
    # effective
    Case("effectiveDateTime", one(effectiveDateTime="2026-05-04T06:00:00Z")),
    Case("effectiveDateTime with fractions", one(effectiveDateTime="2026-05-04T06:00:00.25Z")),
    Case("a day", one(effectiveDateTime="2026-05-04")),
    held("a month", one(effectiveDateTime="2026-05"), "coarse-time"),
    held("a year", one(effectiveDateTime="2026"), "coarse-time"),
    refused("time without zone", one(effectiveDateTime="2026-05-04T08:00:00"), 400, "structure"),
    refused("time without seconds", one(effectiveDateTime="2026-05-04T08:00+02:00"), 400, "structure"),
    refused("no real day", one(effectiveDateTime="2026-02-30T08:00:00Z"), 400, "structure"),
    refused("no FHIR time", one(effectiveDateTime="04.05.2026"), 400, "structure"),
    Case("effectiveInstant", one(effectiveDateTime=None, effectiveInstant=COLLECTED)),
    refused("instant of a day", one(effectiveDateTime=None, effectiveInstant="2026-05-04"), 400, "structure"),
    Case("effectivePeriod", one(effectiveDateTime=None, effectivePeriod={"start": COLLECTED})),
    held(
        "period without start",
        one(effectiveDateTime=None, effectivePeriod={"end": COLLECTED}),
        "no-collection-time",
    ),
    held(
        "effectiveTiming",
        one(effectiveDateTime=None, effectiveTiming={"event": [COLLECTED]}),
        "no-collection-time",
    ),
    refused("two times", one(effectiveInstant=COLLECTED), 400, "structure"),
    held("no time", one(effectiveDateTime=None), "no-collection-time"),
    held("in the future", one(effectiveDateTime="2036-01-01T00:00:00Z"), "future-time"),
    Case(
        "the specimen's time",
        one(
            effectiveDateTime=None,
            contained=[
                {"resourceType": "Specimen", "id": "s", "collection": {"collectedDateTime": COLLECTED}}
            ],
            specimen={"reference": "#s"},
        ),
    ),
    # subject
    Case("our system and number", one()),
    held("a number of nobody", one(subject=subject("9999")), "unknown-patient"),
    held("our number, another system", one(subject=subject("1001", "https://else.org")), "authority-differs"),
    held("our number, no system", one(subject={"identifier": {"value": "1001"}}), "authority-differs"),
    held("no subject", one(subject=None), "no-patient-number"),
    held("a reference to nobody", one(subject={"reference": "Patient/123"}), "unknown-patient"),
    held(
        "a reference elsewhere is not followed",
        one(subject={"reference": "https://else.org/fhir/Patient/1"}),
        "unknown-patient",
    ),
    held("a group", one(subject={"reference": "Group/1"}), "unknown-patient"),
    held("about somebody else", one(focus=[{"display": "donor"}]), "other-focus"),
    Case("demographics that agree", about()),
    Case("demographics in part", about(birthDate=None, gender=None)),
    held("another birth date", about(birthDate="1961-03-03"), "birth-date-differs"),
    held("another name", about(name=[{"family": "Schmidt"}]), "name-differs"),
    held("another sex", about(gender="male"), "sex-contradicts"),
    Case("a reference that calls her by her name", one(subject=subject() | {"display": "MUELLER, M."})),
    Case("words that name nobody", one(subject=subject() | {"display": "Patient 1001"})),
    held(
        "a reference that calls her otherwise",
        one(subject=subject() | {"display": "Meier, Maria"}),
        "name-differs",
    ),
    held("demographics alone", about(identifier=None), "no-patient-number"),
    refused("a contained patient that is not there", one(subject={"reference": "#x"}), 422, "not-found"),
    # identifier
    Case("no identifier", observation("")),
    refused("an identifier too long", observation("R" * 256), 422, "too-long"),
    # referenceRange
    Case("text range", one(referenceRange=[{"text": "150 - 400"}])),
    Case("no range", one(referenceRange=None)),
    refused("a range that is no list", one(referenceRange={"text": "x"}), 400, "structure"),
    # modifierExtension, implicitRules
    refused("modifierExtension", one(modifierExtension=[{"url": "x"}]), 422, "extension"),
    refused(
        "modifierExtension far inside",
        one(referenceRange=[{"text": "1-2", "modifierExtension": [{"url": "x"}]}]),
        422,
        "extension",
    ),
    refused(
        "modifierExtension of the contained patient",
        about(modifierExtension=[{"url": "x"}]),
        422,
        "extension",
    ),
    refused("implicitRules", one(implicitRules="https://else.org/rules"), 422, "not-supported"),
    # code
    refused("no code", one(code=None), 422, "required"),
    held("a code nobody knows", one(code=code("1234-5")), "unmapped-code"),
    held("words for a code", one(code={"text": "Platelets"}), "unmapped-code"),
    held(
        "codes that contradict",
        one(code={"coding": [*code("777-3")["coding"], *code("718-7")["coding"]]}),
        "code-conflict",
    ),
    held("a percentage of cells", one(code=code("770-8")), "unmapped-code"),
    # errors
    refused("another type", {"resourceType": "Observaton"}, 400, "structure"),
    refused("an empty text", one(status=" "), 400, "structure"),
    refused("null", one() | {"issued": None}, 400, "structure"),
]


@pytest.mark.parametrize("case", CASES, ids=[case.row for case in CASES])
def test_each_row_of_the_table(case: Case) -> None:
    fhir_patient()
    answer = send(lab(), case.sent, "Observation")
    assert answer.status_code == case.status, answer.content
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    if case.told:
        assert issues(answer) == case.told
    assert values() == case.stands
    assert [row.reason_code for row in QuarantinedResult.objects.all()] == case.waits
    kept = LabMessage.objects.get()
    assert (kept.door, kept.sender) == ("fhir", "central-lab")
    outcome = MessageOutcome.objects.get(message=kept)
    if case.status >= 400:
        assert outcome.state == "rejected"
        assert not FhirResource.objects.exists()
        assert not Observation.objects.exists()
        assert '"expression"' in answer.content.decode() or "Observaton" in answer.content.decode()
    else:
        assert answer.headers["ETag"] == 'W/"1"'
        assert answer.headers["Location"].endswith(
            f"/fhir/Observation/{FhirResource.objects.get().public_id}"
        )
        assert outcome.state == ("quarantined" if case.waits else "read")


def test_the_comparator_is_part_of_the_value() -> None:
    fhir_patient()
    send(lab(), one(valueQuantity=quantity("60", comparator="<=")))
    assert results()[0]["comparator"] == "<="


def test_a_day_keeps_its_precision_and_lies_in_the_clinics_zone() -> None:
    fhir_patient()
    send(lab(), one(effectiveDateTime="2026-05-04"))
    assert (results()[0]["time_precision"], results()[0]["collected_at"]) == (
        "day",
        "2026-05-03T22:00:00+00:00",
    )


def test_a_periods_start_is_flagged() -> None:
    fhir_patient()
    send(lab(), one(effectiveDateTime=None, effectivePeriod={"start": COLLECTED, "end": COLLECTED}))
    assert Observation.objects.get().zone_source == "sent, start of a period"
    assert MessageOutcome.objects.get().notes == ["Result 1: the start of a period is taken as its time."]


@pytest.mark.parametrize(
    ("value", "unit", "limits", "expected"),
    [
        ("13.4", "g/dL", {"low": quantity("12", "g/dL")}, ("134", "120", None)),
        ("134", "g/L", {"low": quantity("12", "g/dL")}, ("134", None, None)),
        ("134", "g/L", {"low": {"value": Decimal(9)}, "high": {"value": Decimal(16)}}, ("134", "9", "16")),
        ("134", "g/L", {"low": quantity("160", "g/L"), "high": quantity("120", "g/L")}, ("134", None, None)),
        ("134", "g/L", {"text": ">120"}, ("134", "120", None)),
        ("134", "g/L", {"text": "as usual"}, ("134", None, None)),
        ("134", "g/L", {"low": quantity("9", "g/L"), "appliesTo": [{"text": "x"}]}, ("134", None, None)),
    ],
)  # fmt: skip
def test_limits_are_converted_with_the_value_or_left_out(
    value: str, unit: str, limits: dict[str, Any], expected: tuple[str | None, ...]
) -> None:
    fhir_patient()
    send(lab(), one(code=code("718-7"), valueQuantity=quantity(value, unit), referenceRange=[limits]))
    [row] = results()
    assert (row["value"], row["ref_low"], row["ref_high"]) == expected


def test_of_several_ranges_none_is_chosen() -> None:
    fhir_patient()
    send(lab(), one(referenceRange=[{"low": quantity("150")}, {"low": quantity("100")}]))
    assert results()[0]["ref_low"] is None


@pytest.mark.parametrize(
    ("parts", "quality"),
    [
        ({"note": [{"text": "Sample with platelet clumps."}]}, ["platelet clumps"]),
        ({"note": [{"text": "No clumps seen."}]}, []),
        (
            {
                "contained": [
                    {
                        "resourceType": "Specimen",
                        "id": "s",
                        "condition": [{"coding": [{"code": "CLOT"}]}],
                    }
                ],
                "specimen": {"reference": "#s"},
            },
            ["clotted"],
        ),
    ],
)
def test_the_specimens_quality_counts(parts: dict[str, Any], quality: list[str]) -> None:
    fhir_patient()
    send(lab(), one(**parts))
    [row] = results()
    assert (row["quality"], row["usable"]) == (quality, not quality)


def test_components_are_results_with_the_parents_time_and_status() -> None:
    fhir_patient()
    panel = one(
        code=code("58410-2", "Blood count"),
        status="preliminary",
        valueQuantity=None,
        referenceRange=None,
        component=[
            {"code": code(), "valueQuantity": quantity(), "referenceRange": [{"low": quantity("150")}]},
            {"code": code("718-7"), "valueQuantity": quantity("13.4", "g/dL")},
            {"code": code("6690-2"), "dataAbsentReason": ABSENT},
        ],
    )
    assert send(lab(), panel).status_code == 201
    assert values() == [("HGB", "134", "preliminary"), ("PLT", "60", "preliminary")]
    assert {row["collected_at"] for row in results()} == {"2026-05-04T06:00:00+00:00"}
    assert results()[1]["ref_low"] == "150"


def test_members_are_results_that_borrow_the_time_they_do_not_state() -> None:
    fhir_patient()
    panel = one(
        code=code("58410-2"), valueQuantity=None, referenceRange=None, hasMember=[{"reference": "urn:uuid:m"}]
    )
    member = observation("R2", effectiveDateTime=None, subject=None)
    answer = send(lab(), bundle(entry(panel, "urn:uuid:p"), entry(member, "urn:uuid:m")))
    assert answer.status_code == 200
    assert values() == [PLT60]


def test_a_reports_status_does_not_override_its_observations() -> None:
    fhir_patient()
    sent = bundle(
        entry(observation("R1", status="preliminary"), "urn:uuid:o"),
        entry(report(status="final", result=[{"reference": "urn:uuid:o"}])),
    )
    assert send(lab(), sent).status_code == 200
    assert values() == [("PLT", "60", "preliminary")]


def test_a_number_keeps_its_digits_both_ways() -> None:
    fhir_patient()
    client = lab()
    answer = send(
        client,
        one(code=code("718-7"), valueQuantity=quantity("143.0", "g/L"), referenceRange=None),
    )
    assert b'"value":143.0,' in answer.content
    assert b'"value":143.0,' in client.get(answer.headers["Location"]).content
    assert results()[0]["value"] == "143"
    assert Observation.objects.get().sent_value == "143.0"


@pytest.mark.parametrize("text", ["0.1", "1E+2", "123456789.123456789", "1.10"])
def test_decimals_are_read_exactly(text: str) -> None:
    fhir_patient()
    body = one(code=code("19080-1"), valueQuantity=quantity(text, "[IU]/L"), referenceRange=None)
    assert send(lab(), body).status_code in (201, 202)
    for row in Observation.objects.all():
        assert row.value == Decimal(text)
