"""Other patients whom somebody may take for this one, looked for among all in one query."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Q

from labs.alike import Known, are_alike, birth_dates_near_to, fold_name
from labs.models import Patient
from labs.same_person import numbers_of

# So many are named in the banner; how many more there are is said.
NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """Another person, as the banner names them."""

    family: str
    given: str
    birth_date: date
    mrn: str


def similar_patients(patient: Patient) -> list[Similar]:
    """Everybody else with names or a birth date near to these, by name; two queries, however many there are.

    Numbers that are the same person by a merge are left out, and so is nobody of the hourly trial. Who is
    compared at all begins with the same letter, has a birth date one slip away, or bears the names exchanged.
    """
    me = Known(family=patient.family, given=patient.given, birth_date=patient.birth_date)
    begins = {patient.family[:1], fold_name(patient.family)[:1]} - {""}
    near = Q(birth_date__in=[patient.birth_date, *birth_dates_near_to(patient.birth_date)])
    near |= Q(family__iexact=patient.given, given__iexact=patient.family)
    for letter in begins:
        near |= Q(family__istartswith=letter)
    rows = Patient.objects.real().filter(near).exclude(pk__in=numbers_of(patient.pk))
    found = rows.order_by("family", "given", "pk").values_list("family", "given", "birth_date", "mrn")
    return [
        Similar(family=family, given=given, birth_date=born, mrn=mrn)
        for family, given, born, mrn in found
        if are_alike(me, Known(family=family, given=given, birth_date=born))
    ]
