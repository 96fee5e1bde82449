"""What was wrong in the record of an infusion, as a form: only what is filled in is changed."""

from typing import Any

from django import forms

from courses.forms.base import reason_field
from courses.forms.day import ActivityField, DayForm, when_field
from courses.models import InfusionEnd
from courses.services.infusion_corrections import Wrong

_AS_IT_WAS = ("", "As recorded")


class CorrectInfusionForm(DayForm):
    """Every field left empty stays as it was recorded."""

    from_entries = forms.BooleanField(
        label="Take start, end, assay and residuals from the day's entries as they stand now", required=False
    )
    started_at = when_field("Started")
    ended_at = when_field("Ended")
    ended_how = forms.ChoiceField(
        label="How it ended", choices=[_AS_IT_WAS, *InfusionEnd.choices], required=False
    )
    product = forms.CharField(label="Product, by its full name", max_length=120, required=False)
    assay = ActivityField(label="Activity measured before, with its unit", required=False)
    assay_at = when_field("When that was measured")
    residual = ActivityField(label="All that was left, with its unit", required=False)
    residual_at = when_field("When that was measured")
    delivered = ActivityField(
        label="Delivered activity, with its unit",
        required=False,
        help_text="Only where the measurements cannot say it; then it stands.",
    )
    route = forms.CharField(label="Another route than directed", required=False, max_length=200)
    as_directed = forms.BooleanField(label="The route was the directed one", required=False)
    reason = reason_field("What was wrong")
    second_name = forms.CharField(
        label="Second person: log-in name",
        required=False,
        help_text="Needed where the delivered activity or the start changes.",
    )
    second_password = forms.CharField(
        label="Second person: password",
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )

    def __init__(self, *args: Any, names_product: bool, has_entries: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not names_product:
            del self.fields["product"]
        if not has_entries:
            del self.fields["from_entries"]
        for name in ("started_at", "ended_at", "assay_at", "residual_at"):
            self.fields[name].help_text = "On the clinic's clock."

    def wrong(self) -> Wrong:
        """What is filled in."""
        said = self.cleaned_data
        route = said["route"] or ("" if said["as_directed"] else None)
        return Wrong(
            started_at=said["started_at"],
            ended_at=said["ended_at"],
            ended_how=InfusionEnd(said["ended_how"]) if said["ended_how"] else None,
            product=said.get("product", ""),
            assay_gbq=said["assay"],
            assay_at=said["assay_at"],
            residual_gbq=said["residual"],
            residual_at=said["residual_at"],
            delivered_gbq=said["delivered"],
            route=route,
        )

    def clean(self) -> dict[str, Any]:
        """A route is either another one or the directed one."""
        cleaned: dict[str, Any] = super().clean() or {}
        if cleaned.get("route") and cleaned.get("as_directed"):
            self.add_error("as_directed", "Leave this out, or the other route.")
        return cleaned

    def refuse(self, faults: Any) -> None:
        """The service's faults at the fields of this form."""
        names = {"second": "second_name", "residuals": "residual", "delivered_gbq": "delivered"}
        found = []
        for fault in faults:
            key, colon, text = fault.partition(": ")
            found.append(f"{names.get(key, key)}{colon}{text}")
        super().refuse(found)
