"""Corticosteroid cover before a signature: whether it is asked for must be known, and its timing is told."""

from courses.library import UnknownProtocol, protocol
from courses.models import Decision
from courses.rules.protocol import OrderedWhen, OrderRow
from courses.services.authority import NotAllowed
from courses.situation_facts import PERITONEAL


def check_cover_is_settled(decision: Decision) -> None:
    """A go is signed only once it is known whether the patient needs the cover. Raises NotAllowed."""
    if is_cover_open(decision):
        raise NotAllowed(
            "Whether there is peritoneal or mesenteric disease is not known, and corticosteroid cover "
            "depends on it. Record it on the course's page, under lasting facts, as yes or no; then sign."
        )


def is_cover_open(decision: Decision) -> bool:
    """Whether the protocol asks for the cover in a disease of which nobody has said whether it is there."""
    return bool(_cover_rows(decision)) and _disease(decision) is None


def cover_warnings(decision: Decision) -> list[str]:
    """What whoever signs must have read about the timing of the cover, where it is ordered."""
    rows = _cover_rows(decision) if _disease(decision) else []
    return [row.warning for row in rows if row.warning]


def _cover_rows(decision: Decision) -> list[OrderRow]:
    try:
        plan = protocol(decision.protocol_id)
    except UnknownProtocol:
        return []
    return [row for row in plan.orders if row.when is OrderedWhen.PERITONEAL]


def _disease(decision: Decision) -> bool | None:
    found: bool | None = (decision.situation.get("facts") or {}).get(PERITONEAL)
    return found
