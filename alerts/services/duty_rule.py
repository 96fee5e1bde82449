"""One rule of the alert duty, with the short name that its alert goes by."""

from dataclasses import dataclass

from labs.invariants import Invariant


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyRule:
    """A rule and the short name that its alert goes by."""

    name: str
    rule: Invariant
