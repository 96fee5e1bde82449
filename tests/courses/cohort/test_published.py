"""Published rates stand with count, whole and source, or are not read at all."""

import copy
import tomllib
from typing import Any

import pytest

from courses.cohort.published import FILE, published, read_published
from courses.rules.data_reader import DataError

DATA = tomllib.loads(FILE.read_text("utf-8"))
TERMS = {rate["term"] for study in DATA["study"] for rate in study["rate"]}


def test_every_rate_names_its_whole_its_counts_and_its_source() -> None:
    netter_1, netter_2 = published()
    assert str(netter_1.rates["Platelet count decreased"].any_grade) == "59 of 111 (53 %)"
    assert str(netter_1.rates["Lymphocyte count decreased"].grade_3_4) == "49 of 111 (44 %)"
    assert str(netter_2.rates["Lymphocyte count decreased"].grade_3_4) == "56 of 147 (38.1 %)"
    # A count that the printed percentage leaves open is not guessed.
    assert str(netter_1.rates["Alkaline phosphatase increased"].grade_3_4) == "5 or 6 of 111 (5 %)"
    assert netter_2.rates["Anemia"].any_grade is None
    for study in (netter_1, netter_2):
        for rate in study.rates.values():
            assert rate.source.document
            assert rate.source.section
            assert rate.source.to_be_confirmed == (rate.source.confidence == "GK")


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (("study", 0, "basis"), "adverse events", "is not known"),
        (("study", 0, "of"), None, "is missing"),
        (("study", 0, "of"), 0, "must be above zero"),
        (("study", 0, "name"), None, "is missing"),
        (("study", 0, "population"), None, "is missing"),
        (("study", 0, "criteria"), None, "is missing"),
        (("study", 0, "ae_percent"), 9, "unknown key"),
        (("study", 1, "id"), "netter_1", "stands twice"),
        (("study", 0, "rate"), [], "at least one"),
        (("study", 0, "rate", 0, "source"), None, "names its source"),
        (("study", 0, "rate", 0, "any"), None, "is missing"),
        (("study", 0, "rate", 0, "grade_3_4"), "82", "more than every grade"),
        (("study", 0, "rate", 0, "any"), "many", "no percentage"),
        (("study", 0, "rate", 0, "any"), "101", "no percentage"),
        (("study", 0, "rate", 0, "any"), "NaN", "no percentage"),
        (("study", 0, "rate", 0, "any"), "81.3", "no count of 111 rounds to 81.3 %"),
        (("study", 1, "rate", 0, "grade_3_4"), "not_stated", "says nothing of any grade"),
        (("study", 0, "rate", 0, "term"), "Tiredness", "no result is graded by"),
        (("study", 0, "rate", 1, "term"), "Anemia", "stands twice"),
    ],
)
def test_a_gap_is_refused_with_the_key_it_is_at(place: tuple[Any, ...], value: Any, reason: str) -> None:
    data = copy.deepcopy(DATA)
    *path, key = place
    target = data
    for step in path:
        target = target[step]
    if value is None:
        del target[key]
    else:
        target[key] = value
    with pytest.raises(DataError) as caught:
        read_published(data, terms=TERMS)
    assert reason in str(caught.value)
    assert caught.value.remedy
