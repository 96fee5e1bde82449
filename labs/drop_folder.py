"""Take in the files of the drop folder, a folder for each feed; move each to done or failed with a report.

A process that dies at any point loses nothing: a file that was kept but not yet moved is found again, is
known by its bytes, and is moved then.
"""

import hashlib
import logging
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from labs.failpoints import reach
from labs.models import CsvFeed, LabMessage, MessageOutcome
from labs.report import message_report, refusal_report, report_csv
from labs.services import keep_message, keep_refused, read_waiting_messages

log = logging.getLogger(__name__)
DONE, FAILED = "done", "failed"
_SUFFIX, _MARKER = ".csv", ".done"
# A link is not followed, a pipe is not waited for.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DIGITS = 16
_LONGEST_STEM = 50  # letters; a file system counts bytes, and the report has a longer name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """How a file looked, and since when."""

    size: int
    changed: int
    since: float


@dataclass(slots=True, kw_only=True)
class FolderWatch:
    """The drop folder as one process sees it from look to look."""

    root: Path
    stable_seconds: float
    most_bytes: int
    looks: dict[tuple[str, str], _Look] = field(default_factory=dict)

    def take_ready(self) -> int:
        """Take in every file that is complete; how many were moved away."""
        taken = 0
        seen: set[tuple[str, str]] = set()
        with _opened(str(self.root)) as root:
            for feed in sorted(_names(root)):
                with _feed_folder(feed, root) as folder:
                    if folder is None:
                        continue
                    names = _names(folder)
                    for name in sorted(names):
                        if name.lower().endswith(_SUFFIX) and not name.startswith("."):
                            seen.add((feed, name))
                            taken += self._take(feed, name, folder, marked=_is_marked(name, names))
        self.looks = {place: look for place, look in self.looks.items() if place in seen}
        return taken

    def _take(self, feed: str, name: str, folder: int, *, marked: bool) -> bool:
        """Take one file in, if it is complete; one that fails for the moment is left for the next look."""
        try:
            status = _status(name, folder)
            if not (marked or self._is_stable((feed, name), status)):
                return False
            return _take_file(feed, name, folder, most_bytes=self.most_bytes)
        except FileNotFoundError:
            return False  # somebody else moved it
        except OSError as error:
            # Names of files may be names of patients.
            log.error("A file of the drop folder of a feed stays where it is: %s", error.strerror)
            return False

    def _is_stable(self, place: tuple[str, str], status: os.stat_result) -> bool:
        """Whether a file has kept its size and time for long enough, as this process saw it."""
        now, look = time.monotonic(), self.looks.get(place)
        if look is None or (look.size, look.changed) != (status.st_size, status.st_mtime_ns):
            look = _Look(size=status.st_size, changed=status.st_mtime_ns, since=now)
            self.looks[place] = look
        return now - look.since >= self.stable_seconds


def _take_file(feed: str, name: str, folder: int, *, most_bytes: int) -> bool:
    """Keep, read, report, move; False where it is not complete after all or waits to be read."""
    status = _status(name, folder)
    if not stat.S_ISREG(status.st_mode):
        return _move(name, folder, FAILED, refusal_report("not-a-file", "It is not a plain file."), digest="")
    if status.st_size > most_bytes:
        reason = f"The file is larger than {most_bytes // 1024} KiB."
        return _move(name, folder, FAILED, refusal_report("too-large", reason), digest="")
    body = _read_whole(name, folder)
    if body is None:
        return False
    digest = hashlib.sha256(body).hexdigest()[:_DIGITS]
    origin = _printable(name)
    if not CsvFeed.objects.filter(name=_printable(feed)).exists():
        code, reason = "unknown-feed", "The folder bears the name of no feed that is set up here."
        origin = f"{_printable(feed)}/{origin}"
        keep_refused(body=body, door=LabMessage.Door.CSV, peer=origin, code=code, reason=reason)
        return _move(name, folder, FAILED, refusal_report(code, reason), digest=digest)
    kept = keep_message(body=body, door=LabMessage.Door.CSV, peer=origin, feed=feed)
    read_waiting_messages(ids=[kept.message_id])
    if not MessageOutcome.objects.filter(message_id=kept.message_id).exists():
        return False  # kept; another worker reads it, and the next look moves it
    report = message_report(message_id=kept.message_id)
    report["known"] = kept.duplicate
    failed = report["state"] == MessageOutcome.State.REJECTED
    return _move(name, folder, FAILED if failed else DONE, report, digest=digest)


def _read_whole(name: str, folder: int) -> bytes | None:
    """The file's bytes, or none where it was written to meanwhile."""
    with os.fdopen(os.open(name, _READ, dir_fd=folder), "rb") as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise OSError(0, "it became something else while it was opened")
        body = file.read(before.st_size + 1)
        after = os.fstat(file.fileno())
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return body if same and len(body) == before.st_size else None


def _move(name: str, folder: int, to: str, report: dict[str, Any], *, digest: str) -> bool:
    """First the report, then the file, then its marker: whatever is interrupted is done again.

    The digest in the name keeps another file of the same name; the same file again takes its own place.
    """
    stem = name[: -len(_SUFFIX)][:_LONGEST_STEM]
    target = f"{stem}.{digest}{_SUFFIX}" if digest else _free_name(name, folder, to)
    with _target_folder(to, folder) as place:
        _write(f"{target}.report.csv", place, report_csv(report))
        reach("drop.reported")
        os.rename(name, target, src_dir_fd=folder, dst_dir_fd=place)
    reach("drop.moved")
    for marker in _markers(name):
        with suppress(FileNotFoundError):
            os.unlink(marker, dir_fd=folder)
    return True


def _free_name(name: str, folder: int, to: str) -> str:
    """A name that nothing bears yet, for what was not read."""
    with _target_folder(to, folder) as place:
        taken = _names(place)
    return next(
        free
        for free in (f"{number}-{name[-_LONGEST_STEM:]}" for number in range(1, 10**6))
        if free not in taken
    )


def _write(name: str, place: int, text: str) -> None:
    """A file that is whole or not there: written under another name first."""
    part = f".{name}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(part, flags, 0o600, dir_fd=place), "w", encoding="utf-8", newline="") as file:
        file.write(text)
    os.rename(part, name, src_dir_fd=place, dst_dir_fd=place)


@contextmanager
def _opened(name: str, *, within: int | None = None) -> Iterator[int]:
    """A real folder, not a link to one."""
    handle = os.open(name, _FOLDER, dir_fd=within)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _feed_folder(name: str, root: int) -> Iterator[int | None]:
    """A feed's own folder; none where the name stands for something else, or is not ours to read."""
    try:
        handle = os.open(name, _FOLDER, dir_fd=root)
    except OSError:
        handle = None
    try:
        yield handle
    finally:
        if handle is not None:
            os.close(handle)


@contextmanager
def _target_folder(name: str, folder: int) -> Iterator[int]:
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=folder)
    with _opened(name, within=folder) as place:
        yield place


def _printable(name: str) -> str:
    """A file name as text; bytes of it that are none are written out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _names(folder: int) -> set[str]:
    return set(os.listdir(folder))


def _status(name: str, folder: int) -> os.stat_result:
    return os.stat(name, dir_fd=folder, follow_symlinks=False)


def _markers(name: str) -> tuple[str, str]:
    """What may stand beside a file to say that it is complete: week.csv.done, or week.done."""
    return f"{name}{_MARKER}", f"{name[: -len(_SUFFIX)]}{_MARKER}"


def _is_marked(name: str, names: set[str]) -> bool:
    return any(marker in names for marker in _markers(name))
