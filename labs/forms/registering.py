"""What people type of a patient who is not known here yet."""

from django import forms

from labs.models.patient import Sex


def _text(label: str, *, longest: int, help_text: str = "", required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        max_length=longest,
        required=required,
        help_text=help_text,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class RegisterForm(forms.Form):
    """Number, name, birth date and sex; a tick where somebody known looks like the same person."""

    mrn = _text("Patient number", longest=64, help_text="As it stands on the wristband.")
    assigning_authority = _text(
        "Whose number it is",
        longest=128,
        help_text="The name under which the laboratories send it, so that results find the patient.",
    )
    family = _text("Family name", longest=128)
    given = _text("Given name", longest=128, required=False)
    birth_date = forms.DateField(
        label="Birth date", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    # Nothing is chosen beforehand: a sex that nobody gave is not known.
    sex = forms.ChoiceField(label="Sex", choices=[("", "Choose …"), *Sex.choices])
    is_another = forms.BooleanField(
        label="I have compared them: this is another person than those named above.", required=False
    )
