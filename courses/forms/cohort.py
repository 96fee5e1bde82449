"""The forms of the cohort report: which courses it counts, and for what its rows are taken."""

from typing import Any

from django import forms

from courses.cohort.words import Selection
from courses.forms.base import day_field, reason_field
from courses.models import Course, CourseStatus, ExportFormat

_EVERY = ("", "Every one")


class CohortForm(forms.Form):
    """Which courses are counted; what is left open narrows nothing."""

    first = day_field("Started from", required=False)
    last = day_field("Started to", required=False)
    protocol = forms.ChoiceField(label="Protocol version", required=False)
    status = forms.ChoiceField(label="Status", required=False, choices=[_EVERY, *CourseStatus.choices])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["protocol"]
        assert isinstance(field, forms.ChoiceField)
        followed = (
            Course.objects.real().order_by("protocol_id").values_list("protocol_id", flat=True).distinct()
        )
        field.choices = [_EVERY, *((each, each) for each in followed)]

    def clean(self) -> dict[str, Any]:
        """A span of time runs forward."""
        data = super().clean() or {}
        first, last = data.get("first"), data.get("last")
        if first and last and first > last:
            self.add_error("last", "The last day lies before the first one.")
        return data

    def selection(self) -> Selection | None:
        """What was chosen; none where the form is at fault."""
        if not self.is_valid():
            return None
        said = self.cleaned_data
        return Selection(
            first=said["first"], last=said["last"], protocol_id=said["protocol"], status=said["status"]
        )


class LineListForm(CohortForm):
    """The same courses, as rows in a file."""

    file_format = forms.ChoiceField(label="File", choices=ExportFormat.choices)
    with_names = forms.BooleanField(label="With numbers, names and dates of birth", required=False)
    reason = reason_field("What the rows are for")
