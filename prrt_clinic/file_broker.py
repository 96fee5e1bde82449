"""The embedded broker: messages as files under var/, for an installation without Redis."""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.utils.encoding import str_to_bytes
from kombu.utils.json import dumps

SCHEME = "files"
TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"


def file_options(folder: Path) -> dict[str, Any]:
    """Where the messages lie, for Celery's `broker_transport_options`; makes the folders."""
    queue, control = folder / "queue", folder / "control"
    for each in (queue, control):
        each.mkdir(parents=True, exist_ok=True)
    return {
        "data_folder_in": str(queue),
        "data_folder_out": str(queue),
        "control_folder": str(control),
        "polling_interval": 0.5,
    }


class Channel(filesystem.Channel):
    """Kombu's file queue, except that a message appears whole: a reader that met half of one would die."""

    # Two classes above name the second argument differently.
    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:  # type: ignore[override]
        """Write beside the queue, then move into it under a name that sorts by time."""
        name = f"{time.time_ns():020d}_{uuid4().hex}.{queue}.msg"
        written = self.control_folder / name
        written.write_bytes(str_to_bytes(dumps(payload)))
        written.rename(Path(self.data_folder_out) / name)


class Transport(filesystem.Transport):
    """Kombu's file transport with this channel."""

    Channel = Channel
