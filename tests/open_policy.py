"""The shipped alert policy of a clinic that never closes, for tests that run by the real clock."""

import re
from pathlib import Path

from alerts.library import POLICY_FILE


def round_the_clock(folder: Path) -> Path:
    """A copy of the shipped policy whose hours have no end, written into a folder."""
    text = POLICY_FILE.read_text(encoding="utf-8")
    for key, value in (("days", '"mon-sun"'), ("hours", '"00:00-24:00"'), ("closed_on", "[]")):
        text, count = re.subn(rf"^{key} = (\[[^]]*\]|\S+)$", f"{key} = {value}", text, flags=re.MULTILINE)
        assert count == 1, key
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / "policy_round_the_clock.toml"
    made.write_text(text, encoding="utf-8")
    return made
