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
    assert read({"follow_up": data()["follow_up"]}).nadir_draw is None


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (
            ("planning", "vial_order", "days_before"),
            0,
            "planning.vial_order.days_before: must be a whole number",
        ),
        (("planning", "vial_order", "source"), None, "every number names its source"),
        (("planning", "nadir_draw", "last_day"), 27, "planning.nadir_draw.last_day: lies before first_day"),
        (("planning", "nadir_draw", "analytes"), ["XYZ"], "'XYZ' is not known"),
        (("planning", "nadir_draw", "analytes"), [], "names nothing to draw"),
        (("planning", "steroid_cover", "over_to_days"), 13, "lies before over_from_days"),
        (("planning", "colour"), "red", "planning.colour: unknown key"),
        (("follow_up", "months"), [4, 2], "follow_up.months: must name at least one month, and rise"),
        (("follow_up", "months"), [], "follow_up.months: must name at least one month"),
        (("follow_up", "late_days"), "soon", "follow_up.late_days: must be a whole number"),
    ],
)
def test_what_is_odd_is_refused_with_its_path(path, value, fault):
    changed = data()
    place = changed
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    with pytest.raises(DataError) as refused:
        read(changed)
    assert fault in str(refused.value)
