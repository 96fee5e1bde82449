"""A small model of the gate, searched whole: no order of acts leads to a state that must not be."""

import os
import time as clock
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest

from courses import library
from courses.rules.day_gate import start_blockers
from courses.rules.day_values import DayLine, StepState
from courses.rules.order_states import OrderKind, OrderState, is_legal
from courses.rules.orders import ChangeKind, OpenOrder, plan_orders
from courses.rules.recommend import recommend
from courses.rules.values import AdverseEvent, Recommendation, Status, Weight
from tests.strategies import BASELINE_DAY, chart, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
LONG = os.environ.get("PRRT_LONG") == "1"
DEPTH = 14 if LONG else 10
MOST_RESULTS = 3
AHEAD = ("active", "accepted", "prepared")
LIVE = (*AHEAD, "proposed", "suspended", "dispensed")
PLANNED: date = chart().planned_on or date.max
# Before the bloods are due, after it, the day itself, and a day on which they are too old.
DAYS = tuple(PLANNED + timedelta(days=days) for days in (-10, -3, 0, 15))
Result = tuple[str, int, bool]
plan_orders_of = plan_orders


@dataclass(frozen=True, slots=True)
class World:
    """Everything that the gate knows of one cycle; `results` are value, day of drawing, whether it stands."""

    results: tuple[Result, ...] = (("228", 0, True),)
    has_event: bool = False
    day: int = 0
    verdict: str = ""
    is_go: bool = False
    signed: bool = False
    order: str = ""
    covered: bool = False
    directive: str = "none"
    recall: str = "none"
    started: bool = False
    stopped: bool = False
    behind: bool = False


# --------------------------------------------------------------------------------------- the pure parts


@cache
def answer(results: tuple[Result, ...], has_event: bool, day: int) -> Recommendation:
    """What the core says of these platelets, the rest of the panel being normal."""
    first = DAYS[0]
    rest = tuple(m for m in panel(first) if m.analyte != "PLT")
    platelets = []
    for place, (value, drawn, stands) in enumerate(results):
        at = datetime.combine(DAYS[drawn], datetime.min.time(), tzinfo=UTC) + timedelta(hours=9 + place)
        status = Status.FINAL if stands else Status.ENTERED_IN_ERROR
        platelets.append(measurement("PLT", value, DAYS[drawn], collected_at=at, status=status))
    event = AdverseEvent(term="Allergic reaction", grade=4, began_on=first, ref="e")
    found = chart(draws=(*rest, *platelets))
    weights = tuple(Weight(on=on, kg=found.weights[0].kg) for on in (BASELINE_DAY, *DAYS[: day + 1]))
    found = replace(found, weights=weights, adverse_events=(event,) if has_event else ())
    return recommend(chart=found, protocol=PROTOCOL, today=DAYS[day])


def assess(world: World) -> World:
    """What an assessment makes of the verdict, and what the plan makes of the order."""
    if world.stopped:
        return replace(world, behind=False)
    found = answer(world.results, world.has_event, world.day)
    signed_out = world.directive == "void" and world.covered
    same = world.verdict == str(found.verdict.key) and not signed_out
    world = replace(
        world,
        verdict=str(found.verdict.key),
        is_go=found.action.is_go,
        signed=world.signed and same,
        covered=world.covered and same,
        behind=False,
    )
    for change in plan_orders_of(recommendation=found, open_orders=_open_orders(world, found)):
        if change.kind is OrderKind.RADIOPHARMACEUTICAL:
            world = _carry_out(world, change.change)
    return world


def _open_orders(world: World, found: Recommendation) -> tuple[OpenOrder, ...]:
    if world.order not in LIVE:
        return ()
    order = OpenOrder(
        ref="1",
        kind=OrderKind.RADIOPHARMACEUTICAL,
        state=OrderState(world.order),
        activity_gbq=found.activity_gbq,
        planned_on=found.planned_on,
        covered=world.covered,
    )
    return (order,)


def _carry_out(world: World, change: ChangeKind) -> World:
    if change is ChangeKind.PLACE:
        return replace(world, order="proposed")
    if change is ChangeKind.SUSPEND:
        return _move(world, "suspended")
    directive = "void" if world.directive == "valid" else world.directive
    if change is ChangeKind.VOID:
        return replace(_move(world, "void"), directive=directive)
    return replace(world, recall="open" if world.recall == "none" else world.recall, directive=directive)


def _move(world: World, to: str) -> World:
    assert is_legal(before=OrderState(world.order), after=OrderState(to)), f"{world.order} to {to}"
    return replace(world, order=to)


def may_start(world: World) -> bool:
    """Whether the gate of the day opens, its other steps being done."""
    go = world.is_go and world.signed and world.covered and world.directive == "valid"
    ready = go and world.order == "dispensed" and world.recall == "none"
    state = StepState.DONE if ready else StepState.BLOCKED
    line = DayLine(id="T-02", name="Signed go", state=state, sentence="", for_start=True)
    nothing: Any = SimpleNamespace(
        of=lambda *_: [], now=datetime.combine(DAYS[world.day], datetime.min.time())
    )
    return not start_blockers(nothing, (line,))


# --------------------------------------------------------------------------------------------- the acts


def after(world: World) -> Iterator[tuple[str, World]]:
    """Every act that is possible here, and the world after it."""
    yield from _evidence(world)
    yield "replay", assess(world)
    if world.day + 1 < len(DAYS):
        yield "expire", assess(replace(world, day=world.day + 1))
    if not world.has_event:
        yield "stop", assess(replace(world, has_event=True))
    if world.stopped:
        opened = replace(world, stopped=False, verdict="", signed=False, covered=False, is_go=False)
        yield "rescind", assess(replace(opened, has_event=False))
    yield from _gated(assess(world))


def _evidence(world: World) -> Iterator[tuple[str, World]]:
    if len(world.results) < MOST_RESULTS:
        for value in ("228", "60"):
            more = replace(world, results=(*world.results, (value, world.day, True)))
            yield f"result {value}", assess(more)
            yield f"kill before {value} is judged", replace(more, behind=True)
    value, drawn, stands = world.results[-1]
    if stands:
        before = world.results[:-1]
        other = "60" if value == "228" else "228"
        yield "correct", assess(replace(world, results=(*before, (other, drawn, True))))
        yield "withdraw", assess(replace(world, results=(*before, (value, drawn, False))))


def _gated(world: World) -> Iterator[tuple[str, World]]:
    """Acts that assess first."""
    found = answer(world.results, world.has_event, world.day)
    if world.stopped:
        if world.recall == "open":
            yield "answer", assess(_answered(world))
        return
    if found.action.word == "stop" and not world.signed:
        yield "sign the stop", replace(world, signed=True, stopped=True)
    may_sign = world.is_go and not world.signed and world.recall != "open" and not found.to_confirm
    if may_sign and world.order in ("proposed", "suspended"):
        yield (
            "sign",
            replace(_move(world, "active"), signed=True, covered=True, directive="valid", recall="none"),
        )
    holds = world.is_go and world.signed and world.covered and world.directive == "valid"
    step = {"active": "accepted", "accepted": "prepared", "prepared": "dispensed"}.get(world.order)
    if step and holds and world.recall != "open" and world.day <= 2:
        yield "order" if step != "dispensed" else "dispense", _move(world, step)
    if world.recall == "open":
        yield "answer", assess(_answered(world))
    if world.day == 2 and not world.started and may_start(world):
        yield "start", replace(world, started=True)


def _answered(world: World) -> World:
    """The unit is secured: its order ends."""
    return replace(_move(world, "void"), recall="answered")


# ---------------------------------------------------------------------------------------- what must not be


def bad(world: World, act: str, before: World) -> str:
    """Why a state must not be, told from what the gate promises; empty where it may be."""
    if act == "start":
        return _bad_start(world)
    if act == "replay" and not before.behind and world != before:
        return "judged twice on one chart it came out differently"
    return "" if world.behind else _bad_order(world)


def _bad_start(world: World) -> str:
    if not answer(world.results, world.has_event, world.day).action.is_go:
        return "started, and the chart says no go"
    sound = (world.order, world.recall, world.directive) == ("dispensed", "none", "valid") and world.signed
    return "" if sound else "started without a signature, or with a unit that is not out or is called back"


def _bad_order(world: World) -> str:
    if world.stopped and world.order in (*AHEAD, "proposed", "suspended"):
        return f"stopped, and its order is {world.order}"
    ground = world.is_go and world.signed and world.covered and world.directive == "valid"
    if world.order in AHEAD and not ground and not _waits_for_labs(world):
        return f"its order is {world.order} without a signed go"
    if world.order == "dispensed" and not ground and world.recall == "none":
        return "dispensed, its ground is gone and nobody called it back"
    return ""


def _waits_for_labs(world: World) -> bool:
    """Bloods that are not due yet leave what was signed as it is; nothing of it can be handed out."""
    return answer(world.results, world.has_event, world.day).awaiting_labs


def search(*, depth: int, most: int = 10**6) -> tuple[int, list[str]]:
    """How many states there are within the depth, and the ways to those that must not be, `most` at most."""
    begin = assess(World())
    ways: dict[World, tuple[str, ...]] = {begin: ()}
    edge, found = [begin], []
    for _ in range(depth):
        reached: list[World] = []
        for world in edge:
            for act, then in after(world):
                if why := bad(then, act, world):
                    found.append(f"{why}: {' > '.join((*ways[world], act))}")
                    if len(found) >= most:
                        return len(ways), found
                if then not in ways:
                    ways[then] = (*ways[world], act)
                    reached.append(then)
        edge = reached
    return len(ways), found


def test_no_order_of_ten_acts_leads_through_the_gate_without_a_live_signed_go() -> None:
    begun = clock.monotonic()
    states, found = search(depth=DEPTH)
    print(f"\nStates visited to depth {DEPTH}: {states:,} in {clock.monotonic() - begun:.1f} s")
    assert not found, "\n".join(found[:5])
    assert states > 10_000


@pytest.mark.parametrize("kind", [ChangeKind.SUSPEND, ChangeKind.VOID, ChangeKind.RECALL])
def test_the_search_finds_a_plan_that_forgets_a_kind_of_change(
    kind: ChangeKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(**given: Any) -> list[Any]:
        return [change for change in plan_orders(**given) if change.change is not kind]

    monkeypatch.setitem(globals(), "plan_orders_of", faulty)
    assert search(depth=8, most=1)[1]


def test_the_search_finds_a_gate_that_opens_without_a_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "may_start", lambda _: True)
    assert search(depth=4, most=1)[1]
