"""Bind a signature to the record it signs by a digest, and find out whether the two still agree."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC
from functools import singledispatch
from typing import Any

from courses.models import CourseEnd, FollowUpAct, Signature, StartAuthorisation


def digest(record: Mapping[str, Any]) -> str:
    """The SHA-256 of a record of plain values, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(dict(record), sort_keys=True).encode()).hexdigest()


@singledispatch
def record_of(row: Any) -> dict[str, Any]:
    """What a signed row says, in plain values; each kind of row registers its own. Raises TypeError."""
    raise TypeError(f"{type(row).__name__} is no kind of row that is signed")


@record_of.register
def _of_signature(row: Signature) -> dict[str, Any]:
    return {
        "decision": str(row.decision.public_id),
        "evidence": row.decision.evidence_sha256,
        "verdict": row.decision.verdict,
        "meaning": row.meaning,
        "printed_name": row.printed_name,
        "signed_at": row.signed_at.astimezone(UTC).isoformat(),
        **_roles(signer=row.signer_roles),
    }


@record_of.register
def _of_start(row: StartAuthorisation) -> dict[str, Any]:
    return {
        "day": str(row.therapy_day.public_id),
        "decision": str(row.decision.public_id),
        "directive": str(row.directive.public_id),
        "unit": row.unit.label,
        "evidence": row.evidence_sha256,
        "checked_by": row.checked_name,
        "authorised_by": row.authorised_name,
        "authorised_at": row.authorised_at.astimezone(UTC).isoformat(),
        **_roles(checked=row.checked_roles, authorised=row.authorised_roles),
    }


@record_of.register
def _of_end(row: CourseEnd) -> dict[str, Any]:
    return {
        "course": str(row.course.public_id),
        "cause": row.cause,
        "reason": row.reason,
        "ended_on": row.ended_on.isoformat(),
        "open_duties": list(row.open_duties),
        "printed_name": row.printed_name,
        "signed_at": row.signed_at.astimezone(UTC).isoformat(),
        **_roles(signer=row.signer_roles),
    }


@record_of.register
def _of_follow_up(row: FollowUpAct) -> dict[str, Any]:
    return {
        "course": str(row.course.public_id),
        "is_closed": row.is_closed,
        "reason": row.reason,
        "printed_name": row.printed_name,
        "signed_at": row.signed_at.astimezone(UTC).isoformat(),
        **_roles(signer=row.signer_roles),
    }


def _roles(**held: list[str] | None) -> dict[str, list[str]]:
    """The roles that were recorded; a record from before that names none, and neither does its digest."""
    return {f"{whose}_roles": roles for whose, roles in held.items() if roles is not None}


def manifest_of(row: Any) -> str:
    """The digest that belongs to a signed row as it stands."""
    return digest(record_of(row))


def manifest_holds(row: Any) -> bool:
    """Whether a signed row still says what was signed: its own digest is that of what it says now."""
    stored: str = row.record_sha256
    return stored == manifest_of(row)
