"""Note that somebody takes the rows of a cohort as a file, before the file leaves."""

import hashlib
from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User

from courses.fact_kinds import faults_of_texts
from courses.models import CohortExport, ExportFormat
from courses.services.authority import BadFact, check_fresh, check_right, printed_name, stated

EXPORT = "courses.export_cohort"
SEES_NAMES = "labs.view_patient"
_MAY_NOT = "Only physicians and auditors take the rows of a cohort."
_NO_NAMES = "Only whoever reads the register of patients takes rows with names."


def check_export(
    *, by: User, with_names: bool, reason: str, authenticated_at: datetime, now: datetime
) -> None:
    """Refuse whoever may not take rows, or not with names, and a reason that says nothing.

    Raises NotAllowed, BadFact.
    """
    check_right(by, EXPORT, else_say=_MAY_NOT)
    if with_names:
        check_right(by, SEES_NAMES, else_say=_NO_NAMES)
    check_fresh(authenticated_at, now=now)
    faults = list(faults_of_texts({"reason": reason}))
    if not stated(reason):
        faults.append("reason: say in a few words what the rows are for")
    if faults:
        raise BadFact(*faults)


def note_export(
    *,
    by: User,
    filters: Mapping[str, str],
    file_format: ExportFormat,
    with_names: bool,
    rows: int,
    file: bytes,
    reason: str,
    authenticated_at: datetime,
    now: datetime,
) -> CohortExport:
    """Append who took which rows and why, with the digest of the file. Raises NotAllowed, BadFact."""
    check_export(by=by, with_names=with_names, reason=reason, authenticated_at=authenticated_at, now=now)
    return CohortExport.objects.create(
        filters=dict(filters),
        file_format=file_format,
        with_names=with_names,
        rows=rows,
        file_sha256=hashlib.sha256(file).hexdigest(),
        reason=stated(reason),
        taken_by=by,
        printed_name=printed_name(by),
        authenticated_at=authenticated_at,
        taken_at=now,
    )
