"""Template tag for the banner above every page of a patient: who else may be taken for them."""

from typing import NamedTuple

from django import template

from labs.models import Patient
from labs.similar_patients import NAMED, Similar, similar_patients

register = template.Library()


class Alike(NamedTuple):
    """Those who are named, and how many more there are."""

    named: list[Similar]
    more: int


@register.simple_tag
def patients_like(patient: Patient) -> Alike:
    """Other patients with a similar name or birth date."""
    found = similar_patients(patient)
    return Alike(named=found[:NAMED], more=max(0, len(found) - NAMED))
