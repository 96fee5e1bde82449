"""Template tag for the banner of a patient: what is known of allergies."""

from django import template

from courses import allergies
from labs.models import Patient

register = template.Library()


@register.simple_tag
def allergies_of(patient: Patient) -> allergies.Allergies:
    """What was answered last, or that nobody was asked."""
    return allergies.allergies_of(patient.pk)
