"""E-mail delivery into a mail directory, for an installation without a mail server."""

import mailbox
from collections.abc import Sequence

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage


class EmailBackend(BaseEmailBackend):
    """Deliver every message as one file of the Maildir under `MAIL_DIR`."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write the messages durably, one file each, and say how many were written."""
        for part in ("tmp", "new", "cur"):  # Maildir itself makes them only where the whole is missing
            (settings.MAIL_DIR / part).mkdir(parents=True, exist_ok=True)
        box = mailbox.Maildir(settings.MAIL_DIR, create=False)
        try:
            for message in email_messages:
                # `add` writes under tmp/, syncs, then links into new/: a reader never sees half a mail.
                box.add(message.message().as_bytes())
        finally:
            box.close()
        return len(email_messages)
