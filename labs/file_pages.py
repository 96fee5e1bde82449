"""Browser pages for laboratory files: hand one in, read its preview, commit or discard somebody else's."""

from collections import Counter
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from labs.forms.files import FileForm
from labs.models import CsvPreview, CsvUpload, CsvUploadEnd, Patient
from labs.preview_table import DIFFERENT, STATES, changes_between, preview_csv, shown_lines
from labs.remedies import remedy
from labs.services.files import (
    FileRefused,
    StalePreview,
    commit_file,
    discard_file,
    latest_preview,
    submit_file,
)
from labs.services.preview import ReaderBusy

READ = ["labs.view_patient", "labs.view_csvupload"]
SUBMIT, COMMIT = "labs.submit_file", "labs.commit_file"
PER_PAGE = 100
_LISTED = 50


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@permission_required([*READ, SUBMIT], raise_exception=True)
def files(request: HttpRequest) -> HttpResponse:
    """The files that wait for a second person, those that ended, and the place to hand one in."""
    if request.method != "POST":
        return _list_page(request, FileForm())
    form = FileForm(request.POST, request.FILES)
    if not form.is_valid():
        return _list_page(request, form, status=400)
    sent = form.cleaned_data["file"]
    most = settings.FILE_MOST_KIB * 1024
    try:
        upload = submit_file(
            feed=form.cleaned_data["feed"],
            file_name=sent.name,
            body=sent.read(most + 1),  # one byte more shows that it is too large
            by=_signed_in(request),
            most_bytes=most,
        )
    except FileRefused as refusal:
        form.add_error("file", str(refusal))
        return _list_page(request, form, status=400)
    except ReaderBusy as busy:
        form.add_error(None, str(busy))
        return _list_page(request, form, status=503)
    messages.success(request, "The file is kept. Nothing reaches a patient until a second person commits it.")
    return HttpResponseRedirect(reverse("lab_files:file", args=[upload.public_id]))


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def file(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """What committing the file would do, row by row, beside what is stored."""
    return _file_page(request, _found(public_id))


@require_POST
@never_cache
@login_required
@permission_required([*READ, COMMIT], raise_exception=True)
def commit(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take the file in, if it still does what the person read."""
    upload = _found(public_id)
    try:
        _end, taken = commit_file(
            upload=upload,
            by=_signed_in(request),
            seen_file=request.POST.get("seen_file", ""),
            seen_preview=request.POST.get("seen_preview", ""),
        )
    except FileRefused as refusal:
        return _file_page(request, upload, fault=str(refusal), status=409)
    except ReaderBusy as busy:
        return _file_page(request, upload, fault=str(busy), status=503)
    except StalePreview as stale:
        changed = _with_patients(changes_between(stale.before.lines, stale.after.lines))
        return _file_page(request, upload, changed=changed, is_stale=True, status=409)
    counts = Counter(line["state"] for line in taken.lines)
    stored = counts["new"] + counts["changed"] + counts["withdrawn"] + counts["older"]
    messages.success(request, f"Committed: {stored} stored, {counts['held']} held for a person.")
    return HttpResponseRedirect(reverse("lab_files:file", args=[upload.public_id]))


@require_POST
@never_cache
@login_required
@permission_required([*READ, COMMIT], raise_exception=True)
def discard(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """End the upload with a reason; nothing is taken in."""
    upload = _found(public_id)
    try:
        discard_file(upload=upload, by=_signed_in(request), reason=request.POST.get("reason", ""))
    except FileRefused as refusal:
        return _file_page(request, upload, fault=str(refusal), status=409)
    messages.success(request, "Discarded. Nothing of the file was taken in.")
    return HttpResponseRedirect(reverse("lab_files:files"))


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def report(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The row report as a file that a spreadsheet opens without taking a cell for a formula."""
    upload = _found(public_id)
    answer = HttpResponse(preview_csv(latest_preview(upload)), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="report-{str(public_id)[:8]}.csv"'
    return answer


def _found(public_id: UUID) -> CsvUpload:
    rows = CsvUpload.objects.select_related("uploaded_by", "end__ended_by")
    upload = rows.filter(public_id=public_id).first()
    if upload is None:
        raise Http404("There is no such upload.")
    return upload


def _signed_in(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _list_page(request: HttpRequest, form: FileForm, *, status: int = 200) -> HttpResponse:
    rows = CsvUpload.objects.defer("body").select_related("uploaded_by", "end__ended_by")
    context = {
        **admin.site.each_context(request),
        "title": "Laboratory files",
        "form": form,
        "waiting": rows.filter(end__isnull=True)[:_LISTED],
        "ended": rows.filter(end__isnull=False)[:_LISTED],
        "me": request.user,
    }
    return render(request, "labs/files.html", context, status=status)


def _file_page(
    request: HttpRequest,
    upload: CsvUpload,
    *,
    fault: str = "",
    changed: list[dict[str, Any]] | None = None,
    is_stale: bool = False,
    status: int = 200,
) -> HttpResponse:
    preview = latest_preview(upload)
    end = CsvUploadEnd.objects.filter(upload=upload).select_related("ended_by").first()
    is_mine = upload.uploaded_by_id == _signed_in(request).pk
    context = {
        **admin.site.each_context(request),
        "title": "Preview of a laboratory file",
        "upload": upload,
        "preview": preview,
        "remedy": remedy(preview.reason_code) if preview.state == "rejected" else "",
        "end": end,
        "fault": fault,
        "is_stale": is_stale,
        "changed": changed or [],
        "is_mine": is_mine,
        "may_end": end is None and request.user.has_perm(COMMIT),
        "may_commit": end is None
        and not is_mine
        and preview.state != "rejected"
        and request.user.has_perm(COMMIT),
        **_rows_of(request, preview),
    }
    return render(request, "labs/file.html", context, status=status)


def _rows_of(request: HttpRequest, preview: CsvPreview) -> dict[str, Any]:
    """The lines of one page, all or those of one state."""
    counts = Counter(line["state"] for line in preview.lines)
    asked = request.GET.get("show", "")
    chosen = asked if asked in counts else ""
    lines = [line for line in preview.lines if not chosen or line["state"] == chosen]
    page = Paginator(lines, PER_PAGE).get_page(request.GET.get("page"))
    return {
        "counts": [(state, word, counts[state]) for state, word in STATES.items() if counts[state]],
        "total": len(preview.lines),
        "different": sum(counts[state] for state in DIFFERENT),
        "show": chosen,
        "page": page,
        "lines": _with_patients(list(page.object_list)),
    }


def _with_patients(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lines as people read them, each with the patient it is about."""
    ids = {line["patient"] for line in lines if line.get("patient")}
    return shown_lines(lines, Patient.objects.in_bulk(ids))
