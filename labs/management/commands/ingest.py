"""Take CSV or HL7 files in through the same door as the network."""

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labs.formats.hl7_files import read_hl7_file
from labs.models import CsvFeed, LabMessage
from labs.report import message_report
from labs.services import keep_message, keep_refused, read_waiting_messages

_PATIENCE_SECONDS = 60.0


class Command(BaseCommand):
    """Files in, keep and read, a row report out."""

    help = "Take laboratory files in: CSV by a declared feed, or HL7 v2 with --format hl7."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
        parser.add_argument("--feed", default="", help="the CSV feed that declares the file's form")
        parser.add_argument("--format", choices=["csv", "hl7"], default="csv")
        parser.add_argument("--json", action="store_true", help="print the row report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        is_csv, feed = options["format"] == "csv", options["feed"]
        if is_csv and not CsvFeed.objects.filter(name=feed).exists():
            known = ", ".join(CsvFeed.objects.values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no CSV feed named {feed!r}. Known feeds: {known}.", returncode=2)
        bodies = self._read(options["files"])
        reports = []
        for path, body in bodies:
            reports += [self._take(path, body, feed)] if is_csv else self._take_hl7(path, body)
        if options["json"]:
            self.stdout.write(json.dumps({"files": reports}, indent=2, ensure_ascii=False))
        else:
            self._print(reports)
        if any(report["held"] or report["state"] in {"rejected", "quarantined"} for report in reports):
            raise CommandError("Not everything was taken in; see the report.", returncode=1)

    def _read(self, paths: list[Path]) -> list[tuple[Path, bytes]]:
        """All files before any is taken in, so that a mistyped name changes nothing."""
        try:
            return [(path, path.read_bytes()) for path in paths]
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read: {error.strerror}.", returncode=2) from error

    def _take_hl7(self, path: Path, body: bytes) -> list[dict[str, Any]]:
        """Each message on its own; what does not add up around them becomes an incident beside them."""
        file = read_hl7_file(body)
        reports = [self._take(path, part, "") for part in file.messages]
        for fault in file.faults:
            kept = keep_refused(
                body=body,
                door=LabMessage.Door.HL7_FILE,
                peer=path.name,
                code="batch-incomplete",
                reason=f"{fault} Its messages were taken in; ask the laboratory what is missing.",
            )
            reports.append({"file": str(path), "duplicate": False, **message_report(message_id=kept)})
        return reports

    def _take(self, path: Path, body: bytes, feed: str) -> dict[str, Any]:
        door = LabMessage.Door.CSV if feed else LabMessage.Door.HL7_FILE
        kept = keep_message(body=body, door=door, peer=path.name, feed=feed)
        give_up = time.monotonic() + _PATIENCE_SECONDS
        # Another worker may have the message in hand; its outcome is then a moment away.
        while LabMessage.objects.filter(pk=kept.message_id, outcome__isnull=True).exists():
            if not read_waiting_messages(ids=[kept.message_id]):
                if time.monotonic() > give_up:
                    raise CommandError(
                        f"{path} was kept but not read in time; it stays waiting.", returncode=1
                    )
                time.sleep(0.2)
        report = message_report(message_id=kept.message_id)
        return {"file": str(path), "duplicate": kept.duplicate, **report}

    def _print(self, reports: list[dict[str, Any]]) -> None:
        for report in reports:
            again = " (taken in before)" if report["duplicate"] else ""
            self.stdout.write(
                f"{report['file']}: {report['state']}{again}: {report['stored']} stored,"
                f" {report['unchanged']} already known, {report['held']} held"
                + (f": {report['reason']} {report['remedy']}" if report["reason"] else "")
            )
            for row in report["rows"]:
                if row["state"] == "held":
                    where = f"row {row['row']}" + (f", {row['column']}" if row["column"] else "")
                    self.stdout.write(f"  {where}: {row['reason']} {row['remedy']}")
