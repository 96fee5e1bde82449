"""Say a recorded fact in words: what each choice is called, and one line for each fact."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from courses.fact_kinds import LastingFlag
from courses.models import ChartFact, RecordKind
from courses.rules.activity import both_units
from courses.rules.facts import (
    AllergyFinding,
    AnalogueKind,
    ImagingModality,
    InterruptionKind,
    OverrideCode,
    PregnancyFinding,
    PriorAnswer,
    SupportKind,
    WaivedThing,
)
from courses.rules.overrides import CODE_WORDS
from courses.rules.values import DelayCause
from labs.models import Result
from labs.templatetags.clinic_text import analyte_name, day, instant, number, unit, visible

Data = Mapping[str, Any]

PREGNANCY: Mapping[StrEnum, str] = {
    PregnancyFinding.NEGATIVE: "Pregnancy test negative",
    PregnancyFinding.POSITIVE: "Pregnant",
    PregnancyFinding.NOT_POSSIBLE: "Pregnancy not possible",
}
MODALITY: Mapping[StrEnum, str] = {
    ImagingModality.PET: "PET",
    ImagingModality.SCINTIGRAPHY: "Scintigraphy",
}
ANALOGUE: Mapping[StrEnum, str] = {
    AnalogueKind.LONG_ACTING: "Long-acting analogue injected",
    AnalogueKind.SHORT_ACTING: "Short-acting analogue injected",
    AnalogueKind.NONE: "Receives no analogue",
}
ALLERGY: Mapping[StrEnum, str] = {
    AllergyFinding.NONE: "Nothing found",
    AllergyFinding.PREMEDICATE: "Premedication is needed",
    AllergyFinding.CONTRAINDICATED: "Treatment is contraindicated",
}
INTERRUPTION: Mapping[StrEnum, str] = {
    InterruptionKind.INTERCURRENT_ILLNESS: "Intercurrent illness",
    InterruptionKind.SURGERY: "Surgery",
    InterruptionKind.MAJOR_SURGERY: "Major surgery",
}
SUPPORT: Mapping[StrEnum, str] = {
    SupportKind.PLATELETS: "Platelet transfusion",
    SupportKind.RED_CELLS: "Red cell transfusion",
    SupportKind.GROWTH_FACTOR: "Growth factor",
}
CAUSE: Mapping[StrEnum, str] = {
    DelayCause.TOXICITY: "Toxicity",
    DelayCause.SUPPLY: "Supply",
    DelayCause.PATIENT: "The patient's wish",
    DelayCause.CAPACITY: "Capacity of the clinic",
    DelayCause.OTHER: "Another cause",
}
FLAG: Mapping[StrEnum, str] = {
    LastingFlag.NYHA_CLASS: "Heart failure class (NYHA)",
    LastingFlag.DIALYSIS: "Dialysis",
    LastingFlag.ANTICOAGULATED: "Takes anticoagulants",
    LastingFlag.PERITONEAL_DISEASE: "Peritoneal or mesenteric disease",
}
PRIOR: Mapping[StrEnum, str] = {
    PriorAnswer.NONE: "No, never",
    PriorAnswer.GIVEN: "Yes: this treatment",
    PriorAnswer.UNKNOWN: "Nobody knows",
}
OVERRIDE_CODE: Mapping[StrEnum, str] = {
    **{code: f"{words[:1].upper()}{words[1:]}" for code, words in CODE_WORDS.items()},
    OverrideCode.OTHER: "Another reason, told below",
}
WAIVED: Mapping[StrEnum, str] = {
    WaivedThing.EARLIER_DRAW: "The earlier draw that was missed",
    WaivedThing.WINDOW: "The age of the newest result",
}
# What a missing item of a decision is called there, and the kind of fact that resolves it.
RESOLVED_BY: Mapping[str, RecordKind] = {
    "pregnancy": RecordKind.PREGNANCY,
    "sstr_imaging": RecordKind.SSTR_IMAGING,
    "analogue_injections": RecordKind.ANALOGUE_INJECTIONS,
    "allergy_review": RecordKind.ALLERGY_REVIEW,
    "nyha_class": RecordKind.DISEASE_FLAGS,
    "dialysis": RecordKind.DISEASE_FLAGS,
    "anticoagulation": RecordKind.DISEASE_FLAGS,
    "prior_treatment": RecordKind.PRIOR_TREATMENT,
}


def fact_words(fact: ChartFact) -> str:
    """One line that says a recorded fact, without its author; the row must hold data."""
    assert fact.data is not None
    kind = RecordKind(fact.kind)
    return visible(_WORDS[kind](fact.data) if kind in _WORDS else _of_result(fact))


def result_words(result: Result) -> str:
    """A result with its value and collection time, as a list offers it."""
    seen = result.current
    value = "withdrawn" if seen is None or seen.value is None else f"{seen.comparator}{number(seen.value)}"
    sized = f"{value} {unit(seen.unit)}".rstrip() if seen is not None and seen.value is not None else value
    return f"{analyte_name(result.analyte)} {sized}, collected {instant(result.collected_at)}"


def _of_result(fact: ChartFact) -> str:
    assert fact.result is not None
    about = result_words(fact.result)
    if fact.kind == RecordKind.NOT_REPRESENTATIVE:
        return f"{about}: not representative"
    return f"New baseline: {about}"


def _chosen(labels: Mapping[StrEnum, str], value: str) -> str:
    return next((label for key, label in labels.items() if key.value == value), value)


def _span(data: Data) -> str:
    return f"from {day(data['from'])}" + (f" to {day(data['to'])}" if data.get("to") else ", not over")


def _simple(key: str, labels: Mapping[StrEnum, str]) -> Callable[[Data], str]:
    return lambda data: f"{_chosen(labels, data[key])}, {day(data['on'])}"


def _imaging(data: Data) -> str:
    return f"{_chosen(MODALITY, data['modality'])}, lowest uptake {data['uptake']}, {day(data['on'])}"


def _flag(data: Data) -> str:
    value = (
        {True: "yes", False: "no"}.get(data["value"]) if isinstance(data["value"], bool) else data["value"]
    )
    return f"{_chosen(FLAG, data['flag'])}: {value}, since {day(data['on'])}"


def _adverse_event(data: Data) -> str:
    related = {True: "related to the treatment", False: "of another cause", None: "cause not stated"}
    return f"{data['term']} grade {data['grade']}, {_span(data)}, {related[data.get('related')]}"


def _delay(data: Data) -> str:
    return f"Cycle {data['cycle']}: {_chosen(CAUSE, data['cause']).lower()}, {_span(data)}"


def _manual_grade(data: Data) -> str:
    return f"{data['term']} grade {data['grade']} in the specimen of {day(data['on'])}"


def _attribution(data: Data) -> str:
    cause = "comes of the treatment" if data["related"] else "has another cause"
    return f"{data['term']} up to grade {data['grade']}, from {day(data['on'])} on, {cause}"


def _review(data: Data) -> str:
    counts = "counts" if data["counts"] else "does not count"
    return f"The occurrence of {data['rule']} that began on {day(data['onset'])} {counts}"


def _declared(data: Data) -> str:
    value = f"{number(str(data['value']))} {unit(data['unit'])}".rstrip()
    return f"Baseline of {analyte_name(data['analyte'])}: {value}, {day(data['on'])}"


def _prior(data: Data) -> str:
    if data["answer"] != PriorAnswer.GIVEN.value:
        told = {PriorAnswer.NONE.value: "Never treated so before"}.get(
            data["answer"], "Nobody knows whether the patient was treated so before"
        )
        return f"{told}, asked {day(data['on'])}"
    when = day(data["day"]) if data.get("day") else data["month"]
    activity = both_units(Decimal(str(data["administered_gbq"])))
    return f"{activity} of {data['product']} at {data['hospital']}, {when} ({data['provenance']})"


def _override(data: Data) -> str:
    on = "; ".join(f"{each['name']} {each['value']}" for each in data["values"])
    why = _chosen(OVERRIDE_CODE, data["code"])
    return (
        f"Cycle {data['cycle']}: {data['rule']} asks to {data['action']}, overridden. {why}. It rests on {on}"
    )


def _waiver(data: Data) -> str:
    name = analyte_name(data["analyte"])
    if data["what"] == WaivedThing.WINDOW.value:
        return f"Cycle {data['cycle']}: the result of {name} may be {data['days']} days older"
    return f"Cycle {data['cycle']}: the missed earlier draw of {name} is waived"


_WORDS: Mapping[RecordKind, Callable[[Data], str]] = {
    RecordKind.PREGNANCY: _simple("finding", PREGNANCY),
    RecordKind.SSTR_IMAGING: _imaging,
    RecordKind.ANALOGUE_INJECTIONS: _simple("kind", ANALOGUE),
    RecordKind.ALLERGY_REVIEW: _simple("finding", ALLERGY),
    RecordKind.INTERRUPTIONS: lambda data: f"{_chosen(INTERRUPTION, data['kind'])} {_span(data)}",
    RecordKind.DISEASE_FLAGS: _flag,
    RecordKind.SUPPORT: _simple("kind", SUPPORT),
    RecordKind.ADVERSE_EVENT: _adverse_event,
    RecordKind.DELAY: _delay,
    RecordKind.MANUAL_GRADES: _manual_grade,
    RecordKind.ATTRIBUTIONS: _attribution,
    RecordKind.OCCURRENCE_REVIEWS: _review,
    RecordKind.DECLARED_BASELINE: _declared,
    RecordKind.PRIOR_TREATMENT: _prior,
    RecordKind.PRECAUTIONARY_HOLD: lambda data: f"The course is held, since {day(data['on'])}",
    RecordKind.OVERRIDE: _override,
    RecordKind.WAIVER: _waiver,
    RecordKind.STOP_RESCISSION: lambda data: "The signed stop is lifted",
}
