"""The pages of the protocol versions: what each says, what it would change, and its approval."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from courses.forms.kinds import NoteForm
from courses.protocol_table import protocol_rows
from courses.services.authority import NotAllowed
from courses.services.protocols import approve_protocol, what_would_change
from courses.versions import Version, versions
from courses.views.frame import SEES_NAMES, authenticated_at, render_page, signed_in

READ = ["courses.view_protocolapproval", "courses.view_decision"]
APPROVE = "courses.approve_protocol"


@require_safe
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def shelf(request: HttpRequest) -> HttpResponse:
    """Every protocol version and its state."""
    return render_page(request, "courses/protocols.html", {"title": "Protocols", "versions": versions()})


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@login_required
@permission_required(READ, raise_exception=True)
def version(request: HttpRequest, protocol_id: str) -> HttpResponse:
    """One version and its approvals; asked to compare, what it would change and the place to approve."""
    found = _found(protocol_id)
    if request.method != "POST":
        return _page(request, found, NoteForm(), compare="compare" in request.GET)
    if not request.user.has_perm(APPROVE):
        raise PermissionDenied
    form = NoteForm(request.POST)
    if not form.is_valid():
        return _page(request, found, form, status=400)
    approved: HttpResponse = reauthentication_required(_approve)(request, found, form)
    return approved


def _found(protocol_id: str) -> Version:
    found = next((each for each in versions() if each.id == protocol_id), None)
    if found is None:
        raise Http404("There is no such protocol.")
    return found


def _approve(request: HttpRequest, found: Version, form: NoteForm) -> HttpResponse:
    """Approve the bytes that the form was made from."""
    seen = request.POST.get("seen_sha256", "")
    try:
        if not seen:
            raise NotAllowed("This form does not say which file was read. Open the page again.")
        approve_protocol(
            protocol_id=found.id,
            by=signed_in(request),
            authenticated_at=authenticated_at(request),
            note=form.cleaned_data["note"],
            seen_sha256=seen,
        )
    except NotAllowed as refusal:
        form.add_error(None, str(refusal))
        return _page(request, found, form, status=403)
    messages.success(request, f"You approved {found.id}.")
    return HttpResponseRedirect(reverse("courses:protocol", args=[found.id]))


def _page(
    request: HttpRequest, found: Version, form: NoteForm, *, status: int = 200, compare: bool = True
) -> HttpResponse:
    """Judging every open course takes long: only when asked, and always beside the form that approves."""
    person = signed_in(request)
    mine = any(approval.approved_by_id == person.pk for approval in found.approvals)
    context = {
        "title": found.plan.title,
        "version": found,
        "form": form,
        "rows": list(protocol_rows(found.plan)),
        "compare": compare,
        "changes": what_would_change(found.id) if compare else [],
        "may_see_patient": request.user.has_perm(SEES_NAMES),
        "is_mine": mine,
        "offers_approval": request.user.has_perm(APPROVE) and not mine,
    }
    return render_page(request, "courses/protocol.html", context, status=status)
