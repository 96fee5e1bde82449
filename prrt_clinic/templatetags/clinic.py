"""Template tags for pages outside the admin's frame: whose they are, and whether of a demonstration."""

from django import template
from django.conf import settings
from django.template import Context

from prrt_clinic.session_use import seconds_left

register = template.Library()


@register.simple_tag
def clinic_name() -> str:
    """The clinic's own name."""
    return str(settings.CLINIC_NAME)


@register.simple_tag
def clinic_phone() -> str:
    """Where somebody answers who cannot log in; empty if the clinic named none."""
    return str(settings.CLINIC_PHONE)


@register.simple_tag(takes_context=True)
def session_seconds_left(context: Context) -> int:
    """How long the log-in lasts unless it is used; 0 where nobody is logged in, or no browser asks."""
    request = context.get("request")
    return seconds_left(request) if request is not None and hasattr(request, "session") else 0


@register.simple_tag
def session_idle_minutes() -> int:
    """After how many minutes without use a log-in ends."""
    return int(settings.SESSION_IDLE_MINUTES)


@register.simple_tag
def is_demonstration() -> bool:
    """Whether this is the demonstration clinic, where log-ins are handed out."""
    return bool(settings.PRRT_ENV == "demo")
