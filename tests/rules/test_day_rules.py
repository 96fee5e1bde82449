"""The files of the day of therapy: what they say, and what the reader refuses."""

import tomllib
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from courses.rules.data_reader import DataError
from courses.rules.day_rules import Force, read_day_rules

FINE = Decimal("0.00000000001")
FOLDER = Path(__file__).parents[2] / "courses" / "protocols" / "therapy_day"


def data_of(name: str) -> dict:
    return tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"), parse_float=Decimal)


def test_the_us_day_says_what_the_dossier_says():
    rules = read_day_rules(data_of("lutathera_us"))
    # Clinical dossier 7.2 and 7.3: 6.647 d, NDC 69488-003-01, 72 h; 10 % warns, more than 20 % refuses.
    assert rules.dispensing.half_life == timedelta(days=6, hours=15, minutes=31, seconds=40, milliseconds=800)
    assert rules.dispensing.product_codes == ("69488-003-01",)
    assert rules.dispensing.shelf_life == timedelta(hours=72)
    assert (rules.dispensing.assay_warn_percent, rules.dispensing.assay_refuse_percent) == (10, 20)
    assert rules.dispensing.event_percent == 20
    # T-07, T-08, Table 1.
    assert rules.amino_acids.lead == timedelta(minutes=30)
    assert rules.amino_acids.after == timedelta(hours=3)
    assert rules.amino_acids.in_all == timedelta(hours=4)
    assert rules.amino_acids.in_all_tolerance == timedelta(minutes=15)
    assert (rules.amino_acids.least_g, rules.amino_acids.most_g) == (18, 25)
    assert (rules.amino_acids.least_ml, rules.amino_acids.most_ml) == (1000, 2000)
    # T-04, T-06, T-11, T-12, T-14.
    assert rules.analogue.short_acting_off == timedelta(hours=24)
    assert (rules.analogue.restart_from, rules.analogue.restart_to) == (
        timedelta(hours=4),
        timedelta(hours=24),
    )
    assert rules.premedication.antiemetic_lead == timedelta(minutes=30)
    assert (rules.infusion.least, rules.infusion.most) == (timedelta(minutes=30), timedelta(minutes=40))
    assert rules.release.observation == timedelta(hours=2)
    # Issue: 23 Gy and 2 Gy; 10 CFR 35.3045: next day, 15 days.
    assert (rules.dose_limits.kidneys_gy, rules.dose_limits.bone_marrow_gy) == (23, 2)
    assert (rules.regulator.notify_days, rules.regulator.report_days) == (1, 15)
    assert rules.potassium.force is Force.WARN
    assert not rules.steroid.warn


def test_the_eu_day_differs_where_its_text_does():
    rules = read_day_rules(data_of("lutathera_ema"))
    assert rules.potassium.force is Force.BLOCK  # EU-12
    assert (rules.infusion.least, rules.infusion.most) == (
        timedelta(minutes=20),
        timedelta(minutes=40),
    )  # T-11
    assert rules.steroid.warn  # EU-17
    assert rules.steroid.after_end == timedelta(hours=1)
    assert rules.amino_acids.most_ml == 2200  # EU-10


TABLES = (
    "dispensing",
    "amino_acids",
    "premedication",
    "potassium",
    "analogue",
    "steroid",
    "infusion",
    "release",
    "dose_limits",
    "regulator",
)


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_needed_whole_and_with_its_source(table):
    whole = data_of("lutathera_us")
    for key in whole[table]:
        data = deepcopy(whole)
        del data[table][key]
        with pytest.raises(DataError) as refused:
            read_day_rules(data)
        assert refused.value.key.startswith(f"{table}.{key}")
    data = deepcopy(whole)
    data[table]["invented"] = 1
    with pytest.raises(DataError, match="unknown key"):
        read_day_rules(data)
    data = deepcopy(whole)
    del data[table]
    with pytest.raises(DataError, match="missing"):
        read_day_rules(data)


@pytest.mark.parametrize(
    ("table", "key", "value", "problem", "remedy"),
    [
        ("dispensing", "product_codes", [], "names none", "name each code that stands on the product"),
        ("dispensing", "assay_refuse_percent", 9, "is milder than the warning", "correct one of the two"),
        ("dispensing", "half_life_hours", FINE, "is finer than a microsecond", "write fewer digits"),
        ("amino_acids", "most_g", 17, "lies below the least", "correct one of the two"),
        ("amino_acids", "most_ml", 999, "lies below the least", "correct one of the two"),
        ("analogue", "restart_to_hours", 4, "is not after restart_from_hours", "correct one of the two"),
        ("infusion", "most_minutes", 29, "lies below the least", "correct one of the two"),
        ("regulator", "report_days", 0, "lies before the notification", "correct one of the two"),
    ],
)
def test_nonsense_is_refused_with_its_key_and_its_remedy(table, key, value, problem, remedy):
    data = data_of("lutathera_us")
    data[table][key] = value
    with pytest.raises(DataError) as refused:
        read_day_rules(data)
    found = refused.value
    assert (found.key, found.reason, found.remedy) == (f"{table}.{key}", problem, remedy)


@pytest.mark.parametrize(
    ("table", "key", "value", "says"),
    [("potassium", "force", "maybe", "not known"), ("release", "observation_minutes", 0, "above zero")],
)
def test_a_value_of_the_wrong_kind_is_refused_with_its_key(table, key, value, says):
    data = data_of("lutathera_us")
    data[table][key] = value
    with pytest.raises(DataError, match=says) as refused:
        read_day_rules(data)
    assert refused.value.key == f"{table}.{key}"


def test_bounds_may_meet():
    data = data_of("lutathera_us")
    data["dispensing"]["assay_refuse_percent"] = 10
    data["amino_acids"] |= {"most_g": 18, "most_ml": 1000}
    data["infusion"]["most_minutes"] = 30
    data["regulator"]["report_days"] = 1
    assert read_day_rules(data).infusion.most == timedelta(minutes=30)


def test_a_file_without_protocols_is_for_nobody():
    data = data_of("lutathera_us")
    data["protocols"] = []
    with pytest.raises(DataError) as refused:
        read_day_rules(data)
    found = refused.value
    assert (found.key, found.reason, found.remedy) == (
        "protocols",
        "names none",
        "name each protocol whose day this is",
    )


def test_a_file_names_the_protocols_whose_day_it_is():
    data = data_of("lutathera_us")
    assert read_day_rules(data).protocols == tuple(data["protocols"])


def test_an_unknown_key_of_the_file_is_refused():
    data = data_of("lutathera_us")
    data["extra"] = 1
    with pytest.raises(DataError, match="unknown key"):
        read_day_rules(data)
