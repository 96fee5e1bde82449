"""What a physicist types of absorbed doses, and what people type of an incident's review."""

from decimal import Decimal
from typing import Any

from django import forms

from courses.forms.base import CHOOSE, reason_field
from courses.models import AbsorbedDose, Cycle, IncidentActKind, Organ

_ELSEWHERE = "elsewhere"
_MISSING = {"required": "Fill this in."}


def _gray_field(label: str, *, required: bool = True, help_text: str = "") -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=required,
        help_text=help_text,
        min_value=Decimal("0.01") if required else Decimal(0),
        max_digits=6,
        decimal_places=2,
        localize=False,
        error_messages=_MISSING,
    )


class FigureForm(forms.Form):
    """One figure and how it was found."""

    absorbed_gy = _gray_field("Absorbed dose in Gy")
    uncertainty_gy = _gray_field(
        "Standard uncertainty in Gy",
        required=False,
        help_text="One standard deviation. Leave it empty where it is not known: 0 says that it is exact.",
    )
    method = forms.CharField(
        label="Method",
        max_length=200,
        help_text="For example: SPECT at 24, 96 and 168 h, single exponential fit.",
        error_messages=_MISSING,
    )
    software = forms.CharField(label="Software and version", max_length=200, error_messages=_MISSING)


class DoseForm(FigureForm):
    """A new figure: of which treatment and which organ, then the figure."""

    treatment = forms.ChoiceField(label="Treatment", error_messages=_MISSING)
    elsewhere = forms.CharField(
        label="Hospital, where it was treatment elsewhere", max_length=200, required=False
    )
    organ = forms.ChoiceField(label="Organ", choices=[CHOOSE, *Organ.choices], error_messages=_MISSING)
    field_order = ["treatment", "elsewhere", "organ"]

    def __init__(self, *args: Any, cycles: list[Cycle], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cycles = {str(cycle.pk): cycle for cycle in cycles}
        field = self.fields["treatment"]
        assert isinstance(field, forms.ChoiceField)
        named = [(key, cycle_words(cycle)) for key, cycle in self.cycles.items()]
        field.choices = [CHOOSE, *named, (_ELSEWHERE, "Treatment elsewhere")]

    def clean(self) -> dict[str, Any]:
        """Treatment elsewhere has a hospital, a cycle given here has none."""
        data = super().clean() or {}
        is_elsewhere = data.get("treatment") == _ELSEWHERE
        if data.get("treatment") and is_elsewhere != bool(data.get("elsewhere")):
            words = "Name the hospital." if is_elsewhere else "Leave this empty for a cycle given here."
            self.add_error("elsewhere", words)
        return data

    @property
    def cycle(self) -> Cycle | None:
        """The chosen cycle; none of treatment elsewhere."""
        return self.cycles.get(self.cleaned_data["treatment"])


class DoseCorrectionForm(FigureForm):
    """A figure that takes the place of one that stands."""

    reason = reason_field("Why it is corrected")

    @staticmethod
    def typed(dose: AbsorbedDose) -> dict[str, Any]:
        """What the fields hold at first: the figure that stands."""
        shown = ("absorbed_gy", "uncertainty_gy", "method", "software")
        return {name: getattr(dose, name) for name in shown}


class SignOffForm(forms.Form):
    """What a physicist concludes from a total and its limit."""

    text = reason_field("Your conclusion")


class IncidentActForm(forms.Form):
    """One act of the review of an incident."""

    kind = forms.ChoiceField(
        label="What was done", choices=[CHOOSE, *IncidentActKind.choices], error_messages=_MISSING
    )
    text = reason_field("In words: whom you told, when, what they said; or why this is no medical event")


def cycle_words(cycle: Cycle) -> str:
    """A cycle as a physicist chooses it."""
    given = getattr(cycle, "administration", None)
    if given is None:
        return f"Cycle {cycle.number}, given in part"
    on = given.administered_on
    return f"Cycle {cycle.number} of {on.day} {on:%B %Y}"
