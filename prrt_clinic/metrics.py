"""The page that a monitoring system reads, and who may."""

import hmac
from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from labs.clock import database_now
from prrt_clinic.figures import Figures


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for whoever shows the token or asks from a network of METRICS_ALLOW; 403 for others."""
    if not _may_read(request):
        response = HttpResponse(
            "Show METRICS_TOKEN as a bearer token, or ask from a network of METRICS_ALLOW.\n",
            content_type="text/plain; charset=utf-8",
            status=403,
        )
    else:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Figures(now=database_now()))
        response = HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
    add_never_cache_headers(response)
    return response


def _may_read(request: HttpRequest) -> bool:
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    if wanted and scheme == "Bearer" and hmac.compare_digest(shown.strip().encode(), wanted.encode()):
        return True
    asking = _asking_address(request)
    try:
        return any(ip_address(asking) in ip_network(each, strict=False) for each in settings.METRICS_ALLOW)
    except ValueError:
        return False  # no address at all


def _asking_address(request: HttpRequest) -> str:
    """Whoever asks; behind proxies of ours what the outermost of them saw, for the rest is hearsay."""
    heard = [each.strip() for each in request.headers.get("X-Forwarded-For", "").split(",") if each.strip()]
    proxies: int = settings.TRUSTED_PROXY_COUNT
    if proxies and heard:
        return heard[-proxies] if len(heard) >= proxies else ""
    return str(request.META.get("REMOTE_ADDR", ""))
