"""The search of every page: by name, number, birth date or course; what was typed stands in no address."""

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from courses.finding import MOST, Findings, find
from courses.views.frame import SEES_NAMES, render_page


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("words")
@never_cache
@login_required
@permission_required([SEES_NAMES, "courses.view_course"], raise_exception=True)
def find_page(request: HttpRequest) -> HttpResponse:
    """The form, and whoever the words are about; sent as a form, so that a name reaches no log."""
    words = request.POST.get("words", "").strip()
    context = {
        "title": "Find a patient or a course",
        "words": words,
        "found": find(words) if words else Findings(),
        "most": MOST,
    }
    return render_page(request, "courses/find.html", context)
