"""A sample of what a laboratory sends, pasted before it goes live."""

from typing import Any

from django import forms

from labs.models import CsvFeed

_LONGEST = 200_000


class SampleForm(forms.Form):
    """One HL7 message, or CSV text with the feed that declares its dialect."""

    feed = forms.ChoiceField(label="What it is", required=False)
    text = forms.CharField(
        label="Sample",
        max_length=_LONGEST,
        strip=False,
        help_text="Paste one HL7 message from MSH on, or CSV text with its header line. Nothing is stored.",
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "prrt-raw"}),
        error_messages={"required": "Paste a sample first."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["feed"]
        assert isinstance(field, forms.ChoiceField)
        feeds = [(name, f"CSV of the feed {name}") for name in CsvFeed.objects.values_list("name", flat=True)]
        field.choices = [("", "An HL7 message"), *feeds]
