"""Protocol files are read once, known by id and hash, and refused when they are not whole."""

import hashlib
from functools import partial
from pathlib import Path

import pytest
from django.core.checks import run_checks

from courses import apps, library
from courses.data_file import LibraryError
from courses.day_library import all_day_rules
from courses.library import Shelf, UnknownProtocol
from courses.rules.protocol import Use
from tests.case_reader import EXTRA_PROTOCOLS

US = library.FOLDER / "lutathera_us_2024_04.toml"
VARIANT = library.FOLDER / "lutathera_us_2024_04_ctcae_6_0.toml"
CTCAE = library.FOLDER / "ctcae_5_0.toml"
CTCAE_6 = library.FOLDER / "ctcae_6_0.toml"
VARIANT_OF = 'id = "mine"\ntitle = "Mine"\nbase = "{base}"\n'


def folder(tmp_path: Path, **files: str) -> Path:
    """A folder with the criteria and the files given."""
    for path in (CTCAE, CTCAE_6):
        (tmp_path / path.name).write_text(path.read_text("utf-8"), "utf-8")
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text, "utf-8")
    return tmp_path


def test_the_us_label_is_there_with_its_hash() -> None:
    found = library.protocol("lutathera_us_2024_04")
    assert (found.schedule.cycles, str(found.schedule.activity_gbq)) == (4, "7.4")
    everything = US.read_bytes() + CTCAE.read_bytes() + CTCAE_6.read_bytes()
    assert library.protocol_sha256(found.id) == hashlib.sha256(everything).hexdigest()
    assert found.id in library.protocol_ids()
    assert library.criteria("5.0").version == "5.0"


def test_the_hash_of_a_protocol_without_a_comparison_covers_one_version_of_the_criteria() -> None:
    everything = (EXTRA_PROTOCOLS / "synthetic_five.toml").read_bytes() + CTCAE.read_bytes()
    found = library.protocol_sha256("synthetic_five", extra=EXTRA_PROTOCOLS)
    assert found == hashlib.sha256(everything).hexdigest()


def test_a_changed_criterion_changes_the_hash_of_every_protocol_that_grades_or_compares_by_it(
    tmp_path: Path,
) -> None:
    files = folder(tmp_path, lutathera_us_2024_04=US.read_text("utf-8"))
    before = Shelf([files]).sha256["lutathera_us_2024_04"]
    for name in ("ctcae_5_0.toml", "ctcae_6_0.toml"):
        path = files / name
        path.write_text(path.read_text("utf-8") + "\n", "utf-8")
        after = Shelf([files]).sha256["lutathera_us_2024_04"]
        assert after != before
        before = after


def test_a_variant_takes_from_its_base_what_it_does_not_say() -> None:
    base, found = library.protocol(US.stem), library.protocol(VARIANT.stem)
    assert (found.criteria.version, base.criteria.version) == ("6.0", "5.0")
    assert found.other_criteria is base.criteria
    assert found.title != base.title
    assert (found.schedule, found.floors, found.checks) == (base.schedule, base.floors, base.checks)
    assert found.families[0].terms == ("Thrombocytopenia",)
    assert base.families[0].terms == ("Platelet count decreased",)
    everything = b"".join(path.read_bytes() for path in (VARIANT, US, CTCAE_6, CTCAE))
    assert library.protocol_sha256(found.id) == hashlib.sha256(everything).hexdigest()
    assert library.shelf().base == {VARIANT.stem: US.stem}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (VARIANT_OF.format(base="nothing"), "base: there is no protocol 'nothing'; use one of: lutathera_us"),
        (
            VARIANT_OF.format(base="first") + 'ctcae = "6.0"\n',
            "base: 'first' is itself a variant; name its own base, 'lutathera_us_2024_04', and repeat",
        ),
        (VARIANT_OF.format(base=US.stem) + "surprise = 1\n", "surprise: is no key of the base; remove it"),
        (f'title = "Mine"\nbase = "{US.stem}"\n', "id: is missing; add it: a variant has its own"),
        (f'id = "mine"\nbase = "{US.stem}"\n', "title: is missing; add it"),
        ('id = "mine"\ntitle = "Mine"\nbase = ["first"]\n', "base: must be a text; write it in quotes"),
        (VARIANT_OF.format(base=US.stem) + 'ctcae = "7.0"\n', "ctcae: no criteria file for version 7.0"),
    ],
)
def test_a_variant_that_is_not_whole_is_refused_with_file_key_and_remedy(
    tmp_path: Path, text: str, words: str
) -> None:
    first = VARIANT_OF.format(base=US.stem).replace("mine", "first")
    files = folder(tmp_path, lutathera_us_2024_04=US.read_text("utf-8"), first=first, mine=text)
    with pytest.raises(LibraryError) as caught:
        Shelf([files])
    assert str(caught.value).startswith(f"mine.toml: {words}")


def test_no_research_protocol_is_among_those_of_the_product() -> None:
    assert {library.protocol(found).use for found in library.protocol_ids()} == {Use.LABEL}
    assert library.protocol("synthetic_five", extra=EXTRA_PROTOCOLS).use is Use.RESEARCH


def test_an_unknown_protocol_is_named_with_those_known() -> None:
    with pytest.raises(UnknownProtocol) as caught:
        library.protocol("nothing")
    assert str(caught.value).startswith(
        "no protocol 'nothing'; known: lutathera_ema_2024, lutathera_us_2024_04"
    )
    with pytest.raises(UnknownProtocol):
        library.protocol_sha256("nothing")


def test_a_further_folder_is_read_only_when_asked() -> None:
    assert "synthetic_five" not in library.protocol_ids()
    assert library.protocol("synthetic_five", extra=EXTRA_PROTOCOLS).schedule.cycles == 5


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"broken": "id = "}, "broken.toml: (file): is not readable TOML"),
        ({"other": US.read_text("utf-8")}, "other.toml: id: differs from the file's name"),
        ({"lutathera_us_2024_04": US.read_text("utf-8") + "\nnew = 1\n"}, "lutathera_us_2024_04.toml: "),
        (
            {"ctcae_again": CTCAE.read_text("utf-8")},
            "ctcae_again.toml: ctcae_version: 5.0 stands in two files",
        ),
        (
            {"ctcae_4": 'ctcae_version = "4"\ntitle = "x"\nsurprise = 1\ncriterion = []'},
            "ctcae_4.toml: criterion: must be a list of tables",
        ),
    ],
)
def test_a_file_that_is_not_whole_is_refused_with_file_key_and_remedy(tmp_path, files, words) -> None:
    with pytest.raises(LibraryError) as caught:
        Shelf([folder(tmp_path, **files)])
    assert str(caught.value).startswith(words)
    assert caught.value.remedy


def test_one_id_in_two_folders_is_refused(tmp_path: Path) -> None:
    (tmp_path / US.name).write_text(US.read_text("utf-8"), "utf-8")
    with pytest.raises(LibraryError, match="stands in two files"):
        Shelf([library.FOLDER, tmp_path])


def test_the_engine_has_one_short_name() -> None:
    assert library.engine() == library.engine()
    assert len(library.engine()) <= 40


def test_a_service_does_not_start_with_a_damaged_file_and_says_which(tmp_path, monkeypatch):
    (tmp_path / "lutathera_us_2024_04.toml").write_text("id = ", encoding="utf-8")
    monkeypatch.setattr(apps, "all_day_rules", partial(all_day_rules, tmp_path))
    (error,) = run_checks()
    assert (error.id, "lutathera_us_2024_04.toml: (file)" in error.msg) == ("courses.E001", True)
    assert error.hint == "correct that line"
