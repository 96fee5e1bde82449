"""Template tags that count alerts on pages of every app."""

from typing import Any

from django import template
from django.contrib.auth.models import AnonymousUser, User

from alerts.frozen_wording import title_of_kind, wording_of
from alerts.inbox import open_criticals, reads_some
from alerts.library import policy
from alerts.models import Alert

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
def role_words(role: str) -> str:
    """A role as people write it."""
    return role.replace("-", " ").capitalize()


@register.filter
def kind_title(kind: str) -> str:
    """What the policy calls a kind of alert."""
    return title_of_kind(kind)


@register.filter
def alert_title(alert: Alert) -> str:
    """What an alert's kind was called when it began."""
    return wording_of(alert).kind.title
