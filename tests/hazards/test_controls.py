"""Each control from the decision to the patient who goes home is missed by a test when it is switched off."""

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from tests.hazards.switches import SWITCHES
from tests.prrt_clinic.test_hazard_trace import marked

ROOT = Path(__file__).resolve().parents[2]
# What this run is must not become what the run inside it is: it has its own embedded database.
OF_THIS_RUN = ("PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST", "PRRT_TEST_RUN", "PRRT_VAR_DIR", "DATABASE_URL")


def test_every_hazard_of_treatment_has_its_switch_and_a_test_that_bears_its_id() -> None:
    assert sorted(SWITCHES) == [f"HZ-{number}" for number in range(38, 66)]
    for hazard, switch in SWITCHES.items():
        assert switch.noticed_by.removeprefix("tests/") in marked()[hazard], hazard
        assert (ROOT / switch.noticed_by.partition("::")[0]).is_file()


def test_the_test_of_each_hazard_fails_when_its_control_is_switched_off() -> None:
    wanted = sorted({switch.noticed_by for switch in SWITCHES.values()})
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "tests.hazards.switched_off"]
    ended = subprocess.run(
        [*command, "-p", "no:randomly", "-p", "no:cacheprovider", *wanted],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in OF_THIS_RUN},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    said: dict[str, set[str]] = defaultdict(set)
    for line in ended.stdout.splitlines():
        how, _, node = line.partition(" ")
        if how in ("NOTICED", "BROKE", "OVERLOOKED"):
            said[node.partition("[")[0]].add(how)
    # A test with many cases notices in one of them; none may break.
    silent = {
        f"{hazard}, {switch.off}: {sorted(said[switch.noticed_by]) or 'did not run'}"
        for hazard, switch in SWITCHES.items()
        if "NOTICED" not in said[switch.noticed_by] or "BROKE" in said[switch.noticed_by]
    }
    assert not silent, "\n".join(sorted(silent)) + ended.stdout[-3000:] + ended.stderr[-2000:]
