"""Doubtful results: unread, contradicting or unreliable ones may hold; a later reliable one settles them."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from courses import library
from courses.rules.evidence import NOT_REPRESENTATIVE, Standing, sift
from courses.rules.facts import Attribution, Support, SupportKind
from courses.rules.protocol import Protocol, When
from courses.rules.recommend import recommend
from courses.rules.values import Action, Chart, Measurement, Recommendation, Status
from courses.rules.wording import day_words
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


def doubted(found: Chart, protocol: Protocol = PROTOCOL) -> list[tuple[str, str]]:
    answer = recommend(chart=found, protocol=protocol, today=DAY + timedelta(days=3))
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


def without_number(short: str, day: date) -> Measurement:
    return replace(measurement(short, "1", day), value=None)


def test_a_newest_result_without_a_number_holds_though_an_older_one_is_in_time() -> None:
    answer = judge(*panel(DAY), without_number("ALT", DAY + timedelta(days=1)))
    (gap,) = answer.missing
    assert (answer.action, gap.item, gap.rule, gap.due_on) == (Action.HOLD, "ALT", "EV-UNUSABLE", None)
    assert gap.why == f"the newest result, of {day_words(DAY + timedelta(days=1))}, holds no number"
    assert gap.resolve.startswith(f"repeat {PROTOCOL.names['ALT']} so that it gives a number")


def test_of_several_results_without_a_number_the_newest_is_named_and_an_older_one_holds_nothing() -> None:
    first, second = (without_number("ALT", DAY + timedelta(days=days)) for days in (1, 2))
    for order in ((first, second), (second, first)):
        (gap,) = judge(*panel(DAY), *order).missing
        assert day_words(DAY + timedelta(days=2)) in gap.why
    assert judge(*panel(DAY), without_number("ALT", DAY - timedelta(days=1))).action is Action.PROCEED


def test_a_withdrawn_newest_result_is_a_note_until_something_newer_comes() -> None:
    gone = replace(without_number("ALT", DAY + timedelta(days=1)), status=Status.CANCELLED)
    told = [r.sentence for r in judge(*panel(DAY), gone).reasons if r.rule == "EV-UNUSABLE"]
    (words,) = told
    assert f"a newer result, of {day_words(gone.collected_on)}, was cancelled and nothing has" in words
    assert words.endswith(f"what counts is {PROTOCOL.names['ALT']} 20 U/L on {day_words(DAY)}.")
    for later_one in (
        measurement("ALT", "20", gone.collected_on, code="1743-4"),
        preliminary("ALT", "20", gone.collected_on + timedelta(days=1)),
    ):
        assert "EV-UNUSABLE" not in [r.rule for r in judge(*panel(DAY), gone, later_one).reasons]


# ---------------------------------------- read beside a companion that comes later, or is in doubt too

BEFORE = (*panel(DAY - timedelta(days=6)), measurement("PTR", "100", DAY - timedelta(days=6)))
NEXT = DAY + timedelta(days=1)
# Lymphocytes and neutrophils of one day that explain a leukopenia of the same day.
EXPLAINED = (*panel(DAY), measurement("WBC", "4.5", DAY), measurement("LYMPH", "0.4", DAY))


def later(found: Measurement, hours: int) -> Measurement:
    return replace(found, collected_at=found.collected_at + timedelta(hours=hours))


@pytest.mark.parametrize("given", [0, 2])
@pytest.mark.parametrize(("albumin", "ratio"), [("28", "60"), ("30", "60"), ("28", "70")])
def test_a_result_in_doubt_is_read_beside_a_companion_that_comes_after_it(given, albumin, ratio) -> None:
    acts = (albumin, ratio) == ("28", "60")
    planned = DAY + timedelta(days=7)
    for doubtful, later in (("PTR", "ALB"), ("ALB", "PTR")):
        values = {"ALB": albumin, "PTR": ratio}
        draws = (
            *BEFORE,
            preliminary(doubtful, values[doubtful]),
            measurement(later, values[later], NEXT),
        )
        expected = [(doubtful, "EV-UNUSABLE")] if acts else []
        assert doubted(chart(given=given, draws=draws, planned_on=planned)) == expected


def test_a_result_in_doubt_is_carried_no_longer_than_a_reliable_one_would_be() -> None:
    old = preliminary("PTR", "60", last_day() + timedelta(days=20))
    assert doubted(chart(draws=(old, *panel(DAY, ALB="28")))) == [("PTR", "EV-MISSING")]


def supporting(analyte: str) -> Protocol:
    """The protocol, were a growth factor to make this analyte alone look better."""
    rows = (row for row in PROTOCOL.support if row.kind is SupportKind.GROWTH_FACTOR)
    return replace(PROTOCOL, support=tuple(replace(row, analytes=(analyte,)) for row in rows))


def test_a_result_in_doubt_is_not_carried_past_a_later_one_that_clears_nothing() -> None:
    """The leukocytes of 5.0 lie under a growth factor, so that they do not settle the 1.8 before them."""
    support = (Support(kind=SupportKind.GROWTH_FACTOR, on=DAY),)
    low, lymph = later(preliminary("WBC", "1.8"), 1), later(measurement("LYMPH", "2.0", DAY), 3)
    rest = tuple(m for m in EXPLAINED if m.analyte != "WBC")
    over = later(measurement("WBC", "5.0", DAY), 2)
    for more, held in (((), [("WBC", "EV-UNUSABLE")]), ((over,), [])):
        found = chart(draws=(*rest, low, lymph, *more), support=support)
        assert doubted(found, supporting("WBC")) == held


def test_two_results_in_doubt_that_one_rule_reads_together_hold_together() -> None:
    draws = (*BEFORE, preliminary("ALB", "28"), preliminary("PTR", "60"))
    both = [("ALB", "EV-UNUSABLE"), ("PTR", "EV-UNUSABLE")]
    assert doubted(chart(draws=draws)) == both
    assert doubted(chart(given=0, draws=draws, planned_on=DAY + timedelta(days=7))) == both
    apart = (*BEFORE, preliminary("ALB", "28"), preliminary("PTR", "60", NEXT))
    assert doubted(chart(draws=apart)) == both


def test_a_result_in_doubt_that_a_later_one_settled_makes_no_other_one_hold() -> None:
    settled = (preliminary("PTR", "60"), measurement("PTR", "90", NEXT))
    assert doubted(chart(draws=(*BEFORE, preliminary("ALB", "28"), *settled))) == []
    settled = (without_number("PTR", DAY), measurement("PTR", "90", NEXT))
    assert doubted(chart(draws=(*BEFORE, preliminary("ALB", "28"), *settled))) == []
    before = preliminary("PTR", "60", last_day() - timedelta(days=1))
    assert doubted(chart(draws=(before, *BEFORE, preliminary("ALB", "28")))) == []


def test_a_newest_result_without_a_number_is_read_beside_another_one_in_doubt() -> None:
    """Albumin 28 acts with a low ratio, and the newest ratio is not known."""
    draws = (*BEFORE, preliminary("ALB", "28"), without_number("PTR", DAY))
    assert doubted(chart(draws=draws)) == [("ALB", "EV-UNUSABLE"), ("PTR", "EV-UNUSABLE")]


def test_results_in_doubt_that_no_rule_reads_together_change_nothing_of_each_other() -> None:
    draws = (*BEFORE, preliminary("ALT", "30"), preliminary("PTR", "60"), preliminary("PLT", "60"))
    assert doubted(chart(draws=draws)) == [("PLT", "EV-UNUSABLE")]


def conflicting(analyte: str, one: str, other: str, day: date) -> tuple[Measurement, ...]:
    return (measurement(analyte, one, day, result="one"), measurement(analyte, other, day, result="two"))


def test_a_contradiction_of_an_earlier_interval_is_read_beside_another_one_of_it() -> None:
    early = last_day() - timedelta(days=20)
    normal = (*panel(early - timedelta(days=3)), measurement("PTR", "100", early - timedelta(days=3)))
    pair = (*conflicting("ALB", "28", "40", early), *conflicting("PTR", "60", "100", early))
    now = panel(DAY)
    assert doubted(chart(draws=(*normal, *pair[:2], *now))) == []
    assert doubted(chart(draws=(*normal, *pair[2:], *now))) == []
    assert doubted(chart(draws=(*normal, *pair, *now))) == [("ALB", "EV-CONFLICT"), ("PTR", "EV-CONFLICT")]
    (reason,) = (r for r in judge(*normal, *pair, *now).reasons if r.rule == "EV-CONFLICT")
    assert "a repeat does not settle it" in reason.release
    aside = preliminary("PTR", "60", early)
    assert doubted(chart(draws=(*normal, *pair[:2], aside, *now))) == []


def test_a_contradiction_from_before_the_first_cycle_that_a_later_draw_settled_makes_none_hold() -> None:
    pair = conflicting("ALB", "28", "40", DAY - timedelta(days=3))
    low = preliminary("PTR", "60", DAY - timedelta(days=3))
    drawn = (*BEFORE, *pair, measurement("ALB", "40", DAY), low)
    assert doubted(chart(given=0, draws=drawn, planned_on=DAY + timedelta(days=7))) == []


def test_lymphocytes_in_doubt_hold_where_they_would_no_longer_explain_the_leukocytes() -> None:
    for count, held in (("2.0", [("LYMPH", "EV-UNUSABLE")]), ("0.5", [])):
        doubtful = later(preliminary("LYMPH", count), 1)
        assert doubted(chart(draws=(*EXPLAINED, doubtful, later(measurement("WBC", "1.8", DAY), 2)))) == held
        low = (*(m for m in EXPLAINED if m.analyte != "WBC"), measurement("WBC", "1.8", DAY), doubtful)
        assert doubted(chart(given=0, draws=low, planned_on=DAY + timedelta(days=7))) == held


def test_before_the_first_cycle_the_floors_alone_say_what_is_read_together() -> None:
    floors_only = replace(PROTOCOL, families=())
    pair = (*BEFORE, preliminary("ALB", "28"), preliminary("PTR", "60"))
    explained = tuple(m for m in EXPLAINED if m.analyte != "WBC")
    counts = (*explained, preliminary("WBC", "1.8"), later(preliminary("LYMPH", "2.0"), 1))
    for draws, items in ((pair, ["ALB", "PTR"]), (counts, ["WBC", "LYMPH"])):
        found = chart(given=0, draws=draws, planned_on=DAY + timedelta(days=7))
        assert doubted(found, floors_only) == [(item, "EV-UNUSABLE") for item in items]


def test_of_two_results_in_doubt_of_one_analyte_only_the_one_that_would_act_is_shown() -> None:
    draws = (*BEFORE, measurement("ALB", "28", DAY), preliminary("PTR", "75"), preliminary("PTR", "60", NEXT))
    found = chart(given=0, draws=draws, planned_on=DAY + timedelta(days=7))
    answer = recommend(chart=found, protocol=PROTOCOL, today=DAY + timedelta(days=3))
    assert [[e.value for e in r.evidence] for r in answer.reasons if r.rule == "EV-UNUSABLE"] == [["60"]]


def test_a_result_in_doubt_now_makes_no_contradiction_of_an_earlier_interval_hold() -> None:
    early = last_day() - timedelta(days=20)
    floors = tuple(replace(f, when=When.EVERY_CYCLE) for f in PROTOCOL.floors if f.id == "ELIG-ALB")
    then = (*panel(early - timedelta(days=3)), measurement("PTR", "100", early - timedelta(days=3)))
    now = (*BEFORE, measurement("ALB", "28", DAY), preliminary("PTR", "60"))
    found = chart(draws=(*then, *conflicting("ALB", "28", "40", early), *now))
    assert doubted(found, replace(PROTOCOL, floors=floors)) == [("PTR", "EV-UNUSABLE")]


def test_a_floor_asked_before_the_first_cycle_only_makes_no_later_result_in_doubt_hold() -> None:
    draws = (*BEFORE, measurement("ALB", "28", DAY), preliminary("PTR", "60"))
    floors_only = replace(PROTOCOL, families=())
    assert doubted(chart(draws=draws), floors_only) == []
    every = tuple(replace(floor, when=When.EVERY_CYCLE) for floor in PROTOCOL.floors)
    assert doubted(chart(draws=draws), replace(floors_only, floors=every)) == [("PTR", "EV-UNUSABLE")]
    notes = tuple(replace(floor, action=Action.PROCEED) for floor in every)
    assert doubted(chart(draws=draws), replace(floors_only, floors=notes)) == []


# ---------------------------------------- unread, and asked for by a rule


@pytest.mark.parametrize("given", [0, 2])
def test_an_unread_result_holds_only_where_a_rule_asks_for_it(given: int) -> None:
    planned = DAY + timedelta(days=7)
    unread = measurement("PTR", "60", DAY, quality=("quarantined",))
    for albumin, held in (("28", [("PTR", "EV-UNUSABLE")]), ("30", [])):
        for day in (DAY - timedelta(days=1), DAY, NEXT):
            draws = (*BEFORE, measurement("ALB", albumin, day), unread)
            found = chart(given=given, draws=draws, planned_on=planned)
            assert doubted(found) == held
            answer = recommend(chart=found, protocol=PROTOCOL, today=DAY + timedelta(days=3))
            assert [r.action.is_go for r in answer.reasons if r.rule == "EV-UNUSABLE"] == [not held]


@pytest.mark.parametrize("given", [0, 2])
def test_an_unread_result_is_no_finding_of_its_own(given: int) -> None:
    draws = (*EXPLAINED, quarantined("WBC", 1), quarantined("K", 1))
    assert doubted(chart(given=given, draws=draws, planned_on=DAY + timedelta(days=7))) == []


def test_an_unread_result_that_a_later_one_settled_is_not_asked_for() -> None:
    draws = (*BEFORE, quarantined("PTR", 0), measurement("PTR", "90", NEXT), measurement("ALB", "28", NEXT))
    answer = judge(*draws)
    assert (answer.action, [r.rule for r in answer.reasons]) == (Action.PROCEED, [])


def test_an_unread_result_and_one_in_doubt_that_one_rule_reads_together_hold_together() -> None:
    draws = (*BEFORE, preliminary("ALB", "28"), quarantined("PTR", 0))
    assert doubted(chart(draws=draws)) == [("ALB", "EV-UNUSABLE"), ("PTR", "EV-UNUSABLE")]


def test_unread_leukocytes_make_no_doubtful_lymphocytes_hold() -> None:
    draws = (*EXPLAINED, quarantined("WBC", 0), preliminary("LYMPH", "2.0"))
    assert doubted(chart(draws=draws)) == []
    assert doubted(chart(given=0, draws=draws, planned_on=DAY + timedelta(days=7))) == []


def test_an_older_unread_result_of_what_is_always_needed_is_told_as_one_of_several() -> None:
    answer = judge(*panel(DAY), quarantined("PLT", -1))
    (note,) = (r for r in answer.reasons if r.rule == "EV-UNUSABLE")
    assert note.sentence.startswith("Platelets: a result, of 26 April 2026, has not been read: ")


def test_before_the_first_cycle_a_result_that_clears_nothing_stands_in_for_no_unread_one() -> None:
    found = chart(
        given=0,
        draws=(*BEFORE, measurement("ALB", "28", DAY), quarantined("PTR", 0), measurement("PTR", "90", NEXT)),
        planned_on=DAY + timedelta(days=7),
        support=(Support(kind=SupportKind.GROWTH_FACTOR, on=NEXT),),
    )
    assert doubted(found) == []
    assert doubted(found, supporting("PTR")) == [("PTR", "EV-UNUSABLE")]


@pytest.mark.parametrize("given", [0, 2])
def test_a_result_in_doubt_holds_for_no_finding_of_another_analyte_that_acts_anyway(given: int) -> None:
    draws = (*BEFORE, preliminary("ALT", "30"), measurement("PLT", "60", NEXT))
    assert doubted(chart(given=given, draws=draws, planned_on=DAY + timedelta(days=7))) == []


@pytest.mark.parametrize("given", [0, 2])
def test_a_result_in_doubt_that_would_act_is_named_where_an_older_one_acts_already(given: int) -> None:
    draws = (*panel(DAY, PLT="60"), preliminary("PLT", "50", NEXT))
    found = chart(given=given, draws=draws, planned_on=DAY + timedelta(days=7))
    assert doubted(found) == [("PLT", "EV-UNUSABLE")]


@pytest.mark.parametrize("given", [0, 2])
def test_a_better_result_in_doubt_holds_nothing_where_an_older_one_acts(given: int) -> None:
    draws = (*panel(DAY, PLT="60"), preliminary("PLT", "100", NEXT))
    assert doubted(chart(given=given, draws=draws, planned_on=DAY + timedelta(days=7))) == []


def test_a_floor_of_every_cycle_asks_for_an_unread_result_too() -> None:
    every = tuple(replace(floor, when=When.EVERY_CYCLE) for floor in PROTOCOL.floors)
    draws = (*BEFORE, measurement("ALB", "28", DAY), quarantined("PTR", 0))
    floors_only = replace(PROTOCOL, families=(), floors=every)
    assert doubted(chart(draws=draws), floors_only) == [("PTR", "EV-UNUSABLE")]
