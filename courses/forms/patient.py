"""The forms of facts that nurses and physicians record of a patient, whatever the course."""

from typing import Any

from django import forms

from courses.fact_kinds import LastingFlag
from courses.fact_words import ALLERGY, ANALOGUE, FLAG, INTERRUPTION, MODALITY, PREGNANCY, SUPPORT
from courses.forms.base import (
    CHOOSE,
    YES_NO,
    FactForm,
    choice_field,
    day_field,
    grade_field,
    reported_terms,
)
from courses.models import Course


class PregnancyForm(FactForm):
    """A pregnancy test, or that pregnancy is not possible."""

    finding = choice_field("What was found", PREGNANCY)
    on = day_field("Established on")


class ImagingForm(FactForm):
    """Receptor imaging and its lowest uptake."""

    modality = choice_field("Kind of imaging", MODALITY)
    uptake = forms.TypedChoiceField(
        label="Lowest uptake of the lesions (Krenning scale)",
        choices=[CHOOSE, *((str(each), str(each)) for each in range(5))],
        coerce=int,
        empty_value=None,
        help_text="0 is no uptake, 2 equals the liver, 4 is above spleen and kidneys.",
    )
    on = day_field("Imaged on")


class AnalogueForm(FactForm):
    """The last injection of a somatostatin analogue, or that none is given."""

    kind = choice_field("What is given", ANALOGUE)
    on = day_field("Injected on", help_text="Where no analogue is given: the day on which you asked.")


class AllergyForm(FactForm):
    """A review of allergies and earlier reactions."""

    finding = choice_field("What was found", ALLERGY)
    on = day_field("Reviewed on")


class InterruptionForm(FactForm):
    """An illness or an operation."""

    kind = choice_field("What it is", INTERRUPTION)
    from_day = day_field("From")
    to_day = day_field("To", required=False, help_text="Leave empty while it lasts.")


class FlagForm(FactForm):
    """A lasting fact of the patient."""

    flag = choice_field("What is recorded", FLAG)
    value = forms.ChoiceField(
        label="Answer",
        choices=[*YES_NO, *((str(each), f"NYHA class {each}") for each in range(1, 5))],
        help_text="For heart failure choose the class, class 1 where there is none; otherwise yes or no.",
    )
    on = day_field("Since")

    def clean(self) -> dict[str, Any]:
        """A class belongs to heart failure, yes or no to everything else."""
        data = super().clean() or {}
        is_class, wanted = data.get("value") not in ("yes", "no"), data.get("flag") == LastingFlag.NYHA_CLASS
        if data.get("value") and data.get("flag") and is_class != wanted:
            self.add_error("value", "Choose a NYHA class." if wanted else "Choose yes or no.")
        return data

    def fact(self) -> dict[str, Any]:
        """The fact as the service takes it."""
        value = self.cleaned_data["value"]
        return super().fact() | {"value": value == "yes" if value in ("yes", "no") else int(value)}


class SupportForm(FactForm):
    """A transfusion or growth factor."""

    kind = choice_field("What was given", SUPPORT)
    on = day_field("Given on")


class AdverseEventForm(FactForm):
    """An adverse event graded by a person."""

    term = forms.CharField(
        label="CTCAE term",
        max_length=200,
        help_text="Choose from the list where the event stands there; only then its own rule applies.",
    )
    grade = grade_field(5)
    from_day = day_field("From")
    to_day = day_field("To", required=False, help_text="Leave empty while it lasts.")
    related = forms.ChoiceField(
        label="Related to the treatment",
        required=False,
        choices=[("", "Not known"), ("yes", "Yes"), ("no", "No")],
    )

    def __init__(self, *args: Any, course: Course, **kwargs: Any) -> None:
        super().__init__(*args, course=course, **kwargs)
        self.terms = reported_terms(course)
        self.fields["term"].widget.attrs |= {"list": "terms", "autocomplete": "off"}

    def clean_term(self) -> str:
        """A term of the list as the list spells it, however it was typed."""
        typed = str(self.cleaned_data["term"]).strip()
        return next((term for term in self.terms if term.casefold() == typed.casefold()), typed)

    def fact(self) -> dict[str, Any]:
        """The fact as the service takes it."""
        return super().fact() | {
            "grade": int(self.cleaned_data["grade"]),
            "related": {"yes": True, "no": False}.get(self.cleaned_data["related"]),
        }
