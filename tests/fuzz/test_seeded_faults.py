"""The proof is itself proved: each of these faults, planted in the core, must be found by it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from courses import library
from courses.rules import derived, evidence, judging, required
from courses.rules import recommend as core_module
from courses.rules.evidence import History
from courses.rules.intervals import Interval, Tri, is_at_most
from courses.rules.protocol import ClockStart, Protocol
from courses.rules.recommend import recommend
from courses.rules.values import Action, Chart, Measurement, Recommendation, Status
from labs import clinic_days
from tests.fuzz.test_core_machine import CoreMachine
from tests.rules.invariants import Core, check_answer
from tests.rules.series import random_course
from tests.strategies import chart, draw_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
SERIES = 1000
Fault = Callable[[pytest.MonkeyPatch], Core]
FAULTS: dict[str, Fault] = {}


def fault(words: str) -> Callable[[Fault], Fault]:
    """Puts a fault on the list under a sentence that says what is wrong."""

    def enlist(plant: Fault) -> Fault:
        FAULTS[words] = plant
        return plant

    return enlist


# ----------------------------------------------------------------- faults of the code, planted by replacement


@fault("a missing analyte counts as normal")
def _missing_is_normal(patch: pytest.MonkeyPatch) -> Core:
    return _without_lacks(patch, "EV-MISSING")


@fault("a stale result is accepted")
def _stale_accepted(patch: pytest.MonkeyPatch) -> Core:
    return _without_lacks(patch, "EV-STALE")


def _without_lacks(patch: pytest.MonkeyPatch, rule: str) -> Core:
    sound = required.lab_lacks

    def faulty(**given: Any) -> Iterator[Any]:
        return (lack for lack in sound(**given) if lack.gap.rule != rule)

    patch.setattr(core_module, "lab_lacks", faulty)
    return recommend


@fault("a stale or missing weight is accepted")
def _no_weight(patch: pytest.MonkeyPatch) -> Core:
    def nearest(day: date, *, case: Any, **_: Any) -> Any:
        weights = case.chart.weights
        return min(weights, key=lambda weight: abs((weight.on - day).days), default=None)

    patch.setattr(core_module, "weight_lacks", lambda **_: ())
    patch.setattr(derived, "weight_for", nearest)
    return recommend


@fault("a preliminary result counts like a final one")
def _preliminary_is_final(patch: pytest.MonkeyPatch) -> Core:
    return _sifting(patch, lambda m: replace(m, status=Status.FINAL) if m.status is Status.PRELIMINARY else m)


@fault("an unreliable specimen counts like a good one")
def _quality_ignored(patch: pytest.MonkeyPatch) -> Core:
    return _sifting(patch, lambda m: replace(m, quality=()))


@fault("a withdrawn result keeps counting")
def _withdrawal_ignored(patch: pytest.MonkeyPatch) -> Core:
    withdrawn = (Status.CANCELLED, Status.ENTERED_IN_ERROR)
    return _sifting(patch, lambda m: None if m.status in withdrawn else m)


@fault("a correction is ignored")
def _correction_ignored(patch: pytest.MonkeyPatch) -> Core:
    return _sifting(patch, lambda m: None if m.status is Status.CORRECTED else m)


@fault("the sign of a bounded result is dropped")
def _comparator_dropped(patch: pytest.MonkeyPatch) -> Core:
    return _sifting(patch, lambda m: replace(m, comparator=""))


def _sifting(patch: pytest.MonkeyPatch, change: Callable[[Measurement], Measurement | None]) -> Core:
    """A core that reads every result through a faulty glass; the chart itself stays as it is."""
    sound = evidence.sift

    def faulty(measurements: Any) -> Any:
        changed = [change(measurement) for measurement in measurements]
        return sound(m for m in changed if m is not None)

    patch.setattr(evidence, "sift", faulty)
    return recommend


@fault("a doubtful alarming result does not hold")
def _doubt_ignored(patch: pytest.MonkeyPatch) -> Core:
    patch.setattr(core_module, "doubtful_lacks", lambda **_: ())
    return recommend


@fault("below means at most")
def _below_is_at_most(patch: pytest.MonkeyPatch) -> Core:
    def faulty(value: Interval, limit: Interval) -> Tri:
        return is_at_most(value, limit)

    patch.setattr(judging, "is_below", faulty)
    return recommend


@fault("the specimen of the infusion day belongs to the interval after it")
def _day_of_infusion(patch: pytest.MonkeyPatch) -> Core:
    patch.setattr(History, "interval_of", lambda self, day: sum(given <= day for given in self.cycle_days))
    return recommend


@fault("the baseline moves with every new result")
def _baseline_moves(patch: pytest.MonkeyPatch) -> Core:
    def faulty(samples: Any, *_: Any, **__: Any) -> dict[str, Any]:
        return {s.analyte: s for s in samples if s.standing is evidence.Standing.DECISIVE}

    patch.setattr(evidence, "_baselines", faulty)
    return recommend


@fault("the mildest reason wins")
def _mildest_wins(patch: pytest.MonkeyPatch) -> Core:
    def faulty(actions: Any, default: Any = None, **more: Any) -> Any:
        listed = list(actions)
        acting = [action for action in listed if action != Action.PROCEED]
        return min(acting) if acting else (listed[0] if listed else default)

    patch.setattr(core_module, "max", faulty, raising=False)
    return recommend


@fault("the age in the clearance is a year too low")
def _age_off_by_one(patch: pytest.MonkeyPatch) -> Core:
    sound = clinic_days.age_on
    patch.setattr(derived, "age_on", lambda born, day: sound(born, day) - 1)
    return recommend


@fault("the window before the first day is not looked at")
def _window_ignored(patch: pytest.MonkeyPatch) -> Core:
    patch.setattr(core_module, "_window_reasons", lambda *_: ())
    return recommend


@fault("the floors before the first cycle are not looked at")
def _floors_ignored(patch: pytest.MonkeyPatch) -> Core:
    patch.setattr(core_module, "floor_reasons", lambda **_: ())
    return recommend


@fault("the oldest result is taken for the newest")
def _oldest_first(patch: pytest.MonkeyPatch) -> Core:
    sound = evidence.sift
    patch.setattr(evidence, "sift", lambda measurements: tuple(reversed(sound(measurements))))
    return recommend


# ------------------------------------------------ faults of the numbers, as a wrong reading of the file makes


def _reading(change: Callable[[Protocol], Protocol]) -> Core:
    """A core that reads the protocol through a faulty glass."""
    wrong = change(PROTOCOL)

    def faulty(*, chart: Chart, protocol: Protocol, today: date) -> Recommendation:
        return recommend(chart=chart, protocol=wrong, today=today)

    return faulty


def _family(family_id: str, **changes: Any) -> Core:
    def change(protocol: Protocol) -> Protocol:
        changed = [replace(f, **changes) if f.id == family_id else f for f in protocol.families]
        return replace(protocol, families=tuple(changed))

    return _reading(change)


@fault("the labs are valid a day too long")
def _labs_a_day_longer(_: pytest.MonkeyPatch) -> Core:
    def change(protocol: Protocol) -> Protocol:
        rows = [replace(row, validity_days=row.validity_days + 1) for row in protocol.labs]
        return replace(protocol, labs=tuple(rows))

    return _reading(change)


@fault("the window begins a day too early")
def _window_a_day_early(_: pytest.MonkeyPatch) -> Core:
    return _reading(lambda p: replace(p, schedule=replace(p.schedule, window_first_day=48)))


@fault("a recurrence only delays")
def _recurrence_delays(_: pytest.MonkeyPatch) -> Core:
    return _family("DM-PLT", on_recurrence=Action.DELAY)


@fault("platelets trigger at grade 3, as the other counts do")
def _platelets_at_grade_3(_: pytest.MonkeyPatch) -> Core:
    return _family("DM-PLT", trigger_grade=3)


@fault("the tolerance of the baseline is 50 %")
def _tolerance_too_wide(_: pytest.MonkeyPatch) -> Core:
    return _family("DM-HEP", tolerance_percent=Decimal(50))


@fault("what recovers between two cycles is forgotten")
def _interim_forgotten(_: pytest.MonkeyPatch) -> Core:
    return _reading(lambda p: replace(p, count_interim_occurrences=False))


@fault("the limit day itself does not stop")
def _limit_a_day_late(_: pytest.MonkeyPatch) -> Core:
    return _reading(lambda p: replace(p, delay_limit=replace(p.delay_limit, stops_on_limit_day=False)))


@fault("the limit is counted from the nominal day")
def _limit_from_nominal_day(_: pytest.MonkeyPatch) -> Core:
    return _reading(
        lambda p: replace(p, delay_limit=replace(p.delay_limit, counted_from=ClockStart.NOMINAL_DAY))
    )


@fault("the clearance of a woman is that of a man")
def _no_female_factor(_: pytest.MonkeyPatch) -> Core:
    return _reading(lambda p: replace(p, clearance=replace(p.clearance, female_factor=Fraction(1))))


@fault("hypersensitivity is forgotten")
def _hypersensitivity_forgotten(_: pytest.MonkeyPatch) -> Core:
    return _reading(lambda p: replace(p, families=tuple(f for f in p.families if f.id != "DM-HSR")))


# --------------------------------------------------------------------------------- faults of what is answered


@fault("a lymphopenia excuses every other toxicity")
def _lymphopenia_excuses_all(_: pytest.MonkeyPatch) -> Core:
    def faulty(*, chart: Chart, protocol: Protocol, today: date) -> Recommendation:
        answer = recommend(chart=chart, protocol=protocol, today=today)
        if not any(reason.rule == "DM-LYM" for reason in answer.reasons):
            return answer
        kept = tuple(r for r in answer.reasons if not r.rule.startswith("DM-") or r.rule == "DM-LYM")
        return _again(answer, kept)

    return faulty


@fault("after a toxicity full activity is given at once")
def _never_reduced(_: pytest.MonkeyPatch) -> Core:
    def faulty(*, chart: Chart, protocol: Protocol, today: date) -> Recommendation:
        answer = recommend(chart=chart, protocol=protocol, today=today)
        kept = tuple(r for r in answer.reasons if r.action is not Action.REDUCE)
        return _again(answer, kept)

    return faulty


@fault("a stop is forgotten once the newest panel is normal")
def _stop_forgotten(_: pytest.MonkeyPatch) -> Core:
    def faulty(*, chart: Chart, protocol: Protocol, today: date) -> Recommendation:
        recent = today - timedelta(days=15)
        short = replace(
            chart,
            measurements=tuple(
                m for m in chart.measurements if m.collected_on >= recent or m.collected_on < _first(chart)
            ),
            adverse_events=tuple(e for e in chart.adverse_events if e.began_on >= recent),
        )
        return recommend(chart=short, protocol=protocol, today=today)

    return faulty


def _first(chart: Chart) -> date:
    return min((cycle.on for cycle in chart.cycles), default=date.max)


def _again(answer: Recommendation, reasons: tuple[Any, ...]) -> Recommendation:
    """The answer that only these reasons would give."""
    action = max((reason.action for reason in reasons), default=Action.PROCEED)
    schedule = PROTOCOL.schedule
    activity = {Action.PROCEED: schedule.activity_gbq, Action.REDUCE: schedule.reduced_activity_gbq}
    return replace(answer, reasons=reasons, action=action, activity_gbq=activity.get(action))


# ---------------------------------------------------------------------------------------------- the hunt


def found_by(core: Core) -> str:
    """Which part of the proof finds that a core is not sound; empty when none does."""
    rest = tuple(m for m in panel(draw_day()) if m.analyte != "PLT")
    bounded = chart(draws=(*rest, measurement("PLT", "100", draw_day(), comparator="<")))
    if core(chart=bounded, protocol=PROTOCOL, today=draw_day()).action.is_go:
        return "bounds: platelets below 100 may be 20"
    for seed in range(SERIES):
        found, today = random_course(random.Random(seed))
        try:
            check_answer(core(chart=found, protocol=PROTOCOL, today=today), found, today)
        except AssertionError as finding:
            return f"random courses, no. {seed + 1}: {str(finding).splitlines()[0]}"
    try:
        _run_machine(core)
    except AssertionError as finding:
        return f"the machine: {str(finding).splitlines()[0]}"
    return ""


def _run_machine(core: Core) -> None:
    """A short walk of the machine; nothing is made smaller, for nobody will read it."""
    tried = type("Tried", (CoreMachine,), {"core": staticmethod(core)})
    run_state_machine_as_test(
        tried,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture(scope="module")
def kills() -> Iterator[dict[str, str]]:
    """What found each fault; the rate is printed when the last one has been tried."""
    found: dict[str, str] = {}
    yield found
    killed = sum(1 for finding in found.values() if finding)
    print(f"\nSeeded faults found: {killed} of {len(found)}")


@pytest.mark.parametrize("words", FAULTS)
def test_a_planted_fault_is_found(words: str, monkeypatch: pytest.MonkeyPatch, kills: dict[str, str]) -> None:
    kills[words] = found_by(FAULTS[words](monkeypatch))
    print(f"  {words}: {kills[words] or 'NOT FOUND'}")
    assert kills[words]


def test_the_sound_core_is_found_sound_and_the_faults_are_many() -> None:
    assert len(FAULTS) >= 15
    for seed in range(SERIES):
        found, today = random_course(random.Random(seed))
        check_answer(recommend(chart=found, protocol=PROTOCOL, today=today), found, today)
