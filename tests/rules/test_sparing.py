"""Why a finding is not counted is told with the whole baseline it is held against."""

from courses.rules.sparing import baseline_words
from tests.rules.test_trends import PROTOCOL, case_of
from tests.strategies import BASELINE_DAY, chart, measurement


def test_a_baseline_of_two_results_names_both_with_their_day() -> None:
    case = case_of(chart(draws=(measurement("CA", "2.4", BASELINE_DAY),)))
    assert baseline_words(PROTOCOL.criteria.by_term["Hypercalcemia"], case) == (
        "Calcium, total 2.4 mmol/L on 5 January 2026 and Albumin 42 g/L on 5 January 2026"
    )
