"""The states of an order, and the one table of transitions that are legal."""

from enum import StrEnum


class OrderKind(StrEnum):
    """What an order asks for."""

    RADIOPHARMACEUTICAL = "radiopharmaceutical"
    AMINO_ACIDS = "amino_acids"
    ANTIEMETIC = "antiemetic"
    STEROID_COVER = "steroid_cover"
    RESCUE = "rescue"
    ANALOGUE_HOLD = "analogue_hold"
    ANALOGUE_RESTART = "analogue_restart"
    LAB_DRAWS = "lab_draws"
    PREGNANCY_TEST = "pregnancy_test"


# Nothing is prepared or handed out for these: a nurse or a physician does them, and says so.
NOT_PHARMACYS = (OrderKind.ANALOGUE_HOLD, OrderKind.LAB_DRAWS, OrderKind.PREGNANCY_TEST)
# These are done when somebody says so; the restart is given after the cycle has been given.
DONE_BY_HAND = (*NOT_PHARMACYS, OrderKind.ANALOGUE_RESTART)
# What brings evidence in: never radioactive, never a medicine. They are ordered when their window opens, and
# nothing but a stop or another day ends them: what holds a cycle may be what they are to answer.
FOR_EVIDENCE = (OrderKind.LAB_DRAWS, OrderKind.PREGNANCY_TEST)
# Without them no cycle is given, so that no reason leaves them out.
NEVER_LEFT_OUT = (OrderKind.RADIOPHARMACEUTICAL, OrderKind.AMINO_ACIDS)
LEFT_OUT = "left-out"


class OrderState(StrEnum):
    """Where an order stands."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    ACCEPTED = "accepted"
    PREPARED = "prepared"
    DISPENSED = "dispensed"
    DONE = "done"
    CANCELLED = "cancelled"
    VOID = "void"


LIVE_STATES = (
    OrderState.PROPOSED,
    OrderState.ACTIVE,
    OrderState.SUSPENDED,
    OrderState.ACCEPTED,
    OrderState.PREPARED,
    OrderState.DISPENSED,
)

# A suspended order becomes active only through a new signature; nothing returns from done, cancelled or void.
# What has been given is recorded as done from any state that may lead to giving it.
LEGAL_TRANSITIONS: dict[OrderState, tuple[OrderState, ...]] = {
    OrderState.PROPOSED: (OrderState.ACTIVE, OrderState.SUSPENDED, OrderState.CANCELLED, OrderState.VOID),
    OrderState.ACTIVE: (
        OrderState.ACCEPTED,
        OrderState.SUSPENDED,
        OrderState.DONE,
        OrderState.CANCELLED,
        OrderState.VOID,
    ),
    OrderState.SUSPENDED: (OrderState.ACTIVE, OrderState.CANCELLED, OrderState.VOID),
    OrderState.ACCEPTED: (
        OrderState.PREPARED,
        OrderState.SUSPENDED,
        OrderState.DONE,
        OrderState.CANCELLED,
        OrderState.VOID,
    ),
    OrderState.PREPARED: (
        OrderState.DISPENSED,
        OrderState.SUSPENDED,
        OrderState.DONE,
        OrderState.CANCELLED,
        OrderState.VOID,
    ),
    OrderState.DISPENSED: (OrderState.DONE, OrderState.CANCELLED, OrderState.VOID),
    OrderState.DONE: (),
    OrderState.CANCELLED: (),
    OrderState.VOID: (),
}


# What has left pharmacy is called off only by somebody who says why.
_SAID_WHY = ((OrderState.DISPENSED, OrderState.CANCELLED), (OrderState.DISPENSED, OrderState.VOID))


def needs_reason(*, before: OrderState, after: OrderState) -> bool:
    """Whether this transition is legal only with a reason."""
    return (before, after) in _SAID_WHY


def is_legal(*, before: OrderState, after: OrderState) -> bool:
    """Whether an order may go from one state to the other."""
    return after in LEGAL_TRANSITIONS[before]
