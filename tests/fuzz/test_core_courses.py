"""Many random courses against the second opinion: P9 in its long profile; the short one is in tests/rules."""

import os
import random

import pytest

from courses import library
from courses.rules.recommend import recommend
from tests.rules.invariants import check_answer, check_memory
from tests.rules.oracle import EMA
from tests.rules.series import random_course

US_PROTOCOL = library.protocol("lutathera_us_2024_04")
EMA_PROTOCOL = library.protocol("lutathera_ema_2024")
COURSES = 20_000 if os.environ.get("PRRT_LONG") == "1" else 100
FIRST_SEED = 1_000_000


@pytest.mark.parametrize("part", range(4))
def test_p9_many_random_courses_get_the_second_opinion(part: int) -> None:
    for seed in range(FIRST_SEED + part * COURSES // 4, FIRST_SEED + (part + 1) * COURSES // 4):
        found, today = random_course(random.Random(seed))
        check_answer(recommend(chart=found, protocol=US_PROTOCOL, today=today), found, today)
        if found.cycles:
            check_memory(recommend(chart=found, protocol=EMA_PROTOCOL, today=today), found, today, EMA)
