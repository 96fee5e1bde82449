"""The table a clinician signs names every row of a protocol with its numbers and its source."""

import re
from dataclasses import replace

import pytest

from courses import library
from courses.protocol_table import protocol_rows, versions_words
from courses.rules.protocol import Protocol
from tests.case_reader import EXTRA_PROTOCOLS
from tests.courses.test_assess import run

EMA = library.protocol("lutathera_ema_2024")
SYNTHETIC = library.protocol("synthetic_five", extra=EXTRA_PROTOCOLS)


def rows(protocol: Protocol) -> dict[str, list[str]]:
    """The words of each rule."""
    found: dict[str, list[str]] = {}
    for rule, words, _ in protocol_rows(protocol):
        found.setdefault(rule, []).append(words)
    return found


@pytest.mark.parametrize("protocol_id", library.protocol_ids())
def test_every_row_of_a_protocol_stands_in_the_table(protocol_id: str) -> None:
    protocol = library.protocol(protocol_id)
    found = rows(protocol)
    for row in (*protocol.families, *protocol.floors, *protocol.checks):
        assert row.id in found
    for lab in protocol.labs:
        assert f"lab {lab.analyte}" in found
        assert (f"lab {lab.analyte}, earlier draw" in found) is (lab.earlier is not None)
    for order in protocol.orders:
        assert f"order {order.kind.value}" in found


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            "LIM-DELAY",
            "stops after day 112, counted from the last administration; delay by other causes counts",
        ),
        ("LIM-DELAY warnings", "day 84, day 98, day 105"),
        ("ELIG-AGE", "18 years or older"),
        ("vial ordered", "at the latest 14 days before the planned day"),
        ("draw between cycles", "PLT, ANC, WBC, HGB on day 28 to 42 after each administration"),
        ("corticosteroid cover", "begins on the day, over between 14 and 28 days after it"),
        ("follow-up", "48, 60 months after the last administration; up to 14 days early, overdue after 14"),
        ("lab PLT", "always needed, valid 7 days, due 2 days before"),
        ("lab PLT, earlier draw", "another draw 28 to 14 days before the planned day"),
        ("lab PTR", "where a rule asks, valid 7 days"),
        ("EV-WEIGHT", "valid 28 days, due 7 days before; the nearest weight stands in at the baseline"),
        ("DM-REN", "Creatinine ≥ 1.4 × baseline; first: delay, recurrent (counted by family): stop"),
        ("DM-OTH", "a grade no worse than the baseline's is spared"),
        ("DM-HSR", "milder grades: premedicate before the next cycle"),
        ("DM-LYM", "first: note, recurrent (counted by family): note"),
        ("ELIG-RENAL-FAILURE", "before cycle 1, stop while Creatinine clearance < 30 mL/min"),
        ("ELIG-CRCL-CAUTION", "before cycle 1, note while Creatinine clearance < 50 mL/min"),
        (
            "ELIG-WBC",
            "not while Lymphocyte count decreased grade 1 to 4 and Neutrophil count decreased grade 0",
        ),
        ("CHK-POTASSIUM", "before every cycle, delay while Potassium > 1 × ULN"),
        (
            "CHK-PREGNANCY",
            "women of 18 to 55 years, test at most 7 days before, due 2 days before; pregnant: stop",
        ),
        ("ELIG-SSTR", "before cycle 1: uptake 2 or more, note up to 2; below: delay"),
        (
            "CHK-ANALOGUE",
            "long-acting at least 28 days before, note below 30 days; short-acting at least 1 day",
        ),
        ("CHK-ALLERGY", "at most 28 days before, due 7 days before; contraindicated: stop"),
        ("CHK-HEART", "stops from New York Heart Association class 3 on"),
        ("CHK-INTERRUPTION", "intercurrent illness 0, surgery 0, major surgery 84"),
        ("after growth factor", "for 14 days ANC, WBC may alarm but proves no recovery"),
    ],
)
def test_the_words_of_a_row_hold_its_numbers(rule: str, words: str) -> None:
    assert any(words in line for line in rows(EMA)[rule])


def test_a_surrogate_and_the_other_choices_are_told_where_they_are_made() -> None:
    found = rows(SYNTHETIC)
    assert [words for words in found["surrogate"] if words.endswith("stands in for Prothrombin ratio")]
    assert found["LIM-DELAY"][0].startswith(
        "stops after day 42, counted from the nominal day; delay by other"
    )
    assert found["LIM-DELAY"][0].endswith("is subtracted")
    assert "surrogate" not in rows(EMA)
    assert rows(replace(EMA, delay_limit=replace(EMA.delay_limit, warn_days=())))["LIM-DELAY warnings"] == [
        "none"
    ]


def test_the_versions_of_the_criteria_are_told() -> None:
    assert versions_words(EMA) == "Graded by CTCAE 5.0; differing grades of CTCAE 6.0 are listed"
    assert versions_words(SYNTHETIC).endswith("no other version is compared")


def test_the_command_marks_what_is_to_be_confirmed_and_names_the_base_of_a_variant() -> None:
    done = run("check_protocols")
    assert done.returncode == 0, done.stderr
    printed = re.sub(r"\s+", " ", done.stdout)
    for protocol_id in library.protocol_ids():
        assert library.protocol_sha256(protocol_id) in printed
    assert "A variant of lutathera_us_2024_04: what its own file does not say is said there." in printed
    assert "For courses, once two people have approved it." in printed
    open_rows = sum(source.to_be_confirmed for _, _, source in protocol_rows(EMA))
    assert f"{open_rows} of {len(list(protocol_rows(EMA)))} rows are to be confirmed by the clinic" in printed
