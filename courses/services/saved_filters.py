"""Keep a person's filters of the work list: by name, a few of them, each only for whoever made it."""

from collections.abc import Mapping
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from courses.models import SavedFilter
from courses.services.authority import Refused, stated
from labs.clock import database_now

MOST = 20


def save_filter(
    *, name: str, choices: Mapping[str, str], by: User, now: datetime | None = None
) -> SavedFilter:
    """Keep these choices under a name; the same name again takes their place. Raises Refused."""
    called = stated(name)
    if not called:
        raise Refused("Give the filters a name.")
    with transaction.atomic():
        # One person saves once at a time, so that the count holds.
        User.objects.select_for_update().get(pk=by.pk)
        own = SavedFilter.objects.filter(person=by)
        standing = own.filter(name=called).first()
        if standing is None and own.count() >= MOST:
            raise Refused(f"You have {MOST} filters; remove one first.")
        kept = standing or SavedFilter(person=by, name=called)
        kept.choices = {key: value for key, value in choices.items() if value}
        kept.saved_at = now or database_now()
        kept.save()
    return kept


def remove_filter(found: SavedFilter) -> None:
    """Forget a person's filter."""
    found.delete()


def filters_of(person: User) -> list[SavedFilter]:
    """A person's own filters, by name."""
    return list(SavedFilter.objects.filter(person=person))
