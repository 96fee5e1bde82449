"""The guided form that starts a course: questions, lasting facts, earlier treatment, and the planned days."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms.formsets import BaseFormSet

from courses.fact_words import MODALITY, PRIOR
from courses.forms.base import CHOOSE, choice_field, day_field
from courses.forms.planning import PlannedForm
from courses.library import protocol, protocol_ids
from courses.models import PeritonealDisease
from courses.rules.facts import PriorAnswer
from courses.rules.protocol import Use
from courses.rules.start_questions import AnswerKind, Question
from courses.services.course import GivenElsewhere
from courses.services.protocols import is_usable
from courses.services.starting import StartRequest
from courses.start_library import start_questions
from labs.models import Patient

_YES_NO_UNKNOWN = (CHOOSE, ("yes", "Yes"), ("no", "No"), ("unknown", "Not known yet"))
_TRI = {"yes": True, "no": False, "unknown": None}
_NOT_IMAGED = "none"
_GBQ = "In GBq, for example 7.4."


def _field(question: Question) -> forms.Field:
    """How a question is asked; the service judges the answer, and names the question in each fault."""
    if question.kind is AnswerKind.CHOICE:
        options = [CHOOSE, *((each.value, each.text) for each in question.options)]
        return forms.ChoiceField(label=question.text, choices=options)
    if question.kind is AnswerKind.DAY:
        return day_field(question.text, required=False)
    return forms.CharField(label=question.text, required=False, max_length=20)


class StartForm(PlannedForm):
    """Everything that is asked once; what may be given several times stands in the two sets beside it."""

    protocol_id = forms.ChoiceField(label="Protocol version")
    peritoneal_disease = forms.ChoiceField(
        label="Is there peritoneal or mesenteric disease?",
        choices=_YES_NO_UNKNOWN,
        help_text="It decides corticosteroid cover; until it is known no cycle is signed.",
    )
    dialysis = forms.ChoiceField(label="Is the patient on dialysis?", choices=_YES_NO_UNKNOWN)
    anticoagulated = forms.ChoiceField(label="Does the patient take anticoagulants?", choices=_YES_NO_UNKNOWN)
    nyha_class = forms.ChoiceField(
        label="Heart failure class (NYHA)",
        choices=[
            CHOOSE,
            *((str(each), f"Class {each}") for each in range(1, 5)),
            ("unknown", "Not known yet"),
        ],
        help_text="Class 1 where there is no heart failure.",
    )
    modality = forms.ChoiceField(
        label="Somatostatin receptor imaging",
        choices=[CHOOSE, *((key.value, label) for key, label in MODALITY.items()), (_NOT_IMAGED, "Not yet")],
    )
    uptake = forms.ChoiceField(
        label="Lowest uptake of the lesions (Krenning scale)",
        required=False,
        choices=[CHOOSE, *((str(each), str(each)) for each in range(5))],
        help_text="0 is no uptake, 2 equals the liver, 4 is above spleen and kidneys.",
    )
    imaged_on = day_field("Imaged on", required=False)
    prior = choice_field("Was the patient treated with a radionuclide before, here or elsewhere?", PRIOR)
    first_planned_on = day_field(
        "Planned day of the first cycle given here",
        required=False,
        help_text="May stay empty only where another hospital gave the cycles before: then the protocol's "
        "interval from the last of them counts.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        found = self.fields["protocol_id"]
        assert isinstance(found, forms.ChoiceField)
        found.choices = [CHOOSE, *((each, f"{protocol(each).title} ({each})") for each in usable_protocols())]
        for question in start_questions().questions:
            self.fields[question.id] = _field(question)
            self.fields[question.id].error_messages["required"] = "Choose one of the answers."

    def sections(self) -> Iterator[tuple[str, str, list[forms.BoundField]]]:
        """The steps of the page, each with its id, its title and its fields."""
        asked = [question.id for question in start_questions().questions]
        for key, title, names in (
            ("protocol", "1. Protocol", ["protocol_id"]),
            ("eligible", "2. Is the treatment right for this patient?", asked),
            ("imaging", "3. Receptor imaging", ["modality", "uptake", "imaged_on"]),
            (
                "lasting",
                "4. Lasting facts",
                ["peritoneal_disease", "dialysis", "anticoagulated", "nyha_class"],
            ),
        ):
            yield key, title, [self[name] for name in names]

    def prior_only(self) -> list[forms.BoundField]:
        """The question that stands above the earlier treatments."""
        return [self["prior"]]

    def days_only(self) -> list[forms.BoundField]:
        """The day that stands above the cycles given elsewhere."""
        return [self["first_planned_on"]]

    def clean(self) -> dict[str, Any]:
        """Imaging is recorded whole, or said to be missing."""
        data = super().clean() or {}
        if data.get("modality") not in (None, "", _NOT_IMAGED):
            for name in ("uptake", "imaged_on"):
                if not data.get(name) and name not in self.errors:
                    self.add_error(name, "Fill this in for imaging that was done.")
        return data


class EarlierTreatmentForm(PlannedForm):
    """One treatment before this course."""

    product = forms.CharField(label="Product", max_length=200)
    administered_gbq = forms.DecimalField(label="Administered activity", localize=False, help_text=_GBQ)
    day = day_field("Given on", required=False)
    month = forms.CharField(
        label="Or in the month", required=False, max_length=7, help_text="Year-month, for example 2021-03."
    )
    hospital = forms.CharField(label="Hospital", max_length=200)
    provenance = forms.CharField(label="Where this is known from", max_length=200)


class EarlierCycleForm(PlannedForm):
    """One cycle of this course that another hospital gave."""

    on = day_field("Given on")
    administered_gbq = forms.DecimalField(label="Administered activity", localize=False, help_text=_GBQ)
    hospital = forms.CharField(label="Hospital", max_length=200)


EarlierTreatments = forms.formset_factory(EarlierTreatmentForm, extra=3, max_num=3)
EarlierCycles = forms.formset_factory(EarlierCycleForm, extra=3, max_num=3)


def _filled(rows: "BaseFormSet[Any]") -> list[dict[str, Any]]:
    """The rows that were filled in; each is whole or empty."""
    return [form.cleaned_data for form in rows.forms if form.has_changed() and form.is_valid()]


def usable_protocols() -> list[str]:
    """Versions that a course may be started under here: approved, and no research."""
    return [each for each in protocol_ids() if protocol(each).use is Use.LABEL and is_usable(each)]


def request_of(
    patient: Patient, form: StartForm, treatments: "BaseFormSet[Any]", cycles: "BaseFormSet[Any]"
) -> StartRequest:
    """What the form says, as the service takes it; all three parts are valid."""
    data = form.cleaned_data
    imaged = data["modality"] != _NOT_IMAGED
    return StartRequest(
        patient=patient,
        protocol_id=data["protocol_id"],
        first_planned_on=data["first_planned_on"],
        peritoneal_disease=PeritonealDisease(data["peritoneal_disease"]),
        dialysis=_TRI[data["dialysis"]],
        anticoagulated=_TRI[data["anticoagulated"]],
        nyha_class=None if data["nyha_class"] == "unknown" else int(data["nyha_class"]),
        prior=_prior(data["prior"], treatments),
        earlier=[
            GivenElsewhere(on=row["on"], administered_gbq=row["administered_gbq"], hospital=row["hospital"])
            for row in _filled(cycles)
        ],
        imaging={
            "modality": data["modality"],
            "uptake": int(data["uptake"]),
            "on": data["imaged_on"].isoformat(),
        }
        if imaged
        else None,
        answers={question.id: _plain(data.get(question.id)) for question in start_questions().questions},
    )


def _prior(answer: str, treatments: "BaseFormSet[Any]") -> list[dict[str, Any]]:
    if answer != PriorAnswer.GIVEN.value:
        return [{"answer": answer}]
    return [
        {"answer": answer} | {name: _plain(value) for name, value in row.items() if value not in (None, "")}
        for row in _filled(treatments)
    ]


def _plain(value: Any) -> str:
    """One answer as text."""
    if value is None:
        return ""
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def faults_of_sets(form: StartForm, treatments: "BaseFormSet[Any]", cycles: "BaseFormSet[Any]") -> list[str]:
    """What is wrong beside the fields of the form, each naming its row."""
    found = [
        f"{title} {number}, {row.fields[name].label}: {fault}"
        for title, rows in (("Earlier treatment", treatments), ("Cycle given elsewhere", cycles))
        for number, row in enumerate(rows.forms, start=1)
        for name, faults in row.errors.items()
        if name in row.fields
        for fault in faults
    ]
    answer, named = form.data.get("prior", ""), any(row.has_changed() for row in treatments.forms)
    if answer == PriorAnswer.GIVEN.value and not named:
        found.append("Earlier treatment: name each treatment that was given.")
    if answer in (PriorAnswer.NONE.value, PriorAnswer.UNKNOWN.value) and named:
        found.append("Earlier treatment: a treatment is named, but the answer above is another one.")
    return found
