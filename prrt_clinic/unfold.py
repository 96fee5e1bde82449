"""The looks of the admin: names, colours, style sheet, and the callbacks that fill it."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static


def style_sheet(request: HttpRequest) -> str:
    """The address of our own style sheet."""
    return static("prrt/prrt.css")


def focus_script(request: HttpRequest) -> str:
    """The address of the script that gives the focus to what a page points at."""
    return static("prrt/focus.js")


def icon(request: HttpRequest) -> str:
    """The address of the site's icon."""
    return static("prrt/icon.svg")


# A calm blue-green; unfold's own default is purple.
_PRIMARY = {
    "50": "oklch(98% .015 215)",
    "100": "oklch(95% .03 215)",
    "200": "oklch(90% .05 215)",
    "300": "oklch(82% .08 215)",
    "400": "oklch(71% .1 215)",
    "500": "oklch(60% .1 220)",
    "600": "oklch(49% .09 225)",
    "700": "oklch(43% .08 225)",
    "800": "oklch(37% .07 226)",
    "900": "oklch(31% .06 228)",
    "950": "oklch(24% .05 230)",
}

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "prrt_clinic.navigation.clinic_name",
    "SITE_HEADER": "prrt_clinic.navigation.clinic_name",
    "SITE_URL": None,
    "SITE_SYMBOL": "radiology",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": icon}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "prrt_clinic.navigation.environment",
    "COLORS": {"primary": _PRIMARY},
    "STYLES": [style_sheet],
    "SCRIPTS": [focus_script],
    "DASHBOARD_CALLBACK": "prrt_clinic.dashboard.first_page",
    "SIDEBAR": {
        "show_search": False,
        "command_search": False,
        "show_all_applications": False,
        "navigation": "prrt_clinic.navigation.sidebar",
    },
}
