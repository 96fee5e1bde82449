"""Take in mails that came back: from the Maildir of the settings, or one from standard input."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from alerts.services.bounce_folder import take_from_folder
from alerts.services.returned import take_returned

# What a mail server understands as "try again later".
_TRY_AGAIN = 75


class Command(BaseCommand):
    """What the runner does in every round, once and by hand; or the end of a mail alias."""

    help = "Record mails that came back; --stdin takes one, for a mail alias, and exits 75 to be tried again."

    def add_arguments(self, parser: CommandParser) -> None:
        """The one option."""
        parser.add_argument("--stdin", action="store_true", help="read one mail from standard input")

    def handle(self, *args: Any, **options: Any) -> None:
        """Take in one mail, or all new mails of the folder."""
        if options["stdin"]:
            self._take_one(sys.stdin.buffer.read())
            return
        if settings.MAIL_BOUNCE_DIR is None:
            raise CommandError("Set MAIL_BOUNCE_DIR to the Maildir of returned mails, or use --stdin.")
        self.stdout.write(f"Returned mails taken in: {take_from_folder()}.")

    def _take_one(self, raw: bytes) -> None:
        if not raw.strip():
            raise CommandError("Standard input was empty; nothing was taken in.")
        try:
            kind = take_returned(raw)
        except DatabaseError as error:
            words = f"The database did not take it ({type(error).__name__}); hand it in again."
            raise CommandError(words, returncode=_TRY_AGAIN) from error
        self.stdout.write(f"Taken in: {kind.label}.")
