"""Which form each kind of fact is recorded with, and the forms that give an act its reason."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from courses.forms.acts import HoldForm, OverrideForm, PriorForm, WaiverForm
from courses.forms.base import FactForm, reason_field
from courses.forms.course import (
    AmendmentForm,
    AttributionForm,
    DeclaredForm,
    DelayForm,
    ManualGradeForm,
    ResultForm,
    ReviewForm,
)
from courses.forms.patient import (
    AdverseEventForm,
    AllergyForm,
    AnalogueForm,
    FlagForm,
    ImagingForm,
    InterruptionForm,
    PregnancyForm,
    SupportForm,
)
from courses.models import Course, RecordKind

FORMS: Mapping[RecordKind, type[FactForm]] = {
    RecordKind.PREGNANCY: PregnancyForm,
    RecordKind.SSTR_IMAGING: ImagingForm,
    RecordKind.ANALOGUE_INJECTIONS: AnalogueForm,
    RecordKind.ALLERGY_REVIEW: AllergyForm,
    RecordKind.INTERRUPTIONS: InterruptionForm,
    RecordKind.DISEASE_FLAGS: FlagForm,
    RecordKind.SUPPORT: SupportForm,
    RecordKind.ADVERSE_EVENT: AdverseEventForm,
    RecordKind.NOT_REPRESENTATIVE: ResultForm,
    RecordKind.DELAY: DelayForm,
    RecordKind.MANUAL_GRADES: ManualGradeForm,
    RecordKind.ATTRIBUTIONS: AttributionForm,
    RecordKind.OCCURRENCE_REVIEWS: ReviewForm,
    RecordKind.DECLARED_BASELINE: DeclaredForm,
    RecordKind.BASELINE_AMENDMENT: AmendmentForm,
    RecordKind.PRIOR_TREATMENT: PriorForm,
    RecordKind.PRECAUTIONARY_HOLD: HoldForm,
    RecordKind.OVERRIDE: OverrideForm,
    RecordKind.WAIVER: WaiverForm,
    # Recorded on a page of its own: the course is closed.
    RecordKind.STOP_RESCISSION: FactForm,
}


def fact_form(
    kind: RecordKind,
    *,
    course: Course,
    replaces: bool,
    sent: QueryDict | None = None,
    shown: Mapping[str, Any] | None = None,
) -> FactForm:
    """The form of a kind: as it was sent, or to be filled in from what is shown at first."""
    return FORMS[kind](sent, course=course, kind=kind, replaces=replaces, initial=dict(shown or {}))


class ReasonForm(forms.Form):
    """Why something is taken back or changed."""

    reason = reason_field("Reason")


class NoteForm(forms.Form):
    """An approval: the statement above the button, and a note if there is something to say."""

    read = forms.BooleanField(
        label="I read this protocol version and the list of courses that would be told something else.",
        error_messages={"required": "Tick the statement, or do not approve."},
    )
    note = reason_field("Note", required=False)
