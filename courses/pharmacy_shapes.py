"""The API's shapes of vials, bookings and handed-out units, and of what pharmacy sends."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from courses.api_actions import AmountField, InstantField, StrictShape, WrittenField
from courses.models import BookingState, RecallOutcome, UnitForm, VialFate
from courses.rules.decimals import plain


def gigabecquerel(value: Any) -> str:
    """An activity as people read it: no trailing zero, never an exponent."""
    return plain(value)


class ActivityShape(serializers.Serializer[Any]):
    """An activity with its unit; a bare number would be refused anywhere in this service."""

    value = serializers.CharField(help_text="decimal text, for example 7.4")
    unit = serializers.ChoiceField(choices=["GBq"])


class CompositionShape(serializers.Serializer[Any]):
    """What a bag of amino acids holds."""

    lysine_g = serializers.CharField()
    arginine_g = serializers.CharField()


def activity_of(gbq: Any) -> dict[str, str] | None:
    """An activity as the API tells it."""
    return None if gbq is None else {"value": gigabecquerel(gbq), "unit": "GBq"}


class UnitShape(serializers.Serializer[Any]):
    """What was handed out: a measured unit, or a bag of amino acids."""

    id = serializers.UUIDField(source="public_id")
    label = serializers.CharField(  # type: ignore[assignment]  # a field, as every other here
        help_text="what the bedside scans"
    )
    form = serializers.ChoiceField(choices=[*UnitForm.values, "bag"])
    product = serializers.CharField()
    product_code = serializers.CharField(help_text="empty for a bag")
    lot = serializers.CharField()
    activity = serializers.SerializerMethodField(help_text="as measured; null for a bag")
    measured_at = serializers.DateTimeField(allow_null=True)
    volume_ml = serializers.SerializerMethodField()
    composition = serializers.SerializerMethodField(help_text="null but for a bag")
    expires_at = serializers.DateTimeField()
    directive_revision = serializers.IntegerField(source="revision", allow_null=True)
    warning = serializers.CharField(
        help_text="what was warned of as it was handed out; empty when nothing was"
    )
    prepared_by = serializers.CharField(source="prepared_name")
    verified_by = serializers.CharField(source="verified_name")
    dispensed_at = serializers.DateTimeField()

    @extend_schema_field(ActivityShape(allow_null=True))
    def get_activity(self, unit: Any) -> dict[str, str] | None:
        """The unit's own assay."""
        return activity_of(unit.measured_gbq)

    @extend_schema_field(serializers.CharField)
    def get_volume_ml(self, unit: Any) -> str:
        """As people read it."""
        return plain(unit.volume_ml)

    @extend_schema_field(CompositionShape(allow_null=True))
    def get_composition(self, unit: Any) -> dict[str, str] | None:
        """Grams of each amino acid."""
        if unit.lysine_g is None:
            return None
        return {"lysine_g": plain(unit.lysine_g), "arginine_g": plain(unit.arginine_g)}


class RecallShape(serializers.Serializer[Any]):
    """What is called back, why, and what pharmacy answered."""

    id = serializers.UUIDField(source="public_id")
    reason_code = serializers.CharField()
    opened_at = serializers.DateTimeField()
    outcome = serializers.CharField(allow_null=True, help_text="null until answered")
    answered_at = serializers.DateTimeField(allow_null=True)


class PredictedShape(serializers.Serializer[Any]):
    """What a unit holds at the planned start of the infusion."""

    at = serializers.DateTimeField()
    activity = serializers.SerializerMethodField()

    @extend_schema_field(ActivityShape)
    def get_activity(self, predicted: Any) -> dict[str, str] | None:
        """Decayed from its assay."""
        return activity_of(predicted.gbq)


class VialShape(serializers.Serializer[Any]):
    """A vial as received, what became of it, and what it holds at the planned start."""

    id = serializers.UUIDField(source="public_id")
    course = serializers.UUIDField(source="cycle.course.public_id")
    cycle = serializers.IntegerField(source="cycle.number")
    product = serializers.CharField()
    product_code = serializers.CharField()
    lot = serializers.CharField()
    calibrated_activity = serializers.SerializerMethodField()
    calibrated_at = serializers.DateTimeField()
    volume_ml = serializers.SerializerMethodField()
    expires_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    fate = serializers.SerializerMethodField(
        help_text="the newest word on what became of it; empty when none"
    )
    predicted = serializers.SerializerMethodField(help_text="null where no rules of the day say how")

    @extend_schema_field(ActivityShape)
    def get_calibrated_activity(self, vial: Any) -> dict[str, str] | None:
        """As printed on the label."""
        return activity_of(vial.calibrated_gbq)

    @extend_schema_field(serializers.CharField)
    def get_volume_ml(self, vial: Any) -> str:
        """As people read it."""
        return plain(vial.volume_ml)

    @extend_schema_field(serializers.CharField)
    def get_fate(self, vial: Any) -> str:
        """The newest of its fates."""
        fates = list(vial.fates.all())
        return str(fates[-1].fate) if fates else ""

    @extend_schema_field(
        {
            "type": "object",
            "nullable": True,
            "properties": {
                "at": {"type": "string", "format": "date-time"},
                "activity": {"$ref": "#/components/schemas/ActivityShape"},
                "fit": {"type": "string"},
                "sentence": {"type": "string"},
            },
        }
    )
    def get_predicted(self, vial: Any) -> dict[str, Any] | None:
        """At the planned start, against the directive that holds."""
        found = self.context["predict"](vial)
        if found is None:
            return None
        return {
            "at": found.at.isoformat(),
            "activity": activity_of(round(found.gbq, 3)),
            "fit": found.fit.value,
            "sentence": found.sentence,
        }


class BookingShape(serializers.Serializer[Any]):
    """An order with the supplier; none of its states lets anything be given."""

    id = serializers.UUIDField(source="public_id")
    version = serializers.IntegerField()
    course = serializers.UUIDField(source="cycle.course.public_id")
    cycle = serializers.IntegerField(source="cycle.number")
    state = serializers.ChoiceField(choices=BookingState.values)
    supplier = serializers.CharField()
    reference = serializers.CharField()
    needed_on = serializers.DateField()
    cut_off_at = serializers.DateTimeField(allow_null=True)
    updated_at = serializers.DateTimeField()


# --- What pharmacy sends ------------------------------------------------------------------------


class NothingSent(StrictShape):
    """An act that needs no more than its address."""


class HandedOutSent(StrictShape):
    """Handed out; a person says so with the password, a system with its token alone."""

    password = serializers.CharField(
        required=False, trim_whitespace=False, help_text="of the person who is logged in; not with a token"
    )


class UnitSent(HandedOutSent):
    """A measured unit, handed out for a radioactive order."""

    vial = serializers.UUIDField(help_text="the received vial")
    form = serializers.ChoiceField(choices=UnitForm.values)
    product_code = serializers.CharField(max_length=40, help_text="as scanned")
    lot = serializers.CharField(max_length=60)
    activity = WrittenField(max_length=40, help_text="with its unit: 7.4 GBq, 7400 MBq or 200 mCi")
    measured_at = InstantField(help_text="with its offset")
    volume_ml = AmountField(max_digits=6, decimal_places=2)
    prepared_by = serializers.CharField(max_length=200)
    verified_by = serializers.CharField(max_length=200, help_text="another person")


class BagSent(HandedOutSent):
    """A bag, handed out for an order of amino acids."""

    lot = serializers.CharField(max_length=60)
    lysine_g = AmountField(max_digits=5, decimal_places=2)
    arginine_g = AmountField(max_digits=5, decimal_places=2)
    volume_ml = AmountField(max_digits=6, decimal_places=1)
    expires_at = InstantField(help_text="with its offset")
    prepared_by = serializers.CharField(max_length=200)
    verified_by = serializers.CharField(max_length=200, help_text="another person")


class CancelSent(StrictShape):
    """Why an order is cancelled."""

    reason = serializers.CharField(max_length=1000)


class RecallSent(StrictShape):
    """Where the called-back unit is."""

    outcome = serializers.ChoiceField(choices=RecallOutcome.values)
    note = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")


class CycleSent(StrictShape):
    """Which cycle something is for."""

    course = serializers.UUIDField()
    cycle = serializers.IntegerField(min_value=1, max_value=100)


class LabelSent(StrictShape):
    """What stands on a vial."""

    product = serializers.CharField(max_length=120)
    product_code = serializers.CharField(max_length=40)
    lot = serializers.CharField(max_length=60)
    calibrated_activity = WrittenField(max_length=40, help_text="with its unit: 8.1 GBq")
    calibrated_at = InstantField(help_text="with its offset")
    volume_ml = AmountField(max_digits=6, decimal_places=2)
    expires_at = InstantField(help_text="with its offset")
    received_at = InstantField(help_text="with its offset")


class VialSent(CycleSent, LabelSent):
    """A vial by its label."""


class CorrectionSent(LabelSent):
    """A label written anew."""

    reason = serializers.CharField(max_length=1000, help_text="what was wrong")


class FateSent(StrictShape):
    """What became of a vial."""

    fate = serializers.ChoiceField(choices=VialFate.values)
    reason = serializers.CharField(max_length=1000)


class BookingSent(CycleSent):
    """A vial ordered with the supplier."""

    supplier = serializers.CharField(max_length=120)
    reference = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    needed_on = serializers.DateField(required=False, allow_null=True, default=None)
    cut_off_at = InstantField(required=False, allow_null=True, default=None)


class ConfirmSent(StrictShape):
    """What the supplier confirmed."""

    reference = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    cut_off_at = InstantField(required=False, allow_null=True, default=None)


class MoveSent(StrictShape):
    """Another day for a booking."""

    needed_on = serializers.DateField()
    reason = serializers.CharField(max_length=1000, required=False, allow_blank=True, default="")
    supplier_agreed = serializers.BooleanField(required=False, default=False)


class CallOffSent(StrictShape):
    """A booking called off."""

    reason = serializers.CharField(max_length=1000)
    supplier_agreed = serializers.BooleanField(required=False, default=False)
