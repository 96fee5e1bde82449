"""The forms of the work list: what to look at, and the name under which a person keeps it."""

from typing import Any

from django import forms

from courses.library import protocol_ids
from courses.work_filter import BLOODS, DAYS, STATES, Asked

ANY = ("", "Any")
MOST_CYCLES = 8


class WorkForm(forms.Form):
    """What of the open courses to look at; choices alone, so that no name of a patient is ever asked for."""

    state = forms.ChoiceField(label="What is to be done", required=False, choices=[ANY, *STATES.items()])
    days = forms.ChoiceField(label="Planned", required=False, choices=[ANY, *DAYS.items()])
    bloods = forms.ChoiceField(label="Bloods", required=False, choices=[ANY, *BLOODS.items()])
    cycle = forms.ChoiceField(
        label="Cycle",
        required=False,
        choices=[ANY, *((str(number), str(number)) for number in range(1, MOST_CYCLES + 1))],
    )
    protocol = forms.ChoiceField(label="Protocol", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["protocol"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [ANY, *((each, each) for each in protocol_ids())]

    def asked(self) -> Asked:
        """The choices; one that is none of the list asks for nothing."""
        self.is_valid()
        return Asked(**{name: self.cleaned_data.get(name, "") for name in self.fields})


class FilterNameForm(forms.Form):
    """How a person calls a filter."""

    name = forms.CharField(label="Name of these filters", max_length=60)
