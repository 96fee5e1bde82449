"""Typed and phoned results: they may alarm at once, and clear nothing until another person verified them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from labs.clock import database_now
from labs.formats import manual_form
from labs.formats.parsed import Rejected
from labs.models import LabMessage, ManualAct, MessageOutcome, Observation, Patient, QuarantinedResult, Result
from labs.report import patient_results
from labs.services.authority import NotAllowed
from labs.services.manual import enter_result, verify_result, withdraw_result
from labs.services.manual_checks import BadEntry
from labs.zones import clinic_zone
from tests.builders_labs import make_patient

pytestmark = pytest.mark.django_db
Person = Callable[..., User]
YESTERDAY = (datetime.now(clinic_zone()) - timedelta(days=1)).replace(
    hour=8, minute=30, second=0, microsecond=0, tzinfo=None
)

NOW = datetime.now(UTC)


@pytest.fixture
def patient() -> Patient:
    return make_patient()


@pytest.fixture
def nurse(person: Person) -> User:
    return person("nurse", username="nora")


@pytest.fixture
def second(person: Person) -> User:
    return person("nurse", username="sam")


def fresh() -> datetime:
    return database_now() - timedelta(seconds=5)


def enter(patient: Patient, by: User, **facts: Any) -> ManualAct:
    given: dict[str, Any] = {
        "entry": uuid4(),
        "analyte": "PLT",
        "value": "60",
        "unit": "G/l",
        "ref_range": "150-400",
        "collected": YESTERDAY,
        "source": "report",
    }
    return enter_result(patient=patient, by=by, **(given | facts))


PHONED = {"source": "phoned", "caller": "Dr Lab", "called_at": NOW, "read_back": True}


def current() -> Observation:
    found = Result.objects.get().current
    assert found is not None
    return found


def test_a_typed_result_is_stored_at_once_and_unverified(patient: Patient, nurse: User) -> None:
    act = enter(patient, nurse)
    stored = current()
    assert (stored.analyte, stored.value, stored.unit, stored.sent_unit) == ("PLT", 60, "10*9/L", "G/l")
    assert (stored.ref_low, stored.ref_high, stored.status, stored.quality) == (
        150,
        400,
        "preliminary",
        ["unverified"],
    )
    assert stored.collected_at == YESTERDAY.replace(tzinfo=clinic_zone()).astimezone(UTC)
    assert not Result.objects.get().is_usable
    assert (act.message.door, act.message.sender, act.by) == ("manual", "manual", nurse)
    assert MessageOutcome.objects.get().state == "read"
    [line] = patient_results(patient=patient)
    assert (line["usable"], line["quality"], line["state"]) == (False, ["unverified"], "current")
    assert "nobody else has verified it" in line["reason"]


def test_a_second_person_verifies_it_and_from_then_on_it_counts(
    patient: Patient, nurse: User, second: User
) -> None:
    act = enter(patient, nurse)
    verify_result(act=act, by=second, authenticated_at=fresh())
    stored = current()
    assert (stored.version, stored.status, stored.quality, stored.value) == (2, "final", [], 60)
    assert Result.objects.get().is_usable
    [line] = patient_results(patient=patient)
    assert (line["usable"], line["quality"]) == (True, [])


def test_a_second_person_withdraws_it_with_a_reason(patient: Patient, nurse: User, second: User) -> None:
    act = enter(patient, nurse)
    withdraw_result(act=act, by=second, reason="another patient's sheet", authenticated_at=fresh())
    assert (current().version, current().status) == (2, "entered-in-error")
    assert current().comment == "another patient's sheet"
    assert patient_results(patient=patient) == []
    with pytest.raises(BadEntry, match="withdrawn before"):
        verify_result(act=act, by=second, authenticated_at=fresh())


def test_a_verified_result_can_still_be_withdrawn_and_entered_anew(
    patient: Patient, nurse: User, second: User
) -> None:
    act = enter(patient, nurse)
    verify_result(act=act, by=second, authenticated_at=fresh())
    withdraw_result(act=act, by=second, reason="read in the wrong column", authenticated_at=fresh())
    verify_result(act=enter(patient, nurse, value="160"), by=second, authenticated_at=fresh())
    usable = [row for row in Result.objects.all() if row.is_usable]
    assert [row.current.value for row in usable] == [160]
    assert not any(row.in_conflict for row in Result.objects.all())
    assert not QuarantinedResult.objects.exists()


def test_nobody_verifies_or_withdraws_their_own(patient: Patient, nurse: User) -> None:
    act = enter(patient, nurse)
    for follow in (
        lambda: verify_result(act=act, by=nurse, authenticated_at=fresh()),
        lambda: withdraw_result(act=act, by=nurse, reason="slip", authenticated_at=fresh()),
    ):
        with pytest.raises(NotAllowed, match="second person"):
            follow()
    assert ManualAct.objects.count() == 1
    assert current().version == 1


@pytest.mark.parametrize("role", ["pharmacist", "physicist", "auditor", "administrator", "on-call"])
def test_other_roles_enter_and_verify_nothing(
    patient: Patient, nurse: User, person: Person, role: str
) -> None:
    other = person(role)
    with pytest.raises(NotAllowed):
        enter(patient, other)
    act = enter(patient, nurse)
    with pytest.raises(NotAllowed):
        verify_result(act=act, by=other, authenticated_at=fresh())
    assert LabMessage.objects.count() == 1


def test_an_old_password_verifies_nothing(patient: Patient, nurse: User, second: User) -> None:
    act = enter(patient, nurse)
    for when in (None, database_now() - timedelta(minutes=5)):
        with pytest.raises(NotAllowed, match="fresh"):
            verify_result(act=act, by=second, authenticated_at=when)


def test_the_same_form_sent_twice_is_one_result(patient: Patient, nurse: User) -> None:
    entry = uuid4()
    first = enter(patient, nurse, entry=entry)
    assert enter(patient, nurse, entry=entry) == first
    assert (ManualAct.objects.count(), Observation.objects.count(), LabMessage.objects.count()) == (1, 1, 1)
    with pytest.raises(BadEntry, match="sent before with another content"):
        enter(patient, nurse, entry=entry, value="61")


def test_a_verification_sent_twice_acts_once(patient: Patient, nurse: User, second: User) -> None:
    act = enter(patient, nurse)
    verify_result(act=act, by=second, authenticated_at=fresh())
    with pytest.raises(BadEntry, match="verified before"):
        verify_result(act=act, by=second, authenticated_at=fresh())
    assert Observation.objects.count() == 2


def test_a_phoned_result_keeps_caller_call_and_read_back(patient: Patient, nurse: User) -> None:
    act = enter(patient, nurse, **PHONED)
    assert (act.caller, act.read_back, act.called_at) == ("Dr Lab", True, PHONED["called_at"])
    assert current().comment.startswith("Phoned by Dr Lab, ")


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"analyte": "XXX"}, "analyte: choose one of"),
    ({"value": ""}, "value: The result carries no value"),
    ({"value": "1,5"}, "value: .* is not a plain number"),
    ({"value": "1.5e3"}, "value: .* is not a plain number"),
    ({"value": "6" * 41}, "value: is too long"),
    ({"value": "-1"}, "value: .* is outside what is plausible"),
    ({"value": "6000"}, "value: .* confirm below"),
    ({"value": "60.12345678901"}, "value: "),
    ({"comparator": "~"}, "comparator: choose one of"),
    ({"unit": ""}, "unit: Platelets came without a unit"),
    ({"unit": "furlong"}, r"unit: .* such as 10\*9/L"),
    ({"unit": "mg/dL"}, "unit: .* is not known for Platelets"),
    ({"unit": "10*9/L\0"}, "unit: is too long or holds a character"),
    ({"ref_range": "normal"}, "ref_range: write it as 150-400"),
    ({"ref_range": "1,5-2"}, "ref_range: write it as"),
    ({"collected": YESTERDAY + timedelta(days=3)}, "collected: The collection time lies in the future"),
    ({"collected": datetime.fromisoformat("2001-01-01")}, "collected: .* years back"),
    ({"collected": datetime.fromisoformat("2026-03-29T02:30")}, "collected: .* did not exist"),
    ({"source": "rumour"}, "source: choose"),
    ({"caller": "Dr Lab"}, "source: a caller"),
    (PHONED | {"caller": " "}, "caller: say who phoned"),
    (PHONED | {"caller": "x" * 201}, "caller: is too long"),
    (PHONED | {"called_at": None}, "called_at: say when"),
    (PHONED | {"called_at": NOW + timedelta(hours=1)}, "called_at: lies in the future"),
    (PHONED | {"read_back": False}, "read_back: read the number back"),
]


@pytest.mark.parametrize(("wrong", "fault"), FAULTS)
def test_each_wrong_field_is_named_and_nothing_is_kept(
    patient: Patient, nurse: User, wrong: dict[str, Any], fault: str
) -> None:
    with pytest.raises(BadEntry, match=fault):
        enter(patient, nurse, **wrong)
    assert not LabMessage.objects.exists()
    assert not Observation.objects.exists()


def test_a_withdrawal_says_why(patient: Patient, nurse: User, second: User) -> None:
    act = enter(patient, nurse)
    for reason in ("", " ", "\u200b", "x" * 1001, "a\0"):
        with pytest.raises(BadEntry, match="reason:"):
            withdraw_result(act=act, by=second, reason=reason, authenticated_at=fresh())


def test_an_unlikely_value_is_asked_twice_and_clears_nothing_even_when_verified(
    patient: Patient, nurse: User, second: User
) -> None:
    with pytest.raises(BadEntry) as asked:
        enter(patient, nurse, value="6000")
    assert asked.value.asks_confirmation
    act = enter(patient, nurse, value="6000", confirmed=True)
    assert current().quality == ["implausible", "unverified"]
    verify_result(act=act, by=second, authenticated_at=fresh())
    assert (current().status, current().quality) == ("final", ["implausible"])
    assert not Result.objects.get().is_usable


def test_a_comparator_stays_with_the_typed_value(patient: Patient, nurse: User) -> None:
    enter(patient, nurse, comparator="<", value="10")
    assert (current().comparator, current().value) == ("<", 10)


def test_the_database_refuses_an_act_that_is_not_whole(patient: Patient, nurse: User, second: User) -> None:
    act = enter(patient, nurse, **PHONED)
    other = LabMessage.objects.create(door="manual", msh3="m", sha256="b", body=b"", received_at=NOW)
    for wrong in (
        {"by": second},
        {"kind": "verify", "authenticated_at": None, "by": second},
        {"kind": "verify", "authenticated_at": NOW},
        {"kind": "burn", "authenticated_at": NOW, "by": second},
        {"kind": "withdraw", "authenticated_at": NOW, "by": second, "reason": ""},
        {"caller": ""},
        {"called_at": None},
        {"read_back": False},
        {"source": "report"},
        {"source": None},
        {"printed_name": ""},
    ):
        facts = {field.attname: getattr(act, field.attname) for field in ManualAct._meta.concrete_fields}
        facts |= {"id": None, "public_id": uuid4(), "entry": uuid4(), "message_id": other.pk}
        facts |= {f"{name}_id" if name == "by" else name: getattr(v, "pk", v) for name, v in wrong.items()}
        with pytest.raises(IntegrityError), transaction.atomic():
            ManualAct.objects.create(**facts)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b"\xff", b'"x"', b'{"act": "enter"}'],
)
def test_a_damaged_entry_is_refused_whole(body: bytes) -> None:
    assert isinstance(manual_form.parse(body), Rejected)


def test_an_entry_survives_its_parsing(patient: Patient, nurse: User) -> None:
    act = enter(patient, nurse)
    read = manual_form.parse(bytes(act.message.body))
    assert not isinstance(read, Rejected)
    [report] = read.parsed.reports
    assert (report.patient.family, read.patient_id) == ("Müller", str(patient.public_id))
    assert UUID(report.observations[0].sub_id) == act.entry
