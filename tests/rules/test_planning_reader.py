"""What a protocol says of planning is read strictly: each part sourced, each number in its place."""

import copy
import tomllib
from decimal import Decimal

import pytest

from courses.library import FOLDER, protocol
from courses.rules.data_reader import DataError, TableReader
from courses.rules.planning import Planning
from courses.rules.planning_reader import read_planning
from labs.library import analytes

NAMES = {short: each.name for short, each in analytes().items()}


def data():
    raw = (FOLDER / "lutathera_us_2024_04.toml").read_text(encoding="utf-8")
    whole = tomllib.loads(raw, parse_float=Decimal)
    return {key: copy.deepcopy(whole[key]) for key in ("planning", "follow_up")}


def read(changed):
    return read_planning(TableReader(changed), NAMES)


def test_both_labels_say_when_to_order_to_draw_and_to_see_the_patient():
    for name in ("lutathera_us_2024_04", "lutathera_ema_2024"):
        part = protocol(name).planning
        assert part.vial_order.days_before == 14
        assert (part.nadir_draw.first_day, part.nadir_draw.last_day) == (28, 42)
        assert (part.cover.begin_days_before, part.cover.over_from_days, part.cover.over_to_days) == (
            0,
            14,
            28,
        )
        assert part.follow_up.months[-1] >= 60
        # None of it comes from the label, so that the clinic confirms it.
        assert part.follow_up.source.to_be_confirmed
        assert part.vial_order.source.to_be_confirmed


def test_each_part_may_be_left_out():
    assert read({}) == Planning()
    assert read({"planning": {}}) == Planning()
    assert read({"follow_up": data()["follow_up"]}) == Planning(follow_up=read(data()).follow_up)


def test_what_a_file_says_is_read_as_it_stands():
    found = read(data())
    assert (found.vial_order.days_before, found.nadir_draw.first_day, found.nadir_draw.last_day) == (
        14,
        28,
        42,
    )
    assert (found.cover.over_from_days, found.cover.over_to_days) == (14, 28)
    follow_up = found.follow_up
    assert follow_up.months == (2, 4, 6, 9, 12, 18, 24, 36, 48, 60)
    assert (follow_up.early_days, follow_up.late_days) == (14, 14)
    assert list(follow_up.analytes) == data()["follow_up"]["analytes"]


def with_value(path, value):
    """The two tables with one value changed; None takes it away."""
    changed = data()
    place = changed
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return changed


def test_a_time_of_one_day_only_is_a_time():
    draw = with_value(("planning", "nadir_draw", "last_day"), 28)
    assert (read(draw).nadir_draw.first_day, read(draw).nadir_draw.last_day) == (28, 28)
    cover = with_value(("planning", "steroid_cover", "over_to_days"), 14)
    assert (read(cover).cover.over_from_days, read(cover).cover.over_to_days) == (14, 14)


KNOWN = ", ".join(NAMES)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (
            ("planning", "vial_order", "days_before"),
            0,
            "planning.vial_order.days_before: must be a whole number of at least 1; correct the number",
        ),
        (
            ("planning", "vial_order", "source"),
            None,
            "planning.vial_order.source: every number names its source; "
            "add document, section, confidence, checked",
        ),
        (
            ("planning", "nadir_draw", "last_day"),
            27,
            "planning.nadir_draw.last_day: lies before first_day; exchange the two",
        ),
        (
            ("planning", "nadir_draw", "last_day"),
            0,
            "planning.nadir_draw.last_day: lies before first_day; exchange the two",
        ),
        (
            ("planning", "nadir_draw", "first_day"),
            0,
            "planning.nadir_draw.first_day: must be a whole number of at least 1; correct the number",
        ),
        (
            ("planning", "nadir_draw", "analytes"),
            ["XYZ"],
            f"planning.nadir_draw.analytes: 'XYZ' is not known; known: {KNOWN}",
        ),
        (
            ("planning", "nadir_draw", "analytes"),
            [],
            "planning.nadir_draw.analytes: names nothing to draw; name at least one analyte",
        ),
        (
            ("planning", "steroid_cover", "over_to_days"),
            13,
            "planning.steroid_cover.over_to_days: lies before over_from_days; exchange the two",
        ),
        (("planning", "colour"), "red", "planning.colour: unknown key; remove it or correct its spelling"),
        (
            ("follow_up", "months"),
            [4, 2],
            "follow_up.months: must name at least one month, and rise; sort them, and keep each once",
        ),
        (
            ("follow_up", "months"),
            [2, 2],
            "follow_up.months: must name at least one month, and rise; sort them, and keep each once",
        ),
        (
            ("follow_up", "months"),
            [],
            "follow_up.months: must name at least one month, and rise; sort them, and keep each once",
        ),
        (
            ("follow_up", "late_days"),
            "soon",
            "follow_up.late_days: must be a whole number of at least 0; correct the number",
        ),
    ],
)
def test_what_is_odd_is_refused_with_its_path_the_reason_and_what_to_do(path, value, told):
    with pytest.raises(DataError) as refused:
        read(with_value(path, value))
    assert str(refused.value) == told
