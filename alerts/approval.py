"""Say which version of a file of numbers is followed, and who approved it when; nobody is said as plainly."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

NOT_YET = "not yet approved by a clinic"
# A file may say in words that nobody approved it, and why; what is shipped does.
_NOBODY = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a file says of its own approval."""

    version: str
    approved_by: str
    approved_on: date | None

    @property
    def is_given(self) -> bool:
        """Whether somebody approved this version."""
        said = self.approved_by.strip().lower()
        return bool(said) and not said.startswith(_NOBODY)

    @property
    def words(self) -> str:
        """The version and who approved it, as pages and checks say it."""
        if not self.is_given:
            return f"version {self.version}, {NOT_YET}"
        on = (
            f"on {self.approved_on:%d %B %Y}".replace("on 0", "on ")
            if self.approved_on
            else "no day is given"
        )
        return f"version {self.version}, approved by {self.approved_by.strip()}, {on}"


def approval_keys(data: Mapping[str, Any]) -> set[str]:
    """The keys of an approval; its day may be left out as long as nobody approved."""
    return {"version", "approved_by"} | ({"approved_on"} & data.keys())


def read_approval(data: Mapping[str, Any], faults: list[str]) -> Approval:
    """The version and approval of a file, noting every fault."""
    version, by, on = data.get("version"), data.get("approved_by"), data.get("approved_on")
    if not isinstance(version, str) or not version.strip():
        faults.append("the file: version must be a text.")
        version = ""
    if not isinstance(by, str):
        faults.append("the file: approved_by must be a text, empty while nobody approved it.")
        by = ""
    if on is not None and (not isinstance(on, date) or isinstance(on, datetime)):
        faults.append("the file: approved_on must be a day, such as 2026-11-27 without quotation marks.")
        on = None
    found = Approval(version=version, approved_by=by, approved_on=on)
    if on is not None and not found.is_given:
        faults.append("the file: approved_on is given, and approved_by names nobody.")
    return found
