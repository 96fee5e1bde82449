"""Named points at which a test build may be told to die at once; in every other build they do nothing."""

import itertools
import os
import signal

from django.conf import settings

# In the order in which a message passes them: the listener's, the reading worker's, then those of files that
# people hand in and of the drop folder. Every door passes the `keep.` and `read.` points as well. Last come
# those of an alert's mail.
POINTS = (
    "listener.framed",
    "keep.before-insert",
    "keep.committed",
    "listener.answered",
    "read.claimed",
    "read.recorded",
    "read.finished",
    "read.committed",
    "upload.kept",
    "upload.ended",
    "drop.reported",
    "drop.moved",
    "mail.due",
    "mail.claimed",
    "mail.answered",
    "mail.finished",
)
# Looked at once, at the start: `PRRT_FAILPOINT=keep.committed:3` dies on the third passing.
_ARMED, _, _PASS = os.environ.get("PRRT_FAILPOINT", "").partition(":") if settings.TESTING else ("", "", "")
_DIES_ON = int(_PASS or "1")
_passes = itertools.count(1)

if _ARMED and _ARMED not in POINTS:
    raise ValueError(f"PRRT_FAILPOINT names {_ARMED!r}; known: {', '.join(POINTS)}.")


def reach(point: str) -> None:
    """Pass a named point; a test build may be told to be killed here, as by a power cut."""
    if point == _ARMED and next(_passes) == _DIES_ON:
        os.kill(os.getpid(), signal.SIGKILL)
