"""Load or update patients and laboratory set-up from a folder of CSV files."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labs.services import SetupRefused, SetupRow, load_setup

FILES = ("patients.csv", "senders.csv", "local_codes.csv", "csv_feeds.csv")


class Command(BaseCommand):
    """A folder in, one service, a row report out."""

    help = "Load patients.csv, senders.csv, local_codes.csv and csv_feeds.csv from a folder: all or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="the folder that holds the files")

    def handle(self, *args: Any, **options: Any) -> None:
        folder: Path = options["folder"]
        if not folder.is_dir():
            raise CommandError(f"{folder} is not a folder.", returncode=2)
        try:
            files = {name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()}
            rows = load_setup(files=files)
        except OSError as error:
            raise CommandError(f"A file cannot be read: {error}.", returncode=2) from error
        except SetupRefused as refused:
            self._print(refused.rows)
            wrong = sum(row.state == "error" for row in refused.rows)
            raise CommandError(f"{wrong} row(s) are wrong. Nothing was changed.", returncode=2) from refused
        self._print(rows)
        counts = {
            state: sum(row.state == state for row in rows) for state in ("created", "updated", "unchanged")
        }
        self.stdout.write(", ".join(f"{count} {state}" for state, count in counts.items()))

    def _print(self, rows: tuple[SetupRow, ...]) -> None:
        for row in rows:
            text = f"{row.file}:{row.row}: {row.state} {row.subject}".rstrip()
            self.stdout.write(f"{text}: {row.reason}" if row.reason else text)
