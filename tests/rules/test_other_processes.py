"""P1 and P7 in whole processes: no hash seed and no time zone changes a byte of an answer."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ANSWERS = """
import django; django.setup()
from tests.case_reader import EXTRA_PROTOCOLS, read_cases, situation
from courses.situation import assess
import json
for case in [case for case in read_cases() if "action" in case["expect"]][::15]:
    print(json.dumps(assess(situation(case), extra=EXTRA_PROTOCOLS)))
"""


def answers_of_a_process(**environment: str) -> str:
    """What a fresh process answers to some of the clinical cases."""
    done = subprocess.run(
        [sys.executable, "-c", _ANSWERS],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "prrt_clinic.settings", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_p1_and_p7_another_process_hash_seed_and_time_zone_give_the_same_bytes() -> None:
    here = answers_of_a_process(PYTHONHASHSEED="1", TZ="UTC")
    assert here.count("\n") > 20
    assert answers_of_a_process(PYTHONHASHSEED="2", TZ="Pacific/Kiritimati") == here
    assert answers_of_a_process(PYTHONHASHSEED="3", TZ="America/St_Johns") == here
