"""Mounts each app's urls, the log-in, the API's documents, the health pages and the admin."""

from allauth.account import views as account
from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from courses.fhir_capability import shown_of_courses
from labs.api import Metadata
from prrt_clinic import health, metrics, problems, reports, session_use
from prrt_clinic.suspended_forms import Reauthenticate

# The admin's own log-in would pass by the rate limits.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # allauth's documented way

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("metrics", metrics.metrics, name="metrics"),
    path("reports/", reports.index, name="reports"),
    path("session/", session_use.left, name="session_left"),
    path("session/stay/", session_use.stay, name="session_stay"),
    # Before the admin's own pages: a search that keeps rows, and a password form without a limit of guesses.
    path("admin/search/", problems.closed),
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
    # Only what a clinic uses of allauth: no sign-up, no address book, no reset by mail.
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/password/change/", account.password_change, name="account_change_password"),
    path("accounts/password/set/", problems.closed, name="account_set_password"),
    path("accounts/reauthenticate/", Reauthenticate.as_view(), name="account_reauthenticate"),
    path("", include("alerts.urls")),
    path("", include("courses.urls")),
    path("", include("labs.urls")),
    path("labs/", include("labs.file_urls")),
    # Before the laboratories' routes, whose last one answers for every other address.
    re_path(r"^fhir/metadata/?$", Metadata.as_view(more=tuple(shown_of_courses()))),
    path("fhir/", include("courses.fhir_urls")),
    path("fhir/", include("labs.api_urls")),
    path("api/v1/", include("courses.api_urls")),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]

handler404 = "prrt_clinic.problems.not_found"
handler500 = "prrt_clinic.problems.server_error"
