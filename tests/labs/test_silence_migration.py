"""What a database held before silence was watched is remembered: its units and its unmapped codes."""

from importlib import import_module

import pytest
from django.apps import apps

from labs.models import QuarantinedResult, UnitUse
from tests.builders_labs import make_patient, make_sender, message, obr, obx, receive

pytestmark = pytest.mark.django_db
migration = import_module("labs.migrations.0006_silence")


def test_units_that_were_sent_before_are_remembered_with_their_first_day() -> None:
    make_patient()
    make_sender()
    first = receive(message(obr("A"), obx(unit="G/L"), control_id="A"))
    receive(message(obr("B"), obx(unit="g/l"), control_id="B"))
    before = list(UnitUse.objects.values_list("sender", "analyte", "unit", "factor", "first_at"))
    UnitUse.objects.all().delete()
    migration.remember_units(apps, None)
    assert list(UnitUse.objects.values_list("sender", "analyte", "unit", "factor", "first_at")) == before
    assert UnitUse.objects.get().first_at == first.received_at


def test_the_code_of_what_waits_already_is_read_from_its_reason() -> None:
    make_patient()
    make_sender()
    receive(message(obr("A"), obx(code="NEWPLT^Platelets^L"), control_id="A"))
    QuarantinedResult.objects.update(code_sent="")
    migration.remember_codes(apps, None)
    assert QuarantinedResult.objects.get().code_sent == "NEWPLT"
