"""The second runner: parse, assess, triage, escalate and send, over and over, without a broker."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections

from alerts.services.rounds import Round, Sweeps, make_round
from labs.drop_folder import FolderWatch

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Run every stage in order, straight from the database."""

    help = "Does every stage in order without a broker; --once does all that is due now and exits."

    def add_arguments(self, parser: CommandParser) -> None:
        """The two options."""
        parser.add_argument("--once", action="store_true", help="do all that is due now, then exit")
        parser.add_argument("--every", type=float, default=10, help="seconds between two rounds (default 10)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make one round, or rounds until SIGTERM or SIGINT, which end the runner after the current round."""
        if options["every"] <= 0:
            raise CommandError("--every must be more than 0 seconds.")
        if options["once"]:
            made = make_round(all_due=True, watch=_drop_folder())
            self._report(made)
            if made.failed:
                raise CommandError(f"Failed: {', '.join(made.failed)}. The log says why; run it again.")
            return
        sweeps, watch = Sweeps(), _drop_folder()
        with _stop_on_signal() as stop:
            self.stdout.write("The second runner works. Ctrl-C ends it after the current round.")
            while not stop.is_set():
                self._round(sweeps, watch)
                stop.wait(options["every"])
        self.stdout.write("The second runner has ended.")

    def _round(self, sweeps: Sweeps, watch: FolderWatch | None) -> None:
        """One round of many; a database that is away is waited for, not died of."""
        close_old_connections()
        try:
            made = make_round(sweeps=sweeps, watch=watch)
        except DatabaseError as error:
            log.error("No round was made: the database did not answer (%s).", type(error).__name__)
            return
        if any(count for name, count in made.done if name != "courses assessed"):
            self._report(made)

    def _report(self, made: Round) -> None:
        self.stdout.write(", ".join(f"{name}: {count}" for name, count in made.done) or "nothing done")


def _drop_folder() -> FolderWatch | None:
    """The folder that is watched, where one is named."""
    if settings.DROP_FOLDER is None:
        return None
    return FolderWatch(
        root=settings.DROP_FOLDER,
        stable_seconds=settings.DROP_STABLE_SECONDS,
        most_bytes=settings.FILE_MOST_KIB * 1024,
    )


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set; the handlers found before are put back."""
    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
