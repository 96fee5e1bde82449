"""Which change of an order is legal only with a reason: what has left pharmacy is not called off unsaid."""

import pytest

from courses.rules.order_states import LEGAL_TRANSITIONS, OrderState, needs_reason

SAID_WHY = [(OrderState.DISPENSED, OrderState.CANCELLED), (OrderState.DISPENSED, OrderState.VOID)]
OTHERS = [
    (before, after)
    for before, legal in LEGAL_TRANSITIONS.items()
    for after in legal
    if (before, after) not in SAID_WHY
]


@pytest.mark.parametrize(("before", "after"), SAID_WHY)
def test_what_has_left_pharmacy_is_called_off_only_with_a_reason(before, after):
    assert needs_reason(before=before, after=after) is True


@pytest.mark.parametrize(("before", "after"), OTHERS)
def test_every_other_change_is_legal_without_a_reason(before, after):
    assert needs_reason(before=before, after=after) is False
