"""Which part of the first page comes first for whom: each role begins with its own work."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

_FOLDER = "prrt/today/"

_PHARMACY = (
    "must_not", "orders", "vials", "therapies", "incidents", "held", "stopped", "to_sign", "bloods",
    "alerts", "quarantine", "waiting",
)  # fmt: skip
_PHYSICS = (
    "must_not", "therapies", "days", "doses", "incidents", "quarantine", "held", "stopped", "to_sign",
    "bloods", "alerts", "waiting",
)  # fmt: skip
_PHYSICIANS = (
    "must_not", "bases", "stopped", "to_sign", "incidents", "alerts", "held", "therapies", "days", "calls",
    "bloods", "vials", "quarantine", "follow_ups", "waiting",
)  # fmt: skip
_NURSES = (
    "must_not", "therapies", "days", "calls", "bloods", "held", "bases", "stopped", "to_sign", "quarantine",
    "alerts", "vials", "incidents", "follow_ups", "waiting",
)  # fmt: skip
_OTHERS = ("incidents", *(each for each in _NURSES if each != "incidents"), "nothing")
# The right that makes the role, and its order; the first that somebody has counts.
_ORDERS = (
    ("courses.handle_order", _PHARMACY),
    ("courses.enter_absorbed_dose", _PHYSICS),
    ("courses.sign_decision", _PHYSICIANS),
    ("courses.run_therapy_day", _NURSES),
)


def sections_for(may: Callable[[str], bool]) -> list[str]:
    """The templates of the first page in the order of somebody's work."""
    order = next((order for right, order in _ORDERS if may(right)), _OTHERS)
    return [f"{_FOLDER}{name}.html" for name in order]


# Of each part of the page: where it stands on it, and what it is called there in short.
_PLACES = {
    "must_not": ("must-not", "Must not go ahead"),
    "orders": ("pharmacy", "Orders"),
    "vials": ("vials", "Vial deadlines"),
    "therapies": ("therapies", "Therapies"),
    "days": ("days", "Days in progress"),
    "bloods": ("bloods", "Bloods"),
    "held": ("held", "Held and delayed"),
    "bases": ("bases", "Withdrawn bases"),
    "stopped": ("stopped", "Stops to confirm"),
    "to_sign": ("tosign", "To sign"),
    "doses": ("doses", "Absorbed doses"),
    "incidents": ("incidents", "Incidents"),
    "quarantine": ("quarantine", "Results waiting"),
    "alerts": ("alerts", "Alerts"),
    "calls": ("calls", "Calls"),
    "follow_ups": ("follow-ups", "After treatment"),
    "waiting": ("waiting", "Between cycles"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    """A part of the page that has something in it: where it is, its name, how many."""

    place: str
    words: str
    count: int


def jumps_on(sections: Sequence[str], counts: Mapping[str, int]) -> list[Jump]:
    """What waits on the page, in the order in which it stands there; what is empty is left out."""
    found = []
    for name in sections:
        key = name.removeprefix(_FOLDER).removesuffix(".html")
        if counts.get(key) and key in _PLACES:
            place, words = _PLACES[key]
            found.append(Jump(place=place, words=words, count=counts[key]))
    return found
