"""Watch the drop folder and take its files in, until told to stop."""

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, close_old_connections

from labs.drop_folder import FolderWatch

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Looks at the folder, over and over; `--once` takes what is complete now and exits."""

    help = "Take in the CSV files of DROP_FOLDER/<feed>/ and move each to done/ or failed/ with a report."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="take what is complete, then exit")
        parser.add_argument("--every", type=float, default=10, help="seconds between two looks (default 10)")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.DROP_FOLDER is None:
            raise CommandError("DROP_FOLDER names no folder; see .env.example.", returncode=2)
        if options["every"] <= 0:
            raise CommandError("--every must be more than 0 seconds.", returncode=2)
        watch = FolderWatch(
            root=settings.DROP_FOLDER,
            stable_seconds=settings.DROP_STABLE_SECONDS,
            most_bytes=settings.FILE_MOST_KIB * 1024,
        )
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            self._look(watch)
            if options["once"]:
                # Without a marker, only two looks can tell that a file stands still.
                stop.wait(watch.stable_seconds)
                self._look(watch)
                return
            while not stop.wait(options["every"]):
                close_old_connections()
                self._look(watch)
        except OSError as error:
            raise CommandError(f"DROP_FOLDER cannot be read: {error.strerror}.", returncode=2) from error

    def _look(self, watch: FolderWatch) -> None:
        try:
            count = watch.take_ready()
        except DatabaseError as error:
            # Waited for, not died of: every file stays where it is until it is moved.
            log.error("No file was taken: the database did not answer (%s).", type(error).__name__)
            return
        if count:
            self.stdout.write(f"files moved: {count}")
