"""Template tags for pages outside the admin's frame: whose they are, and whether of a demonstration."""

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def clinic_name() -> str:
    """The clinic's own name."""
    return str(settings.CLINIC_NAME)


@register.simple_tag
def clinic_phone() -> str:
    """Where somebody answers who cannot log in; empty if the clinic named none."""
    return str(settings.CLINIC_PHONE)


@register.simple_tag
def is_demonstration() -> bool:
    """Whether this is the demonstration clinic, where log-ins are handed out."""
    return bool(settings.PRRT_ENV == "demo")
