"""A physician's override of one rule for one cycle: what it covers, and what makes it void."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from operator import itemgetter

from courses.rules.derived import ALBUMIN, CALCIUM, CREATININE, Case
from courses.rules.dosing import LIMIT_RULE
from courses.rules.evidence import Sample
from courses.rules.facts import Override, OverrideCode, UsedValue
from courses.rules.protocol import CORRECTED_CALCIUM, CREATININE_CLEARANCE, Bound, PregnancyCheck, Protocol
from courses.rules.schedule import Dates
from courses.rules.silence import WINDOW_RULE
from courses.rules.values import Action, Evidence, EvidenceKind, Reason
from courses.rules.wording import day_words, lab_evidence, measured, unended, unit_words

# What asks for evidence, or for a person, is answered and never overridden: no hold is among these.
OVERRIDABLE = (Action.REDUCE, Action.DELAY, Action.STOP)
# These take two physicians.
OF_TWO = (Action.DELAY, Action.STOP)
_PLANNED = "planned day"
# What a rule can rest on besides what was overridden; a weight shows in what is derived from it.
_RESTED_ON = (EvidenceKind.LAB, EvidenceKind.DERIVED, EvidenceKind.ADVERSE_EVENT, EvidenceKind.FACT)
_SOURCE = "this service's own rule: an override covers one rule for one cycle, on the values it was given on"
CODE_WORDS = {
    OverrideCode.BENEFIT: "the expected benefit outweighs the risk",
    OverrideCode.LONG_STANDING: "the finding is long-standing and stable",
    OverrideCode.OTHER_CAUSE: "the finding is explained by another cause",
    OverrideCode.FURTHER_TESTS: "further examinations reassure",
    OverrideCode.BOARD: "the tumour board decided so",
    OverrideCode.PATIENT: "the informed patient wishes it",
    OverrideCode.OTHER: "of another reason",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Overridden:
    """All reasons with what is overridden as notes, and the rules that an override silences."""

    reasons: tuple[Reason, ...]
    rules: frozenset[str] = frozenset()


def overridable(protocol: Protocol) -> frozenset[str]:
    """The closed list: toxicities, floors, checks, window and limit of the delay; never a pregnancy."""
    rows = (
        *(family for family in protocol.families if not family.never_acts),
        *(floor for floor in protocol.floors if floor.action in OVERRIDABLE),
        *(check for check in protocol.checks if not isinstance(check, PregnancyCheck)),
    )
    return frozenset((*(row.id for row in rows), WINDOW_RULE, LIMIT_RULE))


def acting(rule: str, reasons: Iterable[Reason]) -> list[Reason]:
    """The reasons of a rule that can be overridden: what it holds for is answered instead."""
    return [reason for reason in reasons if reason.rule == rule and reason.action in OVERRIDABLE]


def with_overrides(reasons: Iterable[Reason], *, case: Case, dates: Dates) -> Overridden:
    """Every reason that a standing override covers becomes a note; a void override says why it is void."""
    told = list(reasons)
    if not case.chart.overrides:
        return Overridden(reasons=tuple(told))
    found: list[Reason] = []
    covered: dict[str, Override] = {}
    known = overridable(case.protocol)
    for override in sorted(case.chart.overrides, key=lambda o: (o.rule, o.cycle, o.on, o.ref)):
        of_rule = acting(override.rule, told) if override.rule in known else []
        if override.cycle != dates.cycle:
            void = "it was given for that cycle only" if of_rule else ""
        elif not of_rule:
            found.append(_note(override, "is not needed any more: the rule asks for nothing now", case))
            continue
        else:
            void = next(_void(override, of_rule, case, dates), "")
        if void:
            found.append(_note(override, f"is void: {void}", case))
        elif override.cycle == dates.cycle:
            covered[override.rule] = override
    return Overridden(
        reasons=(*(_covered(reason, covered) for reason in told), *found),
        rules=frozenset(covered),
    )


def _covered(reason: Reason, covered: dict[str, Override]) -> Reason:
    override = covered.get(reason.rule)
    if override is None or reason.action not in OVERRIDABLE:
        return reason
    return replace(
        reason,
        action=Action.PROCEED,
        sentence=f"Overridden for cycle {override.cycle} by {people_of(override)} because "
        f"{CODE_WORDS[override.code]} ({unended(override.reason)}); void when a value it rests on worsens, "
        f"is corrected or is withdrawn, or when the rule asks for more than to {override.action}. The "
        f"rule says: {reason.sentence}",
        release="",
        release_on=None,
    )


def people_of(override: Override) -> str:
    """Who overrides: one physician, or two."""
    return f"{override.by} and {override.second}" if override.second else override.by


def _note(override: Override, what: str, case: Case) -> Reason:
    return Reason(
        rule=override.rule,
        action=Action.PROCEED,
        sentence=f"The override of cycle {override.cycle} by {people_of(override)}, "
        f"{day_words(override.on)}, {what}.",
        threshold="the values it was given on, or better ones",
        source=_SOURCE,
        evidence=(
            Evidence(
                kind=EvidenceKind.FACT,
                name=f"Override, {people_of(override)}",
                value=f"{override.action}: {override.reason}",
                on=override.on,
                ref=override.ref,
            ),
        ),
    )


def _void(override: Override, reasons: list[Reason], case: Case, dates: Dates) -> Iterator[str]:
    """Everything that makes an override void, in words."""
    action = Action[override.action.upper()]
    if action in OF_TWO and override.second in ("", override.by):
        yield "a second physician has not confirmed it"
    worst = max(reason.action for reason in reasons)
    if worst > action:
        yield f"the rule asks to {worst.word} now, and to {override.action} was overridden"
    yield from _gone(override.values, case)
    yield from _newer_worse(override, case)
    for reason in reasons:
        for item in reason.evidence:
            yield from _beyond(item, override, case)
    yield from _earlier_day(override, dates)


def _gone(values: Iterable[UsedValue], case: Case) -> Iterator[str]:
    """Values that were corrected or withdrawn since."""
    chart, samples = case.chart, (*case.history.decisive, *case.history.doubtful)
    shown = [lab_evidence(sample, case.protocol) for sample in samples]
    labs = {(item.ref, item.code, item.collected_at, _exact(item.value)) for item in shown}
    weights = {weight.ref for weight in chart.weights}
    events = {(event.term, event.began_on) for event in chart.adverse_events}
    for used in values:
        if used.kind == EvidenceKind.LAB.value:
            stands = (used.ref, used.code, used.at, _exact(used.value)) in labs
        elif used.kind == EvidenceKind.WEIGHT.value:
            stands = used.ref in weights
        elif used.kind == EvidenceKind.ADVERSE_EVENT.value:
            stands = used.on is not None and (used.name, used.on) in events
        else:
            continue
        if not stands:
            yield f"{_words(used)} was corrected or withdrawn"


def _newer_worse(override: Override, case: Case) -> Iterator[str]:
    """Results newer than the newest used one of their analyte, and worse than it."""
    results = [used for used in override.values if used.kind == EvidenceKind.LAB.value]
    timed = sorted(((used.at, used) for used in results if used.at is not None), key=itemgetter(0))
    newest = {used.name: (at, used) for at, used in timed}
    for sample in (*case.history.decisive, *case.history.doubtful):
        name = case.protocol.names[sample.analyte]
        if name not in newest or sample.at <= newest[name][0]:
            continue
        _, used_last = newest[name]
        if sample.not_representative or sample.measurement.value is None or not case.history.present(sample):
            continue
        item = lab_evidence(sample, case.protocol)
        if _is_worse(item.value, used_last.value, override.rule, sample, case):
            yield f"{_words(used_last)} worsened to {measured(item.value, unit_words(item.unit))} on " + (
                day_words(sample.day)
            )


def _beyond(item: Evidence, override: Override, case: Case) -> Iterator[str]:
    """What the rule rests on now and did not when it was overridden, or what is worse than that."""
    if item.kind not in _RESTED_ON:
        return
    same = [used for used in override.values if _is_same(item, used)]
    if not same:
        yield f"the rule rests on {item.name} {item.value} as well now, which was not overridden"
    elif _is_worse_now(item, same, override.rule, case):
        told = measured(item.value, unit_words(item.unit))
        yield f"the rule rests on {item.name} {told} now, which is worse than what was overridden"


def _is_same(item: Evidence, used: UsedValue) -> bool:
    """Whether both are about one thing: of events one of that day, of recorded facts exactly this one."""
    if (used.kind, used.name) != (item.kind.value, item.name):
        return False
    if item.kind is EvidenceKind.FACT:
        return (used.value, used.on) == (item.value, item.on)
    return item.kind is not EvidenceKind.ADVERSE_EVENT or used.on == item.on


def _is_worse_now(item: Evidence, same: list[UsedValue], rule: str, case: Case) -> bool:
    if item.kind is EvidenceKind.LAB:
        return all(_is_worse(item.value, used.value, rule, _sample(item, case), case) for used in same)
    if item.kind is EvidenceKind.DERIVED:
        return all(
            _is_beyond(item.value, used.value, falls=True) and item.value != used.value for used in same
        )
    # Of events: grade 3, grade 4.
    return item.kind is EvidenceKind.ADVERSE_EVENT and any(item.value > used.value for used in same)


def _earlier_day(override: Override, dates: Dates) -> Iterator[str]:
    """A window that was overridden for a planned day is not overridden for an earlier one."""
    days = [used.on for used in override.values if used.kind == _PLANNED and used.on is not None]
    if override.rule == WINDOW_RULE and not (days and dates.judged_for >= min(days)):
        yield "the planned day was moved to an earlier one"


def _sample(item: Evidence, case: Case) -> Sample | None:
    """The sample that a piece of evidence names."""
    of = (s for s in (*case.history.decisive, *case.history.doubtful) if s.measurement.ref == item.ref)
    return next((s for s in of if s.at == item.collected_at and s.measurement.code == item.code), None)


def _is_worse(new: str, old: str, rule: str, sample: Sample | None, case: Case) -> bool:
    """Whether a value is worse than another in the rule's direction; where none is known, any change is."""
    if sample is None:
        return new != old
    falls = _falls(rule, sample, case)
    if falls is None:
        return new != old
    return _is_beyond(new, old, falls=falls) and new != old


def _is_beyond(new: str, old: str, *, falls: bool) -> bool:
    """Whether a value lies further out; what holds no plain number is taken for worse."""
    value, limit = _number(new), _number(old)
    if value is None or limit is None:
        return True
    if value == limit:
        return "<" in new if falls else ">" in new
    return value < limit if falls else value > limit


def _falls(rule: str, sample: Sample, case: Case) -> bool | None:
    """Whether falling values are the worse ones: by the rule's bounds, else by the reference range."""
    directions = {falls for analyte, falls in _directions(rule, case.protocol) if analyte == sample.analyte}
    if len(directions) == 1:
        return directions.pop()
    m = sample.measurement
    if m.value is not None and m.low is not None and m.value < m.low:
        return True
    return False if m.value is not None and m.high is not None and m.value > m.high else None


def _directions(rule: str, protocol: Protocol) -> Iterator[tuple[str, bool]]:
    """Each analyte a rule looks at, and whether it acts on falling values."""
    for bound in _bounds(rule, protocol):
        if bound.quantity == CREATININE_CLEARANCE:
            yield CREATININE, not bound.is_low
        elif bound.quantity == CORRECTED_CALCIUM:
            yield CALCIUM, bound.is_low
            yield ALBUMIN, not bound.is_low
        else:
            yield bound.quantity, bound.is_low


def _bounds(rule: str, protocol: Protocol) -> Iterator[Bound]:
    for family in protocol.families:
        if rule in (family.id, LIMIT_RULE):
            for criterion in family.criteria:
                yield from criterion.bounds
            for term in family.terms:
                yield from (row.bound for row in protocol.criteria.by_term[term].rows)
    for floor in protocol.floors:
        if floor.id == rule:
            yield from floor.bounds


def _number(text: str) -> Decimal | None:
    """The number of a value as it is shown; None where it is not one number."""
    try:
        return Decimal(text.lstrip("<>="))
    except InvalidOperation:
        return None


def _exact(text: str) -> str:
    """A value in one spelling, its comparator kept."""
    number = _number(text)
    return text if number is None else f"{text.rstrip('0123456789.')}{number.normalize():f}"


def _words(used: UsedValue) -> str:
    day: date | None = used.on
    told = measured(used.value, unit_words(used.unit))
    return f"{used.name} {told}" + ("" if day is None else f" of {day_words(day)}")


def used_values(reasons: Iterable[Reason], case: Case, dates: Dates) -> tuple[UsedValue, ...]:
    """What the reasons of one rule rest on, with the newest result of each analyte among it."""
    of = list(reasons)
    items = [item for reason in of for item in reason.evidence]
    names = {item.name for item in items if item.kind is EvidenceKind.LAB}
    newest: dict[str, Sample] = {}
    for sample in sorted((*case.history.decisive, *case.history.doubtful), key=lambda sample: sample.at):
        name = case.protocol.names[sample.analyte]
        if name in names and sample.measurement.value is not None and case.history.present(sample):
            newest[name] = sample
    items += [lab_evidence(sample, case.protocol) for sample in newest.values()]
    found = [_used(item) for item in dict.fromkeys(items)]
    if any(reason.rule == WINDOW_RULE for reason in of):
        day = dates.judged_for
        found.append(UsedValue(kind=_PLANNED, name="Planned day", value=day.isoformat(), on=day))
    return tuple(found)


def _used(item: Evidence) -> UsedValue:
    return UsedValue(
        kind=item.kind.value,
        name=item.name,
        value=item.value,
        code=item.code,
        unit=item.unit,
        at=item.collected_at,
        on=item.on,
        ref=item.ref,
    )
