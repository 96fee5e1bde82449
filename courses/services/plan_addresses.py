"""Give each person a secret address of the clinic's plan, end it, and say whose a secret is."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from courses.models import PlanAddress
from courses.services.authority import check_right
from labs.clock import database_now
from labs.secret_address import digest_of, new_secret

# What the pages of the plan ask for; whoever loses it reads nothing by an address made before.
READ = ("courses.view_course", "courses.view_closedday")


def make_plan_address(*, by: User, now: datetime | None = None) -> str:
    """A new secret address for oneself; an older one ends. The secret is returned once and kept by nobody.

    Raises NotAllowed.
    """
    for right in READ:
        check_right(by, right, else_say="Only whoever reads the clinic's calendar has an address of it.")
    now = now or database_now()
    secret = new_secret()
    with transaction.atomic():
        PlanAddress.objects.filter(person=by, withdrawn_at__isnull=True).update(withdrawn_at=now)
        PlanAddress.objects.create(person=by, secret_sha256=digest_of(secret), made_at=now)
    return secret


def withdraw_plan_address(*, by: User, now: datetime | None = None) -> bool:
    """End one's own address; False where there was none."""
    standing = PlanAddress.objects.filter(person=by, withdrawn_at__isnull=True)
    return bool(standing.update(withdrawn_at=now or database_now()))


def has_plan_address(person: User) -> bool:
    """Whether somebody has an address that answers."""
    return PlanAddress.objects.filter(person=person, withdrawn_at__isnull=True).exists()


def person_of(secret: str) -> User | None:
    """Whose secret this is, while the address stands and the person may read the plan."""
    address = (
        PlanAddress.objects.select_related("person")
        .filter(secret_sha256=digest_of(secret), withdrawn_at__isnull=True, person__is_active=True)
        .first()
    )
    if address is None or not address.person.has_perms(READ):
        return None
    return address.person
