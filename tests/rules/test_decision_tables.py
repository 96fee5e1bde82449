"""Decision tables, complete and disjoint: every combination of conditions has exactly one outcome.

The outcomes are typed here from their sources. Pairs that differ in one condition only are made from the data
of every protocol, and each must flip the outcome.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from fractions import Fraction
from itertools import product

import pytest

from courses import library
from courses.rules.order_states import (
    FOR_EVIDENCE,
    LEGAL_TRANSITIONS,
    LIVE_STATES,
    OrderKind,
    OrderState,
    is_legal,
)
from courses.rules.orders import ChangeKind, OpenOrder, plan_orders
from courses.rules.protocol import (
    CREATININE_CLEARANCE,
    Bound,
    Floor,
    Protocol,
    Reference,
    Test,
    ToxicityFamily,
    When,
)
from courses.rules.recommend import recommend
from courses.rules.tracks import judging_row
from courses.rules.values import Action, AdverseEvent, Chart, Measurement, Recommendation, Status, Weight
from labs.formats.parsed import Act
from labs.formats.statuses import STATUSES, read_status
from labs.life_cycle import Version, standing
from tests.case_reader import LIMITS, NORMAL
from tests.rules.oracle import clearance
from tests.strategies import BASELINE_DAY, FIRST, chart, draw_day, last_day, measurement, panel

PROTOCOLS = [library.protocol(protocol_id) for protocol_id in library.protocol_ids()]
PROTOCOL = library.protocol("lutathera_us_2024_04")
LEAST = Decimal("0.000001")


def judge(found: Chart, protocol: Protocol = PROTOCOL) -> Recommendation:
    """The recommendation the day after the draw day."""
    today = draw_day(len(found.cycles)) + timedelta(days=1)
    return recommend(chart=found, protocol=protocol, today=today)


def rules_of(found: Chart, protocol: Protocol = PROTOCOL) -> dict[str, Action]:
    """Every rule that says something, with the most severe it says."""
    said: dict[str, Action] = {}
    for reason in judge(found, protocol).reasons:
        said[reason.rule] = max(reason.action, said.get(reason.rule, reason.action))
    return said


# -------------------- orders: state x verdict (rulings 3.2, 3.3)

GO = judge(chart(draws=panel(draw_day())))
VERDICTS = {
    "proceed": GO,
    "reduce": replace(GO, action=Action.REDUCE, activity_gbq=Decimal("3.7")),
    "hold": replace(GO, action=Action.HOLD, activity_gbq=None, order_set=()),
    "awaiting": replace(GO, action=Action.HOLD, activity_gbq=None, order_set=(), awaiting_labs=True),
    "delay": replace(GO, action=Action.DELAY, activity_gbq=None, order_set=()),
    "stop": replace(GO, action=Action.STOP, activity_gbq=None, order_set=()),
}
NOT_ASKED = (OrderKind.STEROID_COVER, OrderKind.PREGNANCY_TEST)
COMBINATIONS = list(product(VERDICTS, OrderState, OrderKind, (True, False), (True, False), (True, False)))


def expected_change(case: tuple[str, OrderState, OrderKind, bool, bool, bool]) -> ChangeKind | None:
    """What is to happen to one order; the first row that fits, and the last fits always."""
    verdict, state, kind, same_day, same_activity, covered = case
    vial = kind is OrderKind.RADIOPHARMACEUTICAL
    goes, out = verdict in ("proceed", "reduce"), state is OrderState.DISPENSED
    changed = (vial and not (same_day and same_activity)) if goes else not same_day
    rows: list[tuple[bool, ChangeKind | None]] = [
        (state not in LIVE_STATES, None),
        # This patient may not be pregnant and has no peritoneal disease: what nobody signed for it ends.
        (
            goes and kind in NOT_ASKED and state in (OrderState.PROPOSED, OrderState.SUSPENDED),
            ChangeKind.VOID,
        ),
        # Draws and tests let nothing be given: a go ends them, for they are in, and a stop; nothing else.
        (goes and kind in FOR_EVIDENCE and state is OrderState.ACTIVE, ChangeKind.FINISH),
        (kind in FOR_EVIDENCE and verdict != "stop", None),
        (changed and out, ChangeKind.RECALL),
        (changed, ChangeKind.VOID),
        # What was handed out on evidence that no longer stands is called back, though labs are not due yet.
        (verdict == "awaiting" and not out, None),
        (goes and (covered or state is OrderState.PROPOSED), None),
        (out, ChangeKind.RECALL if vial else None),
        (verdict == "stop", ChangeKind.VOID),
        (state is OrderState.SUSPENDED, None),
        (True, ChangeKind.SUSPEND),
    ]
    return next(outcome for fits, outcome in rows if fits)


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_order_in_every_state_has_exactly_one_outcome_under_every_verdict(verdict: str) -> None:
    found = VERDICTS[verdict]
    for case in (combination for combination in COMBINATIONS if combination[0] == verdict):
        _, state, kind, same_day, same_activity, covered = case
        activity = found.activity_gbq or Decimal("7.4")
        order = OpenOrder(
            ref="one",
            kind=kind,
            state=state,
            activity_gbq=activity if same_activity else activity + 1,
            planned_on=found.planned_on if same_day else draw_day(),
            covered=covered,
        )
        mine = [c for c in plan_orders(recommendation=found, open_orders=(order,)) if c.ref == "one"]
        expected = expected_change(case)
        assert [change.change for change in mine] == ([] if expected is None else [expected]), case
        for change in mine:
            assert (change.to is None) == (change.change is ChangeKind.RECALL)
            assert change.to is None or is_legal(before=state, after=change.to)
            assert change.reason_code


def test_the_transition_table_names_every_state_and_only_states() -> None:
    assert set(LEGAL_TRANSITIONS) == set(OrderState)
    for before, after in product(OrderState, OrderState):
        assert is_legal(before=before, after=after) == (after in LEGAL_TRANSITIONS[before])
    final = {state for state, nexts in LEGAL_TRANSITIONS.items() if not nexts}
    assert final == set(OrderState) - set(LIVE_STATES)


def test_after_a_plan_is_carried_out_the_same_recommendation_asks_for_nothing_more() -> None:
    for verdict, state, kind in product(VERDICTS, LIVE_STATES, OrderKind):
        found = VERDICTS[verdict]
        order = OpenOrder(
            ref="one", kind=kind, state=state, activity_gbq=Decimal("7.4"), planned_on=draw_day()
        )
        changes = plan_orders(recommendation=found, open_orders=(order,))
        moved = [replace(order, state=c.to) for c in changes if c.ref == "one" and c.to is not None]
        again = plan_orders(recommendation=found, open_orders=tuple(moved or [order]))
        repeated = [c for c in again if c.ref == "one" and c.change is not ChangeKind.RECALL]
        assert repeated == []


# -------------------- statuses of results (safety: HZ-08, table 0085)

TABLE_0085 = {
    "F": (Act.STORE, "final"),
    "C": (Act.STORE, "corrected"),
    "A": (Act.STORE, "amended"),
    "P": (Act.STORE, "preliminary"),
    "R": (Act.STORE, "preliminary"),
    "S": (Act.STORE, "preliminary"),
    # Final, value unchanged: stored where a value comes along, else the stored one is confirmed.
    "V": (Act.CONFIRM, "final"),
    "B": (Act.CONFIRM, "final"),
    "X": (Act.WITHDRAW, "cancelled"),
    "D": (Act.WITHDRAW, "entered-in-error"),
    "W": (Act.WITHDRAW, "entered-in-error"),
    "I": (Act.NO_RESULT, "pending"),
    "O": (Act.NO_RESULT, "ordered"),
    "N": (Act.NO_RESULT, "not asked"),
    "U": (Act.PROMOTE, "final"),
}


def test_every_letter_of_the_status_table_has_one_meaning_and_everything_else_has_none() -> None:
    assert {letter: (row.act, row.word) for letter, row in STATUSES.items()} == TABLE_0085
    for code in range(0x20, 0x7F):
        letter = chr(code)
        assert (read_status(letter) is not None) == (letter in TABLE_0085)
    for unknown in ("", " ", "f", "FF", "final", "\u0424"):
        assert read_status(unknown) is None


def test_every_stored_word_is_a_status_of_the_core_and_every_status_can_be_ranked() -> None:
    stored = {word for act, word in TABLE_0085.values() if act in (Act.STORE, Act.WITHDRAW)}
    assert stored == {status.value for status in Status}
    for status in Status:
        judge(chart(draws=(*panel(draw_day()), measurement("PLT", "220", draw_day(), status=status))))


# The status that counts, of two of one specimen and time; a withdrawal ends everything (contracts 2).
STRONGER = ["preliminary", "final", "corrected", "cancelled", "entered-in-error"]


@pytest.mark.parametrize(("one", "other"), list(product(Status, Status)))
def test_of_any_two_versions_the_core_and_the_laboratory_side_let_the_same_one_count(
    one: Status, other: Status
) -> None:
    def strength(status: Status) -> int:
        return STRONGER.index("corrected" if status is Status.AMENDED else status.value)

    top = max((one, other), key=strength)
    rest = tuple(m for m in panel(draw_day()) if m.analyte != "PLT")
    values = {one: "60", other: "60"}
    versions = [measurement("PLT", values[s], draw_day(), status=s) for s in (one, other)]
    alone = measurement("PLT", "60", draw_day(), status=top)
    assert judge(chart(draws=(*rest, *versions))).verdict == judge(chart(draws=(*rest, alone))).verdict
    at = datetime(2026, 4, 27, 9, tzinfo=UTC)
    stored = [
        Version(key=key, status=status.value, ordered_at=at, ordered_by="reported", digest=f"{key}")
        for key, status in enumerate((one, other))
    ]
    assert strength(Status(standing(stored).current.status)) == strength(top)


# -------------------- the ladder of a family (clinical 1.2, table)

TOXIC = {
    "DM-PLT": ("PLT", "60"),
    "DM-HEM": ("HGB", "70"),
    "DM-REN": ("CREAT", "141"),
    "DM-HEP": ("BILI", "70"),
}
TOXIC["DM-OTH"] = ("ALT", "200")
# In which interval it showed, whether it is over before the next cycle, what was given since: what follows.
LADDER = {
    ("never", "over", "full"): Action.PROCEED,
    ("now", "open", "full"): Action.DELAY,
    ("now", "over", "full"): Action.REDUCE,
    ("before", "over", "half"): Action.PROCEED,
    ("before", "over", "full"): Action.REDUCE,
    ("before", "open", "half"): Action.DELAY,
    ("before", "open", "full"): Action.DELAY,
    ("both", "over", "half"): Action.STOP,
    ("both", "over", "full"): Action.STOP,
    ("both", "open", "half"): Action.STOP,
    ("both", "open", "full"): Action.STOP,
}


def ladder_chart(family: str, shown: str, end: str, since: str) -> Chart:
    """Two cycles given; the toxicity showed after the first, after the second, after both, or never."""
    analyte, bad = TOXIC[family]
    draws: list[Measurement] = []
    if shown in ("before", "both"):
        draws.append(measurement(analyte, bad, FIRST + timedelta(days=20)))
        if end == "over" or shown == "both":
            draws.append(measurement(analyte, NORMAL[analyte], FIRST + timedelta(days=40)))
    if shown in ("now", "both"):
        draws.append(measurement(analyte, bad, last_day() + timedelta(days=20)))
    found = chart(draws=(*draws, *panel(draw_day(), **({analyte: bad} if end == "open" else {}))))
    second = replace(found.cycles[1], activity_gbq=Decimal("3.7" if since == "half" else "7.4"))
    return replace(found, cycles=(found.cycles[0], second))


@pytest.mark.parametrize("family", TOXIC)
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.id)
def test_each_step_of_the_ladder_has_exactly_one_action(family: str, protocol: Protocol) -> None:
    for (shown, end, since), expected in LADDER.items():
        # Still open after the second cycle means: it shows after both, unless nothing triggers any more.
        if (shown, end) == ("before", "open"):
            continue
        said = rules_of(ladder_chart(family, shown, end, since), protocol).get(family, Action.PROCEED)
        assert said is expected, (family, shown, end, since)


@pytest.mark.parametrize("family", ["DM-REN", "DM-HEP"])
@pytest.mark.parametrize("since", ["half", "full"])
def test_a_toxicity_between_triggering_and_resolved_delays_across_an_administration(
    family: str, since: str
) -> None:
    analyte, bad = TOXIC[family]
    between = {"DM-REN": "90", "DM-HEP": "40"}[family]
    found = chart(
        draws=(
            measurement(analyte, bad, FIRST + timedelta(days=20)),
            *panel(draw_day(), **{analyte: between}),
        )
    )
    second = replace(found.cycles[1], activity_gbq=Decimal("3.7" if since == "half" else "7.4"))
    said = rules_of(replace(found, cycles=(found.cycles[0], second)))
    assert said[family] is LADDER["before", "open", since]


@pytest.mark.parametrize("family", ["DM-REN", "DM-HEP"])
def test_the_ladder_is_complete(family: str) -> None:
    shown = {"never": ["over"], "now": ["open", "over"], "before": ["open", "over"], "both": ["open", "over"]}
    # Before the first toxicity nothing has been reduced, and a toxicity of now has had no cycle since.
    wanted = {
        (when, end, since)
        for when, ends in shown.items()
        for end in ends
        for since in (["full"] if when in ("never", "now") else ["half", "full"])
    }
    assert set(LADDER) == wanted
    assert family in TOXIC


def test_hypersensitivity_stops_and_lymphopenia_never_acts_wherever_they_show() -> None:
    for interval in (0, 1):
        day = FIRST + timedelta(days=56 * interval)
        for grade, action in ((1, Action.PROCEED), (2, Action.PROCEED), (3, Action.STOP), (4, Action.STOP)):
            event = AdverseEvent(term="Anaphylaxis", grade=grade, began_on=day, ended_on=day)
            said = rules_of(chart(draws=panel(draw_day()), adverse_events=(event,)))
            assert said.get("DM-HSR", Action.PROCEED) is action
        low = measurement("LYMPH", "0.1", day + timedelta(days=10))
        assert rules_of(chart(draws=(low, *panel(draw_day()))))["DM-LYM"] is Action.PROCEED


# -------------------- one condition at a time, made from each protocol's data


def _normal(analyte: str) -> str:
    """The middle of the reference range."""
    low, high = (Decimal(limit) for limit in LIMITS.get(analyte, ("1", "1")))
    return NORMAL.get(analyte) or str((low + high) / 2)


def limit_of(bound: Bound) -> Fraction:
    """The number of a bound for the normal chart: its own, or the multiple of a limit or of the baseline."""
    low, high = LIMITS.get(bound.quantity, ("0", "0"))
    normal = {
        None: "1",
        Reference.LLN: low,
        Reference.ULN: high,
        Reference.BASELINE: _normal(bound.quantity),
    }
    return bound.exact * Fraction(normal[bound.reference])


def either_side(bound: Bound) -> tuple[Decimal, Decimal]:
    """A value that meets the bound and one that does not, the least step apart."""
    limit = Decimal(limit_of(bound).numerator) / Decimal(limit_of(bound).denominator)
    below, above = limit - LEAST, limit + LEAST
    return {
        Test.BELOW: (below, limit),
        Test.AT_MOST: (limit, above),
        Test.ABOVE: (above, limit),
        Test.AT_LEAST: (limit, below),
    }[bound.test]


def creatinine_either_side(limit: Fraction, day: date) -> tuple[Decimal, Decimal]:
    """Creatinine at which the clearance of the normal chart lies below a limit, and not below it."""
    product_of_both = clearance(Fraction(1), chart(), day)
    exact = product_of_both / limit
    not_below = (Decimal(exact.numerator) / Decimal(exact.denominator)).quantize(LEAST, rounding=ROUND_FLOOR)
    return not_below + LEAST, not_below


FLOORS = [(protocol, floor) for protocol in PROTOCOLS for floor in protocol.floors]


def values_meeting(bounds: tuple[Bound, ...], place: int, *, tried: bool, day: date) -> dict[str, str]:
    """Values of a day under which every bound is met, but for the one tried when it shall not be."""
    values = {"LYMPH": "2.0"}  # nothing is excused by them
    for number, bound in enumerate(bounds):
        met, unmet = (
            creatinine_either_side(bound.exact, day)
            if bound.quantity == CREATININE_CLEARANCE
            else either_side(bound)
        )
        analyte = "CREAT" if bound.quantity == CREATININE_CLEARANCE else bound.quantity
        values[analyte] = str(met if tried or number != place else unmet)
    return values


@pytest.mark.parametrize(("protocol", "floor"), FLOORS, ids=lambda item: item.id)
def test_each_bound_of_a_floor_alone_decides_whether_it_speaks(protocol: Protocol, floor: Floor) -> None:
    for place in range(len(floor.bounds)):
        said = {}
        for tried in (True, False):
            given = 0 if floor.when is When.FIRST_CYCLE else 2
            day = draw_day(given) if given else BASELINE_DAY + timedelta(days=1)
            values = values_meeting(floor.bounds, place, tried=tried, day=day)
            found = chart(given=given, draws=panel(day, **values))
            said[tried] = rules_of(found, protocol)
        assert said[True].get(floor.id) is floor.action
        assert floor.id not in said[False]


CRITERIA = [
    (protocol, family.id, place, number)
    for protocol in PROTOCOLS
    for family in protocol.families
    for place, criterion in enumerate(family.criteria)
    for number in range(len(criterion.bounds))
]


@pytest.mark.parametrize(
    ("protocol", "family", "place", "number"), CRITERIA, ids=lambda item: str(getattr(item, "id", item))
)
def test_each_bound_of_a_toxicity_alone_decides_whether_it_delays(
    protocol: Protocol, family: str, place: int, number: int
) -> None:
    criterion = next(f for f in protocol.families if f.id == family).criteria[place]
    bound = criterion.bounds[number]
    said = {}
    for tried in (True, False):
        if bound.quantity == CREATININE_CLEARANCE and bound.reference is Reference.BASELINE:
            found = _lighter(bound, tried=tried)
        elif bound.quantity == CREATININE_CLEARANCE:
            values = values_meeting(criterion.bounds, number, tried=tried, day=draw_day())
            found = _with_baseline(chart(draws=panel(draw_day(), **values)), "CREAT", "120")
        else:
            values = values_meeting(criterion.bounds, number, tried=tried, day=draw_day())
            found = chart(draws=panel(draw_day(), **values))
        said[tried] = rules_of(found, protocol)
    assert said[True].get(family) is Action.DELAY
    assert family not in said[False]


def _lighter(bound: Bound, *, tried: bool) -> Chart:
    """The clearance falls with the weight alone, to the bound or the least step short of it."""
    before, after = Decimal(100), Decimal(100) * Decimal(str(float(bound.exact)))
    kg = after if tried else after + LEAST
    found = chart(draws=panel(draw_day()))
    weights = (Weight(on=BASELINE_DAY, kg=before), Weight(on=draw_day(), kg=kg))
    return replace(found, weights=weights, birth_date=date(1961, 12, 31))  # no birthday in between


def _with_baseline(found: Chart, analyte: str, value: str) -> Chart:
    changed = [
        replace(m, value=Decimal(value)) if (m.analyte, m.collected_on) == (analyte, BASELINE_DAY) else m
        for m in found.measurements
    ]
    return replace(found, measurements=tuple(changed))


def triggering(protocol: Protocol, family: ToxicityFamily, term: str) -> list[Bound]:
    """The bounds that make the triggering grade; none where the criteria leave that grade to people."""
    rows = protocol.criteria.by_term[term].rows
    found = [row.bound for row in rows if row.grade == row.grade_to == family.trigger_grade]
    # The baseline of these charts is normal, so a multiple of a limit goes before one of the baseline.
    return sorted(found, key=lambda each: each.reference is Reference.BASELINE)


GRADED = [
    (protocol, family, term)
    for protocol in PROTOCOLS
    for family in protocol.families
    if not family.never_acts
    for term in family.terms
    # These charts' baseline is normal: what another row judges then is that row's to delay for.
    if triggering(protocol, family, term) and not judging_row(family, term)
]


@pytest.mark.parametrize(("protocol", "family", "term"), GRADED, ids=lambda item: getattr(item, "id", item))
def test_the_bound_of_the_triggering_grade_alone_decides_whether_a_term_delays(
    protocol, family, term
) -> None:
    bound = triggering(protocol, family, term)[0]
    if bound.quantity == "corrected_calcium":
        bound = replace(bound, quantity="CA")  # with an albumin of 40 nothing is corrected
    met, unmet = either_side(bound)
    said = {}
    for tried, value in ((True, met), (False, unmet)):
        values = {"ALB": "40", bound.quantity: str(value)}
        if bound.quantity == "WBC":
            values |= {"LYMPH": "2.0"}
        found = chart(
            draws=(
                *panel(BASELINE_DAY, **{bound.quantity: _normal(bound.quantity)}),
                *panel(draw_day(), **values),
            )
        )
        said[tried] = rules_of(found, protocol)
    assert said[True].get(family.id) is Action.DELAY
    assert said[False].get(family.id, Action.PROCEED) is Action.PROCEED


@pytest.mark.parametrize(
    "protocol",
    [protocol for protocol in PROTOCOLS if protocol.criteria.version == "5.0"],
    ids=lambda protocol: protocol.id,
)
@pytest.mark.parametrize(
    ("lymphocytes", "neutrophils", "acts"),
    [("0.999999", "1.0", False), ("1.0", "1.0", True), ("0.999999", "0.999999", True), ("0.1", "3.5", False)],
)
def test_leukopenia_is_excused_by_lymphopenia_only_while_neutrophils_are_not_of_grade_3(
    protocol: Protocol, lymphocytes: str, neutrophils: str, acts: bool
) -> None:
    found = chart(draws=panel(draw_day(), WBC="1.9", LYMPH=lymphocytes, ANC=neutrophils))
    said = rules_of(found, protocol)
    assert (said.get("DM-OTH", Action.PROCEED) is Action.DELAY) == acts
    assert ("DM-HEM" in said) == (neutrophils == "0.999999")
