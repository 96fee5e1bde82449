"""The delivery log: every mail owed, to whom, about which alert, and how each attempt went."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import QuerySet

from alerts.models import Notification
from alerts.models.notification import NotificationState
from alerts.rules import Kind

PAGE = 50


class BadFilter(Exception):
    """A filter says something that is not one; the text names it and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilters:
    """What the address asks for; empty asks for everything."""

    person: str = ""
    state: str = ""
    alert: str = ""
    before: str = ""

    def address(self, *, before: str = "") -> str:
        """The query of the link to another page."""
        values = {"person": self.person, "state": self.state, "alert": self.alert, "before": before}
        return f"?{urlencode({name: value for name, value in values.items() if value})}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """One page of the log."""

    rows: tuple[Notification, ...]
    more: str


def log_filters(sent: Mapping[str, str]) -> LogFilters:
    """The filters of an address. Raises BadFilter."""
    state = sent.get("state", "")
    if state and state not in NotificationState.values:
        raise BadFilter("State: choose one from the list.")
    for name, words in (("person", "Person: choose one from the list."), ("before", "The link was damaged.")):
        value = sent.get(name, "")
        if value and not (value.isascii() and value.isdecimal() and len(value) < 19):
            raise BadFilter(words)
    ref = sent.get("alert", "").strip().upper()
    if len(ref) > 7 or "\x00" in ref:
        raise BadFilter("Alert: write its reference, such as 7F3K-2Q.")
    return LogFilters(person=sent.get("person", ""), state=state, alert=ref, before=sent.get("before", ""))


def delivery_log(filters: LogFilters) -> Log:
    """The newest mails first, each with its attempts. Two queries."""
    rows: QuerySet[Notification] = Notification.objects.exclude(alert__kind=Kind.CANARY.value)
    if filters.person:
        rows = rows.filter(person_id=int(filters.person))
    if filters.state:
        rows = rows.filter(state=filters.state)
    if filters.alert:
        rows = rows.filter(alert__ref=filters.alert)
    if filters.before:
        rows = rows.filter(pk__lt=int(filters.before))
    found = list(
        rows.select_related("alert", "person").prefetch_related("attempts").order_by("-pk")[: PAGE + 1]
    )
    more = filters.address(before=str(found[PAGE - 1].pk)) if len(found) > PAGE else ""
    return Log(rows=tuple(found[:PAGE]), more=more)


def people_of_the_log() -> list[User]:
    """Everybody who was ever owed a mail, by name."""
    owed = User.objects.filter(notifications__isnull=False).distinct()
    return list(owed.order_by("last_name", "first_name", "username"))
