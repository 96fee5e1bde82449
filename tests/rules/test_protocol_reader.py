"""A protocol or criteria file that is not whole is refused with its key, the reason and a remedy."""

import copy
import tomllib
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from courses import library
from courses.rules.criteria_reader import read_criteria
from courses.rules.data_reader import DataError, TableReader
from courses.rules.protocol import Protocol
from courses.rules.protocol_reader import read_protocol
from labs.library import analytes

NAMES = {short: analyte.name for short, analyte in analytes().items()}
UNITS = {short: analyte.unit for short, analyte in analytes().items()}
PROTOCOL = tomllib.loads(
    (library.FOLDER / "lutathera_us_2024_04.toml").read_text("utf-8"), parse_float=Decimal
)
CRITERIA = tomllib.loads((library.FOLDER / "ctcae_5_0.toml").read_text("utf-8"), parse_float=Decimal)
PLT, ANC = CRITERIA["criterion"][0], CRITERIA["criterion"][1]
Change = Callable[[dict[str, Any]], object]


def read(data: dict[str, Any]) -> Protocol:
    criteria = {version: library.criteria(version) for version in ("5.0", "6.0")}
    return read_protocol(data, criteria=criteria, names=NAMES, units=UNITS)


def toxicity(data: dict[str, Any], rule: str) -> dict[str, Any]:
    return next(row for row in data["toxicity"] if row["id"] == rule)


def test_the_file_as_it_stands_is_whole() -> None:
    assert read(copy.deepcopy(PROTOCOL)).id == "lutathera_us_2024_04"


PROTOCOL_FAULTS: list[tuple[str, Change, str]] = [
    ("surprise", lambda d: d.update(surprise=1), "unknown key"),
    ("schedule.cycles", lambda d: d["schedule"].pop("cycles"), "is missing"),
    ("schedule.cycles", lambda d: d["schedule"].update(cycles=0), "at least 1"),
    ("schedule.cycles", lambda d: d["schedule"].update(cycles=True), "whole number"),
    ("schedule.activity_gbq", lambda d: d["schedule"].update(activity_gbq=Decimal(0)), "above zero"),
    ("schedule.activity_gbq", lambda d: d["schedule"].update(activity_gbq="7.4"), "must be a number"),
    (
        "schedule.activity_gbq",
        lambda d: d["schedule"].update(activity_gbq=Decimal("nan")),
        "must be a number",
    ),
    ("schedule.source", lambda d: d["schedule"].pop("source"), "names its source"),
    ("schedule.source.confidence", lambda d: d["schedule"]["source"].update(confidence="sure"), "not known"),
    ("schedule.source.checked", lambda d: d["schedule"]["source"].update(checked="2026-05-04"), "a date"),
    ("schedule.source.page", lambda d: d["schedule"]["source"].update(page="2"), "unknown key"),
    ("schedule.window", lambda d: d["schedule"]["window"].update(first_day=57), "nominal interval"),
    ("schedule.window", lambda d: d["schedule"].update(window=[]), "must be a table"),
    ("schedule.reduced.activity_gbq", lambda d: d["schedule"]["reduced"].update(activity_gbq=8), "not below"),
    (
        "schedule.reduced.counts_as_cycle",
        lambda d: d["schedule"]["reduced"].update(counts_as_cycle=False),
        "not",
    ),
    ("delay_limit.counted_from", lambda d: d["delay_limit"].update(counted_from="onset"), "not known"),
    ("delay_limit.days", lambda d: d["delay_limit"].pop("days"), "is missing"),
    ("delay_limit.stops", lambda d: d["delay_limit"].pop("stops"), "is missing"),
    (
        "delay_limit.subtract_other_delay",
        lambda d: d["delay_limit"].update(subtract_other_delay="no"),
        "true",
    ),
    ("weight.due_days_before", lambda d: d["weight"].update(due_days_before=30), "longer than the validity"),
    ("ctcae", lambda d: d.update(ctcae="9.0"), "no criteria file"),
    ("id", lambda d: d.update(id=" "), "must be a text"),
    ("lab[0].analyte", lambda d: d["lab"][0].update(analyte="XYZ"), "not known"),
    ("lab[1].analyte", lambda d: d["lab"][1].update(analyte="PLT"), "stands twice"),
    ("lab[0].due_days_before", lambda d: d["lab"][0].update(due_days_before=15), "longer than the validity"),
    ("lab", lambda d: d.update(lab=[]), "at least one"),
    ("toxicity[0].terms", lambda d: d["toxicity"][0].update(terms=["Nothing"]), "no term"),
    ("toxicity[0].terms", lambda d: d["toxicity"][0].update(terms="Anemia"), "list of texts"),
    ("toxicity[0].terms", lambda d: d["toxicity"][0].update(terms=["Anemia", "Anemia"]), "twice"),
    ("toxicity[1].terms", lambda d: d["toxicity"][1].update(terms=["Platelet count decreased"]), "overlap"),
    ("toxicity[1].id", lambda d: d["toxicity"][1].update(id="DM-PLT"), "stands twice"),
    ("toxicity[0].resolution.grade", lambda d: d["toxicity"][0]["resolution"].update(grade=2), "overlap"),
    ("toxicity[0].resolution.grade", lambda d: d["toxicity"][0]["resolution"].update(grade=0), "gap"),
    ("toxicity[0].terms", lambda d: d["toxicity"][0].pop("terms"), "nothing can trigger"),
    (
        "toxicity[6].reported_stems",
        lambda d: d["toxicity"][6].update(reported_stems="allerg"),
        "list of texts",
    ),
    ("toxicity[6].reported_stems", lambda d: d["toxicity"][6].update(reported_stems=["allerg", ""]), "list"),
    ("toxicity[6].reported_stems", lambda d: d["toxicity"][6].update(reported_stems=["allerg"] * 2), "twice"),
    (
        "toxicity[6].reported_stems",
        lambda d: d["toxicity"][6].update(reported_stems=["oedema", "angio oedem", "Angio-Oedem"]),
        "'angio oedem' stands twice",
    ),
    (
        "toxicity[6].reported_stems",
        lambda d: d["toxicity"][6].update(reported_stems=["a l-l.e"]),
        "'a l l e' is too short",
    ),
    (
        "toxicity[6].reported_stems",
        lambda d: d["toxicity"][0].update(reported_stems=["bleed", "allergic"]),
        "overlap: 'allerg' already belongs to DM-PLT",
    ),
    (
        "toxicity[6].reported_stems",
        lambda d: d["toxicity"][3].update(reported_stems=["aller"]),
        "overlap: 'allerg' already belongs to DM-HEP",
    ),
    (
        "toxicity[6].terms",
        lambda d: d["toxicity"][6]["reported_terms"].append("hepatic-failure"),
        "overlap: 'hepatic-failure' already belongs to DM-HEP",
    ),
    ("toxicity[0].on_first", lambda d: d["toxicity"][0].update(on_first="wait"), "not known"),
    ("toxicity[0].on_recurrence", lambda d: d["toxicity"][0].update(on_recurrence="note"), "milder than"),
    ("toxicity[6].on_recurrence", lambda d: d["toxicity"][6].update(on_recurrence="delay"), "milder than"),
    ("toxicity[5].on_recurrence", lambda d: d["toxicity"][5].update(on_recurrence="delay"), "never acts"),
    ("toxicity[0].other_events", lambda d: d["toxicity"][0].update(other_events=1), "true or false"),
    ("toxicity[4].other_events", lambda d: d["toxicity"][0].update(other_events=True), "overlap"),
    (
        "toxicity[6].trigger_grade",
        lambda d: (d["toxicity"][6].update(trigger_grade=5), d["toxicity"][6]["resolution"].update(grade=4)),
        "not a grade",
    ),
    (
        "toxicity[2].criterion[0].bounds[0].quantity",
        lambda d: d["toxicity"][2]["criterion"][0]["bounds"][0].update(quantity="XYZ"),
        "not known",
    ),
    (
        "toxicity[2].criterion[0].bounds[0].unit",
        lambda d: d["toxicity"][2]["criterion"][0]["bounds"][0].update(unit="mL/s"),
        "canonical unit",
    ),
    (
        "toxicity[2].criterion[0].bounds[0].(bound)",
        lambda d: d["toxicity"][2]["criterion"][0]["bounds"][0].update(above=3),
        "exactly one",
    ),
    (
        "toxicity[2].criterion[2].bounds[0].falls_percent",
        lambda d: d["toxicity"][2]["criterion"][2]["bounds"][0].update(falls_percent=100),
        "below 100",
    ),
    (
        "toxicity[2].criterion[0].resolves_by[0].quantity",
        lambda d: d["toxicity"][2]["criterion"][0]["resolves_by"][0].update(quantity="XYZ"),
        "not known",
    ),
    (
        "toxicity[4].exemption[0].term",
        lambda d: d["toxicity"][4]["exemption"][0].update(term="Nothing"),
        "no term",
    ),
    (
        "toxicity[4].exemption[0].explained_by[0].at_most",
        lambda d: d["toxicity"][4]["exemption"][0]["explained_by"][0].update(at_most=0),
        "between",
    ),
    ("order[0].kind", lambda d: d["order"][0].update(kind="lunch"), "not known"),
]


@pytest.mark.parametrize(("key", "change", "reason"), PROTOCOL_FAULTS)
def test_a_fault_in_a_protocol_is_refused_with_its_key_and_reason(
    key: str, change: Change, reason: str
) -> None:
    data = copy.deepcopy(PROTOCOL)
    change(data)
    with pytest.raises(DataError) as caught:
        read(data)
    assert caught.value.key == key
    assert reason in caught.value.reason
    assert caught.value.remedy


CRITERIA_FAULTS: list[tuple[str, Change, str]] = [
    ("criterion[1].term", lambda d: d["criterion"][1].update(term=d["criterion"][0]["term"]), "twice"),
    ("criterion[0].unit", lambda d: d["criterion"][0].update(unit="K/uL"), "canonical"),
    ("criterion[0].rows", lambda d: d["criterion"][0]["rows"].pop(1), "gap"),
    ("criterion[0].published", lambda d: d["criterion"][0]["published"].pop("4"), "gap"),
    ("criterion[0].rows", lambda d: d["criterion"][0]["rows"].reverse(), "most severe first"),
    ("criterion[0].rows", lambda d: d["criterion"][0]["rows"][1].update(below=25), "overlap"),
    (
        "criterion[13].rows",
        lambda d: d["criterion"][13]["rows"].append({"grade": 1, "above": 9}),
        "directions",
    ),
    ("criterion[0].rows[0].grade", lambda d: d["criterion"][0]["rows"][0].update(grade=5), "not a grade"),
    ("criterion[0].published.x", lambda d: d["criterion"][0]["published"].update(x="?"), "not a grade"),
    ("criterion[4].graded_by_people", lambda d: d["criterion"][4].update(graded_by_people=4), "list"),
    (
        "criterion[7].rows[0].when_baseline",
        lambda d: d["criterion"][7]["rows"][0].update(when_baseline="?"),
        "kn",
    ),
    ("criterion[0].quantity", lambda d: d["criterion"][0].update(quantity="XYZ"), "not known"),
    (
        "criterion[1].also_reported_as",
        lambda d: d["criterion"][1].update(also_reported_as=["thrombocytopenia"]),
        "'thrombocytopenia' stands twice",
    ),
    (
        "criterion[7].rows[0].when_anticoagulated",
        lambda d: d["criterion"][7]["rows"][0].update(when_anticoagulated=True),
        "stands beside when_baseline",
    ),
    (
        "criterion[12].rows[1].when_anticoagulated",
        lambda d: d["criterion"][12]["rows"][1].update(when_anticoagulated=False),
        "false says nothing",
    ),
    (
        "criterion[0].published.2",
        lambda d: d["criterion"][0]["published"].update({"2": "<70.0 - 50.0"}),
        "names a bound that no row of grade 2 has",
    ),
]


@pytest.mark.parametrize(("key", "change", "reason"), CRITERIA_FAULTS)
def test_a_fault_in_the_criteria_is_refused_with_its_key_and_reason(
    key: str, change: Change, reason: str
) -> None:
    data = copy.deepcopy(CRITERIA)
    change(data)
    with pytest.raises(DataError) as caught:
        read_criteria(data, units=UNITS)
    assert caught.value.key == key
    assert reason in caught.value.reason


def test_a_table_must_be_a_table() -> None:
    with pytest.raises(DataError, match=r"\(file\): must be a table"):
        TableReader([])


def test_every_number_of_general_knowledge_is_marked_to_be_confirmed() -> None:
    found = read(copy.deepcopy(PROTOCOL))
    assert found.delay_limit.source.to_be_confirmed
    assert str(found.delay_limit.source).endswith("(to be confirmed by the clinic)")
    assert not found.schedule.source.to_be_confirmed
    assert found.schedule.source.checked == date(2026, 11, 21)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"from_days_before": 13},
            "lab[0].earlier_draw.from_days_before: lies after to_days_before; exchange",
        ),
        (
            {"to_days_before": 7},
            "lab[0].earlier_draw: overlap: one draw would serve as both; keep them apart",
        ),
        ({"to_days_before": 0}, "lab[0].earlier_draw.to_days_before: must be a whole number of at least 1"),
        ({"days": 3}, "lab[0].earlier_draw.days: unknown key"),
    ],
)
def test_an_earlier_draw_that_cannot_be_made_is_refused(change: dict[str, int], words: str) -> None:
    data = tomllib.loads((library.FOLDER / "lutathera_ema_2024.toml").read_text("utf-8"), parse_float=Decimal)
    data["lab"][0]["earlier_draw"].update(change)
    with pytest.raises(DataError) as caught:
        read(data)
    assert str(caught.value).startswith(words)


def test_a_term_is_found_under_every_name_whatever_its_case() -> None:
    criteria = library.criteria("6.0")
    assert criteria.named(" platelet count decreased ") is criteria.by_term["Thrombocytopenia"]
    assert criteria.named("Anaemia") is criteria.by_term["Anemia"]
    assert criteria.named("Nothing") is None


def test_a_protocol_finds_its_terms_in_either_version_of_the_criteria() -> None:
    data = copy.deepcopy(PROTOCOL) | {"ctcae": "6.0"}
    data["toxicity"][4]["exemption"][0]["explained_by"][0]["term"] = "Lymphopenia"
    found = {family.id: family for family in read(data).families}
    assert found["DM-PLT"].terms == ("Thrombocytopenia",)
    newer = ("Hyperglycemia", "Blood bilirubin increased")
    assert found["DM-OTH"].terms[-2:] == newer
    assert found["DM-OTH"].exemptions[0].explained_by[0].term == "Lymphocyte count decreased"
    older = {family.id: family for family in read(copy.deepcopy(PROTOCOL)).families}
    assert not set(newer) & set(older["DM-OTH"].terms)
    assert len(found["DM-OTH"].terms) == len(older["DM-OTH"].terms) + 2


def test_a_term_that_another_row_judges_over_a_normal_baseline_may_stand_in_both() -> None:
    data = copy.deepcopy(PROTOCOL) | {"ctcae": "6.0"}
    (shared,) = (e for e in read(copy.deepcopy(data)).families[4].exemptions if e.judged_by)
    assert (shared.term, shared.judged_by, shared.explained_by) == ("Blood bilirubin increased", "DM-HEP", ())
    unnamed = copy.deepcopy(data)
    del unnamed["toxicity"][4]["exemption"][1]
    with pytest.raises(DataError, match="overlap: 'Blood bilirubin increased' already belongs to DM-HEP"):
        read(unnamed)
    data["toxicity"][4]["exemption"][1]["judged_over_normal_baseline_by"] = "DM-HPE"
    with pytest.raises(DataError) as caught:
        read(data)
    assert str(caught.value) == (
        "toxicity[4].exemption: no row 'DM-HPE' stands before this one; correct the id"
    )


def test_a_term_of_one_version_only_must_be_a_term_of_it() -> None:
    data = copy.deepcopy(PROTOCOL) | {"ctcae": "6.0"}
    data["toxicity"][4]["terms_in"] = {"6.0": ["Nothing"]}
    with pytest.raises(DataError) as caught:
        read(data)
    assert str(caught.value) == (
        "toxicity[4].terms_in.6.0: CTCAE 6.0 file has no term 'Nothing'; correct the term"
    )


def test_stems_are_read_as_names_are_compared_and_may_be_left_out() -> None:
    data = copy.deepcopy(PROTOCOL)
    data["toxicity"][6]["reported_stems"] = ["Angio-Oedem", "aller"]
    found = {family.id: family.reported_stems for family in read(data).families}
    assert found.pop("DM-HSR") == ("angio oedem", "aller")
    assert set(found.values()) == {()}


def test_a_row_may_be_known_by_its_stems_alone() -> None:
    data = copy.deepcopy(PROTOCOL)
    del data["toxicity"][6]["reported_terms"]
    assert read(data).families[6].reported_terms == ()
    del data["toxicity"][6]["reported_stems"]
    with pytest.raises(DataError) as caught:
        read(data)
    assert str(caught.value) == "toxicity[6].terms: nothing can trigger this row; add terms or criteria"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"reported_stems": ["abcd"]}, "reported_stems: 'abcd' is too short; use at least 5 letters"),
        ({"reported_stems": ["allerg", "Allerg."]}, "reported_stems: 'allerg' stands twice; keep one"),
        (
            {"reported_stems": ["bleed"]},
            "reported_stems: overlap: 'bleed' already belongs to DM-PLT; keep one",
        ),
        (
            {"reported_terms": ["hepatic failure"]},
            "terms: overlap: 'hepatic failure' already belongs to DM-HEP; keep one",
        ),
    ],
)
def test_a_name_that_is_refused_says_what_to_do(change: dict[str, list[str]], words: str) -> None:
    data = copy.deepcopy(PROTOCOL)
    data["toxicity"][0]["reported_stems"] = ["bleed"]
    data["toxicity"][6].update(change)
    with pytest.raises(DataError) as caught:
        read(data)
    assert str(caught.value) == f"toxicity[6].{words}"


def test_a_rule_id_longer_than_a_reason_code_is_refused() -> None:
    data = copy.deepcopy(PROTOCOL)
    data["toxicity"][0]["id"] = "DM-" + "X" * 40
    with pytest.raises(DataError, match="43 letters; use 40 at the most"):
        read(data)


def test_terms_of_one_version_stand_beside_the_terms_of_every_version() -> None:
    shared = tuple(toxicity(PROTOCOL, "DM-OTH")["terms"])
    older, newer = (
        next(family for family in library.protocol(name).families if family.id == "DM-OTH")
        for name in ("lutathera_us_2024_04", "lutathera_us_2024_04_ctcae_6_0")
    )
    assert older.terms == shared
    assert newer.terms[-2:] == ("Hyperglycemia", "Blood bilirubin increased")
    assert len(newer.terms) == len(shared) + 2
