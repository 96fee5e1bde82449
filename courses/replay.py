"""Judge a stored decision's evidence again, and say where the answer is no longer the stored one."""

from collections.abc import Iterator
from typing import Any

from courses.library import UnknownProtocol, engine, protocol_sha256
from courses.models import Decision
from courses.situation import BadSituation, assess

# The name of the engine changes with every release; what it says must not.
NOT_COMPARED = ("engine",)
# What people act on; the reasons and gaps by the names of their rules and codes only.
VERDICT = ("action", "activity_gbq", "cycle", "acting rules", "missing")


def differences(decision: Decision) -> Iterator[str]:
    """What a fresh assessment of the stored situation says otherwise, one line for each part.

    Every key for a decision of this engine and these bytes, the verdict alone for any other.
    """
    try:
        fresh = assess(decision.situation)
    except BadSituation as bad:
        yield f"its stored evidence can no longer be read: {'; '.join(bad.faults)}"
        return
    stored = decision.answer
    if not (has_present_bytes(decision) and decision.engine == engine()):
        fresh, stored = _verdict(fresh), _verdict(stored)
    for key in sorted(set(fresh) | set(stored)):
        if key not in NOT_COMPARED and fresh.get(key) != stored.get(key):
            yield f"{key}: stored {stored.get(key)!r}, now {fresh.get(key)!r}"


def wording_notes(decision: Decision) -> Iterator[str]:
    """The other stored keys that another engine words differently: a note, no difference."""
    if decision.engine == engine():
        return
    try:
        fresh = assess(decision.situation)
    except BadSituation:
        return
    for key in sorted(decision.answer):
        if key not in (*NOT_COMPARED, *VERDICT) and fresh.get(key) != decision.answer[key]:
            yield f"note, wording differs: {key}"


def has_present_bytes(decision: Decision) -> bool:
    """Whether the decision's protocol file is still the one it was made under."""
    try:
        return protocol_sha256(decision.protocol_id) == decision.protocol_sha256
    except UnknownProtocol:
        return False


def _verdict(answer: dict[str, Any]) -> dict[str, Any]:
    """The part of an answer that people act on, whichever keys its engine wrote."""
    return {
        "action": answer.get("action"),
        "activity_gbq": answer.get("activity_gbq"),
        "cycle": answer.get("cycle"),
        "acting rules": sorted(
            {reason["rule"] for reason in answer.get("reasons", ()) if reason.get("action") != "proceed"}
        ),
        "missing": sorted({gap["code"] for gap in answer.get("missing", ())}),
    }
