"""The API's shapes of orders, schedules and decisions."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from courses.handouts import Handouts, predicted_of
from courses.models import Course, Cycle, Decision, Order
from courses.pharmacy_shapes import ActivityShape, PredictedShape, RecallShape, UnitShape, gigabecquerel
from labs.models import Patient


class PatientShape(serializers.ModelSerializer[Patient]):
    """Whom an order is for: the minimum to identify the patient."""

    class Meta:
        model = Patient
        fields = ["mrn", "family", "given", "birth_date"]


class DirectiveShape(serializers.Serializer[Any]):
    """The signed written directive an order rests on."""

    id = serializers.UUIDField(source="public_id")
    revision = serializers.IntegerField()
    signed_by = serializers.CharField(source="signature.printed_name")
    signed_at = serializers.DateTimeField(source="signature.signed_at")
    void = serializers.SerializerMethodField(help_text="true when the directive no longer holds")

    @extend_schema_field(serializers.BooleanField)
    def get_void(self, directive: Any) -> bool:
        """Whether a void record stands beside the directive."""
        return hasattr(directive, "voided")


class OrderShape(serializers.ModelSerializer[Order]):
    """One order as pharmacy reads it; the activity comes from the directive, its one place."""

    id = serializers.UUIDField(source="public_id")
    course = serializers.UUIDField(source="cycle.course.public_id")
    cycle = serializers.IntegerField(source="cycle.number")
    patient = serializers.SerializerMethodField(help_text="null for a caller who may not know patients")
    product = serializers.SerializerMethodField()
    activity = serializers.SerializerMethodField(
        help_text="null until a directive is signed, and for orders that carry no activity"
    )
    planned_on = serializers.DateField(source="cycle.planned_on")
    directive = DirectiveShape(allow_null=True)
    items = serializers.ListField(child=serializers.DictField())
    units = serializers.SerializerMethodField(help_text="what was handed out for it")
    recall = serializers.SerializerMethodField(
        help_text="the recall that counts; null when nothing was called back"
    )
    predicted = serializers.SerializerMethodField(
        help_text="what the newest unit holds at the planned start; null before it is dispensed"
    )

    class Meta:
        model = Order
        fields = [
            "id",
            "version",
            "kind",
            "state",
            "reason_code",
            "course",
            "cycle",
            "patient",
            "product",
            "activity",
            "planned_on",
            "directive",
            "items",
            "units",
            "recall",
            "predicted",
            "updated_at",
        ]

    @extend_schema_field(PatientShape(allow_null=True))
    def get_patient(self, order: Order) -> Any:
        """Whom the order is for."""
        return PatientShape(order.cycle.course.patient).data if self.context["names"] else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_product(self, order: Order) -> str | None:
        """The directive's product, null where no directive is signed."""
        return order.directive.product if order.directive else None

    @extend_schema_field(ActivityShape(allow_null=True))
    def get_activity(self, order: Order) -> dict[str, str] | None:
        """The directive's activity; an order has none of its own."""
        if order.directive is None:
            return None
        return {"value": gigabecquerel(order.directive.activity_gbq), "unit": "GBq"}

    def _handouts(self, order: Order) -> Handouts:
        """What the view read for all orders of its page."""
        found: dict[int, Handouts] = self.context["handouts"]
        return found.get(order.pk) or Handouts()

    @extend_schema_field(UnitShape(many=True))
    def get_units(self, order: Order) -> Any:
        """Units and bags, the oldest first."""
        return UnitShape(self._handouts(order).units, many=True).data

    @extend_schema_field(RecallShape(allow_null=True))
    def get_recall(self, order: Order) -> Any:
        """An open recall before those that are answered."""
        recall = self._handouts(order).recall
        return None if recall is None else RecallShape(recall).data

    @extend_schema_field(PredictedShape(allow_null=True))
    def get_predicted(self, order: Order) -> Any:
        """Decayed from the unit's own assay."""
        predicted = predicted_of(
            self._handouts(order).units,
            protocol_id=order.cycle.course.protocol_id,
            planned_on=order.cycle.planned_on,
        )
        return None if predicted is None else PredictedShape(predicted).data


class ActedOrderShape(OrderShape):
    """An order after an act on it, with what people are warned of."""

    warnings = serializers.SerializerMethodField(help_text="what was warned of; empty when nothing was")

    class Meta(OrderShape.Meta):
        fields = [*OrderShape.Meta.fields, "warnings"]

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_warnings(self, order: Order) -> list[str]:
        """Those of its units."""
        return [unit.warning for unit in self._handouts(order).units if unit.warning]


class CycleShape(serializers.ModelSerializer[Cycle]):
    """One cycle of a schedule."""

    administered_on = serializers.DateField(
        source="administration.administered_on", default=None, allow_null=True
    )
    administered = serializers.SerializerMethodField(
        help_text="null before the cycle is given, and for a caller who may not know what was given"
    )

    class Meta:
        model = Cycle
        fields = ["number", "planned_on", "administered_on", "administered"]

    @extend_schema_field(ActivityShape(allow_null=True))
    def get_administered(self, cycle: Cycle) -> dict[str, str] | None:
        """The administered activity, null while there is none to tell."""
        if not self.context["administered"] or not hasattr(cycle, "administration"):
            return None
        return {"value": gigabecquerel(cycle.administration.administered_gbq), "unit": "GBq"}


class ScheduleShape(serializers.ModelSerializer[Course]):
    """A course with its planned and given cycles."""

    id = serializers.UUIDField(source="public_id")
    patient = serializers.SerializerMethodField(help_text="null for a caller who may not know patients")
    protocol = serializers.CharField(source="protocol_id")
    cycles = CycleShape(many=True)
    labs_due = serializers.DateField(source="current_decision.labs_due", default=None, allow_null=True)
    awaiting_labs = serializers.BooleanField(
        source="current_decision.awaiting_labs", default=None, allow_null=True
    )

    class Meta:
        model = Course
        fields = ["id", "status", "patient", "protocol", "cycles", "labs_due", "awaiting_labs"]

    @extend_schema_field(PatientShape(allow_null=True))
    def get_patient(self, course: Course) -> Any:
        """Whose course it is."""
        return PatientShape(course.patient).data if self.context["names"] else None


class DecisionShape(serializers.ModelSerializer[Decision]):
    """A recorded recommendation with its reasons, evidence and sources."""

    id = serializers.UUIDField(source="public_id")
    course = serializers.UUIDField(source="course.public_id")
    cycle = serializers.IntegerField(source="cycle.number")
    current = serializers.SerializerMethodField(help_text="false when a newer decision stands")
    confirms = serializers.UUIDField(source="confirms.public_id", default=None, allow_null=True)
    activity = serializers.SerializerMethodField(help_text="null unless the cycle may go ahead")
    answer = serializers.JSONField(help_text="the recommendation as `manage.py assess` prints it")

    class Meta:
        model = Decision
        fields = [
            "id",
            "course",
            "cycle",
            "current",
            "confirms",
            "action",
            "activity",
            "as_of",
            "made_at",
            "awaiting_labs",
            "labs_due",
            "evidence_sha256",
            "answer",
        ]

    @extend_schema_field(ActivityShape(allow_null=True))
    def get_activity(self, decision: Decision) -> dict[str, str] | None:
        """The activity that the decision allows, with its unit."""
        if decision.activity_gbq is None:
            return None
        return {"value": gigabecquerel(decision.activity_gbq), "unit": "GBq"}

    @extend_schema_field(serializers.BooleanField)
    def get_current(self, decision: Decision) -> bool:
        """Whether the course's newest decision is this one."""
        return decision.course.current_decision_id == decision.pk
