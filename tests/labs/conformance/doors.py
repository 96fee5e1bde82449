"""What every conformance test goes through: bytes in by the real doors, JSON out by `manage.py results`."""

import json
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import CommandError, call_command

from labs.models import MessageOutcome
from labs.services import keep_message, read_waiting_messages
from tests.builders_labs import message, obr, obx

Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of one message."""

    ack: str
    outcome: MessageOutcome

    @property
    def state(self) -> str:
        """Read, duplicate, quarantined or rejected."""
        return self.outcome.state

    @property
    def why(self) -> str:
        """The code of the reason, where there is one."""
        return self.outcome.reason_code

    @property
    def remarks(self) -> str:
        """What was odd and stopped nothing."""
        return " ".join(self.outcome.notes)


def send(body: bytes) -> Taken:
    """Hand one message in as the listener does, and read it as the worker does."""
    kept = keep_message(body=body, door="mllp", peer="conformance")
    read_waiting_messages()
    outcome = MessageOutcome.objects.get(message_id=kept.message_id)
    assert outcome.reason_code != "reader-failed", outcome.reason
    return Taken(ack=kept.ack_code, outcome=outcome)


def send_segments(*segments: str, control_id: str = "M1", at: str = "20260504083000+0200") -> Taken:
    """The same for a message of these segments behind a header and Maria Müller."""
    return send(message(*segments, control_id=control_id, at=at))


def send_result(value: str = "60", *, order: str = "F1", control_id: str = "M1", **fields: str) -> Taken:
    """The same for one result."""
    return send_segments(obr(order), obx(value, **fields), control_id=control_id)


def ingest(file: Path, *, feed: str = "") -> tuple[int, list[Row]]:
    """Hand a file in by the command, HL7 unless a feed is named: its exit code and its report."""
    out = StringIO()
    how = ["--feed", feed] if feed else ["--format", "hl7"]
    try:
        call_command("ingest", *how, "--json", str(file), stdout=out)
    except CommandError as error:
        return error.returncode, json.loads(out.getvalue())["files"]
    return 0, json.loads(out.getvalue())["files"]


def results(mrn: str = "1001", *, history: bool = False) -> list[Row]:
    """What the command prints of a patient."""
    out = StringIO()
    call_command("results", "--mrn", mrn, *(["--history"] if history else []), stdout=out)
    found: list[Row] = json.loads(out.getvalue())
    return found


def only(mrn: str = "1001") -> Row:
    """The one current result of a patient."""
    [row] = results(mrn)
    return row


def held(mrn: str = "1001") -> list[str]:
    """Why results of a patient wait, as printed with the history."""
    return sorted(row["reason_code"] for row in results(mrn, history=True) if row["state"] == "held")
