"""Which rules of the day go with which protocol."""

import shutil

import pytest

from courses.data_file import LibraryError
from courses.day_library import FOLDER, NoDayRules, all_day_rules, day_rules
from courses.library import protocol_ids


def test_every_protocol_of_the_product_has_its_day():
    assert set(all_day_rules()) == set(protocol_ids())


def test_a_protocol_without_a_day_says_what_to_do():
    with pytest.raises(NoDayRules, match="add the protocol to a file"):
        day_rules("synthetic_five")


def test_a_protocol_in_two_files_is_refused(tmp_path):
    shutil.copy(FOLDER / "lutathera_us.toml", tmp_path)
    text = (FOLDER / "lutathera_us.toml").read_text().replace('id = "lutathera_us"', 'id = "second"')
    (tmp_path / "second.toml").write_text(text)
    with pytest.raises(LibraryError, match="stands in two files"):
        all_day_rules(tmp_path)


def test_a_file_that_is_not_toml_or_misnamed_is_named(tmp_path):
    (tmp_path / "broken.toml").write_text("id = ")
    with pytest.raises(LibraryError, match=r"broken\.toml.*not readable TOML"):
        all_day_rules(tmp_path)
    (tmp_path / "broken.toml").write_text((FOLDER / "lutathera_us.toml").read_text())
    with pytest.raises(LibraryError, match="differs from the file's name"):
        all_day_rules(tmp_path)
