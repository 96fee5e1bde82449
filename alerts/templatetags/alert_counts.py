"""Template tags that count alerts on pages of every app."""

from typing import Any

from django import template
from django.contrib.auth.models import AnonymousUser, User

from alerts.inbox import open_criticals, reads_some
from alerts.library import policy

register = template.Library()


@register.inclusion_tag("alerts/_open_criticals.html", takes_context=True)
def critical_banner(context: dict[str, Any]) -> dict[str, Any]:
    """How many critical alerts are not over, in words; nothing for whoever reads no alerts. One query."""
    user = getattr(context.get("request"), "user", None)
    if not isinstance(user, User | AnonymousUser) or not user.is_authenticated or not reads_some(user):
        return {"standing": 0}
    return open_criticals(user)


@register.filter
def severity_word(severity: int) -> str:
    """The policy's word for how severe something is."""
    return policy().words.get(severity, f"severity {severity}").capitalize()


@register.filter
def kind_words(kind: str) -> str:
    """A kind of alert as people write it."""
    return kind.replace("-", " ").capitalize()
