"""The ground of every form that records a fact: its fields, and how they become the fact's JSON."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, ClassVar

from django import forms

from courses.library import UnknownProtocol, protocol
from courses.models import Course, RecordKind
from courses.models.fact import OF_PHYSICIANS
from courses.rules.protocol import Protocol

CHOOSE = ("", "Choose")
YES_NO = (CHOOSE, ("yes", "Yes"), ("no", "No"))
_LONGEST = 1000  # letters of a reason, as the service takes it


def choices_of(labels: Mapping[StrEnum, str]) -> list[tuple[str, str]]:
    """Every choice of a list, with nothing chosen beforehand."""
    return [CHOOSE, *((key.value, label) for key, label in labels.items())]


def choice_field(label: str, labels: Mapping[StrEnum, str], help_text: str = "") -> forms.ChoiceField:
    """One of a closed list of words."""
    return forms.ChoiceField(label=label, choices=choices_of(labels), help_text=help_text)


def grade_field(most: int, help_text: str = "") -> forms.ChoiceField:
    """A CTCAE grade from 1 up."""
    grades = [CHOOSE, *((str(grade), f"Grade {grade}") for grade in range(1, most + 1))]
    return forms.ChoiceField(label="CTCAE grade", choices=grades, help_text=help_text)


def day_field(label: str, *, required: bool = True, help_text: str = "") -> forms.DateField:
    """A day as every browser sends it; other spellings are ambiguous and refused."""
    return forms.DateField(
        label=label,
        required=required,
        help_text=help_text,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages={"invalid": "Enter a day as year-month-day, for example 2026-05-04."},
    )


def scanned_field(label: str, *, most: int, required: bool = True, help_text: str = "") -> forms.CharField:
    """What a bar-code reader may write: its Enter leads on before it sends the form (scan.js)."""
    widget = forms.TextInput(attrs={"data-scan": True, "autocomplete": "off"})
    return forms.CharField(
        label=label, max_length=most, required=required, help_text=help_text, widget=widget
    )


def reason_field(label: str, *, required: bool = True) -> forms.CharField:
    """A reason in free words."""
    return forms.CharField(
        label=label,
        max_length=_LONGEST,
        required=required,
        widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say in a few words why."},
    )


def plan_of(course: Course) -> Protocol | None:
    """The course's protocol; none where its file is not there."""
    try:
        return protocol(course.protocol_id)
    except UnknownProtocol:
        return None


def graded_terms(course: Course) -> list[str]:
    """The terms that the course's criteria grade, by name."""
    plan = plan_of(course)
    return sorted(plan.criteria.by_term) if plan else []


def reported_terms(course: Course) -> list[str]:
    """The terms that the course's protocol knows by name, whoever grades them."""
    plan = plan_of(course)
    named = (term for family in plan.families for term in family.reported_terms) if plan else ()
    return sorted({*graded_terms(course), *named})


class FactForm(forms.Form):
    """What one kind of fact asks. `fact()` is what it says, in the JSON the service takes.

    A physician's act, and whatever takes the place of an older record, is given a reason.
    """

    # Where the JSON's key cannot be the field's name.
    fields_of_keys: ClassVar[Mapping[str, str]] = {"from": "from_day", "to": "to_day"}

    def __init__(self, *args: Any, course: Course, kind: RecordKind, replaces: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.course = course
        for field in self.fields.values():
            field.error_messages["required"] = "Fill this in."
        if kind in OF_PHYSICIANS:
            self.fields["reason"] = reason_field("Reason")
        elif replaces:
            self.fields["reason"] = reason_field("Why the record is changed")

    def fact(self) -> dict[str, Any]:
        """The fact as the service takes it."""
        return {
            key: self.said(self.cleaned_data[name])
            for key, name in self.keys().items()
            if self.cleaned_data[name] not in (None, "")
        }

    def said(self, value: Any) -> Any:
        """One value as JSON holds it."""
        return value.isoformat() if hasattr(value, "isoformat") else value

    def keys(self) -> dict[str, str]:
        """The fields that make the fact, by their JSON keys."""
        renamed = {name: key for key, name in self.fields_of_keys.items()}
        return {renamed.get(name, name): name for name in self.fields if name != "reason"}

    def offer(self, name: str, choices: Iterable[tuple[str, str]]) -> None:
        """Fill a field of choices; none of them is chosen beforehand."""
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [CHOOSE, *choices]

    def refuse(self, faults: Iterable[str]) -> None:
        """Show each of the service's faults at its field, or above the form."""
        for fault in faults:
            key, _, text = fault.partition(": ")
            name = self.fields_of_keys.get(key, key)
            if name in self.fields:
                self.add_error(name, text[:1].upper() + text[1:])
            else:
                self.add_error(None, fault)

    @classmethod
    def typed(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """A stored fact as the fields show it."""
        shown = {True: "yes", False: "no"}
        return {
            cls.fields_of_keys.get(key, key): shown[value] if isinstance(value, bool) else value
            for key, value in data.items()
        }
