"""The set of a cycle: what it holds for whom, and what joins it later."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from courses import library
from courses.rules.facts import PregnancyFinding, PregnancyRecord
from courses.rules.order_set import order_set
from courses.rules.order_states import OrderKind, OrderState
from courses.rules.orders import ChangeKind, OpenOrder, plan_orders
from courses.rules.recommend import case_of, recommend
from courses.rules.values import Chart, Sex
from tests.strategies import chart, draw_day, panel

US, EU = library.protocol("lutathera_us_2024_04"), library.protocol("lutathera_ema_2024")
RADIO, TEST, COVER = OrderKind.RADIOPHARMACEUTICAL, OrderKind.PREGNANCY_TEST, OrderKind.STEROID_COVER
GO = recommend(chart=chart(draws=panel(draw_day())), protocol=US, today=draw_day())


def kinds(found: Chart) -> set[OrderKind]:
    case, dates = case_of(chart=found, protocol=US, today=draw_day())
    return {line.kind for line in order_set(case, dates)}


@pytest.mark.parametrize(
    ("sex", "born", "asked"),
    [
        (Sex.FEMALE, date(1986, 3, 2), True),
        (Sex.MALE, date(1986, 3, 2), False),
        (None, date(1986, 3, 2), True),
        (Sex.FEMALE, None, True),
        (None, None, True),
        (Sex.FEMALE, date(1961, 3, 2), False),
        (None, date(1961, 3, 2), False),
        (Sex.MALE, None, False),
    ],
)
def test_a_pregnancy_test_is_ordered_where_pregnancy_is_possible_or_not_known_to_be_impossible(
    sex: Sex | None, born: date | None, asked: bool
) -> None:
    assert (TEST in kinds(replace(chart(draws=panel(draw_day())), sex=sex, birth_date=born))) is asked


def test_no_pregnancy_test_is_ordered_where_pregnancy_was_recorded_as_impossible() -> None:
    found = replace(chart(draws=panel(draw_day())), birth_date=date(1986, 3, 2))
    record = PregnancyRecord(on=draw_day(), finding=PregnancyFinding.NOT_POSSIBLE, ref="f-1")
    assert TEST in kinds(found)
    assert TEST not in kinds(replace(found, facts=replace(found.facts, pregnancy=(record,))))


def draws_of(protocol_id: str) -> list[dict[str, str]]:
    protocol = library.protocol(protocol_id)
    case, dates = case_of(chart=chart(draws=panel(draw_day())), protocol=protocol, today=draw_day())
    lines = {line.kind: line.items_as_dicts() for line in order_set(case, dates)}
    return lines[OrderKind.LAB_DRAWS][1:]


def test_the_draws_name_every_analyte_that_is_always_needed_and_its_due_day() -> None:
    (line,) = draws_of("lutathera_us_2024_04")
    assert line["product"].split("; ") == [US.names[row.analyte] for row in US.labs if row.always]
    # US: at most 14 days old, due 7 days before the cycle of 4 May 2026.
    assert line["text"] == ("Collect from 20 April 2026, due by 27 April 2026, for the cycle of 4 May 2026")


def test_where_two_draws_are_wanted_both_are_ordered() -> None:
    earlier, last = draws_of("lutathera_ema_2024")
    assert earlier["text"].startswith("Collect from 6 April 2026, due by 20 April 2026")
    assert last["text"].startswith("Collect from 27 April 2026, due by 2 May 2026")
    assert earlier["product"] == last["product"]


@pytest.mark.parametrize("protocol", [US, EU], ids=lambda found: found.id)
def test_no_corticosteroid_is_the_preventive_antiemetic(protocol) -> None:
    (row,) = [row for row in protocol.orders if row.kind is OrderKind.ANTIEMETIC]
    assert dict(row.items[0])["product"].endswith("no corticosteroid")


def test_only_the_eu_text_warns_of_the_timing_of_the_cover() -> None:
    warned = {p.id: [row.warning for row in p.orders if row.kind is COVER] for p in (US, EU)}
    assert warned[US.id] == [""]
    assert "within 1 hour after its end" in warned[EU.id][0]


def radio(state: OrderState = OrderState.PROPOSED, *, covered: bool = True) -> OpenOrder:
    return OpenOrder(ref="a", kind=RADIO, state=state, activity_gbq=Decimal("7.4"), covered=covered)


def placed(*orders: OpenOrder, found=GO, **earlier: set[OrderKind]) -> set[OrderKind]:
    known = {name: frozenset(value) for name, value in earlier.items()}
    changes = plan_orders(
        recommendation=found,
        open_orders=orders,
        placed=known.get("placed", frozenset()),
        left_out=known.get("left_out", frozenset()),
    )
    return {change.kind for change in changes if change.change is ChangeKind.PLACE}


def test_what_was_left_out_is_not_proposed_again_under_the_same_verdict() -> None:
    rescue = {OrderKind.RESCUE}
    everything = {line.kind for line in GO.order_set}
    assert placed(left_out=rescue) == everything - rescue
    assert placed(radio(), placed=everything, left_out=rescue) == set()


def test_under_another_verdict_the_set_is_whole_again() -> None:
    standing = radio(OrderState.SUSPENDED, covered=False)
    assert placed(standing) == {line.kind for line in GO.order_set} - {RADIO}


def test_what_pharmacy_cancelled_under_this_verdict_does_not_come_back_by_itself() -> None:
    everything = {line.kind for line in GO.order_set}
    assert placed(radio(), placed=everything) == set()


@pytest.mark.parametrize("state", [OrderState.PROPOSED, OrderState.ACTIVE, OrderState.PREPARED])
def test_cover_joins_the_set_when_the_disease_is_learned_of_later(state: OrderState) -> None:
    covered = recommend(
        chart=chart(draws=panel(draw_day()), peritoneal_or_mesenteric_disease=True),
        protocol=US,
        today=draw_day(),
    )
    earlier = {line.kind for line in GO.order_set}
    assert placed(radio(state), found=covered, placed=earlier) == {COVER}
    assert placed(radio(state), found=covered, placed={*earlier, COVER}) == set()


def test_nothing_joins_what_is_handed_out_under_an_older_verdict() -> None:
    out = radio(OrderState.DISPENSED, covered=False)
    assert placed(out) == set()
