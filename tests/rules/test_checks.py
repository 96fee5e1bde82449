"""Checks of recorded facts: pregnancy, imaging, wash-out, allergy, heart failure, illness, dialysis."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from courses import library
from courses.rules.checks import not_considered
from courses.rules.facts import (
    AllergyFinding,
    AllergyReview,
    AnalogueKind,
    AnalogueRecord,
    DiseaseFlags,
    Facts,
    ImagingModality,
    Interruption,
    InterruptionKind,
    PregnancyFinding,
    PregnancyRecord,
    SstrImaging,
)
from courses.rules.protocol import (
    AllergyCheck,
    AnalogueCheck,
    Check,
    HeartFailureCheck,
    ImagingCheck,
    InterruptionCheck,
    PregnancyCheck,
    When,
)
from courses.rules.recommend import recommend
from courses.rules.values import (
    Action,
    Chart,
    Measurement,
    MissingEvidence,
    Reason,
    Recommendation,
    Sex,
    SilentRule,
    Status,
)
from tests.strategies import chart, draw_day, last_day, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
SOURCE = PROTOCOL.schedule.source
PLANNED = last_day() + timedelta(days=56)
TODAY = draw_day() + timedelta(days=1)

PREGNANCY = PregnancyCheck(
    id="CHK-PREGNANCY", name="pregnancy excluded", when=When.EVERY_CYCLE, source=SOURCE,
    from_age=12, to_age=55, validity_days=7, due_days_before=2, if_pregnant=Action.STOP,
    hcg_at_least=Decimal(5),
)  # fmt: skip
IMAGING = ImagingCheck(
    id="ELIG-SSTR", name="receptor imaging", when=When.FIRST_CYCLE, source=SOURCE,
    least_uptake=2, note_uptake=3, if_below=Action.STOP,
)  # fmt: skip
ANALOGUE = AnalogueCheck(
    id="CHK-ANALOGUE", name="wash-out", when=When.EVERY_CYCLE, source=SOURCE,
    long_acting_days=28, long_acting_note_days=30, short_acting_days=1, due_days_before=7,
)  # fmt: skip
ALLERGY = AllergyCheck(
    id="CHK-ALLERGY", name="allergies reviewed", when=When.EVERY_CYCLE, source=SOURCE,
    validity_days=28, due_days_before=7, if_contraindicated=Action.DELAY,
)  # fmt: skip
HEART = HeartFailureCheck(
    id="CHK-HEART", name="heart failure", when=When.EVERY_CYCLE, source=SOURCE, stops_from_class=3
)
ILLNESS = InterruptionCheck(
    id="CHK-ILLNESS", name="illness and surgery", when=When.EVERY_CYCLE, source=SOURCE,
    wait_days={
        InterruptionKind.INTERCURRENT_ILLNESS: 0,
        InterruptionKind.SURGERY: 3,
        InterruptionKind.MAJOR_SURGERY: 84,
    },
)  # fmt: skip


def before(days: int) -> date:
    """So many days before the planned day."""
    return PLANNED - timedelta(days=days)


def judge(check: Check, *, today: date = TODAY, given: int = 2, **more: Any) -> Recommendation:
    """The recommendation for an otherwise perfect chart under this check alone."""
    facts = more.pop("facts", Facts())
    found = chart(given=2, draws=panel(draw_day()), facts=facts, **more)
    if not given:
        found = replace(found, cycles=())
    return recommend(chart=found, protocol=replace(PROTOCOL, checks=(check,)), today=today)


def said(answer: Recommendation, check: Check) -> list[Reason]:
    return [reason for reason in answer.reasons if reason.rule == check.id]


def lacking(answer: Recommendation, check: Check) -> list[MissingEvidence]:
    return [gap for gap in answer.missing if gap.rule == check.id]


def silence(answer: Recommendation, check: Check) -> list[SilentRule]:
    return [rule for rule in answer.silent if rule.rule == check.id]


def pregnancy(finding: PregnancyFinding, days: int, ref: str = "") -> PregnancyRecord:
    return PregnancyRecord(on=before(days), finding=finding, ref=ref)


YOUNG: dict[str, Any] = {"birth_date": date(1991, 3, 2)}


# ------------------------------------------------------------------------------------------------ pregnancy


@pytest.mark.parametrize(("days", "goes"), [(7, True), (8, False), (6, True)])
def test_a_negative_pregnancy_test_counts_for_its_days(days: int, goes: bool) -> None:
    facts = Facts(pregnancy=(pregnancy(PregnancyFinding.NEGATIVE, days),))
    answer = judge(PREGNANCY, today=before(6), facts=facts, **YOUNG)
    assert answer.action.is_go is goes
    assert bool(silence(answer, PREGNANCY)) is goes
    if not goes:
        (gap,) = lacking(answer, PREGNANCY)
        assert (gap.item, gap.due_on) == ("pregnancy", before(2))
        assert gap.why == "the newest, of 26 April 2026, could be used until 3 May 2026"
        assert gap.resolve.startswith("record a pregnancy test taken not before 27 April 2026")


def test_a_pregnancy_stops_where_the_protocol_says_so_whatever_the_age_and_sex() -> None:
    facts = Facts(pregnancy=(pregnancy(PregnancyFinding.POSITIVE, 300, ref="fact-1"),))
    for person in ({}, YOUNG, {"sex": Sex.MALE}):
        (reason,) = said(judge(PREGNANCY, facts=facts, **person), PREGNANCY)
        assert reason.action is Action.STOP
        assert reason.sentence.startswith("A pregnancy is recorded on 8 July 2025: stop permanently")
        assert [(item.value, item.ref) for item in reason.evidence] == [("positive", "fact-1")]
        assert (reason.release, reason.release_on) == ("", None)


def test_a_pregnancy_that_delays_says_what_ends_it() -> None:
    delays = replace(PREGNANCY, if_pregnant=Action.DELAY)
    facts = Facts(pregnancy=(pregnancy(PregnancyFinding.POSITIVE, 9),))
    (reason,) = said(judge(delays, facts=facts, **YOUNG), delays)
    assert (reason.action, reason.release_on) == (Action.DELAY, None)
    assert reason.release == "record a later pregnancy test that is negative"


def test_the_newest_record_counts_and_of_one_day_the_gravest() -> None:
    negative, positive = PregnancyFinding.NEGATIVE, PregnancyFinding.POSITIVE
    later = Facts(pregnancy=(pregnancy(negative, 7), pregnancy(positive, 8)))
    assert judge(PREGNANCY, facts=later, **YOUNG).action.is_go
    one_day = Facts(pregnancy=(pregnancy(positive, 7), pregnancy(negative, 7)))
    assert judge(PREGNANCY, facts=one_day, **YOUNG).action is Action.STOP


def test_not_possible_lasts_until_a_later_record() -> None:
    lasting = pregnancy(PregnancyFinding.NOT_POSSIBLE, 400)
    answer = judge(PREGNANCY, facts=Facts(pregnancy=(lasting,)), **YOUNG)
    assert answer.action.is_go
    assert "pregnancy is not possible" in silence(answer, PREGNANCY)[0].why
    later = Facts(pregnancy=(lasting, pregnancy(PregnancyFinding.NEGATIVE, 100)))
    assert judge(PREGNANCY, facts=later, **YOUNG).action is Action.HOLD


def test_a_negative_test_after_a_positive_one_answers_it_and_one_of_the_same_day_does_not() -> None:
    positive, never = pregnancy(PregnancyFinding.POSITIVE, 60), pregnancy(PregnancyFinding.NOT_POSSIBLE, 20)
    for days, goes in ((59, True), (60, False)):
        records = (pregnancy(PregnancyFinding.NEGATIVE, days), positive, never)
        answer = judge(PREGNANCY, facts=Facts(pregnancy=records), **YOUNG)
        assert answer.action.is_go is goes
        assert bool(lacking(answer, PREGNANCY)) is not goes


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_positive_tests_the_newest_is_the_one_to_answer(order: int) -> None:
    positives = (
        pregnancy(PregnancyFinding.POSITIVE, 60, "old"),
        pregnancy(PregnancyFinding.POSITIVE, 40, "new"),
    )
    records = (*positives[::order], pregnancy(PregnancyFinding.NOT_POSSIBLE, 20))
    answer = judge(PREGNANCY, facts=Facts(pregnancy=records), **YOUNG)
    (gap,) = lacking(answer, PREGNANCY)
    assert gap.resolve == "record a negative pregnancy test taken after 25 March 2026"
    (reason,) = said(answer, PREGNANCY)
    assert [(item.value, item.ref) for item in reason.evidence] == [("positive", "new"), ("not possible", "")]


@pytest.mark.parametrize(
    ("born", "asked"),
    [
        (date(2014, 5, 5), False), (date(2014, 5, 4), True),
        (date(1970, 5, 5), True), (date(1970, 5, 4), False),
    ],
)  # fmt: skip
def test_only_the_ages_of_the_protocol_are_asked_on_the_planned_day(born: date, asked: bool) -> None:
    answer = judge(PREGNANCY, facts=Facts(pregnancy=()), birth_date=born)
    assert bool(lacking(answer, PREGNANCY)) is asked
    assert ("years old, not 12 to 55" in str(silence(answer, PREGNANCY))) is not asked


def test_a_birth_date_after_the_planned_day_does_not_fail() -> None:
    answer = judge(PREGNANCY, facts=Facts(pregnancy=()), birth_date=date(2027, 1, 1))
    assert "0 years old" in silence(answer, PREGNANCY)[0].why


def test_a_man_is_not_asked() -> None:
    answer = judge(PREGNANCY, facts=Facts(pregnancy=()), sex=Sex.MALE)
    assert answer.action.is_go
    assert silence(answer, PREGNANCY)[0].why == "the patient is a man"


@pytest.mark.parametrize(
    ("person", "items"),
    [
        ({"sex": None, **YOUNG}, {"pregnancy", "sex"}),
        ({"sex": None, "birth_date": date(1961, 3, 2)}, set()),
        ({"birth_date": None}, {"pregnancy", "birth_date"}),
        ({"birth_date": None, "sex": None}, {"pregnancy", "sex", "birth_date"}),
        ({"birth_date": None, "sex": Sex.MALE}, set()),
    ],
)
def test_what_is_not_known_of_the_person_holds_where_it_could_matter(person, items) -> None:
    answer = judge(PREGNANCY, facts=Facts(pregnancy=()), **person)
    assert {gap.item for gap in lacking(answer, PREGNANCY)} == items


def test_a_test_within_its_days_needs_no_more_of_the_person() -> None:
    facts = Facts(pregnancy=(pregnancy(PregnancyFinding.NEGATIVE, 6),))
    assert lacking(judge(PREGNANCY, facts=facts, sex=None, birth_date=None), PREGNANCY) == []


def test_without_a_planned_day_nothing_is_due_by_a_day() -> None:
    answer = judge(PREGNANCY, given=0, facts=Facts(pregnancy=()), planned_on=None, **YOUNG)
    assert [gap.due_on for gap in lacking(answer, PREGNANCY)] == [None]


# ---------------------------------------------------------------------------------- hCG of the laboratory


def hcg(value: str | None, days: int, **more: Any) -> Measurement:
    """One result of hCG, so many days before the planned day."""
    return Measurement(
        analyte="HCG",
        code=more.pop("code", "19080-1"),
        value=None if value is None else Decimal(value),
        unit="[IU]/L",
        collected_at=datetime.combine(before(days), time(8), tzinfo=UTC),
        collected_on=before(days),
        **more,
    )


def with_hcg(*results: Measurement, today: date = PLANNED, **more: Any) -> Recommendation:
    """The recommendation for a chart that holds these results beside its last panel."""
    draws = (*panel(draw_day()), *results)
    found = chart(given=2, draws=draws, **{"facts": Facts(), **more})
    return recommend(chart=found, protocol=replace(PROTOCOL, checks=(PREGNANCY,)), today=today)


def recorded_test(days: int = 6, finding: PregnancyFinding = PregnancyFinding.NEGATIVE) -> Facts:
    return Facts(pregnancy=(pregnancy(finding, days),))


@pytest.mark.parametrize(("days", "goes"), [(7, True), (6, False), (5, False)])
def test_a_raised_hcg_is_answered_by_a_negative_test_of_a_later_day_only(days: int, goes: bool) -> None:
    answer = with_hcg(hcg("5000", days), facts=recorded_test(6), **YOUNG)
    assert answer.action is (Action.PROCEED if goes else Action.HOLD)
    assert [gap.item for gap in lacking(answer, PREGNANCY)] == ([] if goes else ["pregnancy"])
    assert [gap.due_on for gap in lacking(answer, PREGNANCY)] == ([] if goes else [None])
    assert bool(silence(answer, PREGNANCY)) is goes


@pytest.mark.parametrize(
    ("found", "goes"),
    [
        (hcg("5", 5), False),
        (hcg("4.9", 5), True),
        (hcg("5", 5, comparator="<"), True),
        (hcg("5", 5, comparator="<="), False),
        (hcg("6", 5, comparator="<"), False),
        (hcg("2", 5, comparator=">"), False),
        (hcg("2", 5, status=Status.PRELIMINARY), False),
        (hcg("2", 5, quality=("not-representative",)), False),
        (hcg("2", 5, quality=("implausible",)), False),
        (hcg("2", 5, quality=("quarantined",)), False),
        (hcg(None, 5), False),
        (hcg("5000", 5, status=Status.CANCELLED), True),
        (hcg("5000", 5, status=Status.ENTERED_IN_ERROR), True),
    ],
)
def test_only_an_hcg_surely_below_the_bound_leaves_the_negative_test_as_it_is(found, goes) -> None:
    answer = with_hcg(found, facts=recorded_test(), **YOUNG)
    assert answer.action is (Action.PROCEED if goes else Action.HOLD)


def test_an_hcg_below_the_bound_does_not_stand_in_for_a_recorded_test() -> None:
    low = hcg("2", 5)
    for facts in (Facts(pregnancy=()), recorded_test(8)):
        answer = with_hcg(low, facts=facts, **YOUNG)
        assert [gap.item for gap in lacking(answer, PREGNANCY)] == ["pregnancy"]
        assert lacking(answer, PREGNANCY) == lacking(with_hcg(facts=facts, **YOUNG), PREGNANCY)


def test_a_later_low_hcg_does_not_answer_a_raised_one() -> None:
    answer = with_hcg(hcg("5000", 5), hcg("2", 3), facts=recorded_test(), **YOUNG)
    assert answer.action is Action.HOLD


def test_a_raised_hcg_holds_even_where_recorded_facts_are_not_considered() -> None:
    answer = with_hcg(hcg("5000", 5), **YOUNG)
    assert [gap.item for gap in lacking(answer, PREGNANCY)] == ["pregnancy"]
    assert silence(answer, PREGNANCY) == []
    low = with_hcg(hcg("2", 5), **YOUNG)
    assert silence(low, PREGNANCY)[0].why == "such facts are not considered here"


@pytest.mark.parametrize("days", [4, 6, 400])
def test_a_raised_hcg_contradicts_that_pregnancy_is_not_possible_whichever_came_first(days: int) -> None:
    answer = with_hcg(hcg("5000", 5), facts=recorded_test(days, PregnancyFinding.NOT_POSSIBLE), **YOUNG)
    assert [gap.item for gap in lacking(answer, PREGNANCY)] == ["pregnancy"]


def test_beside_a_recorded_pregnancy_a_raised_hcg_says_nothing_more() -> None:
    answer = with_hcg(hcg("5000", 5), facts=recorded_test(6, PregnancyFinding.POSITIVE), **YOUNG)
    assert [reason.action for reason in said(answer, PREGNANCY)] == [Action.STOP]


@pytest.mark.parametrize("person", [{"sex": Sex.MALE, **YOUNG}, {"birth_date": date(1961, 3, 2)}])
def test_a_raised_hcg_of_who_is_not_asked_is_a_note_until_a_low_one(person: dict[str, Any]) -> None:
    for facts in (Facts(), Facts(pregnancy=()), recorded_test()):
        answer = with_hcg(hcg("5000", 5), facts=facts, **person)
        assert [reason.action for reason in said(answer, PREGNANCY)] == [Action.PROCEED]
        assert (answer.action, silence(answer, PREGNANCY)) == (Action.PROCEED, [])
    settled = with_hcg(hcg("5000", 5), hcg("2", 4), facts=Facts(pregnancy=()), **person)
    assert (said(settled, PREGNANCY), len(silence(settled, PREGNANCY))) == ([], 1)
    preliminary = hcg("2", 4, status=Status.PRELIMINARY)
    at_once = hcg("2", 4, code="21198-7")
    for others in ([hcg("2", 6)], [hcg("2", 6), hcg("2", 7)], [preliminary], [preliminary, at_once]):
        risen = with_hcg(hcg("5000", 5), *others, facts=Facts(pregnancy=()), **person)
        assert len(said(risen, PREGNANCY)) == 1


def test_a_low_number_of_another_analyte_does_not_end_the_note() -> None:
    answer = with_hcg(hcg("5000", 20), facts=Facts(pregnancy=()), sex=Sex.MALE)
    assert len(said(answer, PREGNANCY)) == 1


def test_a_contradiction_of_records_holds_whoever_is_not_asked_for_hcg() -> None:
    records = (pregnancy(PregnancyFinding.POSITIVE, 60), pregnancy(PregnancyFinding.NOT_POSSIBLE, 20))
    answer = with_hcg(hcg("5000", 5), facts=Facts(pregnancy=records), sex=Sex.MALE)
    assert [gap.item for gap in lacking(answer, PREGNANCY)] == ["pregnancy"]


def test_results_of_other_analytes_say_nothing_of_a_pregnancy() -> None:
    assert with_hcg(replace(hcg("5000", 5), analyte="GGT"), facts=recorded_test(), **YOUNG).action.is_go


# -------------------------------------------------------------------------------------------------- imaging


def imaging(uptake: int, days: int = 60) -> SstrImaging:
    return SstrImaging(on=before(days), modality=ImagingModality.PET, uptake=uptake, ref=f"fact-{uptake}")


@pytest.mark.parametrize(
    ("uptake", "action"), [(1, Action.STOP), (2, Action.PROCEED), (3, Action.PROCEED), (4, None)]
)
def test_an_uptake_acts_below_the_least_and_is_pointed_out_up_to_a_bound(uptake, action) -> None:
    answer = judge(IMAGING, given=0, facts=Facts(sstr_imaging=(imaging(uptake),)))
    reasons = said(answer, IMAGING)
    assert [reason.action for reason in reasons] == ([] if action is None else [action])
    assert bool(silence(answer, IMAGING)) is (action is None)
    for reason in reasons:
        assert f"The pet of 5 March 2026 shows an uptake of {uptake}" in reason.sentence
        assert reason.threshold == "an uptake of 2 or more"


def test_the_newest_imaging_counts_and_of_one_day_the_lower() -> None:
    newer = Facts(sstr_imaging=(imaging(4, days=10), imaging(1, days=90)))
    assert said(judge(IMAGING, given=0, facts=newer), IMAGING) == []
    one_day = Facts(sstr_imaging=(imaging(4), imaging(1)))
    assert said(judge(IMAGING, given=0, facts=one_day), IMAGING)[0].action is Action.STOP


def test_imaging_that_is_not_recorded_holds_at_once_before_the_first_cycle_only() -> None:
    answer = judge(IMAGING, given=0, facts=Facts(sstr_imaging=()))
    assert [(gap.item, gap.due_on) for gap in lacking(answer, IMAGING)] == [("sstr_imaging", None)]
    assert not answer.awaiting_labs
    later = judge(IMAGING, facts=Facts(sstr_imaging=()))
    assert later.action.is_go
    assert silence(later, IMAGING)[0].why == "it is asked before the first cycle only"


# ------------------------------------------------------------------------------------------------ analogues


def injected(kind: AnalogueKind, days: int) -> AnalogueRecord:
    return AnalogueRecord(on=before(days), kind=kind, ref="fact-7")


@pytest.mark.parametrize(("days", "action"), [(27, Action.DELAY), (28, Action.PROCEED), (30, None)])
def test_a_long_acting_analogue_delays_and_is_then_pointed_out(days: int, action: Action | None) -> None:
    facts = Facts(analogue_injections=(injected(AnalogueKind.LONG_ACTING, days),))
    answer = judge(ANALOGUE, facts=facts)
    reasons = said(answer, ANALOGUE)
    assert [reason.action for reason in reasons] == ([] if action is None else [action])
    if action is Action.DELAY:
        assert reasons[0].release_on == before(days) + timedelta(days=28)
        assert reasons[0].release == "plan the cycle on or after 5 May 2026"
        assert "27 days before the planned day, less than 28: delay" in reasons[0].sentence


@pytest.mark.parametrize(("days", "goes"), [(0, False), (1, True)])
def test_a_short_acting_analogue_delays_for_its_own_days(days: int, goes: bool) -> None:
    facts = Facts(analogue_injections=(injected(AnalogueKind.SHORT_ACTING, days),))
    answer = judge(ANALOGUE, today=PLANNED, facts=facts)
    assert answer.action.is_go is goes
    assert [r.release_on for r in said(answer, ANALOGUE)] == ([] if goes else [PLANNED + timedelta(days=1)])


def test_a_word_that_none_is_given_answers_the_question_but_washes_nothing_out() -> None:
    none = injected(AnalogueKind.NONE, 3)
    assert judge(ANALOGUE, facts=Facts(analogue_injections=(none,))).action.is_go
    facts = Facts(analogue_injections=(none, injected(AnalogueKind.LONG_ACTING, 10)))
    assert judge(ANALOGUE, today=before(3), facts=facts).action is Action.DELAY


def test_both_kinds_of_analogue_are_looked_at() -> None:
    facts = Facts(
        analogue_injections=(injected(AnalogueKind.LONG_ACTING, 20), injected(AnalogueKind.SHORT_ACTING, 0))
    )
    assert len(said(judge(ANALOGUE, today=PLANNED, facts=facts), ANALOGUE)) == 2


@pytest.mark.parametrize(("days", "goes"), [(28, True), (29, False)])
def test_before_the_first_cycle_a_word_that_none_is_given_lasts_as_long_as_a_wash_out(days, goes) -> None:
    facts = Facts(analogue_injections=(injected(AnalogueKind.NONE, days),))
    answer = judge(ANALOGUE, given=0, facts=facts)
    assert bool(lacking(answer, ANALOGUE)) is not goes


@pytest.mark.parametrize(("today", "waits"), [(before(7), True), (before(6), False)])
def test_nothing_recorded_of_analogues_waits_until_it_is_due(today: date, waits: bool) -> None:
    answer = judge(ANALOGUE, today=today, facts=Facts(analogue_injections=()))
    assert (answer.action, answer.awaiting_labs) == (Action.HOLD, waits)
    assert answer.labs_due == (before(7) if waits else None)


# -------------------------------------------------------------------------------------------------- allergy


def review(finding: AllergyFinding, days: int) -> AllergyReview:
    return AllergyReview(on=before(days), finding=finding, ref="fact-9")


@pytest.mark.parametrize(("days", "goes"), [(28, True), (29, False)])
def test_a_review_counts_for_its_days(days: int, goes: bool) -> None:
    answer = judge(ALLERGY, facts=Facts(allergy_review=(review(AllergyFinding.NONE, days),)))
    assert answer.action.is_go is goes
    assert bool(silence(answer, ALLERGY)) is goes


def test_no_review_at_all_lacks() -> None:
    (gap,) = lacking(judge(ALLERGY, facts=Facts(allergy_review=())), ALLERGY)
    assert (gap.why, gap.due_on) == ("no review is recorded", before(7))


@pytest.mark.parametrize(("offset", "goes"), [(0, False), (1, True)])
def test_a_review_must_be_newer_than_the_last_administration(offset: int, goes: bool) -> None:
    soon = replace(ALLERGY, validity_days=60)
    facts = Facts(allergy_review=(review(AllergyFinding.NONE, 56 - offset),))
    answer = judge(soon, facts=facts)
    assert answer.action.is_go is goes
    if not goes:
        assert lacking(answer, soon)[0].why.endswith("is not newer than the last administration")


def test_before_the_first_cycle_any_review_within_its_days_counts() -> None:
    facts = Facts(allergy_review=(review(AllergyFinding.NONE, 20),))
    assert lacking(judge(ALLERGY, given=0, facts=facts), ALLERGY) == []


def test_premedication_is_pointed_out_even_when_the_review_is_too_old() -> None:
    for days, lack in ((20, False), (29, True)):
        answer = judge(ALLERGY, facts=Facts(allergy_review=(review(AllergyFinding.PREMEDICATE, days),)))
        assert "asks for premedication" in said(answer, ALLERGY)[-1].sentence
        assert bool(lacking(answer, ALLERGY)) is lack


def test_a_contraindication_lasts_and_of_one_day_the_gravest_counts() -> None:
    facts = Facts(
        allergy_review=(review(AllergyFinding.CONTRAINDICATED, 50), review(AllergyFinding.NONE, 50))
    )
    (reason,) = said(judge(ALLERGY, facts=facts), ALLERGY)
    assert (reason.action, reason.release) == (Action.DELAY, "record a later review that finds otherwise")


# --------------------------------------------------------------------------------------------- heart failure


@pytest.mark.parametrize(
    ("found", "action"), [(None, Action.HOLD), (2, Action.PROCEED), (3, Action.STOP), (4, Action.STOP)]
)
def test_heart_failure_stops_from_its_class_on(found: int | None, action: Action) -> None:
    facts = Facts(disease_flags=DiseaseFlags(nyha_class=found, dialysis=False))
    answer = judge(HEART, facts=facts)
    assert answer.action is action
    assert bool(lacking(answer, HEART)) is (found is None)
    assert bool(silence(answer, HEART)) is (found == 2)


# --------------------------------------------------------------------------------------------- interruptions


def interruption(kind: InterruptionKind, began: int, ended: int | None) -> Interruption:
    return Interruption(
        kind=kind, began_on=before(began), ended_on=None if ended is None else before(ended), ref="fact-3"
    )


@pytest.mark.parametrize(
    ("kind", "began", "ended", "allowed"),
    [
        (InterruptionKind.INTERCURRENT_ILLNESS, 20, None, None),
        (InterruptionKind.INTERCURRENT_ILLNESS, 20, -1, -1),
        (InterruptionKind.INTERCURRENT_ILLNESS, 20, 0, "go"),
        (InterruptionKind.SURGERY, 20, None, None),
        (InterruptionKind.SURGERY, 20, 2, -1),
        (InterruptionKind.SURGERY, 20, 3, "go"),
        (InterruptionKind.MAJOR_SURGERY, 83, None, -1),
        (InterruptionKind.MAJOR_SURGERY, 84, None, "go"),
        (InterruptionKind.MAJOR_SURGERY, 90, 83, -1),
        (InterruptionKind.MAJOR_SURGERY, 90, 84, "go"),
    ],
)
def test_an_interruption_delays_until_it_is_over_and_its_days_have_passed(
    kind, began, ended, allowed
) -> None:
    answer = judge(ILLNESS, today=PLANNED, facts=Facts(interruptions=(interruption(kind, began, ended),)))
    reasons = said(answer, ILLNESS)
    if allowed == "go":
        assert answer.action.is_go
        assert silence(answer, ILLNESS)
        return
    (reason,) = reasons
    assert reason.action is Action.DELAY
    assert reason.release_on == (None if allowed is None else before(allowed))
    assert ("is not over" in reason.sentence) is (allowed is None)
    assert reason.release


def test_every_interruption_is_named() -> None:
    found = (
        interruption(InterruptionKind.SURGERY, 20, None),
        interruption(InterruptionKind.INTERCURRENT_ILLNESS, 10, None),
    )
    texts = [reason.sentence for reason in said(judge(ILLNESS, facts=Facts(interruptions=found)), ILLNESS)]
    assert [text.split(" from ")[0] for text in texts] == ["Surgery", "An intercurrent illness"]


# ------------------------------------------------------------------------------------------ every check alike


@pytest.mark.parametrize("check", [PREGNANCY, ANALOGUE, ALLERGY, HEART, ILLNESS])
def test_facts_that_are_not_considered_are_not_judged(check: Check) -> None:
    answer = judge(check)
    assert answer.action.is_go
    assert silence(answer, check)[0].why == "such facts are not considered here"


def test_interruptions_are_named_as_not_considered_only_where_a_check_looks_at_them() -> None:
    bare: Chart = chart()
    assert "interruptions" not in not_considered(bare, PROTOCOL)
    assert "interruptions" in not_considered(bare, replace(PROTOCOL, checks=(ILLNESS,)))
    known = replace(bare, facts=Facts(pregnancy=()))
    assert "pregnancy" not in not_considered(known, PROTOCOL)


# -------------------------------------------------------------------------------------------------- dialysis


@pytest.mark.parametrize(("dialysis", "rule"), [(True, "EV-UNUSABLE"), (None, "EV-MISSING")])
def test_beside_a_creatinine_dialysis_holds_at_once_and_so_does_not_knowing_of_it(dialysis, rule) -> None:
    facts = Facts(disease_flags=DiseaseFlags(nyha_class=1, dialysis=dialysis))
    answer = judge(HEART, facts=facts)
    assert answer.action is Action.HOLD
    assert [(gap.rule, gap.item, gap.due_on) for gap in answer.missing] == [(rule, "dialysis", None)]


def test_before_any_blood_is_drawn_what_is_not_known_of_dialysis_is_due_with_the_weight() -> None:
    found = chart(draws=(), facts=Facts(disease_flags=DiseaseFlags(nyha_class=1)))
    answer = recommend(chart=found, protocol=PROTOCOL, today=draw_day() - timedelta(days=20))
    assert [gap.due_on for gap in answer.missing if gap.item == "dialysis"] == [before(7)]
    assert answer.awaiting_labs


def test_dialysis_holds_before_any_blood_is_drawn_and_is_no_matter_of_waiting() -> None:
    facts = Facts(disease_flags=DiseaseFlags(nyha_class=1, dialysis=True))
    found = chart(draws=(), facts=facts)
    answer = recommend(chart=found, protocol=PROTOCOL, today=draw_day() - timedelta(days=20))
    assert "dialysis" in {gap.item for gap in answer.missing}
    assert not answer.awaiting_labs


def test_a_raised_creatinine_still_delays_on_dialysis() -> None:
    facts = Facts(disease_flags=DiseaseFlags(nyha_class=1, dialysis=True))
    found = chart(draws=panel(draw_day(), CREAT="98"), facts=facts)
    answer = recommend(chart=found, protocol=PROTOCOL, today=TODAY)
    assert answer.action is Action.DELAY
    assert "dialysis" in {gap.item for gap in answer.missing}
