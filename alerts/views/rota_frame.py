"""What every page of the rota shares: who may see it, who may change it, and how a refusal is shown."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from alerts.forms.rota import RotaForm
from alerts.services.rota_acts import MANAGE, SWAP, BadRota, RotaMoved
from labs.services.authority import NotAllowed
from labs.views.frame import render_page
from labs.zones import clinic_zone

SEE = "alerts.view_rotashift"
View = Callable[..., HttpResponse]


def page_for(right: str) -> Callable[[View], View]:
    """For signed-in people with a right of the role matrix; never kept by a browser."""

    def wrap(view: View) -> View:
        allowed: View = permission_required([SEE, right], raise_exception=True)(view)
        wrapped: View = never_cache(login_required(allowed))
        return wrapped

    return wrap


def rota_page(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """In the admin's frame, with the zone and with what this person may do."""
    zone = clinic_zone()
    shared = {
        "zone": zone.key,
        "may_manage": request.user.has_perm(MANAGE),
        "may_swap": request.user.has_perm(SWAP),
    }
    return render_page(request, f"alerts/rota/{template}.html", {**shared, **context}, status=status)


def refused(form: RotaForm, error: Exception) -> int:
    """Put a service's refusal into the form; returns the status of the page."""
    if isinstance(error, BadRota):
        form.refuse(error.faults)
        return 400
    form.add_error(None, str(error))
    return 403 if isinstance(error, NotAllowed) else 409


REFUSALS = (BadRota, RotaMoved, NotAllowed)
