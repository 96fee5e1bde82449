"""Every bound a rule acts by has cases below, at and above it, at a first and a recurrent occurrence."""

from collections.abc import Iterator

import pytest

from courses import library
from courses.rules.derived import Case, Moment, quantity_at
from courses.rules.evidence import read_history
from courses.rules.judging import limit_of
from courses.rules.occurrences import counted
from courses.rules.protocol import Bound, Condition, Protocol, ToxicityFamily, When
from courses.rules.toxicity import follow
from courses.rules.tracks import judging_row
from courses.rules.values import Occurrence
from courses.situation import read_situation
from tests.case_reader import read_cases, situation

CASES = read_cases()
# Multiples of an abnormal baseline, and those under anticoagulants, stand in the golden tables of grades.
PLAIN = (None, Condition.BASELINE_NORMAL)


def bounds_of(protocol: Protocol) -> Iterator[tuple[str, bool, Bound]]:
    """Every comparison a rule acts by, the rule, and whether it is asked before cycle 1 only."""
    for floor in protocol.floors:
        yield from ((floor.id, floor.when is When.FIRST_CYCLE, bound) for bound in floor.bounds)
    for family in protocol.families:
        yield from ((family.id, False, bound) for found in family.criteria for bound in found.bounds)
        for term in family.terms:
            for row in protocol.criteria.by_term[term].rows:
                if row.grade == family.trigger_grade and row.condition in PLAIN:
                    yield f"{family.id}, {term}", False, row.bound


def side_of(bound: Bound, moment: Moment, case: Case) -> int | None:
    """Where the newest value lies to a bound: -1, 0 or 1; None where either is not known exactly."""
    value, limit = quantity_at(bound.quantity, moment, case).value, limit_of(bound, moment, case).value
    if value is None or limit is None or value.low is None or limit.low is None or value.low != value.high:
        return None
    return (value.low > limit.low) - (value.low < limit.low)


@pytest.mark.parametrize("protocol_id", sorted(set(library.protocol_ids()) - set(library.shelf().base)))
def test_every_bound_has_a_case_below_at_and_above_it(protocol_id: str) -> None:
    protocol = library.protocol(protocol_id)
    found: set[tuple[str, str, int | None]] = set()
    for told in CASES:
        if told["protocol"] != protocol_id or "error" in told["expect"]:
            continue
        chart = read_situation(situation(told)).chart
        case = Case(chart=chart, history=read_history(chart), protocol=protocol)
        samples = {s.analyte: s for s in case.history.decisive if case.history.present(s)}
        moment = Moment(day=told["today"], interval=case.history.given, samples=samples)
        for rule, first_only, bound in bounds_of(protocol):
            if not (first_only and chart.cycles):
                found.add((rule, str(bound), side_of(bound, moment, case)))
    lacking = [
        f"{rule}: {bound.quantity} {bound.test.value} {bound.limit} {bound.reference or ''} ({where})"
        for rule, _, bound in bounds_of(protocol)
        for where in (-1, 0, 1)
        if (rule, str(bound), where) not in found
    ]
    assert lacking == []


# ----------------------------------------------------- the product: rule x side of its bound x occurrence

Cell = tuple[str, str, int | None, Occurrence]


def lines_of(family: ToxicityFamily, protocol: Protocol) -> Iterator[tuple[str, Bound]]:
    """Every comparison a row of the dose-modification table acts by, with the name of its line.

    Where another row judges a term over a normal baseline, this row acts by the multiple of an abnormal one.
    """
    for criterion in family.criteria:
        yield from ((criterion.name, bound) for bound in criterion.bounds)
    for term in family.terms:
        wanted = (Condition.BASELINE_ABNORMAL,) if judging_row(family, term) else PLAIN
        for row in protocol.criteria.by_term[term].rows:
            if row.grade == family.trigger_grade and row.condition in wanted:
                yield term, row.bound


def cells_of(protocol_id: str) -> Iterator[Cell]:
    """What the cases of one protocol show: each bound, where the newest value lies to it, which occurrence.

    An occurrence is recurrent where the row has counted one in an earlier interval, and first where not.
    """
    protocol = library.protocol(protocol_id)
    for told in CASES:
        if told["protocol"] != protocol_id or "error" in told["expect"] or not told.get("cycles"):
            continue
        chart = read_situation(situation(told)).chart
        case = Case(chart=chart, history=read_history(chart), protocol=protocol)
        samples = {s.analyte: s for s in case.history.decisive if case.history.present(s)}
        moment = Moment(day=told["today"], interval=case.history.given, samples=samples)
        episodes = follow(case).episodes
        for family in protocol.families:
            before = [e for e in counted(family, episodes, case) if 0 < e.interval < case.history.given]
            occurrence = Occurrence.RECURRENT if before else Occurrence.FIRST
            for _, bound in lines_of(family, protocol):
                yield family.id, str(bound), side_of(bound, moment, case), occurrence


@pytest.mark.parametrize("protocol_id", library.protocol_ids())
def test_every_acting_bound_has_a_case_on_each_side_of_it_first_and_recurrent(protocol_id: str) -> None:
    """A variant's bound that its base has as well is shown by the base's cases too."""
    protocol, base = library.protocol(protocol_id), library.shelf().base.get(protocol_id, protocol_id)
    found = {cell for shown_by in {protocol_id, base} for cell in cells_of(shown_by)}
    lacking = [
        f"{family.id}, {name}: {bound.quantity} {WHERE[side]} {bound.limit} {bound.reference or ''}, "
        f"{occurrence}"
        for family in protocol.families
        if not family.never_acts
        for name, bound in lines_of(family, protocol)
        for side in (-1, 0, 1)
        for occurrence in Occurrence
        if (family.id, str(bound), side, occurrence) not in found
    ]
    assert lacking == []


WHERE = {-1: "below", 0: "at", 1: "above"}
