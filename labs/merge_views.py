"""The page on which two people agree that two numbers are one person, refuse it, or ask to take it back."""

from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labs.models import PatientMerge
from labs.services.merges import RIGHT, MergeRefused, propose_reversal, review_merge

READ = ["labs.view_patient", "labs.view_patientmerge"]
NOTE_LENGTH = 2000


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def merge_page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Both people side by side, what was said so far, and the place to say something."""
    rows = PatientMerge.objects.select_related("retired", "survivor", "reverses")
    merge = get_object_or_404(rows, public_id=public_id)
    if request.method != "POST":
        return _page(request, merge)
    if not request.user.has_perm(RIGHT):
        raise PermissionDenied
    try:
        done, shown = _act(request, merge)
    except MergeRefused as refused:
        return _page(request, merge, fault=f"{refused} Nothing was changed.", status=409)
    messages.success(request, done)
    return HttpResponseRedirect(reverse("labs:merge", args=[shown.public_id]))


def _act(request: HttpRequest, merge: PatientMerge) -> tuple[str, PatientMerge]:
    """Do what was asked; the sentence that says so, and whose page to show. Raises MergeRefused."""
    assert isinstance(request.user, User)
    act, note = request.POST.get("act", ""), request.POST.get("note", "")[:NOTE_LENGTH]
    if act == "take-back":
        back = propose_reversal(merge=merge, reason=note, by=request.user)
        return "It is asked that the merge be taken back. Two people must agree to that.", back
    if act not in {"agree", "refuse"}:
        raise MergeRefused("unknown-act", "The page was incomplete; open it again.")
    in_force = review_merge(merge=merge, by=request.user, agrees=act == "agree", note=note)
    if in_force:
        return "Two people agreed: it is in force. The courses concerned are judged anew.", merge
    return ("Refused.", merge) if act == "refuse" else ("You agreed. A second person is needed.", merge)


def _page(request: HttpRequest, merge: PatientMerge, *, fault: str = "", status: int = 200) -> HttpResponse:
    in_force = PatientMerge.objects.in_force()
    taken_back = in_force.filter(reverses=merge).exists()
    stands = merge.reverses_id is None and not taken_back and in_force.filter(pk=merge.pk).exists()
    context = {
        **admin.site.each_context(request),
        "title": "Take a merge back" if merge.reverses_id else "Merge two numbers",
        "merge": merge,
        "fault": fault,
        "note": request.POST.get("note", ""),
        "reviews": merge.reviews.select_related("person"),
        "waits": PatientMerge.objects.waiting().filter(pk=merge.pk).exists(),
        "stands": stands,
        "taken_back": taken_back,
        "may_act": request.user.has_perm(RIGHT),
        "may_see_patient": True,
        "people": [("Number to retire", merge.retired), ("Number to keep", merge.survivor)],
    }
    return render(request, "labs/merge.html", context, status=status)
