"""Every bound a rule acts by has clinical cases below, at and above it."""

from collections.abc import Iterator

import pytest

from courses import library
from courses.rules.derived import Case, Moment, quantity_at
from courses.rules.evidence import read_history
from courses.rules.judging import limit_of
from courses.rules.protocol import Bound, Condition, Protocol, When
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
