"""A grade given by a person beside the grades the numbers leave possible."""

import pytest

from courses.rules.ctcae import GradeRange, _raised
from courses.rules.derived import Gap, GapKind

LIMIT = frozenset({Gap(item="PLT", kind_word=GapKind.LOWER_LIMIT.value)})
SYMPTOM = frozenset({Gap(item="NA", kind_word=GapKind.SYMPTOM.value)})


@pytest.mark.parametrize(
    ("found", "given", "becomes"),
    [
        (GradeRange(1, 3, LIMIT), 0, GradeRange(1, 3, LIMIT)),
        (GradeRange(1, 3, LIMIT), 1, GradeRange(1, 3, LIMIT)),
        (GradeRange(1, 3, LIMIT), 2, GradeRange(2, 3, LIMIT)),
        (GradeRange(1, 3, LIMIT), 3, GradeRange(3, 3)),
        (GradeRange(1, 3, LIMIT), 4, GradeRange(4, 4)),
        (GradeRange(2, 3, SYMPTOM), 2, GradeRange(2, 2)),
        (GradeRange(2, 3, SYMPTOM), 1, GradeRange(2, 3, SYMPTOM)),
        (GradeRange(1, 3, LIMIT | SYMPTOM), 2, GradeRange(2, 3, LIMIT | SYMPTOM)),
        (GradeRange(2, 2), 2, GradeRange(2, 2)),
        (GradeRange(2, 2), 3, GradeRange(3, 3)),
    ],
)
def test_it_raises_what_is_possible_and_settles_what_only_symptoms_left_open(found, given, becomes) -> None:
    assert _raised(found, given) == becomes
