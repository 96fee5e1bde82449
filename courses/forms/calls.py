"""The form of a call or visit: who spoke, the answers, complaints with their grade, what follows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.conf import settings
from django.forms.formsets import BaseFormSet
from django.http import QueryDict

from courses.call_library import call_plans
from courses.calls import CallBack
from courses.forms.base import CHOOSE, reason_field
from courses.forms.day import when_field
from courses.forms.patient import AdverseEventForm
from courses.forms.planning import PlannedForm
from courses.models import (
    CallBackBy,
    CallChannel,
    CallOutcome,
    ChartFact,
    Course,
    PatientCall,
    RecordKind,
    SpokenWith,
)
from courses.rules.calls import ANSWER_WORDS, CallQuestion
from courses.services.call_checks import questions_for
from courses.services.call_said import CallSaid, HoldAnswer, Symptom
from labs.templatetags.clinic_text import instant, visible

_LONGEST, _LONGEST_NAME = 1000, 200
_OUTCOMES = (
    (CallOutcome.SPOKEN.value, "I spoke with somebody"),
    (CallOutcome.NOT_REACHED.value, "Nobody was reached"),
)
_HOLDS = ((HoldAnswer.HOLD.value, "Hold the course now"), (HoldAnswer.GO_ON.value, "Do not hold it"))
_ANSWERS = tuple((answer.value, words) for answer, words in ANSWER_WORDS.items())
GRADES = (
    "Grade 1: mild. Grade 2: moderate, hinders shopping or cooking. Grade 3: severe, hinders washing and "
    "dressing, or needs a hospital. Grade 4: life-threatening. Grade 5: death. The term's criteria decide."
)


class Choices(forms.RadioSelect):
    """A few answers side by side, none chosen; a fault leads to the first of them."""

    def id_for_label(self, id_: str, index: str | int | None = None) -> str:
        """The first answer stands for the whole question."""
        return f"{id_}_{index or 0}" if id_ else ""


def choices_field(
    label: str, choices: Iterable[tuple[str, str]], *, required: bool = True, help_text: str = ""
) -> forms.ChoiceField:
    """One question with its answers side by side."""
    return forms.ChoiceField(
        label=label, choices=list(choices), required=required, widget=Choices, help_text=help_text
    )


def _text(label: str, *, help_text: str = "") -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=_LONGEST,
        help_text=help_text,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class CallForm(PlannedForm):
    """One call or visit; the complaints stand in the set of `Symptoms` beside it."""

    key = forms.UUIDField(widget=forms.HiddenInput, required=False)
    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)
    occasion = forms.CharField(widget=forms.HiddenInput, max_length=24)
    cycle = forms.IntegerField(widget=forms.HiddenInput, required=False)
    about_on = forms.DateField(
        widget=forms.HiddenInput(attrs={"autocomplete": "off"}), required=False, input_formats=["%Y-%m-%d"]
    )
    outcome = choices_field("What became of it", _OUTCOMES)
    channel = choices_field("How", ((each.value, each.label.capitalize()) for each in CallChannel))
    spoken_at = when_field("When", required=True)
    spoken_by = forms.CharField(label="Who of the clinic spoke", max_length=_LONGEST_NAME)
    spoken_with = forms.ChoiceField(
        label="With whom",
        required=False,
        choices=[CHOOSE, *((each.value, each.label.capitalize()) for each in SpokenWith)],
        help_text="Only where nobody was reached it stays empty.",
    )
    spoken_with_name = forms.CharField(
        label="Name of that person",
        required=False,
        max_length=_LONGEST_NAME,
        help_text="For anybody but the patient: the name, and how they belong to the patient.",
    )
    note = _text("What was said", help_text="For example which medicines are new.")
    advice = _text("Advice given")
    settles = forms.MultipleChoiceField(
        label="This call settles what was still open",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    call_back_who = forms.ChoiceField(
        label="Who rings back",
        required=False,
        choices=[CHOOSE, *((each.value, each.label.capitalize()) for each in CallBackBy)],
    )
    call_back_by = when_field("By when")
    call_back_about = forms.CharField(label="What about", required=False, max_length=_LONGEST_NAME)
    hold = choices_field("Is the course held?", _HOLDS, required=False)
    hold_reason = _text(
        "Why it is held, or why not", help_text="Where it is held for an answer above, that answer is added."
    )
    answer_prefix: ClassVar[str] = "answer-"

    def __init__(
        self,
        sent: QueryDict | None = None,
        *,
        course: Course,
        occasion: str,
        open_calls: Sequence[CallBack],
        correcting: bool = False,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(sent, initial=dict(initial or {}))
        self.course, self.correcting = course, correcting
        self.questions = questions_for(occasion, course.patient)
        for question in self.questions:
            self.fields[self.answer_prefix + question.id] = choices_field(
                question.text, _ANSWERS, required=False
            )
        settles = self.fields["settles"]
        assert isinstance(settles, forms.MultipleChoiceField)
        settles.choices = [(str(each.call.public_id), call_back_words(each.call)) for each in open_calls]
        for name in ("spoken_at", "call_back_by"):
            self.fields[name].help_text = f"On the clinic's clock ({settings.CLINIC_TIME_ZONE})."
        for name, is_asked in (
            ("settles", bool(open_calls)),
            ("hold", course.is_open),
            ("hold_reason", course.is_open),
        ):
            if not is_asked:
                del self.fields[name]
        if correcting:
            self.fields["reason"] = reason_field("What was wrong")

    def of_call(self) -> list[forms.BoundField]:
        """Who spoke with whom, when and how, but for what is chosen side by side."""
        names = ("spoken_at", "spoken_by", "spoken_with", "spoken_with_name")
        return [self[name] for name in names]

    def asked(self) -> Iterator[tuple[CallQuestion, forms.BoundField]]:
        """Each question with its field."""
        for question in self.questions:
            yield question, self[self.answer_prefix + question.id]

    def said_freely(self) -> list[forms.BoundField]:
        """What was said and advised."""
        return [self["note"], self["advice"]]

    def of_call_back(self) -> list[forms.BoundField]:
        """Who rings back, by when, about what."""
        return [self[name] for name in ("call_back_who", "call_back_by", "call_back_about")]

    def of_hold(self) -> list[forms.BoundField]:
        """Why the course is held or not."""
        return [self["hold_reason"]] if "hold_reason" in self.fields else []

    def of_reason(self) -> list[forms.BoundField]:
        """Why the record is corrected."""
        return [self["reason"]] if self.correcting else []

    def said(self, symptoms: "BaseFormSet[Any]") -> CallSaid:
        """The call as the service takes it; both parts are valid."""
        data = self.cleaned_data
        answers = {question.id: data[self.answer_prefix + question.id] for question in self.questions}
        return CallSaid(
            occasion=data["occasion"],
            cycle=data["cycle"],
            about_on=data["about_on"],
            outcome=data["outcome"],
            spoken_at=data["spoken_at"],
            channel=data["channel"],
            spoken_by=data["spoken_by"],
            spoken_with=data["spoken_with"],
            spoken_with_name=data["spoken_with_name"],
            answers={key: answer for key, answer in answers.items() if answer},
            note=data["note"],
            advice=data["advice"],
            symptoms=[row.symptom() for row in symptoms.forms if row.is_filled()],
            call_back_who=data["call_back_who"],
            call_back_by=data["call_back_by"],
            call_back_about=data["call_back_about"],
            settles=[UUID(each) for each in data.get("settles", [])],
            hold=data.get("hold", ""),
            hold_reason=data.get("hold_reason", ""),
        )


class SymptomForm(AdverseEventForm):
    """One complaint, graded by whoever asks; its cause is left to a physician."""

    fact_id = forms.UUIDField(widget=forms.HiddenInput, required=False)
    is_mistake = forms.BooleanField(label="Recorded by mistake: take it back", required=False)

    def __init__(self, *args: Any, course: Course, correcting: bool = False, **kwargs: Any) -> None:
        kind = RecordKind.ADVERSE_EVENT
        super().__init__(*args, course=course, kind=kind, replaces=False, **kwargs)
        self.terms = sorted({*self.terms, *call_plans().plans.symptom_terms})
        self.fields["grade"].help_text = GRADES
        del self.fields["related"]
        if not (correcting and self.initial.get("fact_id")):
            del self.fields["is_mistake"]

    def is_filled(self) -> bool:
        """Whether the row says anything: a recorded complaint, or a new one."""
        return bool(self.cleaned_data.get("fact_id")) or bool(self.cleaned_data.get("term"))

    def symptom(self) -> Symptom:
        """The row as the service takes it."""
        data = self.cleaned_data
        return Symptom(
            term=data["term"],
            grade=int(data["grade"]),
            began_on=data["from_day"],
            ended_on=data["to_day"],
            fact=str(data["fact_id"] or ""),
            is_mistake=data.get("is_mistake", False),
        )


Symptoms = forms.formset_factory(SymptomForm, extra=3, max_num=60)


def symptoms_form(
    course: Course, known: Iterable[ChartFact], *, sent: QueryDict | None = None, correcting: bool = False
) -> "BaseFormSet[Any]":
    """The rows of complaints: those on record, then empty ones."""
    return Symptoms(
        sent,
        prefix="symptom",
        initial=[_shown(fact) for fact in known],
        form_kwargs={"course": course, "correcting": correcting},
    )


def _shown(fact: ChartFact) -> dict[str, Any]:
    data = fact.data or {}
    return {
        "fact_id": fact.public_id,
        "term": data["term"],
        "grade": str(data["grade"]),
        "from_day": date.fromisoformat(data["from"]),
        "to_day": date.fromisoformat(data["to"]) if data.get("to") else None,
    }


def refuse(form: CallForm, symptoms: "BaseFormSet[Any]", faults: Iterable[str]) -> None:
    """Show each of the service's faults at its field, in its row of complaints, or above the form."""
    rows = [row for row in symptoms.forms if row.is_filled()]
    for fault in faults:
        parts = fault.split("-", 2)
        if parts[0] == "symptom" and len(parts) == 3 and parts[1].isdecimal() and int(parts[1]) < len(rows):
            rows[int(parts[1])].refuse([parts[2]])
        else:
            form.refuse([fault])


def faults_of_rows(symptoms: "BaseFormSet[Any]") -> list[str]:
    """What is wrong with the rows of complaints, each naming its row."""
    found = [str(fault) for fault in symptoms.non_form_errors()]
    for number, row in enumerate(symptoms.forms, start=1):
        for name, faults in row.errors.items():
            label = row.fields[name].label if name in row.fields else ""
            about = f"Complaint {number}, {label}" if label else f"Complaint {number}"
            found.extend(f"{about}: {fault}" for fault in faults)
    return found


def shown_of_call(call: PatientCall) -> dict[str, Any]:
    """A recorded call as the fields of its form show it; what it settled stays settled."""
    names = (
        "outcome", "channel", "spoken_at", "spoken_by", "spoken_with", "spoken_with_name", "note", "advice",
        "call_back_who", "call_back_by", "call_back_about", "occasion", "about_on",
    )  # fmt: skip
    shown = {name: getattr(call, name) for name in names}
    shown |= {CallForm.answer_prefix + said["id"]: said["answer"] for said in call.answers}
    if call.not_held_because:
        shown |= {"hold": HoldAnswer.GO_ON.value, "hold_reason": call.not_held_because}
    settled = [str(each.settled.public_id) for each in call.settles.select_related("settled")]
    return shown | {
        "cycle": call.cycle.number if call.cycle else None,
        "seen": call.version,
        "settles": settled,
    }


def call_back_words(call: PatientCall) -> str:
    """What is still to be rung back about, in one line."""
    about = f": {visible(call.call_back_about)}" if call.call_back_about else ""
    return f"{call.get_call_back_who_display().capitalize()} by {instant(call.call_back_by)}{about}"
