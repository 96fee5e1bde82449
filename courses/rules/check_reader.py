"""Read the rows of a protocol that look at recorded facts: checks, support, and a surrogate bound."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum

from courses.rules.criteria_reader import read_bound
from courses.rules.data_reader import TableReader
from courses.rules.facts import InterruptionKind, SupportKind
from courses.rules.protocol import (
    AllergyCheck,
    AnalogueCheck,
    Check,
    HeartFailureCheck,
    ImagingCheck,
    InterruptionCheck,
    PregnancyCheck,
    SupportRule,
    Surrogate,
    When,
)
from courses.rules.row_reader import Acts, rule_id

_MOST_UPTAKE = 4
_CLASSES = 4
HCG_UNIT = "[IU]/L"


class About(StrEnum):
    """What a check looks at."""

    PREGNANCY = "pregnancy"
    SSTR_IMAGING = "sstr_imaging"
    ANALOGUES = "analogue_injections"
    ALLERGY = "allergy_review"
    HEART_FAILURE = "heart_failure"
    INTERRUPTIONS = "interruptions"


def read_checks(table: TableReader) -> tuple[Check, ...]:
    """Every check; each thing is looked at by one of them, and no id stands twice."""
    found: list[Check] = []
    seen: set[About] = set()
    for item in table.tables("check") if table.has("check") else []:
        about = item.choice("about", About)
        if about in seen:
            raise item.fault("about", f"overlap: {about.value!r} is looked at twice", "keep one row")
        seen.add(about)
        check = _READERS[about](item)
        if check.id in [other.id for other in found]:
            raise item.fault("id", f"{check.id} stands twice", "keep one row")
        item.finish()
        found.append(check)
    return tuple(found)


def _pregnancy(table: TableReader) -> PregnancyCheck:
    found = PregnancyCheck(
        id=rule_id(table),
        name=table.text("name"),
        when=table.choice("when", When),
        source=table.source(),
        from_age=table.whole("from_age"),
        to_age=table.whole("to_age"),
        validity_days=table.whole("validity_days", least=1),
        due_days_before=table.whole("due_days_before"),
        if_pregnant=table.choice("if_pregnant", Acts).action,
        hcg_at_least=_hcg(table.table("hcg_at_least")),
    )
    if found.from_age > found.to_age:
        raise table.fault("to_age", "lies below from_age", "correct one of the two")
    if found.due_days_before > found.validity_days:
        raise table.fault("due_days_before", "is longer than the validity", "correct one of the two")
    return found


def _hcg(table: TableReader) -> Decimal:
    """The number from which on hCG does not leave pregnancy excluded, in the canonical unit."""
    found = table.positive("value")
    if table.text("unit") != HCG_UNIT:
        raise table.fault(
            "unit", f"must be the canonical unit {HCG_UNIT!r}", "convert the number, then write the unit"
        )
    table.finish()
    return found


def _imaging(table: TableReader) -> ImagingCheck:
    found = ImagingCheck(
        id=rule_id(table),
        name=table.text("name"),
        when=table.choice("when", When),
        source=table.source(),
        least_uptake=table.whole("least_uptake"),
        note_uptake=table.whole("note_uptake"),
        if_below=table.choice("if_below", Acts).action,
    )
    if not found.least_uptake <= found.note_uptake <= _MOST_UPTAKE:
        raise table.fault(
            "note_uptake", f"must lie between least_uptake and {_MOST_UPTAKE}", "correct one of the two"
        )
    return found


def _analogues(table: TableReader) -> AnalogueCheck:
    found = AnalogueCheck(
        id=rule_id(table),
        name=table.text("name"),
        when=table.choice("when", When),
        source=table.source(),
        long_acting_days=table.whole("long_acting_days", least=1),
        long_acting_note_days=table.whole("long_acting_note_days", least=1),
        short_acting_days=table.whole("short_acting_days", least=1),
        due_days_before=table.whole("due_days_before"),
    )
    if found.long_acting_note_days < found.long_acting_days:
        raise table.fault("long_acting_note_days", "lies below long_acting_days", "correct one of the two")
    return found


def _allergy(table: TableReader) -> AllergyCheck:
    found = AllergyCheck(
        id=rule_id(table),
        name=table.text("name"),
        when=table.choice("when", When),
        source=table.source(),
        validity_days=table.whole("validity_days", least=1),
        due_days_before=table.whole("due_days_before"),
        if_contraindicated=table.choice("if_contraindicated", Acts).action,
    )
    if found.due_days_before > found.validity_days:
        raise table.fault("due_days_before", "is longer than the validity", "correct one of the two")
    return found


def _heart_failure(table: TableReader) -> HeartFailureCheck:
    found = HeartFailureCheck(
        id=rule_id(table),
        name=table.text("name"),
        when=table.choice("when", When),
        source=table.source(),
        stops_from_class=table.whole("stops_from_class", least=1),
    )
    if found.stops_from_class > _CLASSES:
        raise table.fault("stops_from_class", "is not a class", f"use 1 to {_CLASSES}")
    return found


def _interruptions(table: TableReader) -> InterruptionCheck:
    days = table.table("wait_days")
    found = InterruptionCheck(
        id=rule_id(table),
        name=table.text("name"),
        when=table.choice("when", When),
        source=table.source(),
        wait_days={kind: days.whole(kind.value) for kind in InterruptionKind},
    )
    days.finish()
    return found


_READERS: Mapping[About, Callable[[TableReader], Check]] = {
    About.PREGNANCY: _pregnancy,
    About.SSTR_IMAGING: _imaging,
    About.ANALOGUES: _analogues,
    About.ALLERGY: _allergy,
    About.HEART_FAILURE: _heart_failure,
    About.INTERRUPTIONS: _interruptions,
}


def read_support(table: TableReader, names: Mapping[str, str]) -> tuple[SupportRule, ...]:
    """After which transfusions and growth factors a result proves no recovery, and for how long."""
    found: dict[SupportKind, SupportRule] = {}
    for item in table.tables("support") if table.has("support") else []:
        rule = SupportRule(
            kind=item.choice("kind", SupportKind),
            analytes=item.texts("analytes"),
            days=item.whole("days", least=1),
            source=item.source(),
        )
        for analyte in rule.analytes:
            if analyte not in names:
                raise item.fault("analytes", f"{analyte!r} is not known", f"known: {', '.join(names)}")
        if rule.kind in found:
            raise item.fault("kind", f"{rule.kind.value} stands twice", "keep one row")
        item.finish()
        found[rule.kind] = rule
    return tuple(found.values())


def read_surrogate(table: TableReader, units: Mapping[str, str]) -> Surrogate | None:
    """The bound a site lets stand in for an unmeasured prothrombin ratio; None where it sets none."""
    if not table.flag("use"):
        table.finish()
        return None
    bound = table.table("bound")
    found = Surrogate(
        quantity=table.text("quantity"),
        bound=read_bound(bound, quantity=bound.text("quantity"), units=units),
        source=table.source(),
    )
    if found.quantity not in units:
        raise table.fault("quantity", f"{found.quantity!r} is not known", "use an analyte's short name")
    bound.finish()
    table.finish()
    return found
