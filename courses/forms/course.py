"""The forms of facts that belong to a course: delays, and what physicians say of findings and results."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms

from courses.fact_words import CAUSE, result_words
from courses.forms.base import (
    CHOOSE,
    FactForm,
    choice_field,
    day_field,
    grade_field,
    graded_terms,
    plan_of,
)
from courses.models import Administration, Course, Cycle
from labs.library import analytes
from labs.models import Result
from labs.models.result import VERIFIED
from labs.same_person import numbers_of

OFFERED = 300  # results to choose from, newest first


class DelayForm(FactForm):
    """A span of delay of one cycle, and its cause."""

    cycle = forms.TypedChoiceField(label="Cycle", coerce=int, empty_value=None)
    cause = choice_field("Cause", CAUSE)
    from_day = day_field("From")
    to_day = day_field("To", required=False, help_text="Leave empty while it lasts.")

    def __init__(self, *args: Any, course: Course, **kwargs: Any) -> None:
        super().__init__(*args, course=course, **kwargs)
        numbers = Cycle.objects.filter(course=course).order_by("number").values_list("number", flat=True)
        self.offer("cycle", ((str(each), f"Cycle {each}") for each in numbers))


class TermForm(FactForm):
    """What a physician says of a finding of one graded term."""

    term = forms.ChoiceField(label="CTCAE term")

    def __init__(self, *args: Any, course: Course, **kwargs: Any) -> None:
        super().__init__(*args, course=course, **kwargs)
        self.offer("term", ((term, term) for term in graded_terms(course)))

    def fact(self) -> dict[str, Any]:
        """The fact as the service takes it."""
        return super().fact() | {"grade": int(self.cleaned_data["grade"])}


class ManualGradeForm(TermForm):
    """The grade a physician gives to the finding of one specimen."""

    grade = grade_field(5, "It can only raise what the number alone gives.")
    on = day_field("Specimen collected on")


class AttributionForm(TermForm):
    """Whether findings of a term come of the treatment."""

    grade = grade_field(4, "Your word stands for findings up to this grade; a worse one asks you again.")
    on = day_field("From the specimen of", help_text="Your word stands for findings from this day on.")
    related = forms.ChoiceField(
        label="Does the finding come of the treatment?",
        choices=[CHOOSE, ("yes", "Yes, it comes of the treatment"), ("no", "No, it has another cause")],
    )

    def fact(self) -> dict[str, Any]:
        """The fact as the service takes it."""
        return super().fact() | {"related": self.cleaned_data["related"] == "yes"}


class ReviewForm(FactForm):
    """Whether an occurrence seen only between cycles counts."""

    rule = forms.ChoiceField(label="Rule")
    onset = day_field("Occurrence began on")
    counts = forms.ChoiceField(
        label="Does it count?",
        choices=[CHOOSE, ("yes", "Confirm: it counts"), ("no", "Dismiss: it does not count")],
    )
    track = forms.CharField(label="Term or criterion, where several began that day", required=False)
    grade = forms.IntegerField(
        label="Worst grade that was looked at", required=False, min_value=1, max_value=4
    )

    def __init__(self, *args: Any, course: Course, **kwargs: Any) -> None:
        super().__init__(*args, course=course, **kwargs)
        plan = plan_of(course)
        rules = [(family.id, f"{family.id}: {family.name}") for family in plan.families] if plan else []
        self.offer("rule", rules)

    def fact(self) -> dict[str, Any]:
        """The fact as the service takes it."""
        return super().fact() | {"counts": self.cleaned_data["counts"] == "yes"}


class ResultForm(FactForm):
    """One result of the patient, chosen from the newest; its value in the list is its present version."""

    result = forms.ChoiceField(label="Result")

    def __init__(self, *args: Any, course: Course, **kwargs: Any) -> None:
        super().__init__(*args, course=course, **kwargs)
        self.results = {str(each.current.public_id): each for each in self.offered() if each.current}
        chosen = [(version, result_words(each)) for version, each in self.results.items()]
        self.offer("result", chosen)

    def offered(self) -> Iterable[Result]:
        """Final results that nobody contradicts, newest first."""
        return (
            Result.objects.filter(
                patient__in=numbers_of(self.course.patient_id),
                in_conflict=False,
                current__status__in=sorted(VERIFIED),
            )
            .select_related("current")
            .order_by("-collected_at", "analyte", "-pk")[:OFFERED]
        )


class AmendmentForm(ResultForm):
    """The result that becomes the baseline of its analyte."""

    def offered(self) -> Iterable[Result]:
        """Results from before the first administration: a baseline is from before the treatment."""
        first = (
            Administration.objects.filter(cycle__course=self.course)
            .order_by("administered_on")
            .values_list("administered_on", flat=True)
            .first()
        )
        found = super().offered()
        if first is None:
            return found
        # A day more than the clinic's day can end later; the service looks at the clinic's own.
        return [each for each in found if each.collected_at.date() <= first + timedelta(days=1)]

    def fact(self) -> dict[str, Any]:
        """The fact as the service takes it."""
        said = super().fact()
        return said | {"analyte": self.results[said["result"]].analyte}


class DeclaredForm(FactForm):
    """A baseline whose original result is not at hand."""

    analyte = forms.ChoiceField(label="Analyte")
    value = forms.DecimalField(label="Value", localize=False)
    unit = forms.CharField(label="Unit", max_length=40, help_text="As the report states it, for example g/L.")
    on = day_field("Collected on")
    low = forms.DecimalField(label="Lower limit of normal", required=False, localize=False)
    high = forms.DecimalField(label="Upper limit of normal", required=False, localize=False)

    def __init__(self, *args: Any, course: Course, **kwargs: Any) -> None:
        super().__init__(*args, course=course, **kwargs)
        known = [(short, each.name) for short, each in analytes().items()]
        self.offer("analyte", known)
