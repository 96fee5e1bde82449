"""Protocol files are read once, known by id and hash, and refused when they are not whole."""

import hashlib
from pathlib import Path

import pytest

from courses import library
from courses.library import LibraryError, Shelf, UnknownProtocol
from tests.case_reader import EXTRA_PROTOCOLS

US = library.FOLDER / "lutathera_us_2024_04.toml"
CTCAE = library.FOLDER / "ctcae_5_0.toml"


def folder(tmp_path: Path, **files: str) -> Path:
    """A folder with the criteria and the files given."""
    (tmp_path / "ctcae_5_0.toml").write_text(CTCAE.read_text("utf-8"), "utf-8")
    for name, text in files.items():
        (tmp_path / f"{name}.toml").write_text(text, "utf-8")
    return tmp_path


def test_the_us_label_is_there_with_its_hash() -> None:
    found = library.protocol("lutathera_us_2024_04")
    assert (found.schedule.cycles, str(found.schedule.activity_gbq)) == (4, "7.4")
    assert library.protocol_sha256(found.id) == hashlib.sha256(US.read_bytes()).hexdigest()
    assert found.id in library.protocol_ids()
    assert library.criteria("5.0").version == "5.0"


def test_an_unknown_protocol_is_named_with_those_known() -> None:
    with pytest.raises(UnknownProtocol) as caught:
        library.protocol("nothing")
    assert str(caught.value) == "no protocol 'nothing'; known: lutathera_us_2024_04"
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
