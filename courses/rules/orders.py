"""From a recommendation and the cycle's open orders: which orders to place, suspend, void or recall."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from courses.rules.order_states import FOR_EVIDENCE, LIVE_STATES, OrderKind, OrderState
from courses.rules.values import Action, EvidenceOrder, OrderLine, Recommendation

WINDOW_OPEN = "window-open"
EVIDENCE_IN = {OrderKind.LAB_DRAWS: "draws-in", OrderKind.PREGNANCY_TEST: "test-recorded"}
ACTIVITY_CHANGED = "activity-changed"
DATE_CHANGED = "date-changed"
VERDICT_CHANGED = "verdict-changed"
NO_LONGER_ASKED = "no-longer-asked"
# What the next signature makes active.
_NOT_SIGNED = (OrderState.PROPOSED, OrderState.SUSPENDED)
_SUSPENDABLE = (OrderState.PROPOSED, OrderState.ACTIVE, OrderState.ACCEPTED, OrderState.PREPARED)


class ChangeKind(StrEnum):
    """What is to be done about an order."""

    PLACE = "place"
    SUSPEND = "suspend"
    VOID = "void"
    RECALL = "recall"
    ACTIVATE = "activate"
    FINISH = "finish"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOrder:
    """One order of the recommended cycle as it stands.

    `activity_gbq` and `planned_on` are those of its directive, or of the recommendation it was proposed
    under; None where the order has none. `covered`: it was placed or signed under the verdict that stands.
    """

    ref: str
    kind: OrderKind
    state: OrderState
    activity_gbq: Decimal | None = None
    planned_on: date | None = None
    # What it says, as its line of the order set does; None where that is not compared.
    items: tuple[tuple[tuple[str, str], ...], ...] | None = None
    covered: bool = True
    # Of one that is over: the day on which it ended, and whether a person ended it.
    ended_on: date | None = None
    by_hand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChange:
    """Place a new order (`line`) as proposed, or move the order `ref` to `to`; a recall moves nothing.

    What is placed with a `to` goes there at once.
    """

    change: ChangeKind
    kind: OrderKind
    reason_code: str
    ref: str = ""
    to: OrderState | None = None
    line: OrderLine | None = None


def plan_orders(
    *,
    recommendation: Recommendation,
    open_orders: tuple[OpenOrder, ...],
    placed: frozenset[OrderKind] = frozenset(),
    left_out: frozenset[OrderKind] = frozenset(),
    ended: tuple[OpenOrder, ...] = (),
) -> tuple[OrderChange, ...]:
    """The changes the recommendation asks for.

    `placed`: the kinds that were placed for this cycle under this verdict, whatever became of them, save
    those that were no longer asked for;
    `left_out`: those that a physician left out under it; `ended`: what was ordered for this cycle to bring
    evidence in, and is over.

    While labs are awaited a moved day ends an order, and what has left pharmacy is called back: it was
    dispensed on evidence that no longer stands. Everything else waits as it is. Draws and tests are ordered
    as they become due, without a signature: they let nothing be given, and what holds may wait for them.
    """
    every = [order for order in open_orders if order.state in LIVE_STATES]
    if recommendation.action.is_go:
        over = _done_in_these_words(recommendation, ended)
        return _for_go(recommendation, every, placed=placed, left_out=left_out | over)
    stop = recommendation.action is Action.STOP
    live = [order for order in every if stop or order.kind not in FOR_EVIDENCE]
    moved = [order for order in live if _day_changed(order, recommendation)]
    changes = [_end(order, DATE_CHANGED) for order in moved]
    code = recommendation.strongest.rule if recommendation.strongest else recommendation.action.word
    touched = [
        order
        for order in live
        if order not in moved and (order.state is OrderState.DISPENSED or not recommendation.awaiting_labs)
    ]
    found = [_withdraw(order, stop=stop, code=code) for order in touched]
    return (
        *changes,
        *(change for change in found if change is not None),
        *_for_evidence(recommendation, every, ended),
    )


def _for_evidence(
    recommendation: Recommendation, live: list[OpenOrder], ended: tuple[OpenOrder, ...]
) -> list[OrderChange]:
    """Draws and tests while the cycle may not go: ordered as they become due, anew for another day."""
    over = _done_by_hand(recommendation, ended)
    changes: list[OrderChange] = []
    for asked in recommendation.evidence_orders:
        kind, held = asked.line.kind, next((each for each in live if each.kind is asked.line.kind), None)
        if held is not None and (not _says(held, asked.line) or _stands_still(held, asked)):
            changes.append(_void(held, DATE_CHANGED))
            held = None
        if held is None and asked.is_due and kind not in over:
            changes.append(
                OrderChange(
                    change=ChangeKind.PLACE,
                    kind=kind,
                    reason_code=WINDOW_OPEN,
                    to=OrderState.ACTIVE,
                    line=asked.line,
                )
            )
        elif held is not None and held.state is OrderState.PROPOSED and asked.is_due:
            changes.append(
                OrderChange(
                    change=ChangeKind.ACTIVATE,
                    kind=kind,
                    reason_code=WINDOW_OPEN,
                    ref=held.ref,
                    to=OrderState.ACTIVE,
                )
            )
    return changes


def _stands_still(order: OpenOrder, asked: EvidenceOrder) -> bool:
    """Whether it was suspended, which nothing but a signature ends, though it is due: it is ordered anew."""
    return order.state is OrderState.SUSPENDED and asked.is_due


def _done_by_hand(recommendation: Recommendation, ended: tuple[OpenOrder, ...]) -> frozenset[OrderKind]:
    """Draws and tests of which a person said that they are done, while their result is still to come.

    Only within the window of what is lacking now, and until a specimen of it came in that did not do. One
    that ended because its result was there is ordered again where the result is lacking after all.
    """
    asked = {each.line.kind: each for each in recommendation.evidence_orders}
    return frozenset(
        order.kind
        for order in ended
        if order.by_hand and order.kind in asked and _is_to_come(order.ended_on, asked[order.kind])
    )


def _is_to_come(ended_on: date | None, asked: EvidenceOrder) -> bool:
    if ended_on is None or ended_on < asked.since:
        return False
    return asked.seen_on is None or ended_on > asked.seen_on


def _done_in_these_words(
    recommendation: Recommendation, ended: tuple[OpenOrder, ...]
) -> frozenset[OrderKind]:
    """Draws and tests that are done as the order set asks for them now: they are not proposed once more."""
    asked = {line.kind: line for line in recommendation.order_set}
    return frozenset(order.kind for order in ended if order.kind in asked and _says(order, asked[order.kind]))


def _end(order: OpenOrder, code: str) -> OrderChange:
    """Void an order that no longer says what is planned; call it back when it has been dispensed."""
    if order.state is OrderState.DISPENSED:
        return OrderChange(change=ChangeKind.RECALL, kind=order.kind, reason_code=code, ref=order.ref)
    return _void(order, code)


def _withdraw(order: OpenOrder, *, stop: bool, code: str) -> OrderChange | None:
    """Stop at once: void on a stop, suspend otherwise; what was dispensed is called back."""
    if order.state is OrderState.DISPENSED:
        if order.kind is not OrderKind.RADIOPHARMACEUTICAL:
            return None
        return OrderChange(change=ChangeKind.RECALL, kind=order.kind, reason_code=code, ref=order.ref)
    if stop:
        return _void(order, code)
    if order.state not in _SUSPENDABLE:
        return None
    return OrderChange(
        change=ChangeKind.SUSPEND, kind=order.kind, reason_code=code, ref=order.ref, to=OrderState.SUSPENDED
    )


def _for_go(
    recommendation: Recommendation,
    live: list[OpenOrder],
    *,
    placed: frozenset[OrderKind],
    left_out: frozenset[OrderKind],
) -> tuple[OrderChange, ...]:
    """Void what no longer fits, and propose what the order set has and the cycle lacks.

    A suspended order stays suspended: only a new signature makes it active again.
    """
    changes: list[OrderChange] = []
    kept: set[OrderKind] = set()
    renewed = {order.kind for order in live if _words_changed(order, recommendation, live)}
    for order in live:
        misfit = DATE_CHANGED if order.kind in renewed else _misfit(order, recommendation)
        if not misfit or order.state is OrderState.DISPENSED:
            kept.add(order.kind)
        if misfit:
            changes.append(_end(order, misfit))
        elif order.kind in FOR_EVIDENCE:
            changes += [_finish(order)] if order.state is OrderState.ACTIVE else []
        elif not order.covered and order.state is not OrderState.PROPOSED:
            # Nobody has signed the verdict that stands now, though it asks for the same.
            change = _withdraw(order, stop=False, code=VERDICT_CHANGED)
            changes += [] if change is None else [change]
    wanted = [line for line in recommendation.order_set if line.kind not in kept | left_out]
    if OrderKind.RADIOPHARMACEUTICAL in kept:
        late = _proposed_late(live)
        wanted = [line for line in wanted if line.kind in late and line.kind not in placed - renewed]
    changes += [
        OrderChange(change=ChangeKind.PLACE, kind=line.kind, reason_code="placed", line=line)
        for line in wanted
    ]
    return tuple(changes)


def _finish(order: OpenOrder) -> OrderChange:
    """A cycle may go only once every draw and test is in: what was ordered for them is done."""
    return OrderChange(
        change=ChangeKind.FINISH,
        kind=order.kind,
        reason_code=EVIDENCE_IN[order.kind],
        ref=order.ref,
        to=OrderState.DONE,
    )


def _proposed_late(live: list[OpenOrder]) -> frozenset[OrderKind]:
    """What may still join a set whose radiopharmaceutical stands: all until it is signed, then the cover.

    That there is peritoneal or mesenteric disease may be learned after the signature.
    """
    unsigned = any(
        order.kind is OrderKind.RADIOPHARMACEUTICAL
        and (order.state is OrderState.PROPOSED or not order.covered)
        and order.state is not OrderState.DISPENSED
        for order in live
    )
    return frozenset(OrderKind) if unsigned else frozenset({OrderKind.STEROID_COVER})


def _misfit(order: OpenOrder, recommendation: Recommendation) -> str:
    """Why an order no longer is what the protocol says; empty when it is.

    What the set holds no longer is ended before it is signed, or signed again; a signed order, by people.
    """
    if order.kind is not OrderKind.RADIOPHARMACEUTICAL:
        is_asked = any(line.kind is order.kind for line in recommendation.order_set)
        return "" if is_asked or order.state not in _NOT_SIGNED else NO_LONGER_ASKED
    if order.activity_gbq is not None and order.activity_gbq != recommendation.activity_gbq:
        return ACTIVITY_CHANGED
    return DATE_CHANGED if _day_changed(order, recommendation) else ""


def _words_changed(order: OpenOrder, recommendation: Recommendation, live: list[OpenOrder]) -> bool:
    """Whether an unsigned order says other days or things than the protocol says now: it is proposed anew."""
    if order.state is not OrderState.PROPOSED or order.items is None:
        return False
    if order.kind is OrderKind.RADIOPHARMACEUTICAL or order.kind not in _proposed_late(live):
        return False
    return not all(_says(order, line) for line in recommendation.order_set if line.kind is order.kind)


def _says(order: OpenOrder, line: OrderLine) -> bool:
    """Whether an order says what the line says; read back, an item is the same whatever its keys' order."""
    return order.items is None or [dict(item) for item in order.items] == [dict(item) for item in line.items]


def _day_changed(order: OpenOrder, recommendation: Recommendation) -> bool:
    """Whether the cycle has been moved since the directive was signed."""
    both = order.planned_on is not None and recommendation.planned_on is not None
    return both and order.planned_on != recommendation.planned_on


def _void(order: OpenOrder, code: str) -> OrderChange:
    return OrderChange(
        change=ChangeKind.VOID, kind=order.kind, reason_code=code, ref=order.ref, to=OrderState.VOID
    )
