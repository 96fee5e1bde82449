"""A reason carries the comparisons that a reader needs to give the same action."""

from dataclasses import replace
from datetime import timedelta

from courses import library
from courses.rules.facts import DiseaseFlags, Facts, ManualGrade
from courses.rules.recommend import recommend
from courses.rules.values import Action, Chart, Reason
from tests.strategies import FIRST, chart, draw_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
TODAY = draw_day() + timedelta(days=2)


def reason_of(found: Chart, rule: str, action: Action) -> Reason:
    """The one reason of a rule with an action."""
    reasons = recommend(chart=found, protocol=PROTOCOL, today=TODAY).reasons
    (reason,) = [reason for reason in reasons if reason.rule == rule and reason.action is action]
    return reason


def told(reason: Reason) -> list[tuple[str, str, str, str, str, bool | None]]:
    return [(c.purpose.value, c.quantity, c.value, c.test, c.limit, c.met) for c in reason.comparisons]


def test_a_leukopenia_that_lymphocytes_do_not_explain_shows_that_they_do_not() -> None:
    counts = {"WBC": "1.8", "LYMPH": "2.0"}
    drawn = (*panel(draw_day()), *(measurement(s, v, draw_day()) for s, v in counts.items()))
    reason = reason_of(chart(draws=drawn), "DM-OTH", Action.DELAY)
    assert ("trigger", "Leukocytes", "1.8", "below", "2", True) in told(reason)
    assert ("exception", "Lymphocytes", "2", "below", "1", False) in told(reason)


def test_a_resolved_toxicity_shows_its_worst_and_its_newest_value() -> None:
    drawn = (*panel(draw_day() - timedelta(days=14), PLT="60"), *panel(draw_day(), PLT="75"))
    assert told(reason_of(chart(draws=drawn), "DM-PLT", Action.REDUCE)) == [
        ("trigger", "Platelets", "60", "below", "75", True),
        ("resolution", "Platelets", "75", "at_least", "75", True),
    ]


def test_a_recurrence_shows_the_first_occurrence_beside_it() -> None:
    first = FIRST + timedelta(days=20)
    drawn = (*panel(first, PLT="50"), *panel(first + timedelta(days=14)), *panel(draw_day(), PLT="70"))
    reason = reason_of(chart(draws=drawn), "DM-PLT", Action.STOP)
    triggers = [c for c in reason.comparisons if c.purpose == "trigger"]
    assert [(c.value, c.met) for c in triggers] == [("50", True), ("70", True)]
    assert triggers[0].collected_at is not None
    assert triggers[0].collected_at.date() == first


def test_a_bounded_toxicity_shows_both_ways_back() -> None:
    reason = reason_of(chart(draws=panel(draw_day(), BILI="64")), "DM-HEP", Action.DELAY)
    assert told(reason) == [
        ("trigger", "Bilirubin, total", "64", "above", "63", True),
        ("resolution", "Bilirubin, total", "64", "at_most", "63", False),
        ("return", "Bilirubin, total", "64", "at_most", "21", False),
        ("return", "Bilirubin, total", "64", "at_most", "11", False),
    ]


def test_of_two_bounds_that_act_only_together_the_one_no_longer_met_shows_the_recovery() -> None:
    low = (
        measurement("ALB", "28", FIRST + timedelta(days=70)),
        measurement("PTR", "60", FIRST + timedelta(days=70)),
    )
    newest = (*panel(draw_day(), ALB="33"), measurement("PTR", "60", draw_day()))
    reason = reason_of(chart(draws=(*low, *newest)), "DM-HEP", Action.DELAY)
    assert [item for item in told(reason) if item[0] == "resolution"] == [
        ("resolution", "Albumin", "33", "at_least", "30", True)
    ]


def test_an_inr_under_anticoagulants_must_be_below_both_of_its_bounds_again() -> None:
    flags = DiseaseFlags(nyha_class=1, dialysis=False, anticoagulated=True)
    draws = (
        measurement("INR", "1.1", FIRST - timedelta(days=7)),
        *panel(draw_day()),
        measurement("INR", "3", draw_day()),
    )
    reason = reason_of(chart(draws=draws, facts=Facts(disease_flags=flags)), "DM-OTH", Action.DELAY)
    assert reason.threshold == (
        "International normalised ratio above 2.5 × the baseline (2.75) (CTCAE 5.0 grade 3 or worse)"
    )
    assert "delay until at most 2.5 and also at most 2.5 × the baseline (2.75)." in reason.sentence
    assert reason.release == (
        "all of these, in final results collected on or after 28 April 2026: (1) International normalised "
        "ratio at most 2.5; (2) International normalised ratio at most 2.5 × the baseline (2.75)"
    )


def test_the_day_of_release_heeds_the_quantity_that_shows_the_recovery_as_well() -> None:
    """Bilirubin triggers; in this protocol ALT shows the recovery, and serves for three days only."""
    labs = tuple(replace(row, validity_days=3) if row.analyte == "ALT" else row for row in PROTOCOL.labs)
    families = tuple(
        replace(f, criteria=tuple(replace(c, resolves_by=(("ALT", False),)) for c in f.criteria))
        if f.id == "DM-HEP"
        else f
        for f in PROTOCOL.families
    )
    found = chart(draws=panel(draw_day(), BILI="64"))
    protocol = replace(PROTOCOL, labs=labs, families=families)
    reasons = recommend(chart=found, protocol=protocol, today=TODAY).reasons
    (reason,) = [reason for reason in reasons if reason.rule == "DM-HEP"]
    assert reason.release.startswith("all of these, in final results collected on or after 1 May 2026: ")


def test_a_finding_that_a_person_graded_worse_says_its_bound_and_the_persons_grade() -> None:
    given = ManualGrade(
        term="Thrombocytopenia", grade=3, on=draw_day(), by="Dr. Weber", reason="bleeding gums"
    )
    found = chart(draws=panel(draw_day(), PLT="70"), manual_grades=(given,))
    assert reason_of(found, "DM-PLT", Action.DELAY).sentence == (
        "Platelets 70 ×10^9/L on 27 April 2026, below 75 ×10^9/L, graded 3 by Dr. Weber (bleeding gums) "
        "(grade 3, first occurrence): delay until 75 ×10^9/L or more."
    )


def test_a_finding_without_a_grade_that_never_acts_has_no_mark() -> None:
    families = tuple(
        replace(f, on_first=Action.PROCEED, on_recurrence=Action.PROCEED) if f.id == "DM-HEP" else f
        for f in PROTOCOL.families
    )
    found = chart(draws=panel(draw_day(), BILI="64"))
    reasons = recommend(chart=found, protocol=replace(PROTOCOL, families=families), today=TODAY).reasons
    (reason,) = [reason for reason in reasons if reason.rule == "DM-HEP"]
    assert reason.action is Action.PROCEED
    assert reason.sentence == (
        "Bilirubin, total 64 µmol/L on 27 April 2026, above 3 × the upper limit of normal (63 µmol/L): "
        "this alone never changes the treatment."
    )
