"""A course as it is lived, step by step: whatever happens, the core's answer keeps its promises."""

import os
import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from courses import library
from courses.rules.facts import Attribution, Facts, Support, SupportKind
from courses.rules.recommend import recommend
from courses.rules.values import (
    Action,
    AdverseEvent,
    Chart,
    GivenCycle,
    Measurement,
    Recommendation,
    Sex,
    Status,
    Weight,
)
from tests.rules.invariants import check_answer
from tests.rules.series import EVENT_TERMS, VALUES
from tests.strategies import BASELINE_DAY, measurement, panel, recorded_facts

PROTOCOL = library.protocol("lutathera_us_2024_04")
LONG = os.environ.get("PRRT_LONG") == "1"
MACHINE_VALUES = {**VALUES, "ALT": ("20", "175", "176"), "LYMPH": ("0.1", "0.4", "2.0")}
ANALYTES = sorted(MACHINE_VALUES)
STEPS = (1, 7, 13, 14, 15, 28, 55, 56, 57, 111, 112, 113)
WITHDRAWING = (Status.CORRECTED, Status.CANCELLED, Status.ENTERED_IN_ERROR)


class CoreMachine(RuleBasedStateMachine):
    """One patient's course under the US protocol; `core` is what is tried, sound or with a fault."""

    core = staticmethod(recommend)

    def __init__(self) -> None:
        super().__init__()
        self.today = BASELINE_DAY
        self.measurements: list[Measurement] = []
        self.weights: list[Weight] = []
        self.cycles: list[GivenCycle] = []
        self.events: list[AdverseEvent] = []
        self.hour = 8
        self.ended = False

    # ----------------------------------------------------------------------------- what is known, and asked

    def chart(self) -> Chart:
        """The chart as it stands."""
        return Chart(
            birth_date=date(1961, 3, 2),
            sex=Sex.FEMALE,
            measurements=tuple(self.measurements),
            weights=tuple(self.weights),
            cycles=tuple(self.cycles),
            adverse_events=tuple(self.events),
        )

    def ask(self, **changes: object) -> Recommendation:
        """What the core says today, of the chart or of one changed in these fields."""
        chart = replace(self.chart(), **changes)  # type: ignore[arg-type]  # fields of the chart
        return type(self).core(chart=chart, protocol=PROTOCOL, today=self.today)

    def result(self, short: str, value: str, **more: object) -> Measurement:
        """A result of today; every specimen has its own minute."""
        self.hour += 1
        at = datetime.combine(self.today, time(8), tzinfo=UTC) + timedelta(minutes=self.hour)
        return measurement(short, value, self.today, collected_at=at, **more)

    # --------------------------------------------------------------------------------------------- evidence

    @initialize(creatinine=st.sampled_from(["60", "70", "90"]), bilirubin=st.sampled_from(["10", "24"]))
    def baseline(self, creatinine: str, bilirubin: str) -> None:
        self.measurements += panel(BASELINE_DAY, CREAT=creatinine, BILI=bilirubin)
        self.weights.append(Weight(on=BASELINE_DAY, kg=Decimal(72)))

    @rule(changes=st.dictionaries(st.sampled_from(ANALYTES), st.integers(0, 5), max_size=2))
    def draw_a_panel(self, changes: dict[str, int]) -> None:
        values = {s: MACHINE_VALUES[s][place % len(MACHINE_VALUES[s])] for s, place in changes.items()}
        for m in panel(self.today, **values):
            self.measurements.append(self.result(m.analyte, str(m.value)))
        if not any(weight.on == self.today for weight in self.weights):
            self.weights.append(Weight(on=self.today, kg=Decimal(72)))

    @rule(short=st.sampled_from(ANALYTES), place=st.integers(0, 5))
    def report_one_result(self, short: str, place: int) -> None:
        values = MACHINE_VALUES[short]
        self.measurements.append(self.result(short, values[place % len(values)]))

    @rule(
        short=st.sampled_from(sorted(VALUES)),
        place=st.integers(0, 5),
        more=st.sampled_from([{"status": Status.PRELIMINARY}, {"quality": ("haemolysed",)}]),
    )
    def report_a_doubtful_result(self, short: str, place: int, more: dict[str, object]) -> None:
        before = self.ask()
        values = VALUES[short]
        self.measurements.append(self.result(short, values[place % len(values)], **more))
        assert self.ask().action >= before.action, "a doubtful result made the answer milder"

    @precondition(lambda self: len(self.measurements) > 8)
    @rule(place=st.integers(0, 200), value=st.integers(0, 5), status=st.sampled_from(WITHDRAWING))
    def correct_or_withdraw(self, place: int, value: int, status: Status) -> None:
        target = self.measurements[8 + place % (len(self.measurements) - 8)]
        if target.analyte not in MACHINE_VALUES or self.versions(target, status):
            return
        values = MACHINE_VALUES[target.analyte]
        self.measurements.append(
            replace(target, status=status, value=Decimal(values[value % len(values)]), quality=())
        )
        self.ended = False

    def versions(self, target: Measurement, status: Status) -> list[Measurement]:
        """The versions of one specimen's result in this status."""
        key = (target.code, target.collected_at, status)
        return [m for m in self.measurements if (m.code, m.collected_at, m.status) == key]

    @precondition(lambda self: self.measurements)
    @rule(place=st.integers(0, 200))
    def send_one_again(self, place: int) -> None:
        before = self.ask()
        self.measurements.append(self.measurements[place % len(self.measurements)])
        assert self.ask() == before, "a repeated message changed the answer"

    @precondition(lambda self: self.cycles)
    @rule(short=st.sampled_from(sorted(VALUES)), place=st.integers(0, 5), days_ago=st.integers(1, 60))
    def report_a_late_result(self, short: str, place: int, days_ago: int) -> None:
        day = max(self.today - timedelta(days=days_ago), self.cycles[0].on + timedelta(days=1))
        if day > self.today:
            return
        self.hour += 1
        at = datetime.combine(day, time(8), tzinfo=UTC) + timedelta(minutes=self.hour)
        values = VALUES[short]
        late = measurement(short, values[place % len(values)], day, collected_at=at)
        self.measurements.append(late)
        self.ended = False

    @rule(short=st.sampled_from(sorted(VALUES)), place=st.integers(0, 5), inside=st.integers(0, 5))
    def imagine_a_bounded_result(self, short: str, place: int, inside: int) -> None:
        values = VALUES[short]
        bound, point = values[place % len(values)], values[inside % len(values)]
        sign = "<=" if Decimal(point) <= Decimal(bound) else ">="
        exact, bounded = self.result(short, point), None
        bounded = replace(exact, value=Decimal(bound), comparator=sign)
        within = self.ask(measurements=(*self.measurements, bounded))
        at_point = self.ask(measurements=(*self.measurements, exact))
        held = any(reason.action is Action.HOLD for reason in within.reasons)
        safe = within.action >= at_point.action or (held and not within.action.is_go)
        assert safe, "bounds were judged milder than a value within them"

    # ------------------------------------------------------------------------------------ time and treatment

    @rule(days=st.sampled_from(STEPS))
    def let_days_pass(self, days: int) -> None:
        before = self.ask()
        self.today += timedelta(days=days)
        self.hour = 8
        after = self.ask()
        if "SCH-WINDOW" not in before.verdict.rules:
            assert before.action.is_go or not after.action.is_go, "waiting alone opened the way"
            assert before.action is not Action.REDUCE or after.action is not Action.PROCEED, (
                "forgot by waiting"
            )

    @precondition(lambda self: len(self.cycles) < 3)
    @rule()
    def give_what_the_core_allows(self) -> None:
        if self.given_today():
            return
        answer = self.ask(planned_on=self.today)
        if answer.action.is_go and answer.activity_gbq is not None:
            check_answer(answer, replace(self.chart(), planned_on=self.today), self.today)
            self.give(answer.activity_gbq)

    @precondition(lambda self: 0 < len(self.cycles) < 3)
    @rule(activity=st.sampled_from(["7.4", "3.7"]))
    def give_against_advice(self, activity: str) -> None:
        if not self.given_today():
            self.give(Decimal(activity))

    def given_today(self) -> bool:
        """Whether an administration took place today already; none takes place on the day of the baseline."""
        return self.today == BASELINE_DAY or (bool(self.cycles) and self.cycles[-1].on >= self.today)

    def give(self, activity: Decimal) -> None:
        """An administration of today."""
        self.cycles.append(GivenCycle(number=len(self.cycles) + 1, on=self.today, activity_gbq=activity))

    # ------------------------------------------------------------------------------- what people record

    @precondition(lambda self: self.cycles)
    @rule(term=st.sampled_from(EVENT_TERMS), grade=st.integers(1, 4))
    def record_an_event(self, term: str, grade: int) -> None:
        before = self.ask()
        self.events.append(AdverseEvent(term=term, grade=grade, began_on=self.today))
        assert self.ask().action >= before.action, "an event made the answer milder"

    @precondition(lambda self: any(event.ended_on is None for event in self.events))
    @rule()
    def end_an_event(self) -> None:
        place = next(place for place, event in enumerate(self.events) if event.ended_on is None)
        self.events[place] = replace(self.events[place], ended_on=self.today)

    @rule(facts=recorded_facts)
    def imagine_recorded_facts(self, facts: Facts) -> None:
        assert self.ask(facts=facts).action >= self.ask().action, "recorded facts made the answer milder"

    @rule(kind=st.sampled_from(list(SupportKind)))
    def imagine_a_transfusion(self, kind: SupportKind) -> None:
        supported = self.ask(support=(Support(kind=kind, on=self.today),))
        assert supported.action >= self.ask().action, "a transfusion made the answer milder"

    @rule(grade=st.integers(1, 4), related=st.booleans())
    def imagine_an_attribution(self, grade: int, related: bool) -> None:
        attributed = self.ask(
            attributions=(
                Attribution(
                    term="Platelet count decreased",
                    grade=grade,
                    on=self.today,
                    related=related,
                    by="Dr. Linden",
                    reason="bleeding ulcer",
                ),
            )
        )
        assert attributed.verdict == self.ask().verdict, "an attribution excused a named toxicity"

    # -------------------------------------------------------------------------------------------- always

    @invariant()
    def the_answer_keeps_its_promises(self) -> None:
        answer = self.ask()
        check_answer(answer, self.chart(), self.today)
        order = random.Random(len(self.measurements))
        shuffled = tuple(order.sample(self.measurements, len(self.measurements)))
        assert self.ask(measurements=shuffled) == answer, "the order of arrival changed the answer"
        assert not self.ended or answer.action is Action.STOP, "a stop was forgotten"
        self.ended = answer.action is Action.STOP


CoreMachine.TestCase.settings = settings(
    max_examples=600 if LONG else 25,
    stateful_step_count=50 if LONG else 20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestCoreMachine = CoreMachine.TestCase
