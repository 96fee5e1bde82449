"""The forms of a day of therapy: made from the one table of its steps, so that none asks another thing."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import forms

from courses.day_data import STEPS, Asked, Shape
from courses.forms.base import CHOOSE, day_field, reason_field, scanned_field
from courses.models import InfusionEnd, VialFate
from courses.rules.activity import BadActivity, read_activity
from courses.rules.day_values import Happened
from courses.services.day_end import NotGiven

_NOT_GIVEN = {
    NotGiven.UNWELL: "Patient unwell",
    NotGiven.REFUSED: "Patient refused",
    NotGiven.ACCESS: "No access to a vein",
    NotGiven.EQUIPMENT: "Equipment failed",
    NotGiven.VIAL_LATE: "Vial came late or not at all",
    NotGiven.VIAL_DAMAGED: "Vial damaged",
    NotGiven.SPILLED: "Spilled",
    NotGiven.OTHER: "Another reason, named below",
}


def when_field(label: str, *, required: bool = False) -> forms.DateTimeField:
    """An instant on the clinic's clock; one that the change of clocks makes doubtful is refused."""
    return forms.DateTimeField(
        label=label,
        required=required,
        help_text="" if required else "On the clinic's clock. Leave it empty if it happened just now.",
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
        error_messages={"invalid": "Enter day and time, for example 2026-05-04T08:10."},
    )


def _field(asked: Asked) -> forms.Field:
    """The form's field for one answer."""
    if asked.shape is Shape.CHOICE:
        return forms.ChoiceField(
            label=asked.label, choices=[CHOOSE, *asked.choices.items()], required=asked.needed
        )
    if asked.shape is Shape.DAY:
        return day_field(asked.label, required=asked.needed)
    if asked.shape is Shape.INSTANT:
        return when_field(asked.label, required=asked.needed)
    if asked.shape is Shape.NUMBER:
        return forms.DecimalField(label=asked.label, required=asked.needed)
    if asked.scanned:
        return scanned_field(asked.label, most=500, required=asked.needed)
    return forms.CharField(label=asked.label, required=asked.needed, max_length=500)


class DayForm(forms.Form):
    """The ground of each of them: what the service refuses is shown at its field."""

    def refuse(self, faults: Iterable[str]) -> None:
        """Each fault at its field, or above the form."""
        for fault in faults:
            key, _, text = fault.partition(": ")
            if key in self.fields:
                self.add_error(key, text[:1].upper() + text[1:])
            else:
                self.add_error(None, fault)


class StepForm(DayForm):
    """One kind of step; `data()` is what the service takes."""

    def __init__(self, *args: Any, kind: Happened, correcting: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked = {_name(asked.key, correcting=correcting): asked for asked in STEPS[kind].asked}
        for name, asked in self.asked.items():
            self.fields[name] = _field(asked)
            self.initial.setdefault(name, self.initial.get(asked.key))
        self.fields["happened_at"] = when_field("When it happened")
        if STEPS[kind].two_people:
            self.fields["second_name"] = forms.CharField(label="Second person: log-in name")
            self.fields["second_password"] = forms.CharField(
                label="Second person: password",
                strip=False,
                widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
            )
        if correcting:
            self.fields["happened_at"].help_text = "Leave empty to keep the time."
            self.fields["take_back"] = forms.BooleanField(
                label="Take the entry back: it did not happen", required=False
            )
            self.fields["reason"] = reason_field("What was wrong")
            self.initial.pop("reason", None)

    def data_of_step(self) -> dict[str, Any]:
        """The answers as the service takes them; what was left empty is left out."""
        found = {asked.key: self.cleaned_data[name] for name, asked in self.asked.items()}
        return {key: _plain(value) for key, value in found.items() if value not in (None, "")}


def _name(key: str, *, correcting: bool) -> str:
    """The field of an answer; why an entry is corrected has the name of its own that it always had."""
    return "said_reason" if correcting and key == "reason" else key


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def shown_of(kind: Happened, data: Mapping[str, str]) -> dict[str, Any]:
    """A stored step as the fields of its form show it."""
    shown: dict[str, Any] = dict(data)
    for asked in STEPS[kind].asked:
        if asked.shape is Shape.INSTANT and shown.get(asked.key):
            shown[asked.key] = datetime.fromisoformat(shown[asked.key])
    return shown


class ActivityField(forms.CharField):
    """An activity with its unit, read exactly; a bare number is refused."""

    def clean(self, value: Any) -> Any:
        """In GBq; none where it may stay empty and does. Raises ValidationError."""
        text = super().clean(value)
        if not text:
            return None
        try:
            return read_activity(text)
        except BadActivity as bad:
            raise forms.ValidationError(str(bad)) from bad


class InfusionForm(DayForm):
    """What the steps do not say of an infusion."""

    route = forms.CharField(
        label="Another route than directed", required=False, max_length=200, help_text="Leave empty if not."
    )
    delivered_gbq = ActivityField(
        label="Delivered activity, with its unit",
        required=False,
        help_text="Only where nothing was measured, or the measurements cannot say it.",
    )


class BackEntryForm(DayForm):
    """An infusion that was given without the sheet of its day, as far as it is known."""

    started_at = when_field("Started", required=True)
    ended_at = when_field("Ended", required=True)
    ended_how = forms.ChoiceField(label="How it ended", choices=[CHOOSE, *InfusionEnd.choices])
    product = forms.CharField(label="Product, by its full name", max_length=120)
    delivered_gbq = ActivityField(label="Delivered activity, with its unit")
    route = forms.CharField(
        label="Another route than directed", required=False, max_length=200, help_text="Leave empty if not."
    )


class JudgeForm(DayForm):
    """A physician's word on a part."""

    counts = forms.ChoiceField(
        label="This cycle",
        choices=[
            CHOOSE,
            ("counts", "counts as given, with what was delivered"),
            ("remainder", "is completed by a remainder, named below"),
            ("open", "does not count: it is given anew"),
        ],
    )
    remainder_gbq = ActivityField(label="Remainder, with its unit", required=False)
    reason = reason_field("Reason")

    def clean(self) -> dict[str, Any]:
        """A remainder stands exactly where one is given."""
        cleaned: dict[str, Any] = super().clean() or {}
        wants = cleaned.get("counts") == "remainder"
        if wants and cleaned.get("remainder_gbq") is None and "remainder_gbq" not in self.errors:
            self.add_error("remainder_gbq", "Name the activity of the remainder, with its unit.")
        if not wants and cleaned.get("remainder_gbq") is not None:
            self.add_error("remainder_gbq", "Leave it empty, or choose that the cycle is completed by it.")
        return cleaned


class NotGivenForm(DayForm):
    """Why nothing was given."""

    reason = forms.ChoiceField(
        label="Why nothing was given", choices=[CHOOSE, *((k.value, v) for k, v in _NOT_GIVEN.items())]
    )
    note = forms.CharField(
        label="Note", required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 3})
    )
    vial = forms.ChoiceField(
        label="What becomes of what was handed out",
        required=False,
        choices=[("", "Choose; leave it like this where nothing was handed out"), *VialFate.choices],
    )
    rebook_on = day_field("New planned day", required=False, help_text="May be named later.")


class ReleaseForm(DayForm):
    """A patient who left all the same."""

    left_against = forms.CharField(
        label="Only where the patient left all the same: what happened, what was said",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class RebookForm(DayForm):
    """The new day of a cycle."""

    rebook_on = day_field("New planned day")
