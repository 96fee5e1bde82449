"""The forms that plan: move a cycle, end a course, record a visit, close a day of the clinic."""

from typing import Any

from django import forms

from courses.forms.base import CHOOSE, day_field, reason_field
from courses.models import EndCause, MoveCause, VisitOutcome

_READ = "I have read what this changes and what it breaks."


class PlannedForm(forms.Form):
    """A form whose faults the service names by field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.error_messages.setdefault("required", "Fill this in.")
            if field.error_messages["required"] == "This field is required.":
                field.error_messages["required"] = "Fill this in."

    def refuse(self, faults: list[str]) -> None:
        """Show each of the service's faults at its field, or above the form."""
        for fault in faults:
            name, _, text = fault.partition(": ")
            if name in self.fields:
                self.add_error(name, text[:1].upper() + text[1:])
            else:
                self.add_error(None, text[:1].upper() + text[1:] if text else fault)


class MoveForm(PlannedForm):
    """To which day a cycle is moved, and why."""

    to = day_field("New day")
    cause = forms.ChoiceField(label="Cause", choices=[CHOOSE, *MoveCause.choices])
    reason = reason_field("Reason in your words")
    supplier_agreed = forms.BooleanField(
        label="The supplier agreed by telephone, where their cut-off has passed", required=False
    )


class ConfirmMoveForm(MoveForm):
    """The same as it was shown, and that it was read."""

    seen = forms.CharField(widget=forms.HiddenInput, max_length=64)
    read = forms.BooleanField(
        label=_READ, error_messages={"required": "Tick the statement, or do not move the cycle."}
    )


class EndForm(PlannedForm):
    """Why and when a course ended."""

    cause = forms.ChoiceField(label="Cause", choices=[CHOOSE, *EndCause.choices])
    ended_on = day_field("Ended on", help_text="The day of death, or of the word that ended it.")
    reason = reason_field("Reason in your words")
    supplier_told = forms.BooleanField(
        label="The supplier was told by telephone, where their cut-off has passed", required=False
    )
    read = forms.BooleanField(
        label="I have read what is still open.",
        error_messages={"required": "Tick the statement, or do not end the course."},
    )


class VisitForm(PlannedForm):
    """What became of one visit."""

    outcome = forms.ChoiceField(label="What became of it", choices=[CHOOSE, *VisitOutcome.choices])
    on = day_field("On")
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Where the patient was seen, or why not; and why a result is missing.",
    )


class ClosedDayForm(PlannedForm):
    """A day on which this clinic gives no therapy."""

    on = day_field("Closed on")
    words = forms.CharField(label="Reason", max_length=120)
