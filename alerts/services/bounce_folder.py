"""Take in what the mail server put into the Maildir of returned mails, and move each to the read ones."""

import logging
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError

from alerts.services.returned import take_returned

log = logging.getLogger(__name__)
# A letter of ours is small; of a larger mail the beginning says what it is.
_MOST_BYTES = 1024 * 1024


def take_from_folder(*, limit: int = 500) -> int:
    """Take in every new mail of the folder; return how many. Nothing where no folder is named.

    A mail that was recorded but not yet moved is known by its bytes the next time. One that the database
    could not record stays, and keeps no other waiting.
    """
    if settings.MAIL_BOUNCE_DIR is None:
        return 0
    taken = 0
    for path in _new_mails(settings.MAIL_BOUNCE_DIR)[:limit]:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES)
        try:
            take_returned(raw)
        except DatabaseError as error:
            log.error("A returned mail stays in its folder: %s.", type(error).__name__)
            continue
        read = path.parent.parent / "cur"
        read.mkdir(exist_ok=True)
        path.rename(read / f"{path.name.partition(':')[0]}:2,S")
        taken += 1
    return taken


def _new_mails(folder: Path) -> list[Path]:
    """The mails nobody has read, oldest first; a name that begins with a point is no mail."""
    new = folder / "new"
    if not new.is_dir():
        log.error("MAIL_BOUNCE_DIR holds no folder 'new': it is no Maildir.")
        return []
    return sorted(path for path in new.iterdir() if path.is_file() and not path.name.startswith("."))
