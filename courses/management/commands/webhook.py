"""Have other systems told of orders: add an address, list them, stop one."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from courses.models import Webhook
from courses.services.authority import Refused
from courses.services.webhooks import add_webhook, owed_to, stop_webhook


class Command(BaseCommand):
    """`manage.py webhook add --name NAME --url URL`, `webhook list`, `webhook stop --name NAME`."""

    help = "Have an address told of orders; its secret is printed once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do, and for which address."""
        parser.add_argument("what", choices=["add", "list", "stop"])
        parser.add_argument("--name", default="", help="which system this is, for example pharmacy-system")
        parser.add_argument("--url", default="", help="an https address whose host stands in WEBHOOK_HOSTS")

    def handle(self, *_: Any, what: str, name: str, url: str, **__: Any) -> None:
        """Do it; a refusal ends with 2 and says what to change."""
        try:
            if what == "add":
                self._add(name=name, url=url)
            elif what == "stop":
                struck = stop_webhook(name=name)
                self.stdout.write(
                    f"{name} is told nothing more; {struck} call(s) it was owed are struck off."
                )
            else:
                self._list()
        except Refused as refusal:
            raise CommandError(str(refusal), returncode=2) from refusal

    def _add(self, *, name: str, url: str) -> None:
        webhook = add_webhook(name=name, url=url)
        self.stderr.write(f"{webhook.name} is told of orders at {webhook.url}. The secret is shown only now:")
        self.stdout.write(webhook.secret)

    def _list(self) -> None:
        for webhook in Webhook.objects.all():
            told = f"{owed_to(webhook)} call(s) owed" if webhook.active else "stopped"
            self.stdout.write(f"{webhook.name}  {webhook.url}  {told}")
