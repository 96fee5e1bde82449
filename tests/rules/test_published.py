"""The published words of a grade are read as bounds, and must say what its rows say."""

import copy
import tomllib
from decimal import Decimal
from typing import Any

import pytest

from courses import library
from courses.rules.criteria_reader import read_criteria
from courses.rules.data_reader import DataError
from courses.rules.protocol import Criterion
from courses.rules.published import disagreement
from labs.library import analytes

UNITS = {short: analyte.unit for short, analyte in analytes().items()}
VERSIONS = {
    version: tomllib.loads((library.FOLDER / name).read_text("utf-8"), parse_float=Decimal)
    for version, name in (("5.0", "ctcae_5_0.toml"), ("6.0", "ctcae_6_0.toml"))
}
EVERY_ROW = [
    (version, place, number)
    for version, data in VERSIONS.items()
    for place, criterion in enumerate(data["criterion"])
    for number in range(len(criterion["rows"]))
]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_published_words_of_every_criterion_agree_with_its_rows(version: str) -> None:
    criteria = library.criteria(version).by_term.values()
    assert [(found.term, disagreement(found)) for found in criteria if disagreement(found)] == []


@pytest.mark.parametrize(("version", "place", "number"), EVERY_ROW)
def test_a_number_moved_in_any_row_is_refused(version: str, place: int, number: int) -> None:
    data = copy.deepcopy(VERSIONS[version])
    row = data["criterion"][place]["rows"][number]
    key = next(key for key in row if key not in ("grade", "grade_to") and not key.startswith("when_"))
    row[key] = Decimal(row[key]) + Decimal("0.01")
    with pytest.raises(DataError) as caught:
        read_criteria(data, units=UNITS)
    assert caught.value.key.startswith(f"criterion[{place}].")
    assert caught.value.remedy


@pytest.mark.parametrize(("version", "place", "number"), EVERY_ROW)
def test_a_comparison_turned_in_any_row_is_refused(version: str, place: int, number: int) -> None:
    data = copy.deepcopy(VERSIONS[version])
    row = data["criterion"][place]["rows"][number]
    key = next(key for key in row if key not in ("grade", "grade_to") and not key.startswith("when_"))
    turned = {"below": "at_most", "above": "at_least", "at": "above"}
    first, _, rest = (
        key.removeprefix("at_least").partition("_") if key.startswith("at_") else key.partition("_")
    )
    row["_".join(part for part in (turned.get(first, "above"), rest) if part)] = row.pop(key)
    with pytest.raises(DataError):
        read_criteria(data, units=UNITS)


def criterion(rows: list[dict[str, Any]], **published: str) -> Criterion:
    """A criterion of platelets or creatinine, read without its published words being compared."""
    quantity, unit = ("PLT", "10*9/L") if any("below" in key for key in rows[0]) else ("CREAT", "umol/L")
    source = {
        "document": "test",
        "section": "test",
        "confidence": "D",
        "checked": VERSIONS["5.0"]["criterion"][0]["source"]["checked"],
    }
    data = {
        "term": "Test",
        "quantity": quantity,
        "unit": unit,
        "published": {key.removeprefix("g"): words for key, words in published.items()},
        "rows": rows,
        "source": source,
    }
    found = read_criteria({"ctcae_version": "0", "title": "test", "criterion": [data]}, units=UNITS)
    return found.by_term["Test"]


LOW = [{"grade": 2, "below": Decimal(75)}, {"grade": 1, "below_lln": Decimal(1)}]
WHOLE = [{"grade": 2, "below": Decimal(125)}, {"grade": 1, "below": Decimal(130)}]
FASTING = [{"grade": 2, "below": Decimal(125)}, {"grade": 1, "when_fasting": True, "below": Decimal(130)}]
TIMES = [{"grade": 2, "below_lln": Decimal("0.5")}, {"grade": 1, "below_lln": Decimal(1)}]
HIGH = [{"grade": 2, "above_uln": Decimal(3)}, {"grade": 1, "at_least_uln": Decimal("1.5")}]
TAKING = [{"grade": 1, "when_anticoagulated": True, "above_baseline": Decimal(1)}]


@pytest.mark.parametrize(
    ("rows", "published"),
    [
        (LOW, {"g1": "<LLN - 75", "g2": "<75.0"}),
        (TIMES, {"g1": "<LLN - 0.5 x LLN", "g2": "<0.5 x LLN"}),
        (LOW, {"g1": "<LLN - 75; transfusion indicated", "g2": "<75, any remark"}),
        (LOW, {"g1": "<LLN - 75", "g2": "transfusion indicated; <75"}),
        (WHOLE, {"g1": "125 - 129", "g2": "<125"}),
        (FASTING, {"g1": "125 - 129 if fasting", "g2": "<125"}),
        (HIGH, {"g1": "1.5 - 3.0 x ULN", "g2": ">3 x ULN"}),
        (TAKING, {"g1": ">baseline if anticoagulated"}),
        (TAKING, {"g1": ">1.0 x baseline if anticoagulated, a remark"}),
    ],
)
def test_words_that_say_what_the_rows_say_are_taken(rows, published) -> None:
    assert criterion(rows, **published).rows


@pytest.mark.parametrize(
    ("rows", "published", "key", "reason"),
    [
        (LOW, {"g1": "<LLN - 75", "g2": "below 75"}, "2", "'below 75' cannot be read as a bound"),
        (LOW, {"g1": "<LLN - 75", "g2": "<74"}, "2", "names a bound that no row of grade 2 has"),
        (LOW, {"g1": "<LLN - 75", "g2": ">75"}, "2", "names a bound that no row of grade 2 has"),
        (LOW, {"g1": "<LLN - 74", "g2": "<75"}, "1", "does not end where the next worse row begins"),
        (LOW, {"g1": "<LLN", "g2": "<75"}, "1", "does not end where the next worse row begins"),
        (LOW, {"g1": "<LLN - 75", "g2": "<75 - 50"}, "2", "does not end where the next worse row begins"),
        (LOW, {"g1": "<LLN - 75", "g2": "transfusion indicated"}, "2", "leaves out a bound that a row"),
        (WHOLE, {"g1": "125 - 130", "g2": "<125"}, "1", "names a bound that no row of grade 1 has"),
        (WHOLE, {"g1": "124 - 129", "g2": "<125"}, "1", "does not end where the next worse row begins"),
        (TIMES, {"g1": "0.5 - 1 x LLN", "g2": "<0.5 x LLN"}, "1", "names a bound that no row of grade 1 has"),
        (TIMES, {"g1": "<LLN - 0.5", "g2": "<0.5 x LLN"}, "1", "does not end where the next worse row"),
        (HIGH, {"g1": ">1.5 - 3.0 x ULN", "g2": ">3 x ULN"}, "1", "names a bound that no row of grade 1 has"),
        (HIGH, {"g1": "1.5 - 3.0 x baseline", "g2": ">3 x ULN"}, "1", "names a bound that no row"),
        (TAKING, {"g1": ">baseline"}, "1", "names a bound that no row of grade 1 has"),
        (TAKING, {"g1": ">baseline if fasting"}, "1", "names a bound that no row of grade 1 has"),
        (TAKING, {"g1": ">baseline if tired"}, "1", "'>baseline if tired' cannot be read as a bound"),
    ],
)
def test_words_that_differ_from_the_rows_are_refused(rows, published, key: str, reason: str) -> None:
    with pytest.raises(DataError) as caught:
        criterion(rows, **published)
    assert caught.value.key == f"criterion[0].published.{key}"
    assert reason in caught.value.reason
    assert caught.value.remedy == "correct the published words or the rows"
