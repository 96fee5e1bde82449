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
from courses.rules.values import Action
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
    judge,
    lacking,
    said,
    silence,
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


def test_one_day_is_a_day() -> None:
    assert [days_words(number) for number in (0, 1, 2)] == ["0 days", "1 day", "2 days"]


def test_what_speaks_without_delaying_has_no_release() -> None:
    poor = SstrImaging(on=before(40), modality=ImagingModality.PET, uptake=2)
    (reason,) = said(judge(IMAGING, given=0, facts=Facts(sstr_imaging=(poor,))), IMAGING)
    assert (reason.action, reason.release, reason.release_on) == (Action.PROCEED, "", None)
