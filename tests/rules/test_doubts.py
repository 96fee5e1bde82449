"""Doubtful results: unread, contradicting or unreliable ones may hold; a later reliable one settles them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from courses import library
from courses.rules.evidence import NOT_REPRESENTATIVE, Standing, sift
from courses.rules.facts import Attribution
from courses.rules.recommend import recommend
from courses.rules.values import Action, Chart, Measurement, Recommendation, Status
from tests.strategies import BASELINE_DAY, chart, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
DAY = draw_day()


def judge(*draws: Measurement) -> Recommendation:
    return recommend(chart=chart(draws=draws), protocol=PROTOCOL, today=DAY + timedelta(days=3))


def quarantined(analyte: str, days: int) -> Measurement:
    return measurement(analyte, "220", DAY + timedelta(days=days), quality=("quarantined",))


def test_a_quarantined_result_newer_than_the_last_one_holds_and_says_who_resolves_it() -> None:
    answer = judge(*panel(DAY), quarantined("PLT", 1))
    (gap,) = answer.missing
    assert (answer.action, gap.item, gap.rule, gap.due_on) == (Action.HOLD, "PLT", "EV-UNUSABLE", None)
    assert gap.why == (
        "the newest result, of 28 April 2026, has not been read: "
        "it waits in quarantine, where nothing is guessed"
    )
    assert gap.resolve == "have somebody resolve the quarantined Platelets, or repeat the draw"


def test_a_later_result_settles_a_quarantined_one() -> None:
    assert judge(*panel(DAY), quarantined("PLT", -1)).action.is_go


@pytest.mark.parametrize("analyte", ["GGT", "LYMPH"])
def test_a_quarantined_result_that_is_not_always_needed_holds_nothing(analyte: str) -> None:
    assert judge(*panel(DAY), quarantined(analyte, 1)).action.is_go


def test_two_results_of_one_code_and_instant_contradict_each_other() -> None:
    first = measurement("PLT", "60", DAY, result="one")
    second = measurement("PLT", "210", DAY, result="two")
    (sample,) = sift([first, second])
    assert sample.standing is Standing.CONFLICT
    rest = tuple(m for m in panel(DAY) if m.analyte != "PLT")
    answer = judge(*rest, first, second)
    assert (answer.action, {gap.rule for gap in answer.missing}) == (Action.HOLD, {"EV-CONFLICT"})


# ---------------------------------------- what would act if it were confirmed


def preliminary(analyte: str, value: str, day: date = DAY) -> Measurement:
    return measurement(analyte, value, day, status=Status.PRELIMINARY)


def doubted(found: Chart) -> list[tuple[str, str]]:
    answer = recommend(chart=found, protocol=PROTOCOL, today=DAY + timedelta(days=3))
    return [(gap.item, gap.rule) for gap in answer.missing]


@pytest.mark.parametrize("days", [0, 5])
def test_a_low_albumin_in_doubt_is_read_beside_the_prothrombin_ratio_of_its_interval(days: int) -> None:
    """Albumin below 30 acts only beside a prothrombin ratio below 70 %."""
    beside = DAY - timedelta(days=days)
    early = panel(DAY - timedelta(days=6))
    for ratio, held in (("95", []), ("60", [("ALB", "EV-UNUSABLE")])):
        draws = (*early, measurement("PTR", ratio, beside), preliminary("ALB", "28"))
        assert doubted(chart(draws=draws)) == held


def test_a_prothrombin_ratio_from_before_the_last_cycle_excuses_no_albumin_in_doubt() -> None:
    before = measurement("PTR", "95", last_day() - timedelta(days=1))
    draws = (before, *panel(DAY - timedelta(days=6)), preliminary("ALB", "28"))
    assert ("ALB", "EV-UNUSABLE") in doubted(chart(draws=draws))


def test_a_companion_too_old_for_the_day_of_treatment_excuses_no_result_in_doubt() -> None:
    draws = (
        *panel(DAY - timedelta(days=6)),
        measurement("PTR", "95", DAY - timedelta(days=8)),
        preliminary("ALB", "28"),
    )
    assert ("ALB", "EV-UNUSABLE") in doubted(chart(draws=draws))


def test_a_result_in_doubt_that_an_attribution_covers_holds_nothing() -> None:
    word = Attribution(
        term="Alanine aminotransferase increased",
        grade=3,
        on=DAY,
        related=False,
        by="Dr. Weber",
        reason="hepatitis A",
    )
    draws = (*panel(DAY - timedelta(days=6)), preliminary("ALT", "200"))
    assert doubted(chart(draws=draws)) == [("ALT", "EV-UNUSABLE")]
    assert doubted(chart(draws=draws, attributions=(word,))) == []


@pytest.mark.parametrize(("analyte", "document"), [("PLT", "PLT"), ("AST", "AST"), ("GGT", "PLT")])
def test_a_result_in_doubt_names_the_source_of_its_own_row_or_of_the_first(analyte, document) -> None:
    labs = tuple(
        replace(row, source=replace(row.source, document=f"guideline for {row.analyte}"))
        for row in PROTOCOL.labs
    )
    protocol = replace(PROTOCOL, labs=labs)
    unread = measurement(analyte, "1", DAY, quality=("quarantined",))
    low = {"PLT": "40", "AST": "800", "GGT": "900"}[analyte]
    for bad in (unread, preliminary(analyte, low)):
        usual = measurement("GGT", "30", BASELINE_DAY)
        found = chart(draws=(usual, *panel(DAY - timedelta(days=6)), bad))
        answer = recommend(chart=found, protocol=protocol, today=DAY)
        (reason,) = (reason for reason in answer.reasons if reason.rule == "EV-UNUSABLE")
        assert reason.source.startswith(f"guideline for {document}, ")


# ---------------------------------------- before the first cycle


def before_the_first(*draws: Measurement) -> list[tuple[str, str]]:
    drawn = (*panel(DAY - timedelta(days=3)), *draws)
    return doubted(chart(given=0, draws=drawn, planned_on=DAY + timedelta(days=7)))


def test_before_the_first_cycle_only_a_floor_that_looks_at_a_doubtful_result_holds() -> None:
    assert before_the_first() == []
    assert before_the_first(preliminary("PLT", "74")) == [("PLT", "EV-UNUSABLE")]
    assert before_the_first(preliminary("PLT", "76")) == []
    assert before_the_first(preliminary("ALT", "800")) == []


def test_a_doubtful_creatinine_that_only_asks_for_caution_holds_nothing() -> None:
    assert before_the_first(preliminary("CREAT", "120")) == []
    assert before_the_first(preliminary("CREAT", "150")) == [("CREAT", "EV-UNUSABLE")]


@pytest.mark.parametrize("code", ["26515-7", "9999-9"])
def test_a_third_result_under_another_code_does_not_settle_two_that_contradict_each_other(code: str) -> None:
    """All three would let the cycle go ahead, were it not for the contradiction."""
    pair = (measurement("PLT", "80", DAY, result="one"), measurement("PLT", "300", DAY, result="two"))
    rest = tuple(m for m in panel(DAY) if m.analyte != "PLT")
    found = chart(draws=(*rest, *pair, measurement("PLT", "150", DAY, code=code)))
    assert doubted(found) == [("PLT", "EV-CONFLICT")]


def test_a_result_set_aside_by_two_people_stays_visible_with_its_evidence() -> None:
    aside = measurement("PLT", "40", DAY - timedelta(days=3), quality=(NOT_REPRESENTATIVE,), ref="result:9")
    answer = judge(aside, *panel(DAY))
    [note] = [r for r in answer.reasons if r.rule == "EV-UNUSABLE"]
    assert note.action is Action.PROCEED
    assert note.sentence.startswith("Platelets 40 ×10^9/L on 24 April 2026: ")
    assert note.sentence.endswith(", so it shows neither a toxicity nor a recovery.")
    assert note.threshold == "usable evidence for the day of treatment"
    assert note.source == "this service's own rule: a result set aside by two people stays visible"
    assert [(e.value, e.ref) for e in note.evidence] == [("40", "result:9")]


def test_a_doubtful_result_of_long_ago_hides_no_later_one() -> None:
    before = preliminary("PLT", "40", BASELINE_DAY + timedelta(days=1))
    answer = judge(before, *panel(DAY), preliminary("PLT", "40", DAY + timedelta(days=1)))
    assert [(gap.item, gap.rule) for gap in answer.missing] == [("PLT", "EV-UNUSABLE")]


def test_a_doubtful_result_of_the_same_instant_as_a_reliable_one_is_not_past() -> None:
    answer = judge(*panel(DAY), replace(preliminary("PLT", "40"), code="26515-7", result="other"))
    assert (answer.action, [gap.item for gap in answer.missing]) == (Action.HOLD, ["PLT"])


@pytest.mark.parametrize("platelets", ["220", "60"])
def test_what_a_toxicity_must_be_judged_by_to_end_is_asked_for_with_the_next_draw(platelets: str) -> None:
    first = last_day() + timedelta(days=20)
    started = (*panel(first, ALB="25", PLT=platelets), measurement("PTR", "60", first))
    answer = judge(*started, *panel(DAY, ALB="40"))
    [gap] = [gap for gap in answer.missing if gap.item == "PTR"]
    assert gap.rule == "EV-MISSING"
    assert gap.why == (
        "no usable result with the draw of 27 April 2026, so it is not known whether the toxicity has ended"
        " (DM-HEP)"
    )
    assert gap.resolve == f"collect {PROTOCOL.names['PTR']} with the next draw"


def test_a_result_without_a_number_holds_nothing_while_a_usable_one_is_in_time() -> None:
    empty = replace(measurement("ALT", "1", DAY + timedelta(days=1)), value=None)
    answer = judge(*panel(DAY), empty)
    assert (answer.action, answer.missing) == (Action.PROCEED, ())
