"""The cohort report: its page, its tables as files, and its rows for whoever says what they are for."""

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from courses import library
from courses.cohort.charts import COUNTS, Picture, by_cycle_picture, worst_picture
from courses.cohort.files import as_csv
from courses.cohort.gathering import LARGEST, TooMany, courses_of
from courses.cohort.line_list import identities, line_list
from courses.cohort.report import Counted, count_cohort
from courses.cohort.words import Report, Selection, Table
from courses.forms.cohort import CohortForm, LineListForm
from courses.models import CohortExport, ExportFormat
from courses.services.authority import BadFact, NotAllowed
from courses.services.exporting import EXPORT, SEES_NAMES, check_export, note_export
from courses.views.frame import authenticated_at, render_page, signed_in
from labs.clock import database_now
from labs.views.frame import with_fresh_password

READ = "courses.read_cohort"
_TAKEN = "courses.view_cohortexport"
_SHOWN = 20  # files taken, the newest first
# Named, so that only a process that writes a workbook loads openpyxl.
_WORKBOOK = "courses.cohort.workbook.as_workbook"
_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def cohort(request: HttpRequest) -> HttpResponse:
    """Every table of the chosen courses, pictures of two of them, and the ways to the files."""
    form = CohortForm(request.GET)
    selection = form.selection()
    report, fault = None, ""
    if selection is not None:
        try:
            report = count_cohort(selection, now=database_now()).report
        except TooMany as many:
            fault = f"{many}; choose a shorter time, one protocol version or one status."
    return _page(request, form=form, selection=selection, report=report, faults=[fault] if fault else [])


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def cohort_table(request: HttpRequest, table: str) -> HttpResponse:
    """One table as CSV, with its cover above it."""
    counted = _counted(request)
    if isinstance(counted, HttpResponse):
        return counted
    found = counted.report.table(table)
    if found is None:
        raise Http404("There is no such table.")
    body = as_csv(counted.report.cover, found).encode()
    return _file(body, name=f"cohort-{found.key}", file_format=ExportFormat.CSV, report=counted.report)


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def cohort_workbook(request: HttpRequest) -> HttpResponse:
    """Every table as an Excel workbook, with a cover sheet."""
    counted = _counted(request)
    if isinstance(counted, HttpResponse):
        return counted
    body = import_string(_WORKBOOK)(counted.report.cover, counted.report.tables)
    return _file(body, name="cohort", file_format=ExportFormat.XLSX, report=counted.report)


@require_POST
@never_cache
@login_required
@permission_required([READ, EXPORT], raise_exception=True)
def cohort_rows(request: HttpRequest) -> HttpResponse:
    """One row for each cycle as a file: with a reason and the password, and noted before it leaves."""
    form = LineListForm(request.POST)
    if form.selection() is None:
        return _rows_refused(request, form)
    if form.cleaned_data["with_names"] and not request.user.has_perm(SEES_NAMES):
        raise PermissionDenied
    return with_fresh_password(_rows)(request, form)


def _rows(request: HttpRequest, form: LineListForm) -> HttpResponse:
    selection, said, now = form.selection(), form.cleaned_data, database_now()
    assert selection is not None
    who: dict[str, Any] = {
        "by": signed_in(request),
        "authenticated_at": authenticated_at(request),
        "now": now,
    }
    asked: dict[str, Any] = {"with_names": said["with_names"], "reason": said["reason"]}
    file_format = ExportFormat(said["file_format"])
    try:
        check_export(**who, **asked)
        counted = count_cohort(selection, now=now)
        table = line_list(counted.rows, identities(courses_of(selection)), with_names=said["with_names"])
        body = _written(counted, table, file_format)
        note_export(
            **who, **asked, filters=selection.query, file_format=file_format, rows=len(table.rows), file=body
        )
    except NotAllowed as refusal:
        raise PermissionDenied from refusal
    except (BadFact, TooMany) as fault:
        faults = fault.faults if isinstance(fault, BadFact) else [str(fault)]
        return _rows_refused(request, form, faults)
    return _file(body, name="cohort-rows", file_format=file_format, report=counted.report)


def _rows_refused(request: HttpRequest, form: LineListForm, faults: list[str] | None = None) -> HttpResponse:
    """What is wrong, with everything that was chosen and typed."""
    chosen = CohortForm(request.POST)
    return _page(request, form=chosen, selection=chosen.selection(), rows_form=form, faults=faults)


def _written(counted: Counted, table: Table, file_format: ExportFormat) -> bytes:
    if file_format is ExportFormat.CSV:
        return as_csv(counted.report.cover, table).encode()
    body: bytes = import_string(_WORKBOOK)(counted.report.cover, (table,))
    return body


def _counted(request: HttpRequest) -> Counted | HttpResponse:
    """The report that was asked for, or in plain words why there is none."""
    form = CohortForm(request.GET)
    selection = form.selection()
    faults = [f"{form[name].label}: {fault}" for name in form.errors for fault in form.errors[name]]
    if selection is not None:
        try:
            return count_cohort(selection, now=database_now())
        except TooMany as many:
            faults = [str(many)]
    return HttpResponse("\n".join(faults), status=400, content_type="text/plain; charset=utf-8")


def _file(body: bytes, *, name: str, file_format: ExportFormat, report: Report) -> HttpResponse:
    """A file whose name says what it is and of which day, and nothing of anybody."""
    answer = HttpResponse(body, content_type=_TYPES[file_format])
    day = report.cover.made_at.date().isoformat()
    answer["Content-Disposition"] = f'attachment; filename="{name}-{day}.{file_format.value}"'
    return answer


def _page(
    request: HttpRequest,
    *,
    form: CohortForm,
    selection: Selection | None = None,
    report: Report | None = None,
    rows_form: LineListForm | None = None,
    faults: list[str] | None = None,
) -> HttpResponse:
    """With a report, or with what is wrong."""
    may_see_taken = request.user.has_perm(_TAKEN)
    context = {
        "title": "Cohort",
        "form": form,
        "faulty": rows_form or form,
        "undone": "taken" if rows_form else "counted",
        "report": report,
        "faults": faults or [],
        "pictures": _pictures(report) if report and report.results else {},
        "query": urlencode(selection.query) if selection else "",
        "chosen": selection.query if selection else {},
        "rows_form": rows_form or LineListForm(initial={"file_format": "csv"}),
        "shows_rows": request.user.has_perm(EXPORT) and (report is not None or rows_form is not None),
        "may_take_names": request.user.has_perm(SEES_NAMES),
        "taken": CohortExport.objects.all()[:_SHOWN] if may_see_taken else (),
        "may_see_taken": may_see_taken,
        "largest": LARGEST,
    }
    return render_page(request, "courses/cohort.html", context, status=200 if report else 400)


def _pictures(report: Report) -> dict[str, Picture]:
    """A picture for each table that has one, by the table's key."""
    worst, by_cycle = report.table("worst-grades"), report.table("grades-by-cycle")
    assert worst is not None
    assert by_cycle is not None
    terms = {
        criterion.term
        for criteria in library.shelf().criteria.values()
        for criterion in criteria.by_term.values()
        if criterion.quantity in COUNTS
    }
    found = (worst_picture(worst), by_cycle_picture(by_cycle, terms=terms))
    return {picture.key: picture for picture in found if picture.bars}
