"""The words of values: whole where they were measured, in one place where they were computed."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from courses import library
from courses.rules.decimals import exact_text
from courses.rules.derived import Case, Moment
from courses.rules.evidence import read_history, sift
from courses.rules.facts import ManualGrade
from courses.rules.intervals import Interval, exactly
from courses.rules.protocol import Bound, Protocol, Reference, Surrogate, Test
from courses.rules.recommend import recommend
from courses.rules.values import (
    AdverseEvent,
    Chart,
    Evidence,
    EvidenceKind,
    Measurement,
    Recommendation,
    UncountedPart,
    Weight,
)
from courses.rules.wording import (
    clearance_evidence,
    event_span_words,
    interval_words,
    lab_evidence,
    limit_words,
    measured,
    parts_evidence,
    quantity_words,
    shown,
    surrogate_words,
    unended,
    unit_words,
    value_words,
)
from tests.strategies import chart, draw_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")


def judge(found: Chart) -> Recommendation:
    return recommend(chart=found, protocol=PROTOCOL, today=draw_day())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (exactly(Fraction(5)), "5"),
        (Interval(Fraction(5), None), "5 or more"),
        (Interval(None, None), "0 or more"),
        (Interval(None, Fraction(5)), "5 or less"),
        (Interval(Fraction(0), Fraction(5)), "5 or less"),
        (Interval(Fraction(3), Fraction(5)), "3 to 5"),
    ],
)
def test_bounds_are_worded(value: Interval, words: str) -> None:
    assert interval_words(value, exact_text) == words


@pytest.mark.parametrize(("value", "words"), [("37.55", "37.6"), ("37.65", "37.6"), ("40.04", "40")])
def test_a_computed_number_is_told_in_one_place(value: str, words: str) -> None:
    assert shown(Fraction(value)) == words


@pytest.mark.parametrize(
    ("analyte", "one", "other", "words"),
    [
        ("PLT", "220", "60", "Platelets 60 to 220"),
        ("ANC", "1.04", "0.96", "Neutrophils 0.96 to 1.04"),
    ],
)
def test_a_contradiction_shows_both_of_its_values_as_they_were_measured(analyte, one, other, words) -> None:
    draws = (*panel(draw_day(), **{analyte: one}), measurement(analyte, other, draw_day()))
    answer = judge(chart(draws=draws))
    assert [reason.rule for reason in answer.reasons] == ["EV-CONFLICT"]
    assert f"{words} ×10^9/L on 27 April 2026" in answer.reasons[0].sentence


def test_an_event_names_its_record_as_evidence() -> None:
    event = AdverseEvent(term="Nausea", grade=3, began_on=draw_day(), ended_on=draw_day(), ref="event-7")
    reason = judge(chart(draws=panel(draw_day()), adverse_events=(event,))).strongest
    assert reason is not None
    assert [(e.name, e.value, e.on, e.until, e.ref) for e in reason.evidence] == [
        ("Nausea", "grade 3", draw_day(), draw_day(), "event-7")
    ]


@pytest.mark.parametrize(
    ("ended", "related", "words"),
    [
        (date(2026, 3, 12), False, "from 10 March 2026 to 12 March 2026, of another cause"),
        (date(2026, 3, 12), True, "from 10 March 2026 to 12 March 2026, related to the treatment"),
        (None, None, "from 10 March 2026, not over, cause not stated"),
    ],
)
def test_an_event_is_told_with_how_long_it_lasted_and_what_it_came_from(ended, related, words) -> None:
    event = AdverseEvent(term="Nausea", grade=2, began_on=date(2026, 3, 10), ended_on=ended, related=related)
    assert event_span_words(event) == words


def test_parts_that_do_not_count_are_one_piece_of_evidence_with_their_sum_and_the_last_of_them() -> None:
    parts = [
        UncountedPart(cycle=3, on=date(2026, 5, 5), activity_gbq=Decimal("2.50"), ref="part:2"),
        UncountedPart(cycle=3, on=date(2026, 5, 5), activity_gbq=Decimal("0.5"), ref="part:1"),
        UncountedPart(cycle=3, on=date(2026, 5, 4), activity_gbq=Decimal("0.2"), ref="part:3"),
    ]
    for told in (parts, parts[::-1]):
        assert parts_evidence(told) == Evidence(
            kind=EvidenceKind.FACT,
            name="Given in parts that do not count",
            value="3.2",
            unit="GBq",
            on=date(2026, 5, 5),
            ref="part:2",
        )


# ---------------------------------------- creatinine clearance


@pytest.mark.parametrize("person", [{"weights": ()}, {"sex": None}, {}])
def test_a_clearance_without_its_inputs_is_no_evidence(person: dict) -> None:
    found = chart(draws=panel(draw_day()), **person)
    case = Case(chart=found, history=read_history(found), protocol=PROTOCOL)
    newest = case.history.newest("CREAT")
    assert newest is not None
    samples = {"CREAT": newest} if person else {}
    assert clearance_evidence(Moment(day=draw_day(), interval=2, samples=samples), case) == ()


def test_a_clearance_names_the_weight_it_was_computed_from() -> None:
    weight = Weight(on=draw_day(), kg=Decimal("70.50"), ref="weight-3")
    found = chart(draws=panel(draw_day(), CREAT="150"))
    answer = judge(replace(found, weights=(*found.weights[:-1], weight)))
    evidence = [e for reason in answer.reasons if reason.rule == "DM-REN" for e in reason.evidence]
    assert ("Body weight", "70.5", "kg", "weight-3") in [(e.name, e.value, e.unit, e.ref) for e in evidence]
    assert ("Creatinine clearance", "36.8") in [(e.name, e.value) for e in evidence]


def test_a_computed_value_whose_grade_a_person_raised_is_told_beside_the_worst_bound_of_its_term() -> None:
    given = ManualGrade(
        term="Hypercalcemia", grade=3, on=draw_day(), by="Dr. Weber", reason="admitted for it"
    )
    draws = (*panel(draw_day(), ALB="42"), measurement("CA", "3.12", draw_day()))
    reason = judge(chart(draws=draws, manual_grades=(given,))).strongest
    assert reason is not None
    assert reason.sentence.startswith(
        "Corrected calcium 3.1 mmol/L on 27 April 2026, graded 3 by Dr. Weber (admitted for it) "
    )


@pytest.mark.parametrize(
    ("unit", "words"), [("10*9/L", "×10^9/L"), ("umol/L", "µmol/L"), ("[IU]/L", "IU/L"), ("g/L", "g/L")]
)
def test_units_are_written_as_people_write_them(unit: str, words: str) -> None:
    assert unit_words(unit) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [(" as agreed.; ", "as agreed"), ("told by Dr. X", "told by Dr. X"), (".5 mg missing", ".5 mg missing")],
)
def test_a_reason_is_told_without_its_full_stop(text: str, words: str) -> None:
    assert unended(text) == words


def test_a_plain_ratio_has_no_unit() -> None:
    assert [measured("2", unit) for unit in ("", "1", "g/L")] == ["2", "2", "2 g/L"]


def test_a_value_is_told_as_reported_and_a_contradiction_by_both_ends() -> None:
    one = measurement("PLT", "60", draw_day(), comparator="<")
    [within] = sift([one])
    [empty] = sift([replace(one, value=None, comparator="")])
    [conflict] = sift([replace(one, comparator=""), replace(one, comparator="", value=Decimal(210))])
    [known] = sift([replace(one, comparator="", value=Decimal("60.50"))])
    told = [value_words(sample) for sample in (within, empty, conflict, known)]
    assert told == ["<60", "no number", "60 to 210", "60.5"]


def test_a_result_as_evidence_carries_name_value_unit_code_day_and_reference() -> None:
    one = measurement("PLT", "60", draw_day(), ref="result:5")
    [sample] = sift([one])
    assert lab_evidence(sample, PROTOCOL) == Evidence(
        kind=EvidenceKind.LAB,
        name="Platelets",
        value="60",
        unit="10*9/L",
        code=one.code,
        collected_at=one.collected_at,
        on=draw_day(),
        ref="result:5",
    )


@pytest.mark.parametrize(
    ("quantity", "limit", "reference", "words"),
    [
        ("PLT", "75", None, "75 ×10^9/L"),
        ("BILI", "3", Reference.ULN, "3 × the upper limit of normal (63 µmol/L)"),
        ("BILI", "1", Reference.ULN, "the upper limit of normal (21 µmol/L)"),
        # At 64 years: 76 × 72 kg × 0.85 × 88.42 / (72 × 70 µmol/L) = 81.598; a year older it is 80.524.
        ("creatinine_clearance", "1", Reference.BASELINE, "the baseline (81.6 mL/min)"),
    ],
)
def test_a_limit_is_told_with_what_it_is_a_multiple_of(
    quantity: str, limit: str, reference: Reference | None, words: str
) -> None:
    bound = Bound(
        quantity=quantity,
        test=Test.ABOVE,
        limit=Decimal(limit),
        exact=Fraction(limit),
        reference=reference,
    )
    found = chart(draws=panel(draw_day()))
    case = Case(chart=found, history=read_history(found), protocol=PROTOCOL)
    samples = {s.analyte: s for s in case.history.decisive if s.day == draw_day()}
    moment = Moment(day=draw_day(), interval=2, samples=samples)
    assert limit_words(bound, moment, case) == words
    without = limit_words(bound, None, case)
    assert without == (words if reference is None else words.split(" (", maxsplit=1)[0])
    bare = {short: replace(s, measurement=replace(s.measurement, high=None)) for short, s in samples.items()}
    if reference is Reference.ULN:
        assert limit_words(bound, replace(moment, samples=bare), case) == without


def at_last_draw(draws: tuple[Measurement, ...], site: Protocol = PROTOCOL) -> tuple[Moment, Case]:
    """What one draw brought, beside a normal baseline."""
    found = chart(draws=draws)
    case = Case(chart=found, history=read_history(found), protocol=site)
    samples = {s.analyte: s for s in case.history.decisive if s.day == draw_day()}
    return Moment(day=draw_day(), interval=2, samples=samples), case


def test_a_computed_value_beside_its_limit_is_told_in_as_many_places_as_keep_them_apart() -> None:
    upper = Bound(
        quantity="corrected_calcium",
        test=Test.ABOVE,
        limit=Decimal(1),
        exact=Fraction(1),
        reference=Reference.ULN,
    )
    # 2.38 + 0.02 × (40 - 28.5), against an upper limit of 2.6.
    draws = (
        measurement("CA", "2.38", draw_day(), high=Decimal("2.6")),
        measurement("ALB", "28.5", draw_day()),
    )
    moment, case = at_last_draw(draws)
    assert quantity_words(upper, moment, case) == "Corrected calcium 2.61 mmol/L on 27 April 2026"
    assert limit_words(upper, moment, case) == "the upper limit of normal (2.6 mmol/L)"


def test_a_computed_limit_beside_its_value_is_told_in_as_many_places_as_keep_them_apart() -> None:
    part = Bound(
        quantity="creatinine_clearance",
        test=Test.BELOW,
        limit=Decimal("0.6"),
        exact=Fraction(3, 5),
        reference=Reference.BASELINE,
    )
    # The baseline is 81.599 at 64 years. At 65: 75 × 72 kg × 0.85 × 88.42 / (72 × 115.06 µmol/L) = 48.990.
    moment, case = at_last_draw((measurement("CREAT", "115.06", draw_day()),))
    assert quantity_words(part, moment, case) == "Creatinine clearance 48.99 mL/min on 27 April 2026"
    assert limit_words(part, moment, case) == "0.6 × the baseline (48.96 mL/min)"


def test_what_stands_in_is_told_once_and_only_where_something_does() -> None:
    above = Bound(quantity="INR", test=Test.ABOVE, limit=Decimal("1.5"), exact=Fraction(3, 2))
    chosen = Surrogate(quantity="PTR", bound=above, source=PROTOCOL.schedule.source)
    site = replace(PROTOCOL, prothrombin_surrogate=chosen)
    albumin, ratio = (
        Bound(quantity=quantity, test=Test.BELOW, limit=Decimal(limit), exact=Fraction(limit))
        for quantity, limit in (("ALB", "30"), ("PTR", "70"))
    )
    draws = (*panel(draw_day()), measurement("INR", "1.8", draw_day()))
    moment, case = at_last_draw(draws, site)
    words = (
        " (International normalised ratio stands in for Prothrombin ratio, which was not measured, "
        "by the site's choice)"
    )
    assert surrogate_words([albumin, ratio], moment, case) == words
    assert surrogate_words([ratio, replace(ratio, limit=Decimal(60))], moment, case) == words
    assert surrogate_words([albumin], moment, case) == ""
    moment, case = at_last_draw(draws)
    assert surrogate_words([albumin, ratio], moment, case) == ""
