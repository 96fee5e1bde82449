"""Print some clinical cases' answers word for word; a person reads what changed before it is committed."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from courses.situation import assess
from tests.case_reader import EXTRA_PROTOCOLS, read_cases, situation

FOLDER = Path(__file__).parent.parent / "golden" / "answers"
_ITEMS = re.compile(r"\n {3,}")


def printed(case: dict[str, Any]) -> str:
    """The answer but for its hashes, one line for each item of a list.

    What the silent rules compared is printed only where the cycle goes ahead: there is nothing else to check.
    """
    found = assess(situation(case), extra=EXTRA_PROTOCOLS)
    del found["engine"], found["protocol"]["sha256"]
    if found["action"] != "proceed":
        for rule in found["silent"]:
            rule.pop("comparisons", None)
    text = json.dumps(found, ensure_ascii=False, indent=1)
    return f"{title(case)}\n{_ITEMS.sub(' ', text)}\n"


def title(case: dict[str, Any]) -> str:
    """The case's file and name."""
    return f"{case['file']}: {case['name']}"


def approved() -> dict[str, Path]:
    """The print-outs on file, by the case's title."""
    return {path.read_text("utf-8").partition("\n")[0]: path for path in sorted(FOLDER.glob("*.txt"))}


def main(names: list[str]) -> int:
    """Print again what is on file, and the cases named besides."""
    FOLDER.mkdir(exist_ok=True)
    files = approved()
    for case in read_cases():
        if title(case) in files or title(case) in names:
            short = re.sub(r"[^a-z0-9]+", "_", title(case).lower()).strip("_")[:70].strip("_")
            (FOLDER / f"{short}.txt").write_text(printed(case), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
