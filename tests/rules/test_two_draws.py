"""Two draws before an administration: the last one, and an earlier one in its own window."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from courses import library
from courses.rules.facts import Support, SupportKind
from courses.rules.order_states import OrderKind, OrderState
from courses.rules.orders import OpenOrder, plan_orders
from courses.rules.protocol import EarlierDraw
from courses.rules.recommend import recommend
from courses.rules.values import Action, Measurement, Recommendation, Status
from tests.strategies import chart, last_day, measurement, panel

US = library.protocol("lutathera_us_2024_04")
DRAW = EarlierDraw(from_days_before=28, to_days_before=14, source=US.schedule.source)
PROTOCOL = replace(
    US,
    labs=tuple(
        replace(row, validity_days=7, due_days_before=3, earlier=DRAW if row.always else None)
        for row in US.labs
    ),
)
PLANNED = last_day() + timedelta(days=56)


def before(days: int) -> date:
    """So many days before the planned day."""
    return PLANNED - timedelta(days=days)


def judge(*draws: Measurement, today: date | None = None, **more: Any) -> Recommendation:
    found = chart(draws=draws, **more)
    return recommend(chart=found, protocol=PROTOCOL, today=today or before(1))


def without(analyte: str, day: date) -> tuple[Measurement, ...]:
    return tuple(m for m in panel(day) if m.analyte != analyte)


@pytest.mark.parametrize("offset", range(1, 41))
def test_p8_the_earlier_draw_counts_exactly_in_its_window(offset: int) -> None:
    answer = judge(*panel(before(offset)), *panel(before(0)), today=PLANNED)
    assert answer.action.is_go == (14 <= offset <= 28)


@pytest.mark.parametrize("offset", range(0, 14))
def test_p8_the_last_draw_counts_exactly_in_its_window(offset: int) -> None:
    answer = judge(*panel(before(20)), *panel(before(offset)), today=PLANNED)
    assert answer.action.is_go == (offset <= 7)


def test_one_draw_never_serves_as_both() -> None:
    for offset in range(0, 41):
        assert not judge(*panel(before(offset)), today=PLANNED).action.is_go


def test_a_missing_earlier_draw_says_which_one_and_what_to_do() -> None:
    answer = judge(*without("PLT", before(20)), *panel(before(2)))
    (gap,) = answer.missing
    assert (answer.action, gap.item, gap.rule) == (Action.HOLD, "PLT", "EV-MISSING")
    days = "28 to 14 days before the treatment"
    assert gap.why == f"no usable result of the earlier draw, {days}, from 6 April 2026 to 20 April 2026"
    assert gap.resolve == (
        "collect Platelets from 6 April 2026 to 20 April 2026, "
        f"or move the planned day so that a usable result lies {days}"
    )
    assert gap.due_on == before(14)


def test_an_earlier_draw_waits_until_its_last_day_and_alarms_after_it() -> None:
    assert judge(today=before(14)).awaiting_labs
    assert judge(today=before(14)).labs_due == before(14)
    assert not judge(today=before(13)).awaiting_labs


def test_with_the_earlier_draw_made_the_last_one_waits_for_its_own_day() -> None:
    answer = judge(*panel(before(20)), today=before(3))
    assert (answer.awaiting_labs, answer.labs_due) == (True, before(3))
    assert not judge(*panel(before(20)), today=before(2)).awaiting_labs


def test_where_both_draws_lack_one_thing_missing_says_both() -> None:
    answer = judge(*without("PLT", before(20)), *without("PLT", before(2)))
    (gap,) = answer.missing
    assert gap.item == "PLT"
    assert gap.why.startswith("no usable result of the earlier draw")
    assert "; last draw: the newest result" in gap.why or "; last draw: no usable result" in gap.why
    assert " to 20 April 2026" in gap.resolve
    assert gap.resolve.endswith("collect Platelets, not before 27 April 2026")
    assert gap.due_on == before(14)


def test_an_earlier_draw_without_a_planned_day_is_due_by_no_day() -> None:
    found = replace(chart(draws=()), cycles=(), planned_on=None)
    answer = recommend(chart=found, protocol=PROTOCOL, today=before(1))
    assert {gap.due_on for gap in answer.missing if gap.item == "PLT"} == {None}


@pytest.mark.parametrize(
    "more", [{"status": Status.PRELIMINARY}, {"quality": ("clumped",)}, {"status": Status.CANCELLED}]
)
def test_a_doubtful_earlier_result_is_no_earlier_draw(more: dict[str, object]) -> None:
    doubtful = measurement("PLT", "220", before(20), **more)
    answer = judge(*without("PLT", before(20)), doubtful, *panel(before(2)))
    assert [(gap.rule, gap.item) for gap in answer.missing] == [("EV-MISSING", "PLT")]


def test_an_earlier_result_under_a_transfusion_is_no_earlier_draw() -> None:
    support = (Support(kind=SupportKind.PLATELETS, on=before(21)),)
    answer = judge(*panel(before(20)), *panel(before(2)), support=support)
    assert [(gap.rule, gap.item) for gap in answer.missing] == [("EV-MISSING", "PLT")]


def test_a_result_before_the_last_administration_is_no_earlier_draw() -> None:
    soon = last_day() + timedelta(days=20)
    found = chart(draws=(*panel(last_day()), *panel(soon - timedelta(days=2))), planned_on=soon)
    answer = recommend(chart=found, protocol=PROTOCOL, today=soon)
    assert "PLT" in {gap.item for gap in answer.missing}


def test_a_planned_day_that_has_passed_moves_the_window_with_today() -> None:
    drawn = (*panel(before(14)), *panel(before(0)))
    assert judge(*drawn, today=PLANNED).action.is_go
    assert judge(*panel(before(28)), *panel(before(0)), today=PLANNED).action.is_go
    assert not judge(*panel(before(28)), *panel(before(0)), today=PLANNED + timedelta(days=1)).action.is_go


def test_an_analyte_that_only_a_rule_asks_for_needs_no_earlier_draw() -> None:
    protocol = replace(
        PROTOCOL,
        labs=tuple(replace(row, earlier=DRAW) for row in PROTOCOL.labs),
    )
    found = chart(draws=(*panel(before(20)), *panel(before(2))))
    assert recommend(chart=found, protocol=protocol, today=before(1)).action.is_go


# --- Which of the two is ordered --------------------------------------------------------------------------


def ordered(answer: Recommendation, *, done_on: date | None) -> list[str]:
    """What follows for the draws where a person said on a day that they are done."""
    (asked,) = [each for each in answer.evidence_orders if each.line.kind is OrderKind.LAB_DRAWS]
    over = OpenOrder(
        ref="draws", kind=OrderKind.LAB_DRAWS, state=OrderState.DONE, items=asked.line.items,
        ended_on=done_on, by_hand=True,
    )  # fmt: skip
    changes = plan_orders(recommendation=answer, open_orders=(), ended=(over,) if done_on else ())
    return [f"{change.change} {change.kind}" for change in changes]


def test_an_earlier_draw_that_was_made_is_not_ordered_again_and_the_last_one_is_once_its_days_begin() -> None:
    just_drawn = judge(today=before(20))
    assert ordered(just_drawn, done_on=None) == ["place lab_draws"]
    assert ordered(just_drawn, done_on=before(20)) == []
    between = judge(*panel(before(20)), today=before(8))
    assert ordered(between, done_on=before(20)) == []
    last = judge(*panel(before(20)), today=before(7))
    assert ordered(last, done_on=before(20)) == ["place lab_draws"]
    assert ordered(last, done_on=before(7)) == []


def test_a_draw_whose_specimen_did_not_do_is_ordered_again() -> None:
    """A person said it was done; the platelets came in clotted."""
    clotted = measurement("PLT", "30", before(5), quality=("clotted",))
    answer = judge(*panel(before(20)), *without("PLT", before(5)), clotted, today=before(5))
    assert ordered(answer, done_on=before(5)) == ["place lab_draws"]
    missing = judge(*panel(before(20)), *without("PLT", before(5)), today=before(5))
    assert ordered(missing, done_on=before(5)) == []
    early_word = measurement("PLT", "210", before(5), status=Status.PRELIMINARY)
    answer = judge(*panel(before(20)), *without("PLT", before(5)), early_word, today=before(5))
    assert ordered(answer, done_on=before(5)) == []
