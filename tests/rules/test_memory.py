"""Memory of a course: manual grades, attributions, reviewed occurrences, nadirs, late results."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from courses import library
from courses.rules.attributions import Spoken
from courses.rules.ctcae import GradeRange, grade
from courses.rules.derived import Case, Moment
from courses.rules.evidence import read_history
from courses.rules.facts import Attribution, ManualGrade, OccurrenceReview
from courses.rules.intervals import Interval, exactly, is_further
from courses.rules.recommend import recommend
from courses.rules.toxicity import Course, Episode, follow
from courses.rules.values import (
    Action,
    AdverseEvent,
    Chart,
    EvidenceOrder,
    Measurement,
    Reason,
    Recommendation,
    Status,
)
from tests.case_reader import EXTRA_PROTOCOLS
from tests.strategies import EDGES, FIRST, chart, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
INTERIM = last_day() + timedelta(days=30)
ALT = "Alanine aminotransferase increased"
MOST = settings(max_examples=40, deadline=None)


def judge(found: Chart, *, today: date | None = None) -> Recommendation:
    return recommend(chart=found, protocol=PROTOCOL, today=today or draw_day())


def case_of(found: Chart) -> Case:
    return Case(chart=found, history=read_history(found), protocol=PROTOCOL)


def walk(found: Chart) -> Course:
    return follow(case_of(found))


def episodes(found: Chart, rule: str) -> list[Episode]:
    return [episode for episode in walk(found).episodes if episode.family.id == rule]


def by_hand(term: str, grade: int, on: date, **more: str) -> ManualGrade:
    facts = {"by": "Dr. Weber", "reason": "seen", **more}
    return ManualGrade(term=term, grade=grade, on=on, **facts)


def said(on: date, *, grade: int = 3, related: bool = False, term: str = ALT, **more: str) -> Attribution:
    facts = {"by": "Dr. Weber", "reason": "hepatitis A", **more}
    return Attribution(term=term, grade=grade, on=on, related=related, **facts)


def review(
    onset: date, *, rule: str = "DM-PLT", counts: bool = False, on: date | None = None
) -> OccurrenceReview:
    return OccurrenceReview(rule=rule, onset=onset, counts=counts, by="Dr. Weber", reason="clot", on=on)


def notes(answer: Recommendation, rule: str) -> list[Reason]:
    return [r for r in answer.reasons if r.rule == rule and r.action is Action.PROCEED]


# ---------------------------------------- manual grades


def graded(term: str, short: str, value: str, *given: ManualGrade, **more: object) -> GradeRange:
    sample = measurement(short, value, draw_day(), **more)
    found = chart(draws=(sample,), manual_grades=given)
    case = case_of(found)
    newest = case.history.newest(short)
    assert newest is not None
    moment = Moment(day=draw_day(), interval=2, samples={short: newest})
    return grade(PROTOCOL.criteria.by_term[term], moment, case)


@pytest.mark.parametrize(("by_person", "low", "high"), [(1, 2, 2), (2, 2, 2), (3, 3, 3), (5, 5, 5)])
def test_a_person_raises_a_known_grade_and_never_lowers_it(by_person: int, low: int, high: int) -> None:
    found = graded("Anemia", "HGB", "85", by_hand("Anaemia", by_person, draw_day()))
    assert (found.low, found.high) == (low, high)


@pytest.mark.parametrize(("by_person", "low", "high"), [(1, 2, 3), (2, 2, 2), (3, 3, 3), (4, 4, 4)])
def test_a_person_settles_a_grade_that_symptoms_decide(by_person: int, low: int, high: int) -> None:
    found = graded("Hyponatremia", "NA", "127", by_hand("hyponatremia ", by_person, draw_day()))
    assert (found.low, found.high) == (low, high)


def test_a_person_raises_only_the_lower_end_where_something_else_is_open() -> None:
    found = graded(
        "Platelet count decreased", "PLT", "60", by_hand("Thrombocytopenia", 3, draw_day()), comparator="<"
    )
    assert (found.low, found.high) == (3, 4)
    assert not found.is_exact


def test_the_worst_of_several_manual_grades_counts_and_other_days_and_terms_do_not() -> None:
    given = (
        by_hand("Anemia", 3, draw_day()),
        by_hand("Anemia", 4, draw_day(), by="Dr. Silva"),
        by_hand("Anemia", 5, draw_day() - timedelta(days=1)),
        by_hand("Platelet count decreased", 5, draw_day()),
    )
    assert graded("Anemia", "HGB", "85", *given).low == 4


def test_a_grade_given_by_a_person_is_evidence_with_author_and_reason() -> None:
    given = by_hand("Anaemia", 3, draw_day(), reason="transfusion indicated", ref="fact-1")
    reason = judge(chart(draws=panel(draw_day(), HGB="85"), manual_grades=(given,))).strongest
    assert reason is not None
    assert reason.sentence.startswith(
        "Haemoglobin 85 g/L on 27 April 2026, graded 3 by Dr. Weber (transfusion indicated) "
        "(grade 3, first occurrence): delay until"
    )
    assert reason.threshold == "CTCAE 5.0 grade 3 or worse"
    assert ("grade 3", "fact-1") in [(item.value, item.ref) for item in reason.evidence]
    assert {(c.quantity, c.value, c.limit, c.met) for c in reason.comparisons} >= {
        ("grade given by Dr. Weber", "3", "3", True),
        ("grade given by Dr. Weber", "3", "2", False),
    }


def test_a_grade_of_the_baseline_day_excuses_nothing() -> None:
    low = by_hand("Hypokalemia", 3, FIRST - timedelta(days=7))
    found = chart(draws=panel(draw_day(), K="2.9"), manual_grades=(low,))
    spared = replace(
        found, measurements=(*found.measurements, measurement("K", "3.2", FIRST - timedelta(days=7)))
    )
    assert [r.rule for r in judge(spared).reasons if r.action is Action.DELAY] == ["DM-OTH"]


def test_a_manual_grade_of_a_withdrawn_result_falls_with_it_and_asks_for_an_event() -> None:
    given = by_hand("Anaemia", 3, INTERIM)
    early = measurement("HGB", "85", INTERIM)
    gone = replace(early, status=Status.ENTERED_IN_ERROR)
    found = chart(draws=(early, *panel(draw_day())), manual_grades=(given,))
    assert judge(found).action is Action.REDUCE
    after = judge(replace(found, measurements=(*found.measurements, gone)))
    assert after.action is Action.HOLD
    assert [gap.resolve for gap in after.missing] == [
        "record Anaemia as an adverse event, or take the grade back"
    ]
    assert not after.awaiting_labs


@pytest.mark.parametrize("term", ["Fatigue", "Creatinine increased"])
def test_a_manual_grade_of_a_term_that_no_result_is_graded_by_holds(term: str) -> None:
    answer = judge(chart(draws=panel(draw_day()), manual_grades=(by_hand(term, 3, draw_day()),)))
    assert (answer.action, [gap.item for gap in answer.missing]) == (Action.HOLD, [term])


def test_only_manual_grades_that_could_change_something_hold() -> None:
    mild = by_hand("Fatigue", 2, draw_day())
    lymphopenia = by_hand("Lymphopenia", 4, draw_day())
    given = (mild, lymphopenia)
    assert judge(chart(draws=panel(draw_day()), manual_grades=given)).action is Action.PROCEED
    first = chart(given=0, draws=(), planned_on=None, manual_grades=(by_hand("Anaemia", 3, FIRST),))
    assert "Anaemia" in {gap.item for gap in judge(first, today=FIRST).missing}


def test_a_manual_grade_of_an_unreliable_result_holds_as_if_it_were_confirmed() -> None:
    doubtful = measurement("HGB", "85", draw_day(), status=Status.PRELIMINARY)
    early = panel(draw_day() - timedelta(days=3))
    found = chart(draws=(*early, doubtful), manual_grades=(by_hand("Anaemia", 3, draw_day()),))
    answer = judge(found)
    assert (answer.action, [gap.item for gap in answer.missing]) == (Action.HOLD, ["HGB"])
    assert judge(replace(found, manual_grades=())).action is Action.PROCEED


def test_a_protocol_without_a_family_for_other_events_ignores_terms_it_does_not_know() -> None:
    synthetic = library.protocol("synthetic_five", extra=EXTRA_PROTOCOLS)
    named = tuple(family for family in synthetic.families if not family.other_events)
    found = chart(
        draws=panel(draw_day()),
        manual_grades=(by_hand("Fatigue", 3, draw_day()),),
        attributions=(said(draw_day(), term="Fatigue"),),
    )
    answer = recommend(chart=found, protocol=replace(synthetic, families=named), today=draw_day())
    assert "Fatigue" not in str(answer)


# ---------------------------------------- attributions


def test_of_two_attributions_of_one_day_the_stricter_counts() -> None:
    draws = panel(draw_day(), ALT="200")
    excused, related = said(draw_day()), said(draw_day(), related=True, by="Dr. Silva")
    for attributions in ((excused, related), (related, excused)):
        assert judge(chart(draws=draws, attributions=attributions)).action is Action.DELAY
    low, high = said(draw_day(), grade=2), said(draw_day(), grade=4)
    for attributions in ((low, high), (high, low)):
        assert judge(chart(draws=draws, attributions=attributions)).action is Action.DELAY


def test_an_attribution_ends_once_and_stays_ended() -> None:
    first = said(FIRST)
    spoken = Spoken(attributions=(first,))
    assert spoken.excuse(FIRST, 3) == first
    assert spoken.excuse(FIRST, 4) is None
    assert spoken.excuse(FIRST - timedelta(days=1), 3) is None
    assert spoken.after(FIRST, 3) == spoken
    ended = spoken.after(FIRST, 4)
    assert ended.ended == (first,)
    assert ended.excuse(FIRST + timedelta(days=9), 3) is None
    assert ended.after(FIRST, 4) == ended
    assert Spoken(attributions=(said(FIRST, related=True),)).excuse(FIRST, 3) is None
    assert Spoken().after(FIRST, 4) == Spoken()


def test_an_attribution_settles_a_grade_that_symptoms_leave_open() -> None:
    found = chart(draws=panel(draw_day(), NA="127"), attributions=(said(draw_day(), term="Hyponatraemia"),))
    answer = judge(found)
    assert answer.action is Action.PROCEED
    assert "EV-UNUSABLE" not in {reason.rule for reason in answer.reasons}


def test_an_attributed_finding_leaves_an_earlier_one_open() -> None:
    draws = (measurement("ALT", "200", INTERIM), *panel(draw_day(), ALT="200"))
    later = said(INTERIM + timedelta(days=1))
    found = chart(draws=draws, attributions=(later,))
    (episode,) = episodes(found, "DM-OTH")
    assert (episode.onset, episode.resolved_on) == (INTERIM, None)
    assert judge(found).action is Action.DELAY


def test_the_words_say_of_an_event_whether_it_is_related() -> None:
    event = AdverseEvent(term="Nausea", grade=3, began_on=INTERIM)
    for related, words in [(None, "possibly related"), (True, "recorded as related")]:
        answer = judge(chart(draws=panel(draw_day()), adverse_events=(replace(event, related=related),)))
        assert f"(first occurrence): {words}: delay until" in str(answer.strongest)


def test_an_attribution_without_a_finding_is_silent() -> None:
    answer = judge(chart(draws=panel(draw_day()), attributions=(said(draw_day()),)))
    assert notes(answer, "DM-OTH") == []


# ---------------------------------------- reviewed occurrences


def interim(*reviews: OccurrenceReview) -> Chart:
    draws = (measurement("PLT", "60", INTERIM), *panel(draw_day()))
    return chart(draws=draws, occurrence_reviews=reviews)


def test_a_dismissal_covers_what_showed_up_to_its_day() -> None:
    before = judge(interim(review(INTERIM, on=INTERIM - timedelta(days=1))))
    same = judge(interim(review(INTERIM, on=INTERIM)))
    assert (before.action, len(before.to_confirm)) == (Action.REDUCE, 1)
    assert (same.action, same.to_confirm) == (Action.PROCEED, ())


def test_the_sentence_to_confirm_names_finding_planned_day_and_action() -> None:
    (found,) = judge(interim()).to_confirm
    assert found.sentence == (
        "Platelets 60 ×10^9/L on 8 April 2026 (newest: Platelets 220 ×10^9/L on 27 April 2026) was seen only "
        "between cycles and had recovered by 4 May 2026, and this decision to reduce rests on it: "
        "a physician confirms that it counts, or dismisses it with a reason, before the decision is signed."
    )


def test_two_interim_occurrences_are_both_to_confirm_until_one_is() -> None:
    draws = (measurement("PLT", "60", INTERIM), measurement("HGB", "75", INTERIM), *panel(draw_day()))
    found = chart(draws=draws)
    assert [item.rule for item in judge(found).to_confirm] == ["DM-HEM", "DM-PLT"]
    confirmed = replace(found, occurrence_reviews=(review(INTERIM, counts=True),))
    assert judge(confirmed).to_confirm == ()


def test_an_occurrence_whose_family_does_not_act_is_not_to_confirm() -> None:
    first = FIRST + timedelta(days=30)
    reduced = replace(chart().cycles[1], activity_gbq=Decimal("3.7"))
    draws = (measurement("HGB", "75", first), *panel(first + timedelta(days=10)))
    found = chart(draws=(*draws, measurement("PLT", "60", INTERIM), *panel(draw_day())))
    found = replace(found, cycles=(found.cycles[0], reduced))
    assert [item.rule for item in judge(found).to_confirm] == ["DM-PLT"]


def test_a_decision_that_holds_rests_on_no_occurrence() -> None:
    found = interim()
    kept = tuple(m for m in found.measurements if m.analyte != "ALB" or m.collected_on <= last_day())
    answer = judge(replace(found, measurements=kept))
    assert (answer.action, answer.to_confirm) == (Action.HOLD, ())


def test_a_review_of_another_rule_or_a_rule_unknown_changes_nothing() -> None:
    for rule in ("DM-HEM", "NO-RULE"):
        answer = judge(interim(review(INTERIM, rule=rule)))
        assert (answer.action, len(answer.to_confirm)) == (Action.REDUCE, 1)


def test_a_review_concerns_no_event_that_a_person_reported() -> None:
    event = AdverseEvent(
        term="Thrombocytopenia", grade=3, began_on=INTERIM, ended_on=INTERIM + timedelta(days=5)
    )
    found = chart(draws=panel(draw_day()), adverse_events=(event,), occurrence_reviews=(review(INTERIM),))
    assert judge(found).action is Action.REDUCE


def test_lymphopenia_between_cycles_needs_no_review() -> None:
    low = measurement("LYMPH", "0.3", INTERIM)
    answer = judge(chart(draws=(low, measurement("LYMPH", "1.2", draw_day()), *panel(draw_day()))))
    assert (answer.action, answer.to_confirm) == (Action.PROCEED, ())


def test_what_ends_treatment_counts_also_where_interim_occurrences_do_not() -> None:
    event = AdverseEvent(term="Anaphylaxis", grade=3, began_on=FIRST, ended_on=FIRST)
    protocol = replace(PROTOCOL, count_interim_occurrences=False)
    before = replace(event, began_on=FIRST - timedelta(days=90), ended_on=FIRST - timedelta(days=90))
    for cycles, one in [(2, event), (2, before), (0, before)]:
        found = chart(given=cycles, draws=panel(draw_day()), adverse_events=(one,))
        answer = recommend(chart=found, protocol=protocol, today=draw_day())
        assert answer.action is Action.STOP


def test_interim_occurrences_neither_count_nor_ask_where_the_protocol_leaves_them_out() -> None:
    protocol = replace(PROTOCOL, count_interim_occurrences=False)
    answer = recommend(chart=interim(), protocol=protocol, today=draw_day())
    assert (answer.action, answer.to_confirm) == (Action.PROCEED, ())


# ---------------------------------------- nadirs


def test_the_nadir_is_the_first_day_of_the_lowest_value() -> None:
    days = [INTERIM + timedelta(days=n) for n in range(5)]
    draws = [
        measurement("PLT", value, day)
        for day, value in zip(days, ("70", "52", "55", "52", "60"), strict=True)
    ]
    (episode,) = episodes(chart(draws=tuple(draws)), "DM-PLT")
    assert (episode.onset, episode.worst.day, episode.latest, episode.grade) == (days[0], days[1], days[4], 2)


def test_a_worse_grade_is_the_nadir_and_a_milder_one_is_not() -> None:
    days = [INTERIM + timedelta(days=n) for n in range(3)]
    draws = [measurement("PLT", value, day) for day, value in zip(days, ("60", "40", "60"), strict=True)]
    (episode,) = episodes(chart(draws=tuple(draws)), "DM-PLT")
    assert (episode.worst.day, episode.grade) == (days[1], 3)


def test_the_peak_of_a_bounded_criterion_is_its_highest_value() -> None:
    draws = (measurement("BILI", "120", INTERIM), measurement("BILI", "70", draw_day()))
    (episode,) = episodes(chart(draws=draws), "DM-HEP")
    assert (episode.worst.day, episode.newest.day, episode.grade) == (INTERIM, draw_day(), None)


def test_a_grade_by_a_person_without_a_value_moves_no_nadir() -> None:
    days = [INTERIM, INTERIM + timedelta(days=20)]
    draws = tuple(measurement("CA", "3.2", day) for day in days)
    given = tuple(by_hand("Hypercalcemia", 3, day) for day in days)
    (episode,) = episodes(chart(draws=draws, manual_grades=given), "DM-OTH")
    assert (episode.onset, episode.worst.day, episode.latest) == (days[0], days[0], days[1])


@pytest.mark.parametrize(
    ("value", "than", "low", "further"),
    [
        (exactly(Decimal(42)), exactly(Decimal(60)), True, True),
        (exactly(Decimal(60)), exactly(Decimal(60)), True, False),
        (Interval(None, exactly(Decimal(60)).high), exactly(Decimal(42)), True, True),
        (exactly(Decimal(120)), exactly(Decimal(70)), False, True),
        (exactly(Decimal(70)), exactly(Decimal(70)), False, False),
        (Interval(exactly(Decimal(70)).low, None), exactly(Decimal(120)), False, True),
        (exactly(Decimal(120)), Interval(exactly(Decimal(70)).low, None), False, False),
    ],
)
def test_values_within_bounds_lie_as_far_out_as_they_may(
    value: Interval, than: Interval, low: bool, further: bool
) -> None:
    assert is_further(value, than, low=low) is further


# ---------------------------------------- late results


def story(found: Chart, *, late: str, day: date, interval: int) -> list[tuple[object, ...]]:
    """All episodes of other tracks; those of the late result's own track as they stood before its day."""
    others, own = [], []
    for e in walk(found).episodes:
        facts = (e.track, e.interval, e.onset, e.worst.day, e.grade)
        if e.track != late:
            others.append((*facts, e.resolved_on))
        elif e.interval < interval:
            own.append((*facts, e.resolved_on if e.resolved_on and e.resolved_on < day else None))
    return [*others, *own]


TERMS = {
    "PLT": "Platelet count decreased",
    "HGB": "Anemia",
    "ALT": ALT,
    "AST": "Aspartate aminotransferase increased",
}


@st.composite
def three_intervals(draw: st.DrawFn) -> Chart:
    """Single results of independent analytes over three intervals."""
    found: list[Measurement] = []
    for _ in range(draw(st.integers(0, 10))):
        short = draw(st.sampled_from(sorted(TERMS)))
        day = FIRST + timedelta(days=draw(st.integers(1, 167)))
        found.append(measurement(short, draw(st.sampled_from(EDGES[short])), day))
    unique = {(m.analyte, m.collected_on): m for m in found}
    return chart(given=3, draws=tuple(unique.values()))


@MOST
@given(three_intervals(), st.sampled_from(sorted(TERMS)), st.integers(0, 2), st.integers(2, 54), st.data())
def test_a_late_result_changes_what_follows_it_and_nothing_else(
    found: Chart, short: str, interval: int, offset: int, data: st.DataObject
) -> None:
    day = FIRST + timedelta(days=56 * interval + offset)
    late = measurement(short, data.draw(st.sampled_from(EDGES[short])), day, result="late")
    rest = tuple(m for m in found.measurements if (m.analyte, m.collected_on) != (short, day))
    found = replace(found, measurements=rest)
    changed = replace(found, measurements=(*rest, late))
    term = TERMS[short]
    before, after = (story(f, late=term, day=day, interval=interval + 1) for f in (found, changed))
    assert after == before
    # What was known on the day before it stays as it was.
    earlier = replace(found, measurements=tuple(m for m in rest if m.collected_on < day))
    with_late = replace(changed, measurements=tuple(m for m in changed.measurements if m.collected_on < day))
    assert walk(with_late) == walk(earlier)


def unseen(answer: Recommendation) -> tuple[EvidenceOrder, ...]:
    """The draws and tests asked for, whichever specimen of them was seen."""
    return tuple(replace(each, seen_on=None) for each in answer.evidence_orders)


@MOST
@given(three_intervals(), st.sampled_from(sorted(TERMS)), st.integers(2, 166), st.data())
def test_a_withdrawn_result_leaves_the_course_as_if_it_had_never_come(
    found: Chart, short: str, offset: int, data: st.DataObject
) -> None:
    day = FIRST + timedelta(days=offset)
    late = measurement(short, data.draw(st.sampled_from(EDGES[short])), day, result="late")
    gone = replace(late, status=Status.ENTERED_IN_ERROR)
    today = FIRST + timedelta(days=168)
    with_both = replace(found, measurements=(*found.measurements, late, gone))
    answer = judge(with_both, today=today)
    told = [r for r in answer.reasons if "was withdrawn as entered in error" in r.sentence]
    assert [r.action for r in told] in ([], [Action.PROCEED])  # that it came and went is a note at the most
    rest = tuple(r for r in answer.reasons if r not in told)
    # Its specimen was seen and did not do: of the order of its draw that alone is another.
    never_came = judge(found, today=today)
    assert replace(answer, reasons=rest, evidence_orders=unseen(answer)) == replace(
        never_came, evidence_orders=unseen(never_came)
    )


@MOST
@given(three_intervals(), st.sampled_from(sorted(TERMS)), st.integers(2, 166), st.data())
def test_a_corrected_result_counts_as_if_it_had_always_read_so(
    found: Chart, short: str, offset: int, data: st.DataObject
) -> None:
    day = FIRST + timedelta(days=offset)
    wrong, right = (data.draw(st.sampled_from(EDGES[short])) for _ in range(2))
    rest = tuple(m for m in found.measurements if (m.analyte, m.collected_on) != (short, day))
    first = measurement(short, wrong, day, result="one")
    corrected = measurement(short, right, day, result="one", status=Status.CORRECTED)
    today = FIRST + timedelta(days=168)
    once = replace(found, measurements=(*rest, corrected))
    twice = replace(found, measurements=(corrected, *rest, first, corrected))
    assert judge(twice, today=today) == judge(once, today=today)
