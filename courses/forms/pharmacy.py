"""What pharmacy types: units, bags, vials by their labels, bookings, and why something ends."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.http import QueryDict

from courses.forms.base import CHOOSE, day_field, reason_field, scanned_field
from courses.models import RecallOutcome, UnitForm, VialFate
from courses.services.dispensing import BagMade, UnitMade
from courses.services.handling import Fault
from courses.services.vials import VialLabel
from labs.forms.manual import time_field
from labs.zones import clinic_zone

Pick = Iterable[tuple[str, str]]
_UNSEEN = ("version", "seen", "key")


class ActForm(forms.Form):
    """An act on something as it was read: `version` is what the page showed, `seen` what is compared."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.error_messages["required"] = "Fill this in."

    def clean(self) -> dict[str, Any]:
        """Times of the clinic's clock become instants; one that the clock leaves out is refused."""
        cleaned = super().clean() or {}
        for name, value in list(cleaned.items()):
            if isinstance(value, datetime) and value.tzinfo is None:
                instant = value.replace(tzinfo=clinic_zone())
                if instant.astimezone(UTC).astimezone(clinic_zone()).replace(tzinfo=None) != value:
                    self.add_error(name, "The clocks jump over this time: enter another one.")
                cleaned[name] = instant.astimezone(UTC)
        return cleaned

    def read_anew(self, **shown: object) -> None:
        """Keep what was typed, for the version that the page shows now."""
        sent = QueryDict(mutable=True)
        sent.update(self.data)
        for name, value in shown.items():
            sent[name] = str(value)
        self.data = sent

    def refuse(self, faults: Iterable[Fault]) -> None:
        """Show each of the service's faults at its field, or above the form."""
        for each in faults:
            self.add_error(each.field if each.field in self.fields else None, each.sentence)

    def said(self) -> dict[str, Any]:
        """What was typed, without what the form carries unseen."""
        return {name: value for name, value in self.cleaned_data.items() if name not in _UNSEEN}


class PlainForm(ActForm):
    """An act that asks for nothing more."""


class MeasuredForm(ActForm):
    """A measured unit."""

    vial = forms.ChoiceField(label="Vial", help_text="One that was received for this cycle.")
    form = forms.ChoiceField(label="Handed out as", choices=[CHOOSE, *UnitForm.choices])
    product_code = scanned_field("Product code", most=40, help_text="Scan it from the vial.")
    lot = scanned_field("Lot", most=60, help_text="Scan it from the vial.")
    activity = forms.CharField(
        label="Measured activity", max_length=40, help_text="With its unit, such as 7.4 GBq or 200 mCi."
    )
    measured_at = time_field("Measured at", help_text="On the clinic's clock.")
    volume_ml = forms.DecimalField(label="Volume in mL", max_digits=6, decimal_places=2)
    prepared_by = forms.CharField(label="Prepared by", max_length=200)
    verified_by = forms.CharField(label="Verified by", max_length=200, help_text="Another person.")

    def __init__(self, *args: Any, vials: Pick = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["vial"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [CHOOSE, *vials]

    def made(self) -> UnitMade:
        """The unit as the service takes it."""
        said = self.said()
        return UnitMade(prepared_name=said.pop("prepared_by"), verified_name=said.pop("verified_by"), **said)


class BagForm(ActForm):
    """A bag of amino acids."""

    lot = scanned_field("Lot", most=60)
    lysine_g = forms.DecimalField(label="Lysine in g", max_digits=5, decimal_places=2)
    arginine_g = forms.DecimalField(label="Arginine in g", max_digits=5, decimal_places=2)
    volume_ml = forms.DecimalField(label="Volume in mL", max_digits=6, decimal_places=1)
    expires_at = time_field("Expires at", help_text="On the clinic's clock.")
    prepared_by = forms.CharField(label="Prepared by", max_length=200)
    verified_by = forms.CharField(label="Verified by", max_length=200, help_text="Another person.")

    def made(self) -> BagMade:
        """The bag as the service takes it."""
        said = self.said()
        return BagMade(prepared_name=said.pop("prepared_by"), verified_name=said.pop("verified_by"), **said)


class CancelForm(ActForm):
    """Why an order ends."""

    reason = reason_field("Reason")


class RecallForm(ActForm):
    """Where the called-back unit is."""

    outcome = forms.ChoiceField(label="Where the unit is", choices=[CHOOSE, *RecallOutcome.choices])
    note = reason_field("Note", required=False)


class DirectionForm(ActForm):
    """An authorised user's written word on one measurement."""

    activity = forms.CharField(
        label="Measured activity", max_length=40, help_text="Exactly as pharmacy measured it, with its unit."
    )
    measured_at = time_field("Measured at", help_text="Exactly as pharmacy measured it.")
    reason = reason_field("Why this activity is to be given")


class LabelForm(ActForm):
    """A vial by its label; the same `key` sent twice is one vial."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    key = forms.UUIDField(widget=forms.HiddenInput, required=False)
    product = forms.CharField(label="Product", max_length=120, help_text="The full name on the label.")
    product_code = scanned_field("Product code", most=40, help_text="Scan it from the vial.")
    lot = scanned_field("Lot", most=60)
    calibrated_activity = forms.CharField(
        label="Calibrated activity", max_length=40, help_text="With its unit, such as 8.1 GBq."
    )
    calibrated_at = time_field("Calibrated for", help_text="On the clinic's clock.")
    volume_ml = forms.DecimalField(label="Volume in mL", max_digits=6, decimal_places=2)
    expires_at = time_field("Expires at", help_text="On the clinic's clock.")
    received_at = time_field("Received at", help_text="On the clinic's clock.")

    def label_read(self) -> VialLabel:
        """The label as the service takes it."""
        said = self.said()
        return VialLabel(calibrated=said.pop("calibrated_activity"), **said)


class CorrectionForm(LabelForm):
    """A label written anew."""

    reason = reason_field("What was wrong")

    def label_read(self) -> VialLabel:
        """The label alone."""
        said = {name: value for name, value in self.said().items() if name != "reason"}
        return VialLabel(calibrated=said.pop("calibrated_activity"), **said)


class FateForm(ActForm):
    """What became of a vial."""

    fate = forms.ChoiceField(label="What became of it", choices=[CHOOSE, *VialFate.choices])
    reason = reason_field("What happened")


class BookingForm(ActForm):
    """A vial ordered with the supplier."""

    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    supplier = forms.CharField(label="Supplier", max_length=120)
    reference = forms.CharField(label="Supplier's reference", max_length=120, required=False)
    needed_on = day_field("Needed on")
    cut_off_at = time_field(
        "Supplier's cut-off", required=False, help_text="Until then the supplier takes a change."
    )


class ConfirmForm(ActForm):
    """What the supplier confirmed."""

    reference = forms.CharField(label="Supplier's reference", max_length=120, required=False)
    cut_off_at = time_field(
        "Supplier's cut-off", required=False, help_text="Until then the supplier takes a change."
    )


class MoveForm(ActForm):
    """Another day for a booking."""

    needed_on = day_field("Needed on")
    reason = reason_field("Reason", required=False)
    supplier_agreed = forms.BooleanField(
        label="The cut-off has passed, and the supplier agreed by telephone", required=False
    )


class CallOffForm(ActForm):
    """A booking called off."""

    reason = reason_field("Reason")
    supplier_agreed = forms.BooleanField(
        label="The cut-off has passed, and the supplier agreed by telephone", required=False
    )
