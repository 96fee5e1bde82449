"""One track at one draw: what triggers it, what ends it, what its baseline spares and what others explain."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from courses import library
from courses.rules.derived import Case, Moment
from courses.rules.evidence import read_history
from courses.rules.facts import ManualGrade, Support, SupportKind
from courses.rules.support import mark_supported
from courses.rules.tracks import Finding, Track, moments, tracks, without_stale_companions
from courses.rules.values import Measurement
from tests.strategies import BASELINE_DAY, FIRST, chart, draw_day, last_day, measurement, panel

PROTOCOL = library.protocol("lutathera_us_2024_04")
DAY = draw_day()
BILIRUBIN = "bilirubin above 3 x ULN"
LEUKOPENIA, ALT = "White blood cell decreased", "Alanine aminotransferase increased"


def case_of(
    *drawn: Measurement,
    baseline: tuple[Measurement, ...] = (),
    support: tuple[Support, ...] = (),
    grades: tuple[ManualGrade, ...] = (),
) -> Case:
    """A course of two cycles with these draws; results of the baseline may be replaced or added."""
    replaced = {m.analyte for m in baseline}
    found = chart(draws=drawn, support=support, manual_grades=grades)
    kept = [m for m in found.measurements if m.collected_on != BASELINE_DAY or m.analyte not in replaced]
    found = replace(found, measurements=(*baseline, *kept))
    history = mark_supported(read_history(found), chart=found, protocol=PROTOCOL)
    return Case(chart=found, history=history, protocol=PROTOCOL, judged_for=DAY + timedelta(days=7))


def track_of(name: str, case: Case) -> Track:
    [found] = [track for track in tracks(case) if track.name == name]
    return found


def judged(name: str, case: Case) -> Finding:
    """The track at the newest draw."""
    *_, (moment, _drawn) = moments(case)
    return track_of(name, case).judge(moment, case)


def answers(found: Finding) -> tuple[bool | None, bool | None]:
    return found.triggered.holds, found.resolved.holds


@pytest.mark.parametrize(
    ("bilirubin", "expected"),
    [
        # The baseline is 10 µmol/L and the upper limit 6: back up to 11 and not a hair above.
        ("18.1", (True, False)),
        ("18", (False, False)),
        ("11.01", (False, False)),
        ("11", (False, True)),
        ("6", (False, True)),
    ],
)
def test_a_bounded_toxicity_is_over_within_the_tolerance_of_the_baseline(
    bilirubin: str, expected: tuple[bool, bool]
) -> None:
    case = case_of(
        measurement("BILI", bilirubin, DAY, low=None, high=Decimal(6)),
        baseline=(measurement("BILI", "10", BASELINE_DAY),),
    )
    assert answers(judged(BILIRUBIN, case)) == expected


def test_a_result_under_a_transfusion_never_shows_that_something_ended() -> None:
    given = (Support(kind=SupportKind.PLATELETS, on=DAY - timedelta(days=1)),)
    for platelets, expected in (("220", (False, None)), ("40", (True, None))):
        drawn = measurement("PLT", platelets, DAY)
        assert answers(judged("Platelet count decreased", case_of(drawn, support=given))) == expected
        assert answers(judged("Platelet count decreased", case_of(drawn))) == (
            expected[0],
            not expected[0],
        )


@pytest.mark.parametrize(
    ("baseline", "alt", "spared"),
    [
        # Limit 39: grade 3 is above 195, or above five times an abnormal baseline.
        ("20", "196", False),
        ("20", "195", None),
        ("50", "260", False),
    ],
)
def test_a_grade_worse_than_that_of_the_baseline_is_not_spared(
    baseline: str, alt: str, spared: bool | None
) -> None:
    limit = Decimal(39)
    case = case_of(
        measurement("ALT", alt, DAY, high=limit),
        baseline=(measurement("ALT", baseline, BASELINE_DAY, high=limit),),
    )
    assert judged(ALT, case).triggered.holds is (spared is False)


def test_a_grade_that_the_baseline_had_already_is_spared() -> None:
    low = measurement("WBC", "1.5", BASELINE_DAY)
    for leukocytes, triggered in (("1.5", False), ("0.9", True)):
        drawn = (measurement("WBC", leukocytes, DAY), measurement("LYMPH", "2", DAY))
        case = case_of(*drawn, baseline=(low,))
        assert judged(LEUKOPENIA, case).triggered.holds is triggered


@pytest.mark.parametrize(
    ("neutrophils", "lymphocytes", "expected"),
    [
        ("3.5", "0.5", (False, True)),
        ("3.5", "2", (True, False)),
        ("0.9", "0.5", (True, False)),
        ("3.5", None, (None, None)),
    ],
)
def test_a_leukopenia_is_explained_by_lymphocytes_while_neutrophils_are_no_worse_than_grade_2(
    neutrophils: str, lymphocytes: str | None, expected: tuple[bool | None, bool | None]
) -> None:
    drawn = [measurement("WBC", "1.5", DAY), measurement("ANC", neutrophils, DAY)]
    drawn += [] if lymphocytes is None else [measurement("LYMPH", lymphocytes, DAY)]
    found = judged(LEUKOPENIA, case_of(*drawn))
    assert answers(found) == expected
    assert found.weighty is (lymphocytes is None)
    assert (found.grade, found.manual) == (3, None)


def test_a_person_s_grade_is_named_only_where_it_raises_what_the_numbers_give() -> None:
    said = ManualGrade(
        term="Platelet count decreased", grade=3, on=DAY, by="Dr A", reason="petechiae", ref="grade:1"
    )
    for platelets, named in (("60", said), ("40", None), ("20", None)):
        found = judged(
            "Platelet count decreased", case_of(measurement("PLT", platelets, DAY), grades=(said,))
        )
        assert (found.grade, found.manual) == (4 if platelets == "20" else 3, named)


def test_a_draw_is_read_with_what_is_still_valid_and_nothing_is_carried_over_an_infusion() -> None:
    valid = PROTOCOL.lab("PTR")
    assert valid is not None
    days = (DAY - timedelta(days=valid.validity_days + 1), DAY - timedelta(days=valid.validity_days))
    before = measurement("PTR", "60", last_day() - timedelta(days=2))
    for day, carried in zip(days, (False, True), strict=True):
        case = case_of(before, measurement("PTR", "60", day), measurement("ALB", "25", DAY))
        *_, (moment, drawn) = moments(case)
        assert (moment.day, moment.interval, drawn) == (DAY, 2, {"ALB"})
        assert ("PTR" in moment.samples) is carried


def test_a_companion_of_another_day_counts_while_it_is_valid_on_the_day_of_treatment() -> None:
    case = case_of()
    samples = {}
    for short, day in (("ALB", DAY), ("PTR", DAY - timedelta(days=10))):
        [sample] = read_history(replace(case.chart, measurements=(measurement(short, "60", day),))).decisive
        samples[short] = sample
    moment = Moment(day=DAY, interval=2, samples=samples)

    def left(judged_for: date) -> set[str]:
        on = replace(case, judged_for=judged_for)
        return set(without_stale_companions(moment, "ALB", on).samples)

    assert left(DAY + timedelta(days=4)) == {"ALB", "PTR"}
    assert left(DAY + timedelta(days=5)) == {"ALB"}
    # Where the albumin itself is too old nothing is left out: it is the one that is asked for anew.
    assert left(DAY + timedelta(days=15)) == {"ALB", "PTR"}


def test_every_term_looks_at_what_may_explain_it_too() -> None:
    found = track_of(LEUKOPENIA, case_of())
    assert (found.primary, found.analytes) == ("WBC", {"WBC", "LYMPH", "ANC"})
    assert not found.concerns(Moment(day=FIRST, interval=0, samples={}), frozenset({"LYMPH"}))


def test_nothing_drawn_is_no_moment() -> None:
    empty = replace(case_of().chart, measurements=())
    assert list(moments(Case(chart=empty, history=read_history(empty), protocol=PROTOCOL))) == []
    assert [day for moment, _ in moments(case_of(*panel(DAY))) for day in [moment.day]] == [BASELINE_DAY, DAY]


def test_a_recovery_shown_beside_an_older_companion_stays_one() -> None:
    """The prothrombin ratio is too old for the day of treatment, and speaks for nothing against it."""
    drawn = (measurement("PTR", "95", DAY - timedelta(days=10)), measurement("ALB", "42", DAY))
    case = case_of(*drawn, baseline=(measurement("PTR", "95", BASELINE_DAY),))
    [albumin] = {t.name for t in tracks(case) if t.primary == "ALB" and t.criterion is not None}
    for judged_for in (DAY + timedelta(days=4), DAY + timedelta(days=7)):
        found = judged(albumin, replace(case, judged_for=judged_for))
        assert answers(found) == (False, True)


def test_of_the_draw_itself_nothing_is_left_out_however_short_its_own_validity() -> None:
    case = case_of(measurement("PTR", "60", DAY), measurement("ALB", "36", DAY))
    labs = tuple(replace(row, validity_days=2) if row.analyte == "PTR" else row for row in PROTOCOL.labs)
    short = replace(case, protocol=replace(PROTOCOL, labs=labs))
    *_, (moment, _drawn) = moments(short)
    assert set(without_stale_companions(moment, "ALB", short).samples) == {"ALB", "PTR"}


def test_an_unknown_grade_holds_where_its_analyte_is_always_needed() -> None:
    needed = {row.analyte for row in PROTOCOL.labs if row.always}
    for term, short in ((ALT, "ALT"), ("GGT increased", "GGT")):
        drawn = measurement(short, "900", DAY, high=None)
        found = judged(term, case_of(drawn))
        assert found.triggered.holds is None
        assert found.weighty is (short in needed)


def test_a_grade_that_is_surely_no_toxicity_is_told_as_such() -> None:
    usual = measurement("GGT", "30", BASELINE_DAY)
    found = judged("GGT increased", case_of(measurement("GGT", "30", DAY), baseline=(usual,)))
    assert (answers(found), found.weighty) == ((False, True), False)


def test_a_grade_below_the_trigger_is_over_only_at_the_grade_of_resolution() -> None:
    case = case_of(measurement("ALT", "120", DAY))
    track = track_of(ALT, case)
    *_, (moment, _drawn) = moments(case)
    for resolved_grade, over in ((2, True), (1, False)):
        family = replace(track.family, resolved_grade=resolved_grade)
        found = replace(track, family=family).judge(moment, case)
        assert (found.grade, answers(found)) == (2, (False, over))
