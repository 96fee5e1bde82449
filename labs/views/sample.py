"""The page on which a laboratory's sample is tried before go-live; nothing is stored."""

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from labs.forms.sample import SampleForm
from labs.services.sample import explain_sample
from labs.views.frame import METHODS, SEES_NAMES, render_page


@require_http_methods(METHODS)
@never_cache
@login_required
@permission_required("labs.try_sample", raise_exception=True)
def sample(request: HttpRequest) -> HttpResponse:
    """How each part of a pasted sample is understood; whoever reads no patients has none looked up."""
    form = SampleForm(request.POST if request.method == "POST" else None)
    explained = None
    if form.is_bound and form.is_valid():
        explained = explain_sample(
            text=form.cleaned_data["text"],
            feed=form.cleaned_data["feed"],
            look_up_patients=request.user.has_perm(SEES_NAMES),
        )
    context = {"title": "Try a laboratory's sample", "form": form, "explained": explained}
    return render_page(request, "labs/sample.html", context, status=400 if form.errors else 200)
