"""What the API takes of a day of therapy: one body for each act, strict, secrets included."""

from rest_framework import serializers

from courses.api_actions import InstantField, StrictShape, WrittenField
from courses.models import InfusionEnd


class OpenShape(StrictShape):
    """The cycle whose day begins."""

    course = serializers.UUIDField()
    cycle = serializers.IntegerField(min_value=1, max_value=100)


class SecondShape(StrictShape):
    """The second person, who proves to be there."""

    username = serializers.CharField()
    password = serializers.CharField(trim_whitespace=False)


class StepShape(StrictShape):
    """One thing that happened; `data` is asked for by the kind."""

    kind = serializers.CharField()
    data = serializers.DictField(required=False, default=dict)  # type: ignore[assignment]  # a field
    happened_at = InstantField(required=False)
    second = SecondShape(required=False)
    password = serializers.CharField(required=False, trim_whitespace=False)


class CorrectionShape(StrictShape):
    """A new version of one entry, or that it is taken back."""

    reason = serializers.CharField()
    data = serializers.DictField(required=False)  # type: ignore[assignment]  # a field
    happened_at = InstantField(required=False)
    take_back = serializers.BooleanField(required=False, default=False)
    second = SecondShape(required=False)
    password = serializers.CharField(required=False, trim_whitespace=False)


class AuthoriseShape(StrictShape):
    """The physician's password, given again."""

    password = serializers.CharField(trim_whitespace=False)


class InfusionShape(StrictShape):
    """What the steps do not say: another route; the delivered activity where nothing was measured."""

    route = serializers.CharField(required=False, default="")
    delivered = WrittenField(required=False, help_text="text with its unit, for example 6.9 GBq")


class MeasurementShape(StrictShape):
    """One measured activity: the unit before the start, or what was left after the end."""

    kind = serializers.ChoiceField(choices=["assay", "residual"])
    activity = WrittenField(help_text="text with its unit, for example 0.12 GBq")
    of = serializers.ChoiceField(
        choices=["vial", "syringe", "line", "other"], required=False, help_text="of a residual: what it is in"
    )
    happened_at = InstantField(required=False)


class MeasurementCorrectionShape(StrictShape):
    """What of a measurement was wrong, or that it is taken back; what is left out stays."""

    reason = serializers.CharField(max_length=1000)
    activity = WrittenField(required=False)
    of = serializers.ChoiceField(choices=["vial", "syringe", "line", "other"], required=False)
    happened_at = InstantField(required=False)
    take_back = serializers.BooleanField(required=False, default=False)


class InfusionCorrectionShape(StrictShape):
    """What of an infusion's record was wrong, as it is right; what is left out stays as recorded."""

    reason = serializers.CharField(max_length=1000)
    from_entries = serializers.BooleanField(
        required=False,
        default=False,
        help_text="start, end, assay and residuals as the day's entries say by now",
    )
    started_at = InstantField(required=False)
    ended_at = InstantField(required=False)
    ended_how = serializers.ChoiceField(choices=InfusionEnd.values, required=False)
    product = serializers.CharField(required=False, default="", max_length=120)
    assay = WrittenField(required=False, help_text="text with its unit, for example 7.42 GBq")
    assay_at = InstantField(required=False)
    residual = WrittenField(required=False, help_text="all that was left, as text with its unit")
    residual_at = InstantField(required=False)
    delivered = WrittenField(required=False, help_text="where the measurements cannot say it; then it stands")
    route = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="empty: it was the directed one"
    )
    second = SecondShape(required=False, help_text="needed where the delivered activity or the start changes")


class JudgeShape(StrictShape):
    """A physician's word on the part that waits."""

    counts = serializers.BooleanField()
    remainder = WrittenField(required=False, help_text="text with its unit, for example 3 GBq")
    reason = serializers.CharField()
    password = serializers.CharField(trim_whitespace=False)


class NotGivenShape(StrictShape):
    """Why nothing was given, and what becomes of the vial."""

    reason = serializers.CharField()
    note = serializers.CharField(required=False, default="", allow_blank=True)
    vial = serializers.CharField(required=False, default="", allow_blank=True)
    rebook_on = serializers.DateField(required=False)


class ReleaseShape(StrictShape):
    """What happened, where a patient left all the same."""

    left_against = serializers.CharField(required=False, default="", allow_blank=True)


class RebookShape(StrictShape):
    """The new day of a cycle that was not given."""

    on = serializers.DateField()
