"""What a physician said of a finding's cause stands as long as the finding is no worse and has not gone."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from courses import library
from courses.rules.attributions import Spoken, attributions_of
from courses.rules.derived import Case
from courses.rules.evidence import read_history
from courses.rules.facts import Attribution
from tests.strategies import FIRST, chart

PROTOCOL = library.protocol("lutathera_us_2024_04")
TERM = "Alanine aminotransferase increased"
ALT = PROTOCOL.criteria.by_term[TERM]
DAY = FIRST + timedelta(days=20)
OTHER_CAUSE = Attribution(
    term=TERM, grade=3, related=False, on=DAY, by="Dr A", reason="new statin", ref="attribution:1"
)
RELATED = replace(OTHER_CAUSE, related=True)


def of_course(*said: Attribution, given: int) -> tuple[Attribution, ...]:
    found = chart(given=given, attributions=said)
    return attributions_of(ALT, Case(chart=found, history=read_history(found), protocol=PROTOCOL))


@pytest.mark.parametrize(("days", "speaks"), [(-1, False), (0, True), (1, True)])
def test_only_what_is_said_from_the_first_cycle_on_speaks_of_this_treatment(days: int, speaks: bool) -> None:
    said = replace(OTHER_CAUSE, on=FIRST + timedelta(days=days))
    assert bool(of_course(said, given=1)) is speaks


def test_before_any_cycle_nothing_is_attributed() -> None:
    assert of_course(OTHER_CAUSE, given=0) == ()


def test_of_two_of_one_day_the_one_that_excuses_less_comes_last() -> None:
    milder = replace(OTHER_CAUSE, grade=2, ref="attribution:2")
    assert of_course(RELATED, milder, OTHER_CAUSE, given=1) == (OTHER_CAUSE, milder, RELATED)


def test_a_finding_that_has_gone_settles_another_cause_once_and_a_related_one_never() -> None:
    spoken = Spoken(attributions=(OTHER_CAUSE,))
    gone = spoken.gone(DAY)
    assert gone.settled == (OTHER_CAUSE,)
    assert gone.gone(DAY) is gone
    assert spoken.gone(DAY - timedelta(days=1)) is spoken
    related = Spoken(attributions=(RELATED,))
    assert related.gone(DAY) is related
    assert gone.excuse(DAY, 3) is None
    assert spoken.excuse(DAY, 3) == OTHER_CAUSE


def words_after(*draws: tuple[int, bool], said: Attribution = OTHER_CAUSE) -> Spoken:
    """What was said, after draws so many days from its day, each with grade 3 or with a surely milder one."""
    spoken = Spoken(attributions=(said,))
    for days, may_stand in draws:
        spoken = spoken.seen(DAY + timedelta(days=days), 3 if may_stand else 0, may_stand=may_stand)
    return spoken


@pytest.mark.parametrize(
    ("draws", "in_advance"),
    [
        ([], True),
        # None there yet, though one comes later.
        ([(-9, False), (1, True)], True),
        ([(0, False)], True),
        # There on its day, or before it and not gone since.
        ([(0, True)], False),
        ([(-9, True)], False),
        ([(-9, True), (-5, True), (4, False)], False),
        # Gone on its very day, and gone before it.
        ([(-9, True), (0, False)], False),
        ([(-9, True), (-1, False)], True),
        # Gone, and there again.
        ([(-9, True), (-5, False), (-1, True)], False),
        ([(-9, True), (-5, False), (1, True)], True),
        ([(-9, True), (1, False), (5, True)], False),
    ],
)
def test_a_word_is_given_in_advance_unless_a_finding_was_there_on_its_day(
    draws: list[tuple[int, bool]], in_advance: bool
) -> None:
    assert words_after(*draws).is_in_advance(OTHER_CAUSE) is in_advance


@pytest.mark.parametrize(
    ("draws", "day", "covers"),
    [
        # A finding of the word's own day is its finding.
        ([], 0, True),
        ([], 1, False),
        ([(-9, False)], 30, False),
        ([(0, True)], 30, True),
        ([(-9, True), (9, True)], 30, True),
        # It has gone since: what comes needs a new word.
        ([(0, True), (9, False)], 30, False),
        ([(0, True), (9, False), (30, True)], 30, False),
    ],
)
def test_a_word_covers_later_findings_only_where_it_was_not_given_in_advance(
    draws: list[tuple[int, bool]], day: int, covers: bool
) -> None:
    found = words_after(*draws).excuse(DAY + timedelta(days=day), 3)
    assert found == (OTHER_CAUSE if covers else None)


def test_draws_are_held_against_what_was_said() -> None:
    assert words_after((0, True), (9, False)).settled == (OTHER_CAUSE,)
    assert words_after((9, False), (19, False)).settled == ()
    assert words_after((0, True)).ended == ()
    assert words_after((0, True), said=replace(OTHER_CAUSE, grade=2)).ended != ()
    spans = words_after((-9, True), (-5, True), (-1, False), (0, False), (3, True)).stood
    assert spans == (
        (DAY - timedelta(days=9), DAY - timedelta(days=1)),
        (DAY + timedelta(days=3), None),
    )


@pytest.mark.parametrize(
    ("stood", "day", "grade", "ended"),
    [
        # Given while it was grade 3, and no worse since.
        (3, DAY + timedelta(days=1), 3, False),
        # Worse than what the word was given for: now, or when it was given.
        (3, DAY + timedelta(days=1), 4, True),
        (4, DAY + timedelta(days=1), 3, True),
        # A finding of the word's own day alone counts for it, not what stood before.
        (4, DAY, 3, False),
    ],
)
def test_a_worse_finding_ends_the_word_of_an_earlier_day(
    stood: int, day: date, grade: int, ended: bool
) -> None:
    spoken = replace(Spoken(attributions=(OTHER_CAUSE,)), standing=stood)
    found = spoken.after(day, grade)
    assert (found.ended == (OTHER_CAUSE,)) is ended
    assert found.standing == grade
