"""The REST door of the ledger: what a person was administered over all courses, read-only."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from courses.api_actions import ApiRate
from courses.ledger import ledger_of
from courses.models import Administration, Course
from courses.pharmacy_shapes import ActivityShape, gigabecquerel
from courses.rules.ledger import Entry, Ledger


def _activity(gbq: Any) -> dict[str, str] | None:
    return None if gbq is None else {"value": gigabecquerel(gbq), "unit": "GBq"}


class EntryShape(serializers.Serializer[Entry]):
    """One treatment or one part of one, with where it is known from."""

    id = serializers.CharField(source="ref")
    kind = serializers.ChoiceField(choices=["administration", "infusion", "elsewhere", "prior"])
    on = serializers.DateField(allow_null=True, help_text="null where only a month or nothing is known")
    when = serializers.CharField(help_text="what is known instead of the day, else empty")
    activity = serializers.SerializerMethodField(help_text="null where nobody knows how much was given")
    product = serializers.CharField()
    course = serializers.CharField(help_text="the course's id; empty for treatment before it")
    cycle = serializers.IntegerField(allow_null=True)
    hospital = serializers.CharField(help_text="empty where it was given here")
    deviation = serializers.CharField(
        help_text="what departed from what was directed; it counts all the same"
    )
    note = serializers.CharField()
    provenance = serializers.CharField()
    counted = serializers.SerializerMethodField(help_text="false where another line tells the same treatment")

    @extend_schema_field(ActivityShape(allow_null=True))
    def get_activity(self, entry: Entry) -> dict[str, str] | None:
        """The administered activity, with its unit."""
        return _activity(entry.activity_gbq)

    @extend_schema_field(serializers.BooleanField)
    def get_counted(self, entry: Entry) -> bool:
        """Whether the line stands in the totals."""
        return entry.ref not in self.context["doubles"]


class CourseTotalShape(serializers.Serializer[Any]):
    """What one course comes to."""

    course = serializers.CharField()
    activity = ActivityShape()


class OrganShape(serializers.Serializer[Any]):
    """What one organ absorbed in all that was entered, beside the limit that informs."""

    organ = serializers.ChoiceField(choices=["kidneys", "bone_marrow"])
    total_gy = serializers.CharField(help_text="decimal text, in Gy")
    uncertainty_gy = serializers.CharField(
        allow_null=True,
        help_text="root of the sum of the squares of the single uncertainties; null where one is unknown",
    )
    entered = serializers.IntegerField(help_text="how many treatments have a figure; 0 is unknown, not zero")
    limit_gy = serializers.CharField(allow_null=True)
    above_limit = serializers.BooleanField()
    may_be_above_limit = serializers.BooleanField()


class LedgerShape(serializers.Serializer[Ledger]):
    """The ledger of a course's patient, under all numbers of the person."""

    total = serializers.SerializerMethodField()
    total_is_least = serializers.BooleanField(
        source="totals.is_least", help_text="true where some treatment's activity is unknown"
    )
    elsewhere = serializers.SerializerMethodField()
    deviations = serializers.SerializerMethodField(
        help_text="part of the total that departed from directives"
    )
    courses = serializers.SerializerMethodField()
    entries = serializers.SerializerMethodField()
    organs = serializers.SerializerMethodField(help_text="null for a caller who may not read absorbed doses")

    @extend_schema_field(ActivityShape)
    def get_total(self, ledger: Ledger) -> dict[str, str] | None:
        """Everything administered."""
        return _activity(ledger.totals.total_gbq)

    @extend_schema_field(ActivityShape)
    def get_elsewhere(self, ledger: Ledger) -> dict[str, str] | None:
        """What other hospitals gave."""
        return _activity(ledger.totals.elsewhere_gbq)

    @extend_schema_field(ActivityShape)
    def get_deviations(self, ledger: Ledger) -> dict[str, str] | None:
        """What departed from what was directed."""
        return _activity(ledger.totals.deviations_gbq)

    @extend_schema_field(CourseTotalShape(many=True))
    def get_courses(self, ledger: Ledger) -> list[dict[str, Any]]:
        """What each course comes to."""
        totals = sorted(ledger.totals.by_course.items())
        return [{"course": course, "activity": _activity(gbq)} for course, gbq in totals]

    @extend_schema_field(EntryShape(many=True))
    def get_entries(self, ledger: Ledger) -> Any:
        """Every line, the oldest first."""
        context = {"doubles": ledger.totals.doubles}
        return [EntryShape(entry, context=context).data for entry in ledger.entries]

    @extend_schema_field(OrganShape(many=True, allow_null=True))
    def get_organs(self, ledger: Ledger) -> list[dict[str, Any]] | None:
        """Absorbed doses, for those who may read them."""
        if not self.context["doses"]:
            return None
        return [
            {
                "organ": organ.organ,
                "total_gy": gigabecquerel(organ.total_gy),
                "uncertainty_gy": None
                if organ.uncertainty_gy is None
                else gigabecquerel(organ.uncertainty_gy),
                "entered": organ.entered,
                "limit_gy": None if organ.limit_gy is None else gigabecquerel(organ.limit_gy),
                "above_limit": organ.is_over,
                "may_be_above_limit": organ.may_be_over,
            }
            for organ in ledger.organs
        ]


class CourseLedger(APIView):
    """The ledger of a course's patient; it changes nothing and nothing in it can be changed here."""

    throttle_classes = [ApiRate]
    queryset = Administration.objects.all()  # whoever reads administrations reads what they come to

    @extend_schema(operation_id="courses_ledger", responses=LedgerShape)
    def get(self, request: Request, public_id: UUID) -> Response:
        """Read the ledger."""
        course = get_object_or_404(Course.objects.real(), public_id=public_id)
        context = {"doses": request.user.has_perm("courses.view_absorbeddose")}
        return Response(LedgerShape(ledger_of(course.patient_id), context=context).data)
