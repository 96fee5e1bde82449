"""Make or revoke an API token of a service account: the lab feed or the pharmacy's system."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from knox.models import AuthToken

# The word on the command line, and the role that the token carries.
SERVICES = {"lab-feed": "lab-feed", "pharmacy": "service-pharmacy"}
LONGEST_DAYS = 90


class Command(BaseCommand):
    """`manage.py token --role lab-feed --name NAME`: prints the token once; only its hash is kept."""

    help = "Make an API token for a service account and print it once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Role, name, and how long the token lives."""
        parser.add_argument("--role", required=True, help=" or ".join(SERVICES))
        parser.add_argument("--name", required=True, help="which system this is, for example central-lab")
        parser.add_argument("--days", type=int, default=LONGEST_DAYS, help=f"1 to {LONGEST_DAYS}")
        parser.add_argument("--revoke", action="store_true", help="delete every token of this account")

    def handle(self, *_: Any, role: str, name: str, days: int, revoke: bool, **__: Any) -> None:
        """Find or make the account, then make or delete tokens."""
        if role not in SERVICES:
            raise CommandError(
                f"Role {role!r} takes no token; use one of: {', '.join(SERVICES)}.", returncode=2
            )
        if not 1 <= days <= LONGEST_DAYS:
            raise CommandError(f"--days is {days}; a token lives 1 to {LONGEST_DAYS} days.", returncode=2)
        username = f"{role}.{name}"
        if revoke:
            deleted, _rows = AuthToken.objects.filter(user__username=username).delete()
            if not deleted:
                raise CommandError(f"Account {username!r} has no token.", returncode=2)
            self.stdout.write(f"Revoked {deleted} token(s) of {username}.")
            return
        with transaction.atomic():
            account = _account(username=username, role=SERVICES[role])
            row, token = AuthToken.objects.create(account, expiry=timedelta(days=days))
        self.stderr.write(
            f"Token of {username}, until {row.expiry:%Y-%m-%d %H:%M} UTC. It is shown only now:"
        )
        self.stdout.write(token)


def _account(*, username: str, role: str) -> User:
    """The service account: no password, no admin, exactly one role."""
    account = User.objects.filter(username=username).first()
    if account is None:
        account = User(username=username, is_staff=False)
        account.set_unusable_password()
        try:
            account.full_clean()
        except ValidationError as error:
            raise CommandError(f"Name not usable: {' '.join(error.messages)}", returncode=2) from error
        account.save()
        account.groups.set([Group.objects.get(name=role)])
    return account
