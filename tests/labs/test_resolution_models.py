"""Constraints of the tables in which people's judgements stand: each refuses what it names, NULL included."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, IntegrityError, models, transaction

from labs.models import (
    MessageReplay,
    OwnershipEvent,
    QuarantinedResult,
    QuarantineResolution,
    ResolutionVerdict,
    UnitSpelling,
)
from tests.builders_labs import make_patient, message, receive

pytestmark = pytest.mark.django_db
AT = datetime(2026, 5, 5, tzinfo=UTC)


@pytest.fixture
def facts() -> dict[type[models.Model], dict[str, Any]]:
    """What is whole of each table."""
    receive(message())
    item = QuarantinedResult.objects.get()
    by, other = User.objects.create_user("a"), User.objects.create_user("b")
    said = {
        "item": item,
        "kind": "reject",
        "reason": "asked",
        "by": by,
        "printed_name": "a",
        "authenticated_at": AT,
        "at": AT,
    }
    return {
        UnitSpelling: {"sender": "lab", "analyte": "PLT", "spelling": "x", "unit": "10*9/L"},
        OwnershipEvent: {"item": item, "kind": "taken", "by": by, "printed_name": "a", "at": AT},
        QuarantineResolution: said,
        ResolutionVerdict: {
            "resolution": QuarantineResolution.objects.create(**said),
            "confirmed": True,
            "stated_by": by,
            "by": other,
            "printed_name": "b",
            "authenticated_at": AT,
            "at": AT,
        },
        MessageReplay: {
            "message": item.message,
            "by": by,
            "printed_name": "a",
            "stored": 1,
            "unchanged": 0,
            "held": 0,
            "at": AT,
        },
    }


REFUSED: list[tuple[type[models.Model], dict[str, Any]]] = [
    *[
        (UnitSpelling, {name: wrong})
        for name in ("sender", "analyte", "spelling", "unit")
        for wrong in ("", None)
    ],
    (OwnershipEvent, {"kind": "lost"}),
    (OwnershipEvent, {"kind": None}),
    (OwnershipEvent, {"printed_name": ""}),
    (QuarantineResolution, {"kind": "burn"}),
    (QuarantineResolution, {"kind": None}),
    (QuarantineResolution, {"kind": "match"}),
    (QuarantineResolution, {"reason": ""}),
    (QuarantineResolution, {"reason": None}),
    (QuarantineResolution, {"printed_name": ""}),
    (QuarantineResolution, {"authenticated_at": None}),
    (ResolutionVerdict, {"authenticated_at": None}),
    (ResolutionVerdict, {"confirmed": None}),
    (ResolutionVerdict, {"confirmed": False}),
    (ResolutionVerdict, {"printed_name": ""}),
    (MessageReplay, {"printed_name": ""}),
    (MessageReplay, {"stored": None}),
    (MessageReplay, {"stored": -1}),
]


@pytest.mark.parametrize(("model", "wrong"), REFUSED)
def test_the_database_refuses_what_is_not_whole(
    facts: dict[type[models.Model], dict[str, Any]], model: type[models.Model], wrong: dict[str, Any]
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        model._default_manager.create(**(facts[model] | wrong))


def test_the_database_accepts_what_is_whole(facts: dict[type[models.Model], dict[str, Any]]) -> None:
    for model, whole in facts.items():
        assert model._default_manager.create(**whole).pk


def test_a_match_names_its_patient_and_nothing_else_does(
    facts: dict[type[models.Model], dict[str, Any]],
) -> None:
    patient, said = make_patient(), facts[QuarantineResolution]
    assert QuarantineResolution.objects.create(**(said | {"kind": "match", "patient": patient})).pk
    with pytest.raises(IntegrityError), transaction.atomic():
        QuarantineResolution.objects.create(**(said | {"patient": patient}))


def test_one_spelling_has_one_meaning_and_one_word_one_verdict(
    facts: dict[type[models.Model], dict[str, Any]],
) -> None:
    for model in (UnitSpelling, ResolutionVerdict):
        model._default_manager.create(**facts[model])
        with pytest.raises(IntegrityError), transaction.atomic():
            model._default_manager.create(**facts[model])


def test_an_owner_has_a_day_and_a_day_an_owner(facts: dict[type[models.Model], dict[str, Any]]) -> None:
    item = facts[OwnershipEvent]["item"]
    rows = QuarantinedResult.objects.filter(pk=item.pk)
    for wrong in ({"owner": facts[OwnershipEvent]["by"]}, {"owned_since": AT}):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**wrong)


def test_what_people_said_is_never_changed_or_deleted(
    facts: dict[type[models.Model], dict[str, Any]],
) -> None:
    for model, whole in facts.items():
        row = model._default_manager.create(**whole)
        if model is UnitSpelling:
            continue  # set-up, which keeps its history instead
        with pytest.raises(DatabaseError), transaction.atomic():
            model._default_manager.filter(pk=row.pk).update(printed_name="somebody else")
        with pytest.raises(DatabaseError), transaction.atomic():
            model._default_manager.filter(pk=row.pk)._raw_delete(using="default")
