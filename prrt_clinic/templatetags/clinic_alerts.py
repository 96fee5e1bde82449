"""Template tags that bring alerts to pages of apps that know nothing of them."""

from django import template
from django.urls import reverse

from alerts.library import policy
from alerts.models import Alert
from courses.models import Course

register = template.Library()

NEWEST = 20
ICONS = {1: "e911_emergency", 2: "priority_high", 3: "info"}


@register.simple_tag
def course_alerts(course: Course) -> list[Alert]:
    """The newest alerts about one course, those that stand first."""
    found = (
        Alert.objects.filter(course=course).select_related("acked_by", "cycle").order_by("-raised_at", "-pk")
    )
    return sorted(found[:NEWEST], key=lambda alert: alert.closed_at is not None)


@register.inclusion_tag("courses/_badge.html")
def severity_badge(severity: int) -> dict[str, str]:
    """How urgent an alert is, as a word with its icon."""
    word = policy().words.get(severity, f"severity {severity}").capitalize()
    return {"kind": f"severity-{severity}", "word": word, "icon": ICONS.get(severity, "help")}


@register.simple_tag
def alert_url(alert: Alert) -> str:
    """The page on which an alert is read and acknowledged."""
    return reverse("alerts:alert", args=[alert.public_id])
