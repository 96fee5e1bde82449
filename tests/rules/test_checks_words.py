"""The words, evidence and cures of the checks of recorded facts, to the letter."""

import pytest

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
from courses.rules.values import Action, Sex, Status
from courses.rules.wording import days_words
from tests.rules.test_checks import (
    ALLERGY,
    ANALOGUE,
    HEART,
    ILLNESS,
    IMAGING,
    PREGNANCY,
    YOUNG,
    before,
    hcg,
    judge,
    lacking,
    recorded_test,
    said,
    silence,
    with_hcg,
)

TEST = "record a pregnancy test taken not before 27 April 2026, or that pregnancy is not possible"
WHY = "it is not known, and whether pregnancy must be excluded depends on it"


@pytest.mark.parametrize(
    ("unknown", "item", "name"), [("sex", "sex", "Sex"), ("birth_date", "birth_date", "Birth date")]
)
def test_an_unknown_person_is_asked_for_beside_the_pregnancy_test(unknown: str, item: str, name: str) -> None:
    answer = judge(PREGNANCY, today=before(6), facts=Facts(pregnancy=()), **(YOUNG | {unknown: None}))
    gap = next(gap for gap in lacking(answer, PREGNANCY) if gap.item == item)
    assert (gap.why, gap.due_on) == (WHY, before(2))
    assert gap.resolve == f"record the {name.lower()}, or {TEST}"
    (reason,) = said(answer, PREGNANCY)
    assert f"{name}: {WHY}" in reason.sentence


def test_that_no_analogue_is_given_is_content_on_its_day_and_asked_again_before_the_next_cycle() -> None:
    recent = AnalogueRecord(kind=AnalogueKind.NONE, on=before(10))
    (silent,) = silence(judge(ANALOGUE, facts=Facts(analogue_injections=(recent,))), ANALOGUE)
    assert silent.why == ("no injection lies too near to the planned day (newest record of 24 April 2026)")
    old = AnalogueRecord(kind=AnalogueKind.NONE, on=before(60))
    answer = judge(ANALOGUE, facts=Facts(analogue_injections=(old,)))
    (gap,) = lacking(answer, ANALOGUE)
    assert (gap.item, gap.due_on) == ("analogue_injections", before(7))
    assert gap.why == (
        "that none is given was last recorded on 5 March 2026, not since the last administration"
    )
    assert gap.resolve == "record again that no somatostatin analogue is given, or its last injection"
    (reason,) = said(answer, ANALOGUE)
    assert reason.sentence == f"Somatostatin analogue: {gap.why}."
    assert [(e.name, e.value, e.on, e.ref) for e in reason.evidence] == [
        ("Somatostatin analogue", "none", before(60), "")
    ]


def test_a_recorded_injection_is_not_asked_for_again() -> None:
    facts = Facts(analogue_injections=(AnalogueRecord(kind=AnalogueKind.LONG_ACTING, on=before(60)),))
    assert judge(ANALOGUE, facts=facts).action.is_go


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_injections_of_a_kind_the_newer_counts_in_whatever_order(order: int) -> None:
    injections = (
        AnalogueRecord(kind=AnalogueKind.LONG_ACTING, on=before(20), ref="fact-2"),
        AnalogueRecord(kind=AnalogueKind.LONG_ACTING, on=before(50), ref="fact-1"),
    )[::order]
    (reason,) = said(judge(ANALOGUE, facts=Facts(analogue_injections=injections)), ANALOGUE)
    assert reason.action is Action.DELAY
    assert [(e.on, e.ref) for e in reason.evidence] == [(before(20), "fact-2")]


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_injections_of_one_day_the_record_named_last_is_the_evidence(order: int) -> None:
    injections = (
        AnalogueRecord(kind=AnalogueKind.LONG_ACTING, on=before(20), ref="fact-2"),
        AnalogueRecord(kind=AnalogueKind.LONG_ACTING, on=before(20), ref="fact-1"),
    )[::order]
    (reason,) = said(judge(ANALOGUE, facts=Facts(analogue_injections=injections)), ANALOGUE)
    assert [e.ref for e in reason.evidence] == ["fact-2"]


def test_what_imaging_shows_is_said_and_its_record_named() -> None:
    good = SstrImaging(on=before(40), modality=ImagingModality.PET, uptake=4, ref="fact-3")
    (silent,) = silence(judge(IMAGING, given=0, facts=Facts(sstr_imaging=(good,))), IMAGING)
    assert silent.why == "the pet of 25 March 2026 shows an uptake of 4"
    poor = SstrImaging(on=before(40), modality=ImagingModality.SCINTIGRAPHY, uptake=1, ref="fact-3")
    (reason,) = said(judge(IMAGING, given=0, facts=Facts(sstr_imaging=(poor,))), IMAGING)
    assert [(e.value, e.ref) for e in reason.evidence] == [("uptake 1 (scintigraphy)", "fact-3")]


def test_a_review_of_allergies_that_is_too_old_is_named_with_its_day_and_record() -> None:
    old = AllergyReview(on=before(40), finding=AllergyFinding.NONE, ref="fact-4")
    answer = judge(ALLERGY, facts=Facts(allergy_review=(old,)))
    (gap,) = lacking(answer, ALLERGY)
    assert gap.why == "the newest, of 25 March 2026, could be used until 22 April 2026"
    (reason,) = said(answer, ALLERGY)
    assert [(e.name, e.value, e.ref) for e in reason.evidence] == [("Allergy review", "none", "fact-4")]


def test_heart_failure_below_the_class_that_stops_is_said_to_be_so() -> None:
    facts = Facts(disease_flags=DiseaseFlags(nyha_class=2, dialysis=False))
    (silent,) = silence(judge(HEART, facts=facts), HEART)
    assert silent.why == "heart failure class 2 is recorded, below 3"


def test_nothing_in_the_way_is_said_to_be_so() -> None:
    (silent,) = silence(judge(ILLNESS, facts=Facts(interruptions=())), ILLNESS)
    assert silent.why == "no illness or operation stands in the way"


def test_an_illness_planned_to_be_over_is_open_today_and_says_what_releases_it() -> None:
    planned = Interruption(
        kind=InterruptionKind.INTERCURRENT_ILLNESS, began_on=before(20), ended_on=before(1), ref="fact-5"
    )
    (reason,) = said(judge(ILLNESS, facts=Facts(interruptions=(planned,))), ILLNESS)
    assert reason.sentence == (
        "An intercurrent illness from 14 April 2026 is still open, its end is planned for 3 May 2026: "
        "delay (illness and surgery)."
    )
    assert reason.threshold == "it is over, and 0 days have passed"
    assert (reason.release, reason.release_on) == (
        "record the day on which an intercurrent illness was over; as planned, the cycle may be given on or "
        "after 3 May 2026",
        before(1),
    )
    assert [(e.name, e.value, e.on, e.ref) for e in reason.evidence] == [
        ("An intercurrent illness", "over on 3 May 2026", before(20), "fact-5")
    ]


@pytest.mark.parametrize("order", [1, -1])
def test_interruptions_of_one_day_are_told_in_one_order(order: int) -> None:
    kind = InterruptionKind.SURGERY
    found = (
        Interruption(kind=kind, began_on=before(20), ended_on=before(2), ref="fact-a"),
        Interruption(kind=kind, began_on=before(20), ended_on=before(1), ref="fact-a"),
    )[::order]
    reasons = said(judge(ILLNESS, today=before(0), facts=Facts(interruptions=found)), ILLNESS)
    assert [reason.evidence[0].value for reason in reasons] == ["over on 2 May 2026", "over on 3 May 2026"]


def test_a_review_of_the_first_valid_day_asks_nothing_more() -> None:
    fresh = AllergyReview(on=before(28), finding=AllergyFinding.NONE)
    (silent,) = silence(judge(ALLERGY, facts=Facts(allergy_review=(fresh,))), ALLERGY)
    assert silent.why == "the review of 6 April 2026 found nothing"


def test_a_fact_of_two_words_is_told_in_two_words() -> None:
    records = (
        PregnancyRecord(on=before(3), finding=PregnancyFinding.POSITIVE, ref="fact-1"),
        PregnancyRecord(on=before(2), finding=PregnancyFinding.NOT_POSSIBLE, ref="fact-2"),
    )
    (reason,) = said(judge(PREGNANCY, facts=Facts(pregnancy=records), **YOUNG), PREGNANCY)
    assert [(e.value, e.ref) for e in reason.evidence] == [("positive", "fact-1"), ("not possible", "fact-2")]


def test_a_negative_test_and_no_test_at_all_are_told() -> None:
    (silent,) = silence(judge(PREGNANCY, facts=recorded_test(6), **YOUNG), PREGNANCY)
    assert silent.why == "the pregnancy test of 28 April 2026 is negative"
    (reason,) = said(judge(PREGNANCY, facts=Facts(pregnancy=()), **YOUNG), PREGNANCY)
    assert (reason.sentence, reason.evidence) == ("Pregnancy test: no pregnancy test is recorded.", ())
    old = Facts(pregnancy=(PregnancyRecord(on=before(8), finding=PregnancyFinding.NEGATIVE, ref="fact-6"),))
    (reason,) = said(judge(PREGNANCY, facts=old, **YOUNG), PREGNANCY)
    assert [(e.name, e.value, e.ref) for e in reason.evidence] == [("Pregnancy test", "negative", "fact-6")]


def test_a_recorded_pregnancy_names_the_test_it_waits_for() -> None:
    positive = recorded_test(6, PregnancyFinding.POSITIVE)
    (reason,) = said(judge(PREGNANCY, facts=positive, **YOUNG), PREGNANCY)
    assert reason.threshold == "a negative pregnancy test, at most 7 days old"


def test_records_that_contradict_each_other_are_told_with_both_days() -> None:
    records = (
        PregnancyRecord(on=before(6), finding=PregnancyFinding.POSITIVE),
        PregnancyRecord(on=before(5), finding=PregnancyFinding.NOT_POSSIBLE),
    )
    answer = judge(PREGNANCY, facts=Facts(pregnancy=records), **YOUNG)
    (gap,), (reason,) = lacking(answer, PREGNANCY), said(answer, PREGNANCY)
    assert gap.due_on == before(2)
    assert reason.sentence == (
        "Pregnancy test: a positive test is recorded on 28 April 2026 and, with no negative test since, on "
        "29 April 2026 that pregnancy is not possible."
    )


RAISED = "hCG 5000 IU/L on 29 April 2026 is 5 IU/L or more"
UNANSWERED = "and no negative test of a later day is recorded: pregnancy is not excluded"


def test_a_raised_hcg_is_told_with_its_day_and_what_ends_the_hold() -> None:
    answer = with_hcg(hcg("5000", 5, ref="lab-1"), facts=recorded_test(6), **YOUNG)
    (reason,) = said(answer, PREGNANCY)
    assert reason.sentence == f"Pregnancy test: {RAISED}, {UNANSWERED}."
    assert reason.release == (
        "both have a physician judge the result and record a negative pregnancy test "
        "taken after 29 April 2026"
    )
    assert [(e.name, e.value, e.unit, e.on, e.ref) for e in reason.evidence] == [
        ("Chorionic gonadotrophin, quantitative", "5000", "[IU]/L", before(5), "lab-1"),
        ("Pregnancy test", "negative", "", before(6), ""),
    ]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (hcg("10", 5, comparator="<"), "hCG <10 IU/L on 29 April 2026 is not surely below 5 IU/L"),
        (
            hcg("2", 5, status=Status.PRELIMINARY),
            "hCG 2 IU/L on 29 April 2026 is not surely below 5 IU/L (it is preliminary)",
        ),
        (hcg(None, 5), "hCG of 29 April 2026 cannot be used: it holds no number"),
    ],
)
def test_an_hcg_that_is_not_surely_low_is_told_and_the_laboratory_may_confirm_it(found, told: str) -> None:
    (gap,) = lacking(with_hcg(found, facts=recorded_test(), **YOUNG), PREGNANCY)
    assert gap.why == f"{told}, {UNANSWERED}"
    assert gap.resolve == (
        "have the laboratory confirm that this hCG lies below 5 IU/L, or record a negative pregnancy test "
        "taken after 29 April 2026"
    )


def test_of_many_results_of_hcg_the_newest_raised_and_the_newest_open_one_are_told() -> None:
    results = (
        hcg("7000", 6),
        hcg("5000", 5),
        hcg("2", 4, status=Status.PRELIMINARY),
        hcg("3", 3, status=Status.PRELIMINARY),
    )
    for order in (results, results[::-1]):
        (gap,) = lacking(with_hcg(*order, facts=Facts(pregnancy=()), **YOUNG), PREGNANCY)
        assert gap.why == (
            f"{RAISED} and hCG 3 IU/L on 1 May 2026 is not surely below 5 IU/L (it is preliminary), "
            f"{UNANSWERED}"
        )
        assert gap.resolve == (
            "both have a physician judge the result and record a negative pregnancy test "
            "taken after 1 May 2026"
        )


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_open_results_of_one_instant_one_is_told_whatever_their_order(order: int) -> None:
    for differs in (
        (hcg(None, 5, code="21198-7"), hcg("9", 5, comparator="<")),
        (hcg(None, 5, ref="b", result="b"), hcg("9", 5, comparator="<", ref="a", result="a")),
    ):
        answer = with_hcg(*differs[::order], facts=recorded_test(), **YOUNG)
        (gap,) = lacking(answer, PREGNANCY)
        assert gap.why.startswith("hCG of 29 April 2026 cannot be used")


@pytest.mark.parametrize(
    ("days", "positive", "after"),
    [(400, None, "26 April 2026"), (8, 60, "26 April 2026"), (30, 6, "28 April 2026")],
)
def test_the_test_that_ends_the_hold_is_valid_and_answers_an_earlier_positive_one_too(
    days: int, positive: int | None, after: str
) -> None:
    records = [PregnancyRecord(on=before(5), finding=PregnancyFinding.NOT_POSSIBLE)]
    if positive is not None:
        records.append(PregnancyRecord(on=before(positive), finding=PregnancyFinding.POSITIVE))
    answer = with_hcg(hcg("5000", days), facts=Facts(pregnancy=tuple(records)), **YOUNG)
    (gap,) = lacking(answer, PREGNANCY)
    assert gap.resolve.endswith(f"record a negative pregnancy test taken after {after}")


@pytest.mark.parametrize(
    ("unknown", "item", "name"), [("sex", "sex", "sex"), ("birth_date", "birth_date", "birth date")]
)
def test_beside_a_raised_hcg_an_unknown_person_is_asked_for_at_once(
    unknown: str, item: str, name: str
) -> None:
    answer = with_hcg(hcg("5000", 5), facts=recorded_test(), **(YOUNG | {unknown: None}))
    gap = next(gap for gap in lacking(answer, PREGNANCY) if gap.item == item)
    assert (gap.why, gap.due_on) == (WHY, None)
    assert gap.resolve == (
        f"record the {name}, or both have a physician judge the result and record a negative pregnancy test "
        "taken after 29 April 2026"
    )


def test_a_raised_hcg_of_a_man_is_told_with_its_evidence() -> None:
    answer = with_hcg(hcg("5000", 5, ref="lab-1"), hcg(None, 4, ref="lab-2"), sex=Sex.MALE)
    (reason,) = said(answer, PREGNANCY)
    assert reason.sentence == (
        f"{RAISED} and hCG of 30 April 2026 cannot be used: it holds no number, and the patient is a man: "
        "to be looked at before the cycle (pregnancy excluded)."
    )
    assert reason.threshold == "hCG below 5 IU/L"
    assert [e.ref for e in reason.evidence] == ["lab-1", "lab-2"]


def test_one_day_is_a_day() -> None:
    assert [days_words(number) for number in (0, 1, 2)] == ["0 days", "1 day", "2 days"]


def test_what_speaks_without_delaying_has_no_release() -> None:
    poor = SstrImaging(on=before(40), modality=ImagingModality.PET, uptake=2)
    (reason,) = said(judge(IMAGING, given=0, facts=Facts(sstr_imaging=(poor,))), IMAGING)
    assert (reason.action, reason.release, reason.release_on) == (Action.PROCEED, "", None)
