"""What narrows the delivery log and the budget."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django import forms
from django.contrib.auth.models import User

from alerts.models.notification import NotificationState
from labs.clinic_days import add_days, days_between
from labs.templatetags.clinic_text import visible

SHOWN_DAYS = 90
LONGEST_DAYS = 1100
_ANY = ("", "Any")


class LogForm(forms.Form):
    """To whom, how it stands, about which alert."""

    person = forms.ChoiceField(label="Person", required=False)
    state = forms.ChoiceField(label="State", required=False, choices=[_ANY, *NotificationState.choices])
    alert = forms.CharField(label="Alert reference", required=False, max_length=7)

    def __init__(self, people: Iterable[User], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["person"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            _ANY,
            *((str(each.pk), visible(each.get_full_name() or each.get_username())) for each in people),
        ]


def _day(label: str) -> forms.DateField:
    return forms.DateField(
        label=label,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        error_messages={
            "invalid": "Enter a day as year-month-day, for example 2026-05-04.",
            "required": "Enter a day.",
        },
    )


class PeriodForm(forms.Form):
    """From which day to which; without one the last weeks."""

    first = _day("From")
    last = _day("To")

    def __init__(self, sent: Any, *, today: date) -> None:
        super().__init__(sent, initial={"first": add_days(today, -SHOWN_DAYS), "last": today})

    def clean(self) -> dict[str, Any]:
        """A period runs forward and ends some day."""
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if first and last and first > last:
            self.add_error("last", "This day lies before the first one.")
        elif (
            first
            and last
            and (days_between(first, last) > LONGEST_DAYS or first.year < 2000 or last.year > 2200)
        ):
            self.add_error("first", f"Choose at most {LONGEST_DAYS} days.")
        return data

    def period(self) -> tuple[date, date] | None:
        """The two days; none where what was sent is no period."""
        if not self.is_bound:
            return self.initial["first"], self.initial["last"]
        return (self.cleaned_data["first"], self.cleaned_data["last"]) if self.is_valid() else None
