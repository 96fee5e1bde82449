"""The file of calls leads to facts that exist, and is named where it does not; titles outlive their calls."""

import pytest

from courses.call_library import FILE, call_plans, title_of
from courses.data_file import LibraryError


def test_a_question_leads_to_a_kind_of_fact_that_exists(tmp_path):
    wrong = tmp_path / "questions.toml"
    wrong.write_text(FILE.read_text("utf-8").replace('records = "pregnancy"', 'records = "rumours"'), "utf-8")
    with pytest.raises(LibraryError, match="'rumours' is no kind of fact"):
        call_plans(wrong)
    wrong.write_text("id = ", "utf-8")
    with pytest.raises(LibraryError, match="is not readable TOML"):
        call_plans(wrong)


def test_a_call_is_known_by_its_title_and_one_that_is_gone_by_its_id():
    assert title_of("before") == "Call before therapy"
    assert (title_of("other"), title_of("abolished")) == ("Call or visit", "abolished")
