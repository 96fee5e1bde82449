"""Which part of the first page comes first for whom: each role begins with its own work."""

from collections.abc import Callable

_PHARMACY = (
    "must_not", "orders", "vials", "therapies", "incidents", "held", "stopped", "to_sign", "bloods",
    "alerts", "quarantine", "waiting",
)  # fmt: skip
_PHYSICS = (
    "must_not", "therapies", "days", "doses", "incidents", "quarantine", "held", "stopped", "to_sign",
    "bloods", "alerts", "waiting",
)  # fmt: skip
_PHYSICIANS = (
    "must_not", "bases", "stopped", "to_sign", "incidents", "alerts", "held", "therapies", "days", "bloods",
    "vials", "quarantine", "follow_ups", "waiting",
)  # fmt: skip
_NURSES = (
    "must_not", "therapies", "days", "bloods", "held", "bases", "stopped", "to_sign", "quarantine", "alerts",
    "vials", "incidents", "follow_ups", "waiting",
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
    return [f"prrt/today/{name}.html" for name in order]
