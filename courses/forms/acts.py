"""The forms of what people decide of a course: a hold, an override, a waiver, and what was given before."""

from typing import Any

from django import forms

from courses.fact_words import OVERRIDE_CODE, PRIOR, WAIVED
from courses.forms.base import FactForm, choice_field, day_field, plan_of, reason_field
from courses.models import Course
from courses.rules.facts import SHORTEST_OVERRIDE, PriorAnswer, WaivedThing
from courses.rules.overrides import OVERRIDABLE, overridable


class HoldForm(FactForm):
    """Why nobody should go on with this course for now."""

    reason = reason_field("Why is the course held?")


class OverrideForm(FactForm):
    """One rule that asks for something now, and why a physician decides otherwise for this cycle."""

    rule = forms.ChoiceField(label="Rule", help_text="Only this rule, for this cycle, is overridden.")
    code = choice_field("Reason", OVERRIDE_CODE)

    def __init__(self, *args: Any, course: Course, **kwargs: Any) -> None:
        super().__init__(*args, course=course, **kwargs)
        self.offer("rule", _overridable_now(course))
        words = f"At least {SHORTEST_OVERRIDE} letters: whoever reads it later must understand it alone."
        self.fields["reason"].label, self.fields["reason"].help_text = "In your words", words


def _overridable_now(course: Course) -> list[tuple[str, str]]:
    """The rules that speak against the cycle as it was last decided, with what they ask for."""
    plan, decision = plan_of(course), course.current_decision
    if plan is None or decision is None:
        return []
    known, actions = overridable(plan), {action.word for action in OVERRIDABLE}
    found = {
        reason["rule"]: f"{reason['rule']}: {reason['action']}"
        for reason in reversed(decision.answer.get("reasons", []))
        if reason["rule"] in known and reason["action"] in actions
    }
    return list(found.items())


class WaiverForm(FactForm):
    """Evidence without which, or with older of which, a physician lets the cycle be judged."""

    analyte = forms.ChoiceField(label="Result")
    what = choice_field("What is waived", WAIVED)
    days = forms.IntegerField(label="Days", required=False, min_value=1)

    def __init__(self, *args: Any, course: Course, **kwargs: Any) -> None:
        super().__init__(*args, course=course, **kwargs)
        plan = plan_of(course)
        rows = [(row.analyte, plan.names[row.analyte]) for row in plan.labs if row.always] if plan else []
        self.offer("analyte", rows)
        most = plan.waiver.days if plan and plan.waiver else 0
        self.fields["days"].help_text = (
            f"How many days older the result may be, {most} at most; only where its window is extended."
            if most
            else "This protocol lets no window be extended."
        )

    def fact(self) -> dict[str, Any]:
        """The fact as the service takes it; a missed draw has no days."""
        said = super().fact()
        if said["what"] != WaivedThing.WINDOW.value:
            said.pop("days", None)
        return said


class PriorForm(FactForm):
    """Whether the patient was treated so before, here or elsewhere; one record for each treatment."""

    answer = choice_field("Was the patient treated with a radionuclide before?", PRIOR)
    on = day_field("Asked on")
    product = forms.CharField(label="Product", required=False, max_length=200)
    administered_gbq = forms.DecimalField(
        label="Administered activity in GBq", required=False, localize=False, help_text="For example 7.4."
    )
    day = day_field("Given on", required=False)
    month = forms.CharField(
        label="Or in the month",
        required=False,
        max_length=7,
        help_text="Where the day is not known: year-month, for example 2021-03.",
    )
    hospital = forms.CharField(label="Hospital", required=False, max_length=200)
    provenance = forms.CharField(
        label="Where this is known from",
        required=False,
        max_length=200,
        help_text="For example: discharge letter, or told by the patient.",
    )

    def clean(self) -> dict[str, Any]:
        """A treatment that was given is named in full; any other answer names none."""
        data = super().clean() or {}
        if data.get("answer") == PriorAnswer.GIVEN.value:
            for name in ("product", "administered_gbq", "hospital", "provenance"):
                if not data.get(name) and name not in self.errors:
                    self.add_error(name, "Fill this in for a treatment that was given.")
        return data
