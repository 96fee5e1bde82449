"""The admin's base for clinical records: read only, without actions or deletion, below a patient banner."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from unfold.admin import ModelAdmin

from labs.long_list import LongListPaginator
from labs.models import Patient
from labs.templatetags.clinic_text import birth, visible

NAMES = "labs.view_patient"


def shown(field: str, description: str) -> Callable[[Any], str]:
    """A column with what people or other systems wrote, its hidden characters written out."""

    @admin.display(description=description, ordering=field)
    def column(record: Any) -> str:
        return visible(getattr(record, field) or "") or "–"

    column.__name__ = f"{field}_shown"
    return column


def changes_of(record: Any) -> list[dict[str, Any]]:
    """Every recorded change of one row that keeps its history, the newest first."""
    versions = list(record.history.select_related("history_user").order_by("-history_date", "-history_id"))
    entries = []
    for version, before in zip(versions, [*versions[1:], None], strict=True):
        user = version.history_user
        changes = version.diff_against(before).changes if before is not None else []
        entries.append(
            {
                "at": version.history_date,
                "by": (user.get_full_name() or user.get_username()) if user else "the system",
                "kind": version.get_history_type_display(),
                "changes": [
                    {"name": each.field.replace("_", " "), "old": each.old, "new": each.new}
                    for each in changes
                ],
            }
        )
    return entries


class FilteredAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """A list that answers to its own filters alone; with any other lookup, hidden values could be guessed."""

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Whether one of the fields in list_filter asks this; PostgreSQL cannot even hold a NUL."""
        names = self.list_filter if request is None else self.get_list_filter(request)
        return "\x00" not in value and any(lookup in self._asked_by(name) for name in names)

    def _asked_by(self, entry: str | tuple[str, Any]) -> set[str]:
        """The parameters with which Django's filter of this field asks."""
        name = entry if isinstance(entry, str) else entry[0]
        asked = {name, f"{name}__exact", f"{name}__isnull"}
        field: Any = get_fields_from_path(self.model, name)[-1]
        if field.is_relation:
            asked.add(f"{name}__{field.target_field.name}__exact")
        return asked


class RecordAdmin(FilteredAdmin):
    """Clinical records are read here; whatever changes them is a named act elsewhere."""

    actions = None
    list_per_page = 50
    paginator = LongListPaginator
    show_full_result_count = False
    change_form_outer_before_template = "labs/_record_head.html"
    # What marks a row of the hourly trial: of nobody, and in no list.
    of_the_canary: ClassVar[Mapping[str, Any]] = {"patient__is_canary": True}
    # Search words for those who may read names.
    name_search: tuple[str, ...] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Every row but those of the hourly trial."""
        found: QuerySet[Any] = super().get_queryset(request)
        for lookup, value in self.of_the_canary.items():
            relation, _, rest = lookup.partition("__")
            if rest:
                # By its few keys: joined to every patient, a list would be read whole before its first page.
                related: Any = self.model._meta.get_field(relation).related_model
                found = found.exclude(**{f"{relation}__in": related.objects.filter(**{rest: value})})
            else:
                found = found.exclude(**{lookup: value})
        return found

    def has_add_permission(self, request: HttpRequest, *_: Any) -> bool:
        """Records are not made here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Records are not changed here."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Records are not deleted."""
        return False

    def get_list_display(self, request: HttpRequest) -> list[str]:
        """Whoever may not read names meets patients by a stand-in number."""
        columns = list(super().get_list_display(request))
        if request.user.has_perm(NAMES):
            return columns
        return ["stand_in" if column == "whose" else column for column in columns]

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        """Nobody finds by name whom they may not see by name."""
        fields = tuple(super().get_search_fields(request))
        return (*fields, *self.name_search) if request.user.has_perm(NAMES) else fields

    def patient_of(self, record: Any) -> Patient | None:
        """Whose record it is."""
        found: Patient | None = record.patient
        return found

    @admin.display(description="Patient")
    def whose(self, record: Any) -> str:
        """Full name, birth date and number."""
        patient = self.patient_of(record)
        if patient is None:
            return "no patient"
        name = f"{patient.family}, {patient.given}" if patient.given else patient.family
        return f"{visible(name)}, born {birth(patient.birth_date)}, no. {visible(patient.mrn)}"

    @admin.display(description="Patient")
    def stand_in(self, record: Any) -> str:
        """The number that stands for a name."""
        patient = self.patient_of(record)
        return "no patient" if patient is None else f"Patient {str(patient.public_id)[:8]}"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The record, below a banner that says whose it is."""
        record = self.get_object(request, object_id)
        context = {"may_see_patient": request.user.has_perm(NAMES), **(extra_context or {})}
        if record is not None:
            context |= {"patient": self.patient_of(record), **self.page_context(record)}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def page_context(self, record: Any) -> dict[str, Any]:
        """What this kind of record adds to its page."""
        return {}

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The admin's own log knows no clinical record; what changed stands on the record's page."""
        raise Http404("The history of this record stands on its page.")
