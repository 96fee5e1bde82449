"""The mutator changes one thing at a time, its run fails on a survivor, and equivalents have their reason."""

import tomllib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from courses import library
from tests.case_reader import EXTRA_PROTOCOLS
from tests.mutation.mutate_core import EQUIVALENT as CODE_LIST
from tests.mutation.mutate_core import CodeMutant, read_equivalent
from tests.mutation.mutate_core import report as report_code
from tests.mutation.mutate_protocol import EQUIVALENT as ROW_LIST
from tests.mutation.mutate_protocol import (
    Explained,
    Fate,
    Judge,
    Trial,
    changed_shelf,
    mutants_of,
    read_explained,
    report,
)
from tests.mutation.row_mutants import as_toml, row_mutants

US = library.FOLDER / "lutathera_us_2024_04.toml"


def names(data: dict[str, Any]) -> set[str]:
    return {mutant.name for mutant in row_mutants(data)}


def test_a_number_moves_by_one_step_of_its_last_written_digit() -> None:
    found = {
        mutant.name: mutant.data["t"]["n"]
        for mutant in row_mutants({"t": {"n": Decimal("3.0")}})
        if "->" in mutant.name
    }
    assert found == {"t.n: 3.0 -> 2.9": Decimal("2.9"), "t.n: 3.0 -> 3.1": Decimal("3.1")}
    assert names({"n": 14}) == {"n: dropped", "n: 14 -> 13", "n: 14 -> 15"}


def test_a_comparison_is_written_the_other_way_and_keeps_its_place() -> None:
    rows = [mutant.data for mutant in row_mutants({"below_lln": 1, "grade": 1}) if "written" in mutant.name]
    assert [list(row) for row in rows] == [["at_most_lln", "grade"]]
    assert "rises_percent: written as falls_percent" in names({"rises_percent": 40})


def test_a_choice_is_exchanged_for_every_other_word() -> None:
    assert names({"on_first": "delay"}) == {
        "on_first: dropped",
        "on_first: delay -> note",
        "on_first: delay -> stop",
    }
    assert "count: True -> False" in names({"count": True})


def test_rows_and_words_of_a_list_are_dropped_by_name() -> None:
    found = names({"lab": [{"analyte": "PLT"}, {"analyte": "ANC"}], "terms": ["a", "b"]})
    assert {"lab[PLT]: dropped", "lab[ANC]: dropped", "terms[a]: dropped", "terms[b]: dropped"} <= found


def test_neighbours_are_exchanged_within_a_table_and_between_rows() -> None:
    window = [m for m in row_mutants({"w": {"first_day": 49, "last_day": 63}}) if "exchanged" in m.name]
    assert [m.data for m in window] == [{"w": {"first_day": 63, "last_day": 49}}]
    rows = [m for m in row_mutants({"rows": [{"below": 25}, {"below": 50}]}) if "exchanged" in m.name]
    assert [m.data["rows"] for m in rows] == [[{"below": 50}, {"below": 25}]]
    days = [m for m in row_mutants({"warn_days": [84, 98]}) if "exchanged" in m.name]
    assert [m.data["warn_days"] for m in days] == [[98, 84]]


def test_citations_and_titles_are_left_alone() -> None:
    assert names({"source": {"checked": date(2026, 11, 21)}, "title": "a", "published": {"1": "<2"}}) == set()


@pytest.mark.parametrize("file", sorted(library.FOLDER.glob("*.toml")), ids=lambda file: file.stem)
def test_a_file_written_anew_reads_as_the_file_itself(file) -> None:
    data = tomllib.loads(file.read_text("utf-8"), parse_float=Decimal)
    assert tomllib.loads(as_toml(data), parse_float=Decimal) == data
    found = list(row_mutants(data))
    assert len({mutant.name for mutant in found}) == len(found)
    assert all(mutant.data != data for mutant in found)


def test_a_changed_bound_is_noticed_and_the_file_itself_is_not() -> None:
    wanted = "toxicity[DM-PLT].on_first: delay -> stop"
    (mutant,) = [mutant for mutant in mutants_of(US) if mutant.name == wanted]
    assert Judge().notices(changed_shelf(US, mutant), mutant.around)
    assert not Judge().notices(library.Shelf([library.FOLDER, EXTRA_PROTOCOLS]), mutant.around)


def test_a_survivor_and_an_idle_explanation_both_fail_the_run(capsys) -> None:
    rows = [Explained(file="a.toml", mutants=("x[1].*: dropped", "gone"), reason="none")]
    fates = [("a.toml", "x[1].y: dropped", Fate.UNNOTICED), ("a.toml", "z", Fate.UNNOTICED)]
    assert report(iter(fates), rows, step=lambda: None) == 1
    told = capsys.readouterr().out
    assert "unnoticed: a.toml: z" in told
    assert "no longer survives: a.toml: gone" in told
    assert (
        "a.toml: 2 mutants: 0 refused by the loader, 0 noticed by a case, 1 equivalent, 1 unnoticed" in told
    )
    rows = [Explained(file="*.toml", mutants=("z",), reason="none")]
    assert report(iter(fates[1:]), rows, step=lambda: None) == 0


def mutant(was: str, exit_code: int) -> CodeMutant:
    return CodeMutant(
        name="", module="m", function="f", text="def f():", was=was, becomes="b", exit_code=exit_code
    )


def test_code_survivors_without_a_reason_fail_the_run(capsys) -> None:
    killed = [mutant(str(number), 1) for number in range(99)]
    assert report_code([*killed, mutant("a", 0)], {}) == 1
    assert "survived: m.f\n- a\n+ b" in capsys.readouterr().out
    assert report_code([*killed, mutant("a", 0)], {("m.f", "a", "b"): "why"}) == 0
    assert report_code(killed, {("m.f", "a", "b"): "why"}) == 1
    assert report_code([*killed[:9], mutant("a", 0)], {("m.f", "a", "b"): "why"}) == 1


def test_every_equivalent_has_a_reason_and_stands_once() -> None:
    rows = read_explained()
    assert all(row.reason and row.mutants for row in rows)
    listed = [(row.file, name) for row in rows for name in row.mutants]
    assert len(set(listed)) == len(listed)
    assert all(read_equivalent().values())
    assert len(read_equivalent()) == len(tomllib.loads(CODE_LIST.read_text("utf-8"))["equivalent"])
    assert ROW_LIST.name == "equivalent_rows.toml"


def test_a_case_that_waits_for_a_refusal_in_vain_has_noticed_the_change() -> None:
    def refused() -> None:
        with pytest.raises(ValueError, match="all 4 planned cycles"):
            assess_nothing()

    def assess_nothing() -> None:
        """No refusal comes."""

    assert Trial(rests_on="", words=frozenset(), run=refused).fails()
    assert not Trial(rests_on="", words=frozenset(), run=assess_nothing).fails()
