"""What must hold of any answer to any plain chart, checked without asking the core how it came to it.

Plain: results without bounds, events, weights and administrations; the US protocol. Its numbers are typed
here from the source, so that a core that reads its own numbers wrongly is found out.
"""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from courses.rules.values import Action, Chart, Measurement, Recommendation
from tests.rules.oracle import US, Profile, clearance, interval_of, second_opinion, usable_results

Core = Callable[..., Recommendation]
REQUIRED = ("PLT", "ANC", "HGB", "CREAT", "BILI", "ALB", "ALT", "AST")
LABS_VALID_DAYS = 14
WEIGHT_VALID_DAYS = 28
ACTIVITY = {Action.PROCEED: Decimal("7.4"), Action.REDUCE: Decimal("3.7")}
MEMORY_RULES = ("DM-PLT", "DM-HEM", "DM-REN", "DM-HEP", "DM-OTH", "DM-HSR", "LIM-DELAY", "SCH-WINDOW")


def treatment_day(chart: Chart, today: date) -> date:
    """The day for which evidence is judged: the planned one, or today when that is later."""
    planned = chart.planned_on
    if planned is None and chart.cycles:
        planned = max(cycle.on for cycle in chart.cycles) + timedelta(days=56)
    return max(planned or today, today)


def newest_usable(chart: Chart, analyte: str) -> Measurement | None:
    """The newest usable result since the last administration."""
    days = sorted(cycle.on for cycle in chart.cycles)
    of = [m for m in usable_results(chart) if m.analyte == analyte]
    of = [m for m in of if interval_of(m.collected_on, days) == len(days)]
    return of[-1] if of else None


def check_answer(answer: Recommendation, chart: Chart, today: date) -> None:
    """Raises AssertionError naming the first thing that does not hold."""
    worst = max((reason.action for reason in answer.reasons), default=Action.PROCEED)
    assert answer.action == worst, "the action is not the most severe of its reasons"
    assert answer.activity_gbq == ACTIVITY.get(answer.action), "the activity is not that of the action"
    if answer.action.is_go:
        check_evidence(chart, today)
        assert answer.missing == (), "a go in spite of missing evidence"
    if chart.cycles:
        check_memory(answer, chart, today)
    elif answer.action.is_go:
        check_floors(chart)


def check_evidence(chart: Chart, today: date) -> None:
    """A go rests on a usable, fresh result of every required analyte, and on a fresh weight."""
    on = treatment_day(chart, today)
    for analyte in REQUIRED:
        newest = newest_usable(chart, analyte)
        assert newest is not None, f"a go without any usable {analyte}"
        assert (on - newest.collected_on).days <= LABS_VALID_DAYS, f"a go on a stale {analyte}"
    weighed = max((weight.on for weight in chart.weights), default=None)
    assert weighed is not None, "a go without a weight"
    assert (on - weighed).days <= WEIGHT_VALID_DAYS, "a go on a stale weight"
    assert chart.sex is not None, "a go with unknown sex"
    assert chart.birth_date is not None, "a go with unknown age"


def check_memory(answer: Recommendation, chart: Chart, today: date, profile: Profile = US) -> None:
    """The acting rules of toxicity, limit and window are those of the second opinion."""
    opinion = second_opinion(chart, today=today, profile=profile)
    acting: dict[str, Action] = {}
    for reason in answer.reasons:
        if reason.rule in MEMORY_RULES and reason.action > Action.PROCEED:
            acting[reason.rule] = max(reason.action, acting.get(reason.rule, reason.action))
    expected = {rule: action for rule, action in opinion.acting.items() if rule in MEMORY_RULES}
    # Where a toxicity has come again the course is ended; whether its limit passed too adds nothing.
    if Action.STOP in (acting.get(rule) for rule in MEMORY_RULES if rule != "LIM-DELAY"):
        acting.pop("LIM-DELAY", None)
        expected.pop("LIM-DELAY", None)
    assert acting == expected, "the second opinion differs"
    if "EV-UNUSABLE" in opinion.acting:
        assert not answer.action.is_go, "a go in spite of a doubtful alarming result"
    elif profile is US and evidence_is_complete(chart, today):
        assert answer.action == opinion.action, "the action is not that of the second opinion"


def evidence_is_complete(chart: Chart, today: date) -> bool:
    """Whether nothing that is missing or stale can hold the cycle."""
    try:
        check_evidence(chart, today)
    except AssertionError:
        return False
    return True


def check_floors(chart: Chart) -> None:
    """Before the first cycle nothing lies beyond its floor."""
    values = {}
    for analyte in ("PLT", "ANC", "HGB", "CREAT", "BILI"):
        newest = newest_usable(chart, analyte)
        assert newest is not None
        values[analyte] = newest
    amounts = {analyte: Fraction(newest.value or 0) for analyte, newest in values.items()}
    assert amounts["PLT"] >= 75, "a first cycle with low platelets"
    assert amounts["ANC"] >= 1, "a first cycle with low neutrophils"
    assert amounts["HGB"] >= 80, "a first cycle with low haemoglobin"
    assert amounts["BILI"] <= 3 * Fraction(values["BILI"].high or 0), "a first cycle with high bilirubin"
    cleared = clearance(amounts["CREAT"], chart, values["CREAT"].collected_on)
    assert cleared >= 40, "a first cycle with low creatinine clearance"
