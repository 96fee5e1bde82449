"""What people say of a result kept apart, and how the list of them is narrowed."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms

from labs import library
from labs.models import QuarantinedResult
from labs.models.resolution import ResolutionKind
from labs.services.item import ItemReading
from labs.services.manual_checks import common_units

CHOOSE = ("", "Choose")
_LONGEST = 1000


def reason_field(label: str = "Reason") -> forms.CharField:
    """A reason in free words."""
    return forms.CharField(
        label=label,
        max_length=_LONGEST,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": "Say in a few words why."},
    )


class RefusingForm(forms.Form):
    """A form that shows each of a service's faults at its field, or above itself."""

    def refuse(self, faults: Iterable[str]) -> None:
        """Show these faults, each beginning with the field it is about."""
        for fault in faults:
            name, _, text = fault.partition(": ")
            words = (text[:1].upper() + text[1:] if text else fault).rstrip(".") + "."
            self.add_error(name if name in self.fields else None, words)


class ReasonForm(RefusingForm):
    """Why, and nothing else."""

    reason = reason_field()


class AnswerForm(RefusingForm):
    """What one kind of answer asks of the person who gives it."""

    kind: ClassVar[ResolutionKind]

    def __init__(self, *args: Any, reading: ItemReading, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reading = reading
        self.fields["reason"] = reason_field()

    def said(self) -> dict[str, Any]:
        """The answer as the service takes it."""
        return {name: value for name, value in self.cleaned_data.items() if name != "reason"}


class MatchForm(AnswerForm):
    """Two identifiers, both typed from the source, never chosen from a list."""

    kind = ResolutionKind.MATCH
    mrn = forms.CharField(
        label="Record number, as on the source",
        max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    birth_date = forms.DateField(
        label="Birth date, as on the source",
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", "autocomplete": "off"}),
        error_messages={"invalid": "Enter the day as year-month-day, for example 1961-03-02."},
    )
    authority = forms.CharField(
        label="Who gave the number",
        max_length=128,
        required=False,
        help_text="Only where two authorities use the same number.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class CodeForm(AnswerForm):
    """Which of the message's codes stands for which analyte."""

    kind = ResolutionKind.MAP_CODE
    code = forms.ChoiceField(label="Code in the message")
    analyte = forms.ChoiceField(label="Analyte it stands for")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = {each.code: each for each in self.reading.codes if each.code}
        words = [
            (code, " ".join(filter(None, (code, each.text, f"({each.system})" if each.system else ""))))
            for code, each in codes.items()
        ]
        _offer(self, "code", words)
        _offer(self, "analyte", [(short, each.name) for short, each in library.analytes().items()])


class UnitForm(AnswerForm):
    """Which known unit the spelling in the message means."""

    kind = ResolutionKind.MAP_UNIT
    unit = forms.ChoiceField(label="Known unit that is meant")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        analyte = self.reading.analyte
        units = common_units(analyte.short) if analyte else []
        _offer(self, "unit", [(unit, unit) for unit in units])


class ConfirmValueForm(AnswerForm):
    """That an unlikely value is true."""

    kind = ResolutionKind.CONFIRM_VALUE


class RejectForm(AnswerForm):
    """That a result is not to be used."""

    kind = ResolutionKind.REJECT


FORMS: Mapping[ResolutionKind, type[AnswerForm]] = {
    form.kind: form for form in (MatchForm, CodeForm, UnitForm, ConfirmValueForm, RejectForm)
}


class FilterForm(forms.Form):
    """Which of the results kept apart are listed; an unknown word lists as if it were not there."""

    state = forms.ChoiceField(
        label="State",
        required=False,
        choices=[("", "Waiting"), ("resolved", "Resolved"), ("all", "All")],
    )
    owner = forms.ChoiceField(
        label="Owner",
        required=False,
        choices=[("", "Anybody"), ("me", "Me"), ("nobody", "Nobody")],
    )
    patient = forms.ChoiceField(
        label="Patient",
        required=False,
        choices=[("", "Any"), ("known", "Known"), ("unknown", "Not known")],
    )
    reason = forms.ChoiceField(label="Why it waits", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        codes = QuarantinedResult.objects.order_by("reason_code").values_list("reason_code", flat=True)
        field = self.fields["reason"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "Any reason"), *((code, code.replace("-", " ")) for code in codes.distinct())]


def _offer(form: forms.Form, name: str, choices: Iterable[tuple[str, str]]) -> None:
    """Fill a field of choices; none of them is chosen beforehand."""
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = [CHOOSE, *choices]
