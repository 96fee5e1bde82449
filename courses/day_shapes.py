"""A day of therapy as the API shows it: its steps as they stand, what blocks, and what was given."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from courses.day_facts import effective_steps, infusions_of
from courses.models import Infusion, StepKind, TherapyDay, TherapyStep
from courses.rules.day_values import Blocker, DayLine
from courses.rules.decimals import plain
from courses.services.day_state import DayState
from courses.services.remainder import waiting_infusion


def day_shape(state: DayState, *, names: bool) -> dict[str, Any]:
    """The whole day; times in UTC, activities as text with their unit.

    Without `names` the reader may not know patients: what identified this one is left out.
    """
    day, standing = state.day, state.standing
    waiting = waiting_infusion(day.cycle.course_id)
    directive = standing.directive
    return {
        **day_line(day),
        "go": {"allowed": standing.go.allowed, "sentence": standing.go.sentence},
        "directive": None
        if directive is None
        else {
            "id": str(directive.public_id),
            "revision": directive.revision,
            "product": directive.product,
            "activity": {"value": plain(directive.activity_gbq), "unit": "GBq"},
            "administer_on": directive.administer_on.isoformat(),
            "void": hasattr(directive, "voided"),
        },
        "unit": standing.unit.label if standing.unit else None,
        "lines": [_line(line) for line in state.lines],
        "start_blockers": [_blocker(each) for each in state.start],
        "release_blockers": [_blocker(each) for each in state.release],
        "steps": [_step(row, names=names) for row in effective_steps(day)],
        "authorisations": [
            {
                "id": str(each.public_id),
                "checked_by": each.checked_name,
                "authorised_by": each.authorised_name,
                "authorised_at": each.authorised_at.isoformat(),
            }
            for each in day.authorisations.all()
        ],
        "infusions": [infusion_shape(each) for each in infusions_of(day)],
        "waits_for_judgement": str(waiting.public_id) if waiting else None,
    }


def infusion_shape(infusion: Infusion) -> dict[str, Any]:
    """One infusion as recorded; a correction names the record it took the place of, and why."""
    return {
        "id": str(infusion.public_id),
        "product": infusion.product,
        "started_at": infusion.started_at.isoformat(),
        "ended_at": infusion.ended_at.isoformat(),
        "ended_how": infusion.ended_how,
        "assay": _measured(infusion.assay_gbq, infusion.assay_at),
        "residual": _measured(infusion.residual_gbq, infusion.residual_at),
        "delivered": {"value": plain(infusion.delivered_gbq), "unit": "GBq"},
        "route": infusion.route or None,
        "authorised": infusion.authorisation_id is not None,
        "deviation": infusion.deviation,
        "corrects": str(infusion.corrects.public_id) if infusion.corrects else None,
        "reason": infusion.reason or None,
        "second": infusion.second_name or None,
        "recorded_at": infusion.recorded_at.isoformat(),
    }


def _measured(gbq: Decimal | None, at: datetime | None) -> dict[str, str] | None:
    if gbq is None or at is None:
        return None
    return {"value": plain(gbq), "unit": "GBq", "at": at.isoformat()}


def day_line(day: TherapyDay) -> dict[str, Any]:
    """What a list shows of a day."""
    return {
        "id": str(day.public_id),
        "version": day.version,
        "course": str(day.cycle.course.public_id),
        "cycle": day.cycle.number,
        "rules": day.rules_id,
        "opened_at": day.opened_at.isoformat(),
        "ended_at": day.ended_at.isoformat() if day.ended_at else None,
        "outcome": day.outcome or None,
    }


def _step(row: TherapyStep, *, names: bool) -> dict[str, Any]:
    """One entry as it stands."""
    return {
        "id": str(row.public_id),
        "kind": row.kind,
        "data": row.data if names or row.kind != StepKind.IDENTITY else {},
        "happened_at": row.happened_at.isoformat(),
        "recorded_at": row.recorded_at.isoformat(),
        "recorded_by": row.printed_name,
        "second": row.second_name or None,
        "corrects": str(row.corrects.public_id) if row.corrects else None,
        "reason": row.reason or None,
    }


def _line(line: DayLine) -> dict[str, Any]:
    return {
        "id": line.id,
        "name": line.name,
        "state": line.state.value,
        "sentence": line.sentence,
        "remedy": line.remedy or None,
        "until": line.until.isoformat() if line.until else None,
        "source": str(line.source) if line.source else None,
    }


def _blocker(each: Blocker) -> dict[str, str]:
    return {"code": each.code, "sentence": each.sentence, "remedy": each.remedy}
