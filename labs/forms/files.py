"""What people hand in as a file."""

from typing import Any

from django import forms

from labs.models import CsvFeed


class FileForm(forms.Form):
    """A file for one declared feed; nothing about it is guessed from the file."""

    feed = forms.ChoiceField(
        label="Feed", error_messages={"required": "Choose the feed the file belongs to."}
    )
    file = forms.FileField(
        label="File",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"}),
        error_messages={"required": "Choose a file.", "empty": "The file is empty. Export it again."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["feed"]
        assert isinstance(field, forms.ChoiceField)
        names = CsvFeed.objects.values_list("name", flat=True)
        field.choices = [("", "Choose"), *((name, name) for name in names)]
