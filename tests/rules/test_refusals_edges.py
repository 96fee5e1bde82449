"""Every refusal of a clinical data file, word for word: the key, what is wrong, and what to do."""

import copy
import tomllib
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from courses import library
from courses.rules.criteria_reader import read_criteria
from courses.rules.data_reader import DataError, TableReader
from courses.rules.protocol_reader import read_protocol
from labs.library import analytes

NAMES = {short: analyte.name for short, analyte in analytes().items()}
UNITS = {short: analyte.unit for short, analyte in analytes().items()}
KNOWN = ", ".join(NAMES)
PROTOCOL = tomllib.loads(
    (library.FOLDER / "lutathera_us_2024_04.toml").read_text("utf-8"), parse_float=Decimal
)
CRITERIA = tomllib.loads((library.FOLDER / "ctcae_5_0.toml").read_text("utf-8"), parse_float=Decimal)
# Where a row stands that is added behind the others.
LABS, FAMILIES = len(PROTOCOL["lab"]), len(PROTOCOL["toxicity"])
CHECKS, SUPPORT = len(PROTOCOL["check"]), len(PROTOCOL["support"])
POTASSIUM = [item["term"] for item in CRITERIA["criterion"]].index("Hyperkalemia")
SOURCE = {"document": "a document", "section": "a section", "confidence": "V", "checked": date(2026, 11, 21)}
Data = dict[str, Any]
Change = Callable[[Data], object]


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        read()
    error = caught.value
    assert str(error) == f"{error.key}: {error.reason}; {error.remedy}"
    return str(error)


def protocol_refusal(change: Change) -> str:
    data = copy.deepcopy(PROTOCOL)
    change(data)
    criteria = {version: library.criteria(version) for version in ("5.0", "6.0")}
    return refusal(lambda: read_protocol(data, criteria=criteria, names=NAMES, units=UNITS))


def criteria_refusal(change: Change) -> str:
    data = copy.deepcopy(CRITERIA)
    change(data)
    return refusal(lambda: read_criteria(data, units=UNITS))


def row(data: Data, table: str, id: str) -> Data:
    """The row of one id."""
    return next(item for item in data[table] if item["id"] == id)


def lab(data: Data, analyte: str = "PLT") -> Data:
    """The row of one analyte."""
    return next(item for item in data["lab"] if item["analyte"] == analyte)


def term(data: Data, name: str) -> Data:
    """The criterion of one term."""
    return next(item for item in data["criterion"] if item["term"] == name)


TABLE_REFUSALS: list[tuple[Data, Callable[[TableReader], object], str]] = [
    ({}, lambda t: t.raw("k"), "top.k: is missing; add it"),
    ({"k": 1}, lambda t: t.text("k"), "top.k: must be a text; write it in quotes"),
    ({"k": " "}, lambda t: t.text("k"), "top.k: must be a text; write it in quotes"),
    ({"k": -1}, lambda t: t.whole("k"), "top.k: must be a whole number of at least 0; correct the number"),
    (
        {"k": 1},
        lambda t: t.whole("k", least=2),
        "top.k: must be a whole number of at least 2; correct the number",
    ),
    ({"k": True}, lambda t: t.whole("k"), "top.k: must be a whole number of at least 0; correct the number"),
    ({"k": "1"}, lambda t: t.whole("k"), "top.k: must be a whole number of at least 0; correct the number"),
    (
        {"k": 1},
        lambda t: t.wholes("k"),
        "top.k: must be a list of whole numbers above zero; write it as [84, 98]",
    ),
    (
        {"k": [0]},
        lambda t: t.wholes("k"),
        "top.k: must be a list of whole numbers above zero; write it as [84, 98]",
    ),
    (
        {"k": [True]},
        lambda t: t.wholes("k"),
        "top.k: must be a list of whole numbers above zero; write it as [84, 98]",
    ),
    (
        {"k": [Decimal("1.5")]},
        lambda t: t.wholes("k"),
        "top.k: must be a list of whole numbers above zero; write it as [84, 98]",
    ),
    ({"k": True}, lambda t: t.number("k"), "top.k: must be a number; correct the number"),
    ({"k": "1"}, lambda t: t.number("k"), "top.k: must be a number; correct the number"),
    ({"k": Decimal("inf")}, lambda t: t.number("k"), "top.k: must be a number; correct the number"),
    ({"k": 0}, lambda t: t.positive("k"), "top.k: must be above zero; correct the number"),
    ({"k": 1}, lambda t: t.flag("k"), "top.k: must be true or false; write one of them"),
    (
        {"k": "2024-04-23"},
        lambda t: t.day("k"),
        "top.k: must be a date; write it as 2024-04-23, without quotes",
    ),
    (
        {"k": datetime(2024, 4, 23, tzinfo=UTC)},
        lambda t: t.day("k"),
        "top.k: must be a date; write it as 2024-04-23, without quotes",
    ),
    ({"k": "a"}, lambda t: t.texts("k"), 'top.k: must be a list of texts; write it as ["…", "…"]'),
    ({"k": [1]}, lambda t: t.texts("k"), 'top.k: must be a list of texts; write it as ["…", "…"]'),
    ({"k": [""]}, lambda t: t.texts("k"), 'top.k: must be a list of texts; write it as ["…", "…"]'),
    ({"k": ["a", "a"]}, lambda t: t.texts("k"), "top.k: names something twice; keep one"),
    ({"k": 1}, lambda t: t.table("k"), "top.k: must be a table; write it as a table"),
    (
        {"k": {}},
        lambda t: t.tables("k"),
        "top.k: must be a list of tables with at least one; write [[top.k]]",
    ),
    (
        {"k": []},
        lambda t: t.tables("k"),
        "top.k: must be a list of tables with at least one; write [[top.k]]",
    ),
    ({"k": [1]}, lambda t: t.tables("k"), "top.k[0]: must be a table; write it as a table"),
    ({"k": [{}, {}]}, lambda t: t.tables("k")[1].raw("x"), "top.k[1].x: is missing; add it"),
    ({"k": {"x": {}}}, lambda t: t.table("k").table("x").raw("y"), "top.k.x.y: is missing; add it"),
    (
        {},
        lambda t: t.source(),
        "top.source: every number names its source; add document, section, confidence, checked",
    ),
    (
        {"source": {**SOURCE, "confidence": "X"}},
        lambda t: t.source(),
        "top.source.confidence: 'X' is not known; use one of: V, S, D, GK",
    ),
    (
        {"source": {**SOURCE, "page": 1}},
        lambda t: t.source(),
        "top.source.page: unknown key; remove it or correct its spelling",
    ),
    ({"source": 1}, lambda t: t.source(), "top.source: must be a table; write it as a table"),
    ({"k": 1}, lambda t: t.finish(), "top.k: unknown key; remove it or correct its spelling"),
]


@pytest.mark.parametrize(("data", "read", "words"), TABLE_REFUSALS)
def test_a_table_refuses_with_the_whole_path_and_the_remedy(data: Data, read: Callable, words: str) -> None:
    assert refusal(lambda: read(TableReader(data, path="top"))) == words


def test_what_a_table_holds_is_read_exactly() -> None:
    table = TableReader(
        {
            "text": "a",
            "whole": 0,
            "wholes": [1, 2],
            "none": [],
            "number": Decimal("7.40"),
            "flag": False,
            "day": date(2024, 4, 23),
            "texts": ["a", "b"],
            "source": SOURCE,
        }
    )
    assert table.text("text") == "a"
    assert table.whole("whole") == 0
    assert table.wholes("wholes") == (1, 2)
    assert table.wholes("none") == ()
    assert str(table.number("number")) == "7.40"
    assert table.positive("number") == Decimal("7.4")
    assert table.flag("flag") is False
    assert table.day("day") == date(2024, 4, 23)
    assert table.texts("texts") == ("a", "b")
    found = table.source()
    assert (found.document, found.section, found.confidence) == ("a document", "a section", "V")
    assert (found.checked, found.to_be_confirmed) == (date(2026, 11, 21), False)
    assert table.names() == ["text", "whole", "wholes", "none", "number", "flag", "day", "texts", "source"]
    assert table.has("flag")
    assert not table.has("other")
    assert table.at("text") == "text"
    table.finish()


def test_a_source_of_general_knowledge_is_to_be_confirmed() -> None:
    assert TableReader({"source": {**SOURCE, "confidence": "GK"}}).source().to_be_confirmed
    assert TableReader({"other": SOURCE}).source("other").document == "a document"


def test_a_file_that_is_no_table_is_called_the_file() -> None:
    assert refusal(lambda: TableReader(1)) == "(file): must be a table; write it as a table"
    assert refusal(lambda: TableReader({}).raw("k")) == "k: is missing; add it"


HEART: Data = {"id": "CHK-HEART", "name": "heart failure", "about": "heart_failure", "when": "every_cycle"}
HEART |= {"source": SOURCE}
WAIT = {"intercurrent_illness": 0, "surgery": 0, "major_surgery": 84}
ILLNESS: Data = {"id": "CHK-ILL", "name": "illness", "about": "interruptions", "when": "every_cycle"}
ILLNESS |= {"source": SOURCE}
INR: Data = {"quantity": "INR", "above": Decimal("1.5"), "unit": "1"}
SURROGATE: Data = {"use": True, "quantity": "PTR", "bound": INR, "source": SOURCE}

PROTOCOL_REFUSALS: list[tuple[Change, str]] = [
    (lambda d: d.update(ctcae="9.0"), "ctcae: no criteria file for version 9.0; known: 5.0, 6.0"),
    (
        lambda d: d.update(compare_grades_with="9.0"),
        "compare_grades_with: no criteria file for version 9.0; known: 5.0, 6.0",
    ),
    (
        lambda d: d.update(use="always"),
        "use: 'always' is not known; use one of: label, research",
    ),
    (
        lambda d: d["schedule"]["window"].update(first_day=57),
        "schedule.window: does not hold the nominal interval; correct first_day, last_day or interval_days",
    ),
    (
        lambda d: d["schedule"]["window"].update(last_day=55),
        "schedule.window: does not hold the nominal interval; correct first_day, last_day or interval_days",
    ),
    (
        lambda d: d["schedule"]["reduced"].update(activity_gbq=Decimal("7.4")),
        "schedule.reduced.activity_gbq: is not below the full activity; correct one of the two",
    ),
    (
        lambda d: d["schedule"]["reduced"].update(counts_as_cycle=False),
        "schedule.reduced.counts_as_cycle: false is not supported; write true",
    ),
    (
        lambda d: d["schedule"].update(cycles=0),
        "schedule.cycles: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: d["schedule"].update(interval_days=0),
        "schedule.interval_days: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: d["schedule"]["window"].update(first_day=0),
        "schedule.window.first_day: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: d["schedule"]["window"].update(last_day=0),
        "schedule.window.last_day: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: d["delay_limit"].update(days=0),
        "delay_limit.days: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: d["delay_limit"].update(stops="never"),
        "delay_limit.stops: 'never' is not known; use one of: on_limit_day, after_limit_day",
    ),
    (
        lambda d: d["delay_limit"].update(warn_days=[98, 84]),
        "delay_limit.warn_days: must rise and lie below days; sort them, and drop what is not before",
    ),
    (
        lambda d: d["delay_limit"].update(warn_days=[84, 84]),
        "delay_limit.warn_days: must rise and lie below days; sort them, and drop what is not before",
    ),
    (
        lambda d: d["delay_limit"].update(warn_days=[84, d["delay_limit"]["days"]]),
        "delay_limit.warn_days: must rise and lie below days; sort them, and drop what is not before",
    ),
    (
        lambda d: d["weight"].update(due_days_before=29),
        "weight.due_days_before: is longer than the validity; correct one of the two",
    ),
    (
        lambda d: d["weight"].update(validity_days=0),
        "weight.validity_days: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: lab(d).update(analyte="XYZ"),
        f"lab[0].analyte: 'XYZ' is not known; known: {KNOWN}",
    ),
    (
        lambda d: d["lab"].append(copy.deepcopy(lab(d))),
        f"lab[{LABS}].analyte: PLT stands twice; keep one row",
    ),
    (
        lambda d: lab(d).update(due_days_before=15),
        "lab[0].due_days_before: is longer than the validity; correct one of the two",
    ),
    (
        lambda d: lab(d).update(validity_days=0),
        "lab[0].validity_days: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: lab(d).update(
            earlier_draw={"from_days_before": 14, "to_days_before": 15, "source": SOURCE}
        ),
        "lab[0].earlier_draw.from_days_before: lies after to_days_before; exchange the two",
    ),
    (
        lambda d: lab(d).update(earlier_draw={"from_days_before": 0, "to_days_before": 1, "source": SOURCE}),
        "lab[0].earlier_draw.from_days_before: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: lab(d).update(earlier_draw={"from_days_before": 1, "to_days_before": 0, "source": SOURCE}),
        "lab[0].earlier_draw.to_days_before: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: lab(d).update(
            earlier_draw={"from_days_before": 28, "to_days_before": 14, "source": SOURCE}
        ),
        "lab[0].earlier_draw: overlap: one draw would serve as both; keep them apart",
    ),
    (
        lambda d: d["toxicity"].append(copy.deepcopy(row(d, "toxicity", "DM-PLT"))),
        f"toxicity[{FAMILIES}].id: DM-PLT stands twice; keep one row",
    ),
    (
        lambda d: row(d, "toxicity", "DM-HEM")["terms"].append("Platelet count decreased"),
        "toxicity[1].terms: overlap: 'Platelet count decreased' already belongs to DM-PLT; keep one",
    ),
    (
        lambda d: row(d, "toxicity", "DM-HSR")["reported_terms"].append("Hepatic failure"),
        "toxicity[6].terms: overlap: 'Hepatic failure' already belongs to DM-HEP; keep one",
    ),
    (
        lambda d: row(d, "toxicity", "DM-LYM").update(other_events=True),
        "toxicity[5].other_events: overlap: two rows take all other events; keep one",
    ),
    (
        lambda d: row(d, "toxicity", "DM-PLT")["resolution"].update(grade=2),
        "toxicity[0].resolution.grade: overlap: must be one below trigger_grade; correct one of the two",
    ),
    (
        lambda d: row(d, "toxicity", "DM-PLT")["resolution"].update(grade=0),
        "toxicity[0].resolution.grade: gap: must be one below trigger_grade; correct one of the two",
    ),
    (
        lambda d: row(d, "toxicity", "DM-PLT").pop("terms"),
        "toxicity[0].terms: nothing can trigger this row; add terms or criteria",
    ),
    (
        lambda d: row(d, "toxicity", "DM-PLT").update(
            trigger_grade=5, resolution={"grade": 4, "source": SOURCE}
        ),
        "toxicity[0].trigger_grade: 5 is not a grade; use 1 to 4",
    ),
    (
        lambda d: row(d, "toxicity", "DM-PLT").update(trigger_grade=0),
        "toxicity[0].trigger_grade: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: row(d, "toxicity", "DM-PLT").update(terms=["Nothing"]),
        "toxicity[0].terms: CTCAE 5.0 file has no term 'Nothing'; correct the term",
    ),
    (
        lambda d: row(d, "toxicity", "DM-OTH")["exemption"][0].update(term="Nothing"),
        "toxicity[4].exemption[0].term: CTCAE 5.0 file has no term 'Nothing'; correct the term",
    ),
    (
        lambda d: row(d, "toxicity", "DM-OTH")["exemption"][0]["explained_by"][1].update(term="Nothing"),
        "toxicity[4].exemption[0].explained_by[1].term: CTCAE 5.0 file has no term 'Nothing';"
        " correct the term",
    ),
    (
        lambda d: row(d, "toxicity", "DM-OTH")["exemption"][0]["explained_by"][1].update(at_most=5),
        "toxicity[4].exemption[0].explained_by[1].at_most: must lie between at_least and 4;"
        " correct the grades",
    ),
    (
        lambda d: row(d, "toxicity", "DM-OTH")["exemption"][0]["explained_by"][0].update(at_most=0),
        "toxicity[4].exemption[0].explained_by[0].at_most: must lie between at_least and 4;"
        " correct the grades",
    ),
    (
        lambda d: row(d, "toxicity", "DM-REN").update(criteria="some"),
        "toxicity[2].criteria: 'some' is not known; use one of: any, all",
    ),
    (
        lambda d: row(d, "toxicity", "DM-REN")["criterion"][1]["resolves_by"][0].update(quantity="XYZ"),
        "toxicity[2].criterion[1].resolves_by[0].quantity: 'XYZ' is not known; use an analyte's short name",
    ),
    (
        lambda d: row(d, "toxicity", "DM-REN")["criterion"][1]["resolves_by"][0].update(pushed="out"),
        "toxicity[2].criterion[1].resolves_by[0].pushed: 'out' is not known; use one of: up, down",
    ),
    (
        lambda d: row(d, "toxicity", "DM-REN")["criterion"][0]["bounds"][0].update(quantity="XYZ"),
        "toxicity[2].criterion[0].bounds[0].quantity: 'XYZ' is not known; use an analyte's short name",
    ),
    (
        lambda d: row(d, "toxicity", "DM-REN")["criterion"][0]["bounds"][0].update(unit="mL/s"),
        "toxicity[2].criterion[0].bounds[0].unit: must be the canonical unit 'mL/min';"
        " convert the number, then write the unit",
    ),
    (
        lambda d: row(d, "toxicity", "DM-REN")["criterion"][0]["bounds"][0].update(above=3),
        "toxicity[2].criterion[0].bounds[0].(bound): must hold exactly one comparison; use one of: below,"
        " at_most, above, at_least, below_lln, below_uln, below_baseline, at_most_lln, at_most_uln,"
        " at_most_baseline, above_lln, above_uln, above_baseline, at_least_lln, at_least_uln,"
        " at_least_baseline, rises_percent, falls_percent",
    ),
    (
        lambda d: row(d, "toxicity", "DM-REN")["criterion"][2]["bounds"][0].update(falls_percent=100),
        "toxicity[2].criterion[2].bounds[0].falls_percent: must be below 100; correct the percentage",
    ),
    (
        lambda d: row(d, "floor", "ELIG-PLT").update(id="ELIG-" + "X" * 36),
        "floor[0].id: has 41 letters; use 40 at the most",
    ),
    (
        lambda d: row(d, "floor", "ELIG-PLT").update(when="sometimes"),
        "floor[0].when: 'sometimes' is not known; use one of: first_cycle, every_cycle",
    ),
    (
        lambda d: row(d, "floor", "ELIG-PLT").update(action="wait"),
        "floor[0].action: 'wait' is not known; use one of: note, delay, stop",
    ),
    (
        lambda d: d["check"].append(copy.deepcopy(row(d, "check", "ELIG-SSTR"))),
        f"check[{CHECKS}].about: overlap: 'sstr_imaging' is looked at twice; keep one row",
    ),
    (
        lambda d: row(d, "check", "ELIG-SSTR").update(id="CHK-PREGNANCY"),
        "check[1].id: CHK-PREGNANCY stands twice; keep one row",
    ),
    (
        lambda d: row(d, "check", "CHK-PREGNANCY").update(from_age=56),
        "check[0].to_age: lies below from_age; correct one of the two",
    ),
    (
        lambda d: row(d, "check", "CHK-PREGNANCY").update(due_days_before=8),
        "check[0].due_days_before: is longer than the validity; correct one of the two",
    ),
    (
        lambda d: row(d, "check", "CHK-PREGNANCY").update(validity_days=0),
        "check[0].validity_days: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: row(d, "check", "ELIG-SSTR").update(note_uptake=1),
        "check[1].note_uptake: must lie between least_uptake and 4; correct one of the two",
    ),
    (
        lambda d: row(d, "check", "ELIG-SSTR").update(note_uptake=5),
        "check[1].note_uptake: must lie between least_uptake and 4; correct one of the two",
    ),
    (
        lambda d: row(d, "check", "CHK-ANALOGUE").update(long_acting_note_days=27),
        "check[2].long_acting_note_days: lies below long_acting_days; correct one of the two",
    ),
    (
        lambda d: row(d, "check", "CHK-ANALOGUE").update(long_acting_days=0),
        "check[2].long_acting_days: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: row(d, "check", "CHK-ANALOGUE").update(long_acting_note_days=0),
        "check[2].long_acting_note_days: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: row(d, "check", "CHK-ANALOGUE").update(short_acting_days=0),
        "check[2].short_acting_days: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: row(d, "check", "CHK-ALLERGY").update(due_days_before=29),
        "check[3].due_days_before: is longer than the validity; correct one of the two",
    ),
    (
        lambda d: row(d, "check", "CHK-ALLERGY").update(validity_days=0),
        "check[3].validity_days: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: d["check"].append(HEART | {"stops_from_class": 5}),
        f"check[{CHECKS}].stops_from_class: is not a class; use 1 to 4",
    ),
    (
        lambda d: d["check"].append(HEART | {"stops_from_class": 0}),
        f"check[{CHECKS}].stops_from_class: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: d["check"].append(ILLNESS | {"wait_days": {"surgery": 0, "major_surgery": 84}}),
        f"check[{CHECKS}].wait_days.intercurrent_illness: is missing; add it",
    ),
    (
        lambda d: d["check"].append(ILLNESS | {"wait_days": WAIT | {"party": 1}}),
        f"check[{CHECKS}].wait_days.party: unknown key; remove it or correct its spelling",
    ),
    (
        lambda d: d["support"].append(copy.deepcopy(d["support"][0])),
        f"support[{SUPPORT}].kind: platelet_transfusion stands twice; keep one row",
    ),
    (
        lambda d: d["support"][0].update(analytes=["XYZ"]),
        f"support[0].analytes: 'XYZ' is not known; known: {KNOWN}",
    ),
    (
        lambda d: d["support"][0].update(days=0),
        "support[0].days: must be a whole number of at least 1; correct the number",
    ),
    (
        lambda d: d["support"][0].update(why=1),
        "support[0].why: unknown key; remove it or correct its spelling",
    ),
    (
        lambda d: d["prothrombin_surrogate"].update(bound={}),
        "prothrombin_surrogate.bound: unknown key; remove it or correct its spelling",
    ),
    (
        lambda d: d.update(prothrombin_surrogate=SURROGATE | {"quantity": "XYZ"}),
        "prothrombin_surrogate.quantity: 'XYZ' is not known; use an analyte's short name",
    ),
    (
        lambda d: d.update(prothrombin_surrogate=SURROGATE | {"bound": INR | {"more": 1}}),
        "prothrombin_surrogate.bound.more: unknown key; remove it or correct its spelling",
    ),
    (
        lambda d: d.update(prothrombin_surrogate=SURROGATE | {"more": 1}),
        "prothrombin_surrogate.more: unknown key; remove it or correct its spelling",
    ),
    (
        lambda d: d["order"][0].update(when="never"),
        "order[0].when: 'never' is not known; use one of: always, peritoneal_or_mesenteric_disease, "
        "pregnancy_possible",
    ),
    (
        lambda d: d["order"][0]["items"][0].update(product=1),
        "order[0].items[0].product: must be a text; write it in quotes",
    ),
]


@pytest.mark.parametrize(("change", "words"), PROTOCOL_REFUSALS)
def test_a_protocol_is_refused_in_exactly_these_words(change: Change, words: str) -> None:
    assert protocol_refusal(change) == words


CRITERIA_REFUSALS: list[tuple[Change, str]] = [
    (
        lambda d: term(d, "Neutrophil count decreased").update(term="Platelet count decreased"),
        "criterion[1].term: 'Platelet count decreased' stands twice; keep one",
    ),
    (
        lambda d: term(d, "Neutrophil count decreased").update(also_reported_as=["THROMBOCYTOPENIA"]),
        "criterion[1].also_reported_as: 'THROMBOCYTOPENIA' stands twice; keep one",
    ),
    (
        lambda d: term(d, "Platelet count decreased").update(unit="K/uL"),
        "criterion[0].unit: is not the canonical unit of PLT (10*9/L); convert the bounds to it",
    ),
    (
        lambda d: term(d, "Platelet count decreased").update(quantity="XYZ"),
        "criterion[0].quantity: 'XYZ' is not known; use an analyte's short name",
    ),
    (
        lambda d: term(d, "Platelet count decreased").update(graded_by_people=4),
        "criterion[0].graded_by_people: must be a list of grades; write it as [4]",
    ),
    (
        lambda d: term(d, "Platelet count decreased").update(graded_by_people=[5]),
        "criterion[0].graded_by_people: 5 is not a grade; use whole numbers from 1 to 4",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["rows"][0].update(grade=True),
        "criterion[0].rows[0].grade: True is not a grade; use whole numbers from 1 to 4",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["rows"][3].update(grade=0),
        "criterion[0].rows[3].grade: 0 is not a grade; use whole numbers from 1 to 4",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["rows"][0].update(grade_to=5),
        "criterion[0].rows[0].grade_to: 5 is not a grade; use whole numbers from 1 to 4",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["published"].update(x="?"),
        "criterion[0].published.x: 'x' is not a grade; use whole numbers from 1 to 4",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["rows"].pop(1),
        "criterion[0].rows: gap: published grade 3 has no row; add it, or list it as graded_by_people",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["published"].pop("4"),
        "criterion[0].published: gap: grade 4 has a row but no published words; add them",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["rows"].reverse(),
        "criterion[0].rows: must stand most severe first; sort them by grade, highest first",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["rows"].append({"grade": 1, "above": 9}),
        "criterion[0].rows: compare in both directions; write one criterion for each direction",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["rows"][1].update(below=25),
        "criterion[0].rows: overlap: grade 3 can never be reached beside 4; correct a bound",
    ),
    (
        lambda d: term(d, "Hyperkalemia")["rows"][1].update(above=Decimal("7.0")),
        f"criterion[{POTASSIUM}].rows: overlap: grade 3 can never be reached beside 4; correct a bound",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["rows"][0].update(when_baseline="odd"),
        "criterion[0].rows[0].when_baseline: 'odd' is not known; use one of: normal, abnormal, low",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["rows"][0].update(
            when_baseline="low", when_fasting=True
        ),
        "criterion[0].rows[0].when_fasting: stands beside when_baseline; keep one condition for each row",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["rows"][0].update(when_fasting=False),
        "criterion[0].rows[0].when_fasting: false says nothing; write true, or leave it out",
    ),
    (
        lambda d: term(d, "Platelet count decreased")["rows"][0].update(below=Decimal(0)),
        "criterion[0].rows[0].below: must be above zero; correct the number",
    ),
    (lambda d: d.update(more=1), "more: unknown key; remove it or correct its spelling"),
]


@pytest.mark.parametrize(("change", "words"), CRITERIA_REFUSALS)
def test_criteria_are_refused_in_exactly_these_words(change: Change, words: str) -> None:
    assert criteria_refusal(change) == words


ACCEPTED: list[Change] = [
    lambda d: d["schedule"].update(cycles=1),
    lambda d: d["schedule"].update(interval_days=1, window={"first_day": 1, "last_day": 1, "source": SOURCE}),
    lambda d: d["schedule"]["reduced"].update(activity_gbq=Decimal("7.39")),
    lambda d: d["delay_limit"].update(days=1, warn_days=[]),
    lambda d: d["delay_limit"].update(warn_days=[1, d["delay_limit"]["days"] - 1]),
    lambda d: d["weight"].update(validity_days=1, due_days_before=1),
    lambda d: d["weight"].update(due_days_before=0),
    lambda d: d["patient"].update(minimum_age=0),
    lambda d: lab(d).update(validity_days=1, due_days_before=1),
    lambda d: lab(d).update(earlier_draw={"from_days_before": 15, "to_days_before": 15, "source": SOURCE}),
    lambda d: row(d, "toxicity", "DM-LYM").update(trigger_grade=1, resolution={"grade": 0, "source": SOURCE}),
    lambda d: row(d, "toxicity", "DM-LYM").update(trigger_grade=4, resolution={"grade": 3, "source": SOURCE}),
    lambda d: row(d, "toxicity", "DM-OTH")["exemption"][0]["explained_by"][0].update(at_least=4),
    lambda d: row(d, "toxicity", "DM-REN")["criterion"][2]["bounds"][0].update(falls_percent=99),
    lambda d: row(d, "floor", "ELIG-PLT").update(id="ELIG-" + "X" * 35),
    lambda d: row(d, "check", "CHK-PREGNANCY").update(from_age=0, to_age=0),
    lambda d: row(d, "check", "CHK-PREGNANCY").update(validity_days=1, due_days_before=1),
    lambda d: row(d, "check", "ELIG-SSTR").update(least_uptake=0, note_uptake=0),
    lambda d: row(d, "check", "ELIG-SSTR").update(least_uptake=4, note_uptake=4),
    lambda d: row(d, "check", "CHK-ANALOGUE").update(
        long_acting_days=1, long_acting_note_days=1, short_acting_days=1
    ),
    lambda d: row(d, "check", "CHK-ALLERGY").update(validity_days=1, due_days_before=1),
    lambda d: d["check"].append(HEART | {"stops_from_class": 1}),
    lambda d: d["check"].append(HEART | {"stops_from_class": 4}),
    lambda d: d["check"].append(ILLNESS | {"wait_days": WAIT}),
    lambda d: d["support"][0].update(days=1),
    lambda d: d.pop("support"),
    lambda d: d.pop("check"),
    lambda d: d.update(prothrombin_surrogate=SURROGATE),
    lambda d: d.update(compare_grades_with="none"),
]


@pytest.mark.parametrize("change", ACCEPTED)
def test_what_stands_exactly_at_its_limit_is_accepted(change: Change) -> None:
    data = copy.deepcopy(PROTOCOL)
    change(data)
    criteria = {version: library.criteria(version) for version in ("5.0", "6.0")}
    found = read_protocol(data, criteria=criteria, names=NAMES, units=UNITS)
    assert found.id == PROTOCOL["id"]
    assert found != library.protocol(PROTOCOL["id"])
