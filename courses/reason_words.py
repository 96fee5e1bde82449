"""Why an order stands as it does, as a sentence for people; its code is for programs and for the record."""

from collections.abc import Mapping
from typing import Any

from courses.models import Decision
from courses.rules.order_states import LEFT_OUT
from courses.rules.orders import (
    ACTIVITY_CHANGED,
    DATE_CHANGED,
    EVIDENCE_IN,
    NO_LONGER_ASKED,
    VERDICT_CHANGED,
    WINDOW_OPEN,
)

_SAID: Mapping[str, str] = {
    "placed": "It was placed.",
    WINDOW_OPEN: "A result would count from this day on.",
    **dict.fromkeys(EVIDENCE_IN.values(), "What it asks for is in."),
    ACTIVITY_CHANGED: "Another activity is recommended than was directed.",
    DATE_CHANGED: "The cycle is planned for another day than was directed.",
    VERDICT_CHANGED: "What the protocol says has changed, and nobody has signed it since.",
    NO_LONGER_ASKED: "The protocol no longer asks for it.",
    "superseded": "A newer directive was signed.",
    "directive-void": "Its written directive no longer holds.",
    LEFT_OUT: "A physician left it out, with a reason.",
    "done-by-hand": "Somebody said that it is done.",
    "recorded-on-the-day": "It was recorded on the day of therapy.",
    "administered": "It was given.",
    "given-in-part": "Only a part of it was given.",
    "part-corrected": "The record of the part that was given was corrected.",
    "course-ended": "The course was ended.",
    "cancelled-by-pharmacy": "Pharmacy cancelled it.",
    "cancelled-by-physician": "A physician cancelled it.",
    "cancel-asked": "A nurse asked for it to be cancelled.",
    "cancel-declined": "Asked to cancel it, somebody answered that it goes on.",
    "vial-wasted": "Its vial was wasted.",
    "vial-damaged": "Its vial was damaged.",
    "vial-spilled": "Its vial was spilled.",
}
_NOT_GIVEN = "not-given-"
_BY_A_RULE = "A rule of the protocol spoke against it; the course's page says whether it still does."


def why_sentence(code: str, decision: Decision | None = None, earlier: Decision | None = None) -> str:
    """The reason of this code as a sentence: what a decision says of the rule, the first that knows it."""
    if not code:
        return ""
    if code in _SAID:
        return _SAID[code]
    if code.startswith(_NOT_GIVEN):
        return f"Nothing was given: {code.removeprefix(_NOT_GIVEN).replace('-', ' ')}."
    for each in (decision, earlier):
        for reason in each.answer.get("reasons", []) if each is not None else ():
            if reason.get("rule") == code:
                return str(reason["sentence"])
    return _BY_A_RULE


def why_of_order(order: Any) -> str:
    """Why an order stands as it does, by the decision that stands, else by the one it was placed under."""
    return why_sentence(order.reason_code, order.cycle.course.current_decision, order.decision)
