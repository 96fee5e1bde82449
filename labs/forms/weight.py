"""What people type of a body weight."""

from decimal import Decimal
from typing import Any

from django import forms

from labs.library import limits
from labs.models import BodyWeight, Patient


class WeightForm(forms.Form):
    """One weighing; a large change since the last one has to be confirmed."""

    kg = forms.DecimalField(
        label="Body weight in kg", min_value=Decimal("0.01"), max_digits=5, decimal_places=2, localize=False
    )
    measured_on = forms.DateField(
        label="Weighed on", widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    confirmed = forms.BooleanField(label="I checked the number against the scale", required=False)

    def __init__(self, *args: Any, patient: Patient, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.patient = patient
        self.asks_confirmation = False

    def clean(self) -> dict[str, Any]:
        """Ask once more when the weight moved further than the limit."""
        data = super().clean() or {}
        last = BodyWeight.objects.filter(patient=self.patient).first()
        kg = data.get("kg")
        if last is None or kg is None or data.get("confirmed"):
            return data
        most = limits().weight_change_percent
        if abs(kg - last.kg) * 100 > last.kg * most:
            self.asks_confirmation = True
            self.add_error(
                "kg",
                f"That is more than {most} % away from {last.kg.normalize():f} kg of "
                f"{last.measured_on:%d %B %Y}. Check the scale, then confirm below.",
            )
        return data
