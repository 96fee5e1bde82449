"""Constraints of the tables: each refuses what it names, and none lets NULL slip past."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.db.models import ProtectedError

from labs import models as labs_models
from labs.models import (
    BodyWeight,
    CsvFeed,
    LabMessage,
    LocalCode,
    MessageOutcome,
    Observation,
    Patient,
    QuarantinedResult,
    Result,
    Sender,
)
from labs.services import record_weight
from tests.builders_labs import make_feed, make_local_code, make_patient, make_sender, message, receive

pytestmark = pytest.mark.django_db


def again(row: models.Model, **changes: Any) -> models.Model:
    """A second row like this one, with changes."""
    facts = {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if not field.primary_key and field.name != "public_id"
    }
    return type(row)(**(facts | changes))


def patient_row() -> Patient:
    return make_patient(alt_id="A1", alt_authority="NATIONAL")


def weight_row() -> BodyWeight:
    return record_weight(
        patient=make_patient(), measured_on=date(2026, 5, 4), kg=Decimal("72.5"), recorded_by="nurse"
    )


def stored() -> Observation:
    make_sender()
    make_patient()
    receive(message())
    return Observation.objects.get()


def held() -> QuarantinedResult:
    receive(message())
    return QuarantinedResult.objects.get()


NEW = {"mrn": "2", "alt_id": "", "alt_authority": ""}
REFUSED: list[tuple[Callable[[], models.Model], dict[str, Any]]] = [
    (patient_row, {"alt_id": "A2"}),
    (patient_row, {"mrn": "2"}),
    (patient_row, NEW | {"mrn": ""}),
    (patient_row, NEW | {"mrn": None}),
    (patient_row, NEW | {"family": ""}),
    (patient_row, NEW | {"family": None}),
    (patient_row, NEW | {"assigning_authority": None}),
    (patient_row, NEW | {"sex": "f"}),
    (patient_row, NEW | {"sex": None}),
    (patient_row, NEW | {"birth_date": None}),
    (patient_row, NEW | {"alt_id": "A3"}),
    (patient_row, NEW | {"alt_id": None}),
    (weight_row, {"kg": Decimal(0)}),
    (weight_row, {"kg": None}),
    (weight_row, {"recorded_by": ""}),
    (weight_row, {"recorded_by": None}),
    (make_sender, {"name": "other"}),
    (make_sender, {"msh3": "OTHER"}),
    (make_sender, {"name": "other", "msh3": None}),
    (make_sender, {"name": "other", "msh3": "OTHER", "zone": None}),
    (make_local_code, {}),
    (make_local_code, {"code": "X", "analyte": ""}),
    (make_local_code, {"code": "X", "analyte": None}),
    (make_feed, {}),
    (make_feed, {"name": "b", "layout": "tall"}),
    (make_feed, {"name": "b", "layout": None}),
    (make_feed, {"name": "b", "delimiter": None}),
    (make_feed, {"name": "b", "decimal": ";"}),
    (make_feed, {"name": "b", "decimal": None}),
    (lambda: stored().message, {}),
    (lambda: stored().message, {"control_id": "M2", "door": "fax"}),
    (lambda: stored().message, {"control_id": "M2", "door": None}),
    (lambda: stored().message, {"control_id": "M2", "sha256": None}),
    (lambda: stored().message, {"control_id": "M2", "body": None}),
    (lambda: stored().message, {"control_id": "M2", "received_at": None}),
    (lambda: stored().message.outcome, {}),
    (lambda: stored().result, {"current_id": None}),
    (lambda: stored().result, {"current_id": None, "sender": None}),
    (lambda: stored().result, {"current_id": None, "sender": "b", "analyte": ""}),
    (stored, {}),
    (stored, {"version": 2}),
    (stored, {"version": 0, "digest": "b"}),
    (stored, {"version": 2, "digest": "b", "status": "ok"}),
    (stored, {"version": 2, "digest": "b", "status": None}),
    (stored, {"version": 2, "digest": "b", "value": None}),
    (stored, {"version": 2, "digest": "b", "comparator": "~"}),
    (stored, {"version": 2, "digest": "b", "comparator": None}),
    (stored, {"version": 2, "digest": "b", "time_precision": "year"}),
    (stored, {"version": 2, "digest": "b", "time_precision": None}),
    (stored, {"version": 2, "digest": "b", "ordered_by": "guess"}),
    (stored, {"version": 2, "digest": "b", "ordered_by": None}),
    (stored, {"version": 2, "digest": "b", "collected_at": None}),
    (stored, {"version": 2, "digest": "b", "ref_low": 500}),
    (held, {}),
    (held, {"position": 9, "state": "gone"}),
    (held, {"position": 9, "state": None}),
    (held, {"position": 9, "reason": ""}),
    (held, {"position": 9, "reason_code": None}),
    (held, {"position": 9, "state": "resolved"}),
    (held, {"position": 9, "state": "resolved", "resolved_by": "nurse", "resolution": "matched"}),
    (held, {"position": 9, "resolved_at": datetime(2026, 5, 5, tzinfo=UTC)}),
]


@pytest.mark.parametrize(("make", "changes"), REFUSED)
def test_the_database_refuses(make: Callable[[], models.Model], changes: dict[str, Any]) -> None:
    row = make()
    with pytest.raises(IntegrityError), transaction.atomic():
        again(row, **changes).save(force_insert=True)


def test_the_database_accepts_what_is_whole() -> None:
    row = stored()
    again(row, version=2, digest="b", ref_low=None, ref_high=None).save(force_insert=True)
    again(row, version=3, digest="c", status="cancelled", value=None).save(force_insert=True)


@pytest.mark.parametrize("state", ["rejected", "quarantined"])
def test_an_outcome_that_is_not_read_needs_its_reason(state: str) -> None:
    outcome = stored().message.outcome
    outcome.state = state
    with pytest.raises(IntegrityError), transaction.atomic():
        outcome.save()


def test_nothing_that_others_rest_on_can_be_deleted() -> None:
    row = stored()
    for other in (row.patient, row.message, row.result):
        with pytest.raises(ProtectedError):
            other.delete()


def test_every_foreign_key_protects_and_no_clinical_time_fills_itself() -> None:
    for model in vars(labs_models).values():
        if not (isinstance(model, type) and issubclass(model, models.Model)):
            continue
        for field in model._meta.concrete_fields:
            if isinstance(field, models.ForeignKey):
                assert field.remote_field.on_delete is models.PROTECT, field
            if isinstance(field, models.DateTimeField | models.DateField):
                assert not (field.has_default() or field.auto_now or field.auto_now_add), field


def test_set_up_and_patients_keep_their_history() -> None:
    patient = make_patient()
    patient.family = "Meier"
    patient.save()
    assert [row.family for row in Patient.history.all()] == ["Meier", "Müller"]
    assert all(hasattr(model, "history") for model in (Sender, LocalCode, CsvFeed))


def test_permissions_of_the_lab_door_exist() -> None:
    named = {name for model in (LabMessage, QuarantinedResult, Result) for name, _ in model._meta.permissions}
    assert named == {"submit_message", "resolve_quarantine", "enter_result"}


@pytest.mark.parametrize(
    "facts",
    [
        {"birth_date": date(2200, 1, 1)},
        {"family": " "},
        {"mrn": ""},
        {"sex": "F"},
        {"alt_id": "A1"},
    ],
)
def test_a_patient_who_cannot_be_is_not_registered(facts: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make_patient(**facts)
    assert not Patient.objects.exists()


def test_the_same_number_is_not_registered_twice() -> None:
    make_patient()
    with pytest.raises(ValidationError):
        make_patient(family="Other")
    make_patient(assigning_authority="ELSEWHERE")


@pytest.mark.parametrize(
    "facts",
    [
        {"measured_on": date(2200, 1, 1)},
        {"measured_on": date(1961, 3, 1)},
        {"kg": Decimal(0)},
        {"kg": Decimal(1000)},
        {"kg": Decimal("NaN")},
        {"recorded_by": " "},
    ],
)
def test_a_weight_that_cannot_be_is_not_recorded(facts: dict[str, Any]) -> None:
    given: dict[str, Any] = {
        "measured_on": date(2026, 5, 4),
        "kg": Decimal(72),
        "recorded_by": "nurse",
    } | facts
    with pytest.raises(ValidationError):
        record_weight(patient=make_patient(), **given)
    assert not BodyWeight.objects.exists()


def test_outcomes_say_in_words_what_became_of_a_message() -> None:
    assert str(MessageOutcome(state="rejected", reason="No PID.")) == "Refused: No PID."
