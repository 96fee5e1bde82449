"""What people type of one result, from a report in their hand or a caller on the phone."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from django import forms

from labs import library
from labs.forms.quarantine import CHOOSE, RefusingForm
from labs.models import ManualAct
from labs.services.manual_checks import common_units
from labs.zones import clinic_zone

_TIME = "%Y-%m-%dT%H:%M"


def time_field(label: str, *, required: bool = True, help_text: str = "") -> forms.DateTimeField:
    """A time of the clinic's clock as browsers send it, kept without a zone."""
    return _ClinicTimeField(
        label=label,
        required=required,
        help_text=help_text,
        input_formats=[_TIME, "%Y-%m-%dT%H:%M:%S"],
        widget=forms.DateTimeInput(format=_TIME, attrs={"type": "datetime-local"}),
        error_messages={"invalid": "Enter day and time as 2026-05-04T08:30."},
    )


class _ClinicTimeField(forms.DateTimeField):
    """A time that keeps the wall clock it was typed with; whether it existed is judged by the reader."""

    def to_python(self, value: Any) -> datetime | None:
        """The time as typed. Raises ValidationError."""
        if value in self.empty_values:
            return None
        for form in self.input_formats or ():
            try:
                return datetime.strptime(str(value).strip(), form)  # noqa: DTZ007  (clinic time, see above)
            except ValueError:
                continue
        raise forms.ValidationError(self.error_messages["invalid"], code="invalid")


class ResultForm(RefusingForm):
    """One result; an unlikely value has to be confirmed."""

    entry = forms.UUIDField(widget=forms.HiddenInput)
    analyte = forms.ChoiceField(label="Analyte")
    comparator = forms.ChoiceField(
        label="Comparator",
        required=False,
        choices=[
            ("", "none: the value itself"),
            ("<", "< less than"),
            ("<=", "≤ at most"),
            (">", "> more than"),
            (">=", "≥ at least"),
        ],
    )
    value = forms.CharField(
        label="Value", max_length=40, help_text="A plain number with a decimal point, such as 60 or 3.8."
    )
    unit = forms.CharField(
        label="Unit",
        max_length=40,
        required=False,
        help_text="As the report writes it, such as 10*9/L, G/l or mg/dL. Only an INR has none.",
        widget=forms.TextInput(attrs={"list": "units", "autocomplete": "off"}),
    )
    ref_range = forms.CharField(
        label="Reference range",
        max_length=60,
        required=False,
        help_text="As on the report, such as 150-400, <21 or >60. Without it some grades cannot be given.",
    )
    collected = time_field("Specimen taken", help_text="When the blood was drawn, on the clinic's clock.")
    source = forms.ChoiceField(label="Source", choices=[CHOOSE, *ManualAct.Source.choices])
    caller = forms.CharField(
        label="Who phoned", max_length=200, required=False, help_text="For a phoned result."
    )
    called = time_field("Time of the call", required=False, help_text="For a phoned result.")
    read_back = forms.BooleanField(label="I read the number back and the caller confirmed it", required=False)
    confirmed = forms.BooleanField(label="I checked the value against the source", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asks_confirmation = False
        field = self.fields["analyte"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [CHOOSE, *((short, each.name) for short, each in library.analytes().items())]
        for each in self.fields.values():
            each.error_messages["required"] = "Fill this in."
        self.fields["collected"].error_messages["invalid"] = "Enter day and time as 2026-05-04T08:30."

    @staticmethod
    def fresh() -> dict[str, Any]:
        """What a new form begins with: its own number, so that sending it twice is one result."""
        return {"entry": uuid4()}

    @staticmethod
    def units() -> list[str]:
        """Spellings to choose from; others of the closed table may be typed."""
        return sorted({unit for short in library.analytes() for unit in common_units(short)})

    def said(self) -> dict[str, Any]:
        """The result as the service takes it."""
        data = dict(self.cleaned_data)
        called = data.pop("called")
        data["called_at"] = called.replace(tzinfo=clinic_zone()) if called else None
        return data

    def refuse(self, faults: Any) -> None:
        """The service's time of the call is the form's."""
        super().refuse(fault.replace("called_at: ", "called: ", 1) for fault in faults)

    @property
    def shown(self) -> list[forms.BoundField]:
        """The fields a person sees; the confirmation only where it is asked for."""
        return [
            field
            for field in self
            if not field.is_hidden and (field.name != "confirmed" or self.asks_confirmation)
        ]
