"""What is known of allergies and earlier reactions: the newest answer, and a graver one before it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from courses.models import ChartFact, RecordKind, TherapyStep
from courses.rules.day_values import Happened
from courses.rules.facts import ALLERGY_ORDER, AllergyFinding
from courses.rules.wording import day_words
from labs.clinic_days import clinic_day
from labs.same_person import numbers_of
from labs.zones import clinic_zone

NOT_RECORDED = "not recorded"
_WORDS = {
    AllergyFinding.NONE: "none known",
    AllergyFinding.PREMEDICATE: "earlier reaction, premedication is needed",
    AllergyFinding.CONTRAINDICATED: "severe reaction, treatment is contraindicated",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Allergies:
    """One answer and its day, without one where nobody was ever asked; `earlier` is graver and stands."""

    words: str
    on: date | None = None
    is_grave: bool = False
    earlier: "Allergies | None" = None


def allergies_of(patient_id: int) -> Allergies:
    """The newest answer under all numbers of a person; three queries.

    Whoever is asked again may forget what they said before: a graver answer that nobody took back is told.
    """
    answers = sorted(
        _answers(numbers_of(patient_id)), key=lambda each: (each[0], ALLERGY_ORDER.index(each[1]))
    )
    if not answers:
        return Allergies(words=NOT_RECORDED)
    on, finding = answers[-1]
    worst_on, worst = max(answers, key=lambda each: ALLERGY_ORDER.index(each[1]))
    earlier = None
    if worst is not finding:
        earlier = Allergies(words=_WORDS[worst], on=worst_on, is_grave=True)
    is_grave = finding is not AllergyFinding.NONE
    return Allergies(words=_WORDS[finding], on=on, is_grave=is_grave, earlier=earlier)


def allergies_in_a_line(patient_id: int) -> str:
    """The same for paper: the answer that counts, and a graver one before it."""
    found = allergies_of(patient_id)
    return "; earlier: ".join(
        each.words if each.on is None else f"{each.words}, {day_words(each.on)}"
        for each in (found, found.earlier)
        if each is not None
    )


def _answers(numbers: Collection[int]) -> Iterator[tuple[date, AllergyFinding]]:
    """Every answer that stands: recorded for a cycle, or asked on a day of therapy."""
    facts = ChartFact.objects.counting().filter(patient_id__in=numbers, kind=RecordKind.ALLERGY_REVIEW)
    for data in facts.order_by("pk").values_list("data", flat=True):
        assert data is not None  # a fact that counts says something
        yield date.fromisoformat(data["on"]), AllergyFinding(data["finding"])
    steps = TherapyStep.objects.filter(
        therapy_day__cycle__course__patient_id__in=numbers,
        kind=Happened.ALLERGY.value,
        corrected_by__isnull=True,
        taken_back=False,
    )
    for data, at in steps.order_by("pk").values_list("data", "happened_at"):
        yield clinic_day(at, clinic_zone()), AllergyFinding(data["finding"])
