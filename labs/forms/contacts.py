"""What people type of the telephone numbers around a patient."""

from django import forms

_NUMBER = {"inputmode": "tel", "autocomplete": "off"}
_NAME = {"autocomplete": "off"}


def _number(label: str) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=40, widget=forms.TextInput(attrs=dict(_NUMBER))
    )


def _name(label: str) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, max_length=120, widget=forms.TextInput(attrs=dict(_NAME))
    )


class ContactsForm(forms.Form):
    """Whom to call about a patient; each name with its number."""

    telephone = _number("Patient’s telephone")
    kin_name = _name("Next of kin: name and relation")
    kin_telephone = _number("Next of kin: telephone")
    doctor_name = _name("Referring doctor: name")
    doctor_telephone = _number("Referring doctor: telephone")
    pharmacy_name = _name("Pharmacy: name")
    pharmacy_telephone = _number("Pharmacy: telephone")
