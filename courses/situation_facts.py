"""Recorded facts as JSON: read each kind strictly into the rules' values, and write it back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from courses.json_table import JsonTable, collecting
from courses.rules.facts import (
    AllergyFinding,
    AllergyReview,
    AnalogueKind,
    AnalogueRecord,
    Attribution,
    DiseaseFlags,
    Facts,
    ImagingModality,
    Interruption,
    InterruptionKind,
    ManualGrade,
    OccurrenceReview,
    PregnancyFinding,
    PregnancyRecord,
    SstrImaging,
    Support,
    SupportKind,
)
from courses.rules.values import AdverseEvent, Chart, Delay, DelayCause
from courses.situation_acts import (
    read_hold,
    read_override,
    read_prior,
    read_waiver,
    write_hold,
    write_override,
    write_prior,
    write_waiver,
)

PERITONEAL = "peritoneal_or_mesenteric_disease"
FLAGS = "disease_flags"
LONGEST_WORDS = 1000


@dataclass(frozen=True, slots=True)
class FactKind:
    """One kind of recorded fact: how it is read from JSON, and how it is written."""

    read: Callable[[object, str], Any]
    write: Callable[[Any], dict[str, Any]]


def _pregnancy(data: object, path: str) -> PregnancyRecord:
    table = JsonTable(data, path=path, required={"on", "finding"}, optional={"ref"})
    return PregnancyRecord(
        on=table.needed_day("on"), finding=table.choice("finding", PregnancyFinding), ref=_ref(table)
    )


def _imaging(data: object, path: str) -> SstrImaging:
    table = JsonTable(data, path=path, required={"on", "modality", "uptake"}, optional={"ref"})
    return SstrImaging(
        on=table.needed_day("on"),
        modality=table.choice("modality", ImagingModality),
        uptake=table.whole("uptake", least=0, most=4),
        ref=_ref(table),
    )


def _analogue(data: object, path: str) -> AnalogueRecord:
    table = JsonTable(data, path=path, required={"on", "kind"}, optional={"ref"})
    return AnalogueRecord(on=table.needed_day("on"), kind=table.choice("kind", AnalogueKind), ref=_ref(table))


def _allergy(data: object, path: str) -> AllergyReview:
    table = JsonTable(data, path=path, required={"on", "finding"}, optional={"ref"})
    return AllergyReview(
        on=table.needed_day("on"), finding=table.choice("finding", AllergyFinding), ref=_ref(table)
    )


def _interruption(data: object, path: str) -> Interruption:
    table = JsonTable(data, path=path, required={"kind", "from"}, optional={"to", "ref"})
    began_on, ended_on = table.needed_day("from"), table.day("to")
    if ended_on is not None and ended_on < began_on:
        raise table.fault("to", "lies before from")
    return Interruption(
        kind=table.choice("kind", InterruptionKind), began_on=began_on, ended_on=ended_on, ref=_ref(table)
    )


def _support(data: object, path: str) -> Support:
    table = JsonTable(data, path=path, required={"on", "kind"}, optional={"ref"})
    return Support(on=table.needed_day("on"), kind=table.choice("kind", SupportKind), ref=_ref(table))


def _manual_grade(data: object, path: str) -> ManualGrade:
    table = JsonTable(data, path=path, required={"term", "grade", "on", "by", "reason"}, optional={"ref"})
    return ManualGrade(
        term=table.text("term"),
        grade=table.whole("grade", least=1, most=5),
        on=table.needed_day("on"),
        by=table.text("by"),
        reason=_words(table, "reason"),
        ref=_ref(table),
    )


def _attribution(data: object, path: str) -> Attribution:
    table = JsonTable(
        data, path=path, required={"term", "grade", "on", "related", "by", "reason"}, optional={"ref"}
    )
    related = table.flag("related")
    if related is None:
        raise table.fault("related", "must be true or false")
    return Attribution(
        term=table.text("term"),
        grade=table.whole("grade", least=1, most=4),
        on=table.needed_day("on"),
        related=related,
        by=table.text("by"),
        reason=_words(table, "reason"),
        ref=_ref(table),
    )


def _review(data: object, path: str) -> OccurrenceReview:
    table = JsonTable(
        data,
        path=path,
        required={"rule", "onset", "counts", "by", "reason"},
        optional={"on", "track", "grade", "ref"},
    )
    counts = table.flag("counts")
    if counts is None:
        raise table.fault("counts", "must be true or false")
    return OccurrenceReview(
        rule=table.text("rule"),
        onset=table.needed_day("onset"),
        counts=counts,
        by=table.text("by"),
        reason=_words(table, "reason"),
        on=table.day("on"),
        track=table.text("track") if table.get("track") is not None else None,
        grade=table.whole("grade", least=1, most=4) if table.get("grade") is not None else None,
        ref=_ref(table),
    )


def read_adverse_event(data: object, path: str) -> AdverseEvent:
    """An adverse event graded by a person. Raises Fault."""
    table = JsonTable(data, path=path, required={"term", "grade", "from"}, optional={"to", "related", "ref"})
    began_on, ended_on = table.needed_day("from"), table.day("to")
    if ended_on is not None and ended_on < began_on:
        raise table.fault("to", "lies before from")
    return AdverseEvent(
        term=table.text("term"),
        grade=table.whole("grade", least=1, most=5),
        began_on=began_on,
        ended_on=ended_on,
        related=table.flag("related"),
        ref=table.text("ref", default=""),
    )


def read_delay(data: object, path: str) -> Delay:
    """A recorded span of delay of one cycle, and its cause. Raises Fault."""
    table = JsonTable(data, path=path, required={"cycle", "cause", "from"}, optional={"to"})
    began_on, ended_on = table.needed_day("from"), table.day("to")
    if ended_on is not None and ended_on < began_on:
        raise table.fault("to", "lies before from")
    cycle = table.whole("cycle", least=1, most=99)
    return Delay(cycle=cycle, cause=table.choice("cause", DelayCause), began_on=began_on, ended_on=ended_on)


def _ref(table: JsonTable) -> str:
    return table.text("ref", default="")


def _words(table: JsonTable, key: str) -> str:
    found = table.text(key)
    if len(found) > LONGEST_WORDS:
        raise table.fault(key, f"is longer than {LONGEST_WORDS} letters")
    return found


def _plain(*names: str, renamed: Mapping[str, str] | None = None) -> Callable[[Any], dict[str, Any]]:
    """A writer of these attributes, days as ISO text, under their own or another name."""
    keys = {name: (renamed or {}).get(name, name) for name in (*names, "ref")}

    def write(value: Any) -> dict[str, Any]:
        return {key: _json(getattr(value, name)) for name, key in keys.items()}

    return write


def _json(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value


# Judged by checks; absent in a situation, they are not considered there.
FACT_KINDS: Mapping[str, FactKind] = {
    "pregnancy": FactKind(_pregnancy, _plain("on", "finding")),
    "sstr_imaging": FactKind(_imaging, _plain("on", "modality", "uptake")),
    "analogue_injections": FactKind(_analogue, _plain("on", "kind")),
    "allergy_review": FactKind(_allergy, _plain("on", "finding")),
    "interruptions": FactKind(
        _interruption, _plain("kind", "began_on", "ended_on", renamed={"began_on": "from", "ended_on": "to"})
    ),
    "prior_treatment": FactKind(read_prior, write_prior),
}
# Beside the facts: they change how results count.
RECORD_KINDS: Mapping[str, FactKind] = {
    "support": FactKind(_support, _plain("on", "kind")),
    "manual_grades": FactKind(_manual_grade, _plain("term", "grade", "on", "by", "reason")),
    "attributions": FactKind(_attribution, _plain("term", "grade", "on", "related", "by", "reason")),
    "occurrence_reviews": FactKind(
        _review, _plain("rule", "onset", "counts", "by", "reason", "on", "track", "grade")
    ),
    "precautionary_holds": FactKind(read_hold, write_hold),
    "overrides": FactKind(read_override, write_override),
    "waivers": FactKind(read_waiver, write_waiver),
}


def read_facts(data: object, faults: list[str]) -> tuple[Facts, bool | None]:
    """The `facts` object, and the peritoneal disease that decides steroid cover; None reads as no facts."""
    if data is None:
        return Facts(), None
    table = JsonTable(data, path="facts", required=set(), optional={*FACT_KINDS, FLAGS, PERITONEAL})
    found: dict[str, Any] = {}
    for name, kind in FACT_KINDS.items():
        if table.get(name) is not None:
            found[name] = read_items(table, name, kind, faults)
    if table.get(FLAGS) is not None:
        found[FLAGS] = _flags(table.get(FLAGS))
    return Facts(**found), table.flag(PERITONEAL)


def read_records(table: JsonTable, faults: list[str]) -> dict[str, Any]:
    """The records beside the facts, by the name of the chart's field."""
    return {name: read_items(table, name, kind, faults) for name, kind in RECORD_KINDS.items()}


def read_items(table: JsonTable, name: str, kind: FactKind, faults: list[str]) -> tuple[Any, ...]:
    """Every item of a list; a faulty one goes on the list of faults instead."""
    found = []
    for path, item in table.items(name):
        with collecting(faults):
            found.append(kind.read(item, path))
    return tuple(found)


def _flags(data: object) -> DiseaseFlags:
    table = JsonTable(
        data, path=f"facts.{FLAGS}", required=set(), optional={"nyha_class", "dialysis", "anticoagulated"}
    )
    return DiseaseFlags(
        nyha_class=None if table.get("nyha_class") is None else table.whole("nyha_class", least=1, most=4),
        dialysis=table.flag("dialysis"),
        anticoagulated=table.flag("anticoagulated"),
    )


def facts_of(facts: Facts, peritoneal: bool | None) -> dict[str, Any]:
    """The `facts` object that reads back as exactly these; what is not considered stays absent."""
    found: dict[str, Any] = {PERITONEAL: peritoneal}
    for name, kind in FACT_KINDS.items():
        items = getattr(facts, name)
        if items is not None:
            found[name] = [kind.write(item) for item in items]
    flags = facts.disease_flags
    if flags is not None:
        found[FLAGS] = {
            "nyha_class": flags.nyha_class,
            "dialysis": flags.dialysis,
            "anticoagulated": flags.anticoagulated,
        }
    return found


def records_of(chart: Chart) -> dict[str, Any]:
    """The records beside the facts, only those that there are, so that older situations read the same."""
    return {
        name: [kind.write(item) for item in getattr(chart, name)]
        for name, kind in RECORD_KINDS.items()
        if getattr(chart, name)
    }


def days_of(chart: Chart) -> list[tuple[str, date]]:
    """Every day a fact or record names, with where it stands: none may lie in the future.

    The end of an interruption may be a plan.
    """
    found: list[tuple[str, date]] = []
    for name in FACT_KINDS:
        items = getattr(chart.facts, name) or ()
        found += [(f"facts.{name}", getattr(i, "began_on", None) or i.on) for i in items]
        found += [(f"facts.{name}", i.day) for i in items if getattr(i, "day", None) is not None]
    for name in RECORD_KINDS:
        days = [(getattr(i, "onset", None), i.on) for i in getattr(chart, name)]
        found += [(name, day) for pair in days for day in pair if day is not None]
    return found
