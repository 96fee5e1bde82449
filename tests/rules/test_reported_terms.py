"""What people report belongs to the rule that the golden list names, under whatever spelling they use."""

import csv
from pathlib import Path

import pytest

from courses import library
from courses.rules.derived import Case
from courses.rules.evidence import read_history
from courses.rules.manual_grades import folded
from courses.rules.toxicity import family_of
from courses.rules.values import Chart

LIST = Path(__file__).parent.parent / "golden" / "reported_terms.csv"
LABELS = ("lutathera_us_2024_04", "lutathera_us_2024_04_ctcae_6_0", "lutathera_ema_2024")


def read_lines() -> list[dict[str, str]]:
    """Each name that people use, with the rule and the term it stands for."""
    text = LIST.read_text("utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


LINES = [(protocol, line) for protocol in LABELS for line in read_lines()]


@pytest.mark.parametrize(("protocol_id", "line"), LINES, ids=[f"{p}: {x['reported']}" for p, x in LINES])
def test_a_reported_name_belongs_to_the_rule_and_term_of_the_golden_list(
    protocol_id: str, line: dict[str, str]
) -> None:
    protocol = library.protocol(protocol_id)
    empty = Chart(birth_date=None, sex=None)
    case = Case(chart=empty, history=read_history(empty), protocol=protocol)
    term = line[f"term_{protocol.criteria.version.replace('.', '_')}"]
    spaced = line["reported"].replace(" ", "-")
    for reported in (line["reported"], line["reported"].upper(), spaced, f" {spaced}, "):
        family, track = family_of(reported, case)
        assert family is not None
        assert (family.id, track.casefold()) == (line["rule"], term.casefold())


def test_the_golden_list_holds_every_name_of_the_protocols() -> None:
    """A name added to a file needs its line; nothing is compared with the list that the list lacks."""
    listed = {line["reported"] for line in read_lines()}
    for protocol in map(library.protocol, LABELS):
        for family in protocol.families:
            assert set(family.reported_terms) <= listed
            also = {n for t in family.terms for n in protocol.criteria.by_term[t].also_reported_as}
            assert also <= listed, family.id


def test_the_golden_list_has_a_name_for_every_stem_that_no_other_stem_finds() -> None:
    names = [folded(line["reported"]) for line in read_lines()]
    for protocol in map(library.protocol, LABELS):
        stems = [stem for family in protocol.families for stem in family.reported_stems]
        named = {folded(name) for family in protocol.families for name in family.reported_terms}
        alone = [found[0] for name in names if name not in named and len(found := held(name, stems)) == 1]
        assert set(alone) == set(stems)
        assert stems


def held(name: str, stems: list[str]) -> list[str]:
    """The stems that a name contains."""
    return [stem for stem in stems if stem in name]


@pytest.mark.parametrize(
    "written",
    [
        "Infusion related reaction",
        "INFUSION  Related\treaction",
        "infusion-related reaction",
        "Infusion\u2010related\u2011reaction",
        "Infusion\u2012related\u2013reaction",
        "Infusion \u2014 related \u2212 reaction",
        "infusion/related reaction.",
        ", Infusion related, reaction",
    ],
)
def test_names_are_compared_without_letter_case_and_without_what_sets_words_apart(written: str) -> None:
    assert folded(written) == "infusion related reaction"


def test_names_that_differ_in_a_letter_stay_apart() -> None:
    assert folded("Infusionrelated reaction") != folded("Infusion-related reaction")
    assert folded("Hypokalemia") != folded("Hyperkalemia")
    assert folded("ANGIO\u0152DEMA stra\u00dfe") == "angio\u0153dema strasse"
