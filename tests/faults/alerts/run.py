"""Play every situation on a PostgreSQL server of this run's own, and print the table: `make faults`."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from xml.etree import ElementTree

from tests.faults.alerts.table import FILE, SITUATIONS, Row, read, show
from tests.private_postgres import PrivatePostgres, find_program

ROOT = Path(__file__).resolve().parents[3]
# Situations that other tests of the suite play in virtual time; their tests, or the files that hold them.
PLAYED_ELSEWHERE = {
    "T12": ("tests/alerts/services/test_watch_runners.py", "tests/alerts/services/test_outside.py"),
    "T14": ("tests/alerts/services/test_storm.py",),
    "T18": ("tests/alerts/test_rota_rules.py",),
    "T19": (
        "tests/alerts/services/test_on_call.py",
        "tests/alerts/services/test_escalation.py",
        "tests/alerts/services/test_watch_rota.py",
        "tests/alerts/services/test_rota_import.py",
    ),
    "T20": ("tests/alerts/services/test_rearming.py",),
    "T21": ("tests/alerts/services/test_alert_states.py",),
    "T22": (
        "tests/alerts/services/test_watch_feeds.py",
        "tests/alerts/test_silence_line.py",
        "tests/labs/test_traffic.py",
    ),
    "T24": ("tests/alerts/services/test_duty.py",),
}

REPORT = "junit.xml"
FAILED = ("failure", "error", "skipped")


def play(folder: Path, *, database: str) -> int:
    """The rows in their long profile, and what is played elsewhere as the suite plays it; 0 if both passed.

    The long profile of the rota's rules is a part of its own of `make long`.
    """
    environment = os.environ | {
        "DATABASE_URL": database,
        "PRRT_TEST_DATABASE_URL": database,
        FILE: str(folder / "rows"),
    }
    named = {file for files in PLAYED_ELSEWHERE.values() for file in files}
    elsewhere = sorted(file for file in named if (ROOT / file).exists())  # the table says what is not there
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-p", "no:randomly", "-p", "no:cacheprovider"]
    # What is timed has the machine to itself; what plays in virtual time is played two at a time.
    runs = (("1", ["tests/faults/alerts"]), ("0", ["-n", "2", f"--junitxml={folder / REPORT}", *elsewhere]))
    codes = [
        subprocess.run(
            [*command, *what], cwd=ROOT, env=environment | {"PRRT_LONG": long}, check=False
        ).returncode
        for long, what in runs
    ]
    return next((code for code in codes if code), 0)  # also of one that was killed, which is below zero


def elsewhere(report: Path) -> Iterable[Row]:
    """A row for each situation that other tests play: how many there were, and which failed."""
    cases = list(ElementTree.parse(report).iter("testcase"))
    for number, files in PLAYED_ELSEWHERE.items():
        modules = tuple(file.removesuffix(".py").replace("/", ".") for file in files)
        ours = [case for case in cases if case.get("classname", "").startswith(modules)]
        failed = [case.get("name", "") for case in ours if any(part.tag in FAILED for part in case)]
        missed = [f"failed: {name}" for name in failed] or ([] if ours else ["no test was found"])
        yield Row(id=number, scaled=f"{len(ours)} tests of the suite", part="in virtual time", missed=missed)


def main() -> int:
    """Play, print, and fail where a line was missed or a situation not played."""
    if not find_program("initdb"):
        print("The programs of a PostgreSQL server are needed (initdb, pg_ctl), and none were found.")
        return 1
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="prrt-faults-") as name:
        folder, server = Path(name), PrivatePostgres("fsync=on", "max_connections=200")
        try:
            code = play(folder, database=server.url)
        finally:
            server.close()
        rows = [*read(folder / "rows"), *elsewhere(folder / REPORT)]
    passed = show(rows, wanted=list(SITUATIONS))
    print(f"{(time.monotonic() - began) / 60:.0f} minutes; pytest's exit code was {code}.")
    return 0 if passed and code == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
