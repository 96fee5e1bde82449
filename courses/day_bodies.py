"""What the API takes of a day of therapy: one body for each act, strict, secrets included."""

from rest_framework import serializers

from courses.api_actions import InstantField, StrictShape, WrittenField


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
