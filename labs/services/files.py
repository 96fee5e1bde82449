"""Files that people hand in: one person submits and sees a preview, a second one commits or discards it."""

import hashlib
import unicodedata

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from labs.clock import database_now
from labs.failpoints import reach
from labs.models import CsvFeed, CsvPreview, CsvUpload, CsvUploadEnd, LabMessage, MessageOutcome
from labs.services.preview import TakenFile, take_file, try_file

_LONGEST_NAME = 255
_LONGEST_REASON = 1000


class FileRefused(Exception):
    """The act is not possible; the text says why and what to do next."""


class StalePreview(Exception):
    """What committing would do is no longer what was read: both previews are here, the newer one stored."""

    def __init__(self, *, before: CsvPreview, after: CsvPreview) -> None:
        super().__init__("What committing this file would do has changed since the preview was read.")
        self.before, self.after = before, after


def submit_file(*, feed: str, file_name: str, body: bytes, by: User, most_bytes: int) -> CsvUpload:
    """Keep a file and the preview of it. No result is stored. Raises FileRefused."""
    if not CsvFeed.objects.filter(name=feed).exists():
        raise FileRefused("This feed is not declared here. Choose one of the list.")
    if not body:
        raise FileRefused("The file is empty. Export it again.")
    if len(body) > most_bytes:
        raise FileRefused(
            f"The file is larger than {most_bytes // 1024} KiB. Split it and hand in each part."
        )
    sha256 = hashlib.sha256(body).hexdigest()
    _refuse_known(feed, sha256)
    taken = try_file(feed=feed, file_name=file_name, body=body)
    with transaction.atomic():
        upload = CsvUpload.objects.create(
            feed=feed,
            file_name=_shown_name(file_name),
            sha256=sha256,
            body=body,
            uploaded_by=by,
            uploaded_at=database_now(),
        )
        _store_preview(upload, taken)
    reach("upload.kept")
    return upload


def commit_file(
    *, upload: CsvUpload, by: User, seen_file: str, seen_preview: str
) -> tuple[CsvUploadEnd, TakenFile]:
    """Take the file in, if doing so is what the person read. Raises FileRefused or StalePreview."""
    _check_second_person(upload, by)
    latest = latest_preview(upload)
    if seen_file != upload.sha256 or not seen_preview:
        raise FileRefused("This form does not belong to this file. Open the page again.")
    if latest.state == MessageOutcome.State.REJECTED:
        raise FileRefused("The file is refused as a whole, so there is nothing to commit. Discard it.")
    if seen_preview != latest.sha256:
        read = upload.previews.filter(sha256=seen_preview).first()
        raise StalePreview(before=read or latest, after=latest)
    try:
        with transaction.atomic():
            taken = take_file(feed=upload.feed, file_name=upload.file_name, body=bytes(upload.body))
            if taken.known:
                raise FileRefused(
                    "These bytes were taken in by another door meanwhile. Nothing changed; discard it."
                )
            if taken.digest != latest.sha256:
                raise _Differs(taken)
            end = CsvUploadEnd.objects.create(
                upload=upload,
                kind=CsvUploadEnd.Kind.COMMITTED,
                preview=latest,
                message_id=taken.message_id,
                ended_by=by,
                ended_at=database_now(),
            )
    except _Differs as differs:
        raise StalePreview(before=latest, after=_store_preview(upload, differs.taken)) from None
    except IntegrityError as error:
        raise FileRefused("Somebody else has just ended this upload. Open the page again.") from error
    reach("upload.ended")
    return end, taken


def discard_file(*, upload: CsvUpload, by: User, reason: str) -> CsvUploadEnd:
    """End an upload without taking anything in; who submitted it may do so too. Raises FileRefused."""
    _check_open(upload)
    said = reason.strip()
    if not any(unicodedata.category(each)[0] in "LN" for each in said) or len(said) > _LONGEST_REASON:
        raise FileRefused("Say in a few words why the file is discarded.")
    try:
        with transaction.atomic():
            return CsvUploadEnd.objects.create(
                upload=upload,
                kind=CsvUploadEnd.Kind.DISCARDED,
                preview=latest_preview(upload),
                reason=said,
                ended_by=by,
                ended_at=database_now(),
            )
    except IntegrityError as error:
        raise FileRefused("Somebody else has just ended this upload. Open the page again.") from error


def waiting_uploads() -> QuerySet[CsvUpload]:
    """The files that wait for a second person, the oldest first, without their bytes."""
    rows = CsvUpload.objects.filter(end__isnull=True).select_related("uploaded_by").defer("body")
    return rows.order_by("uploaded_at", "pk")


def latest_preview(upload: CsvUpload) -> CsvPreview:
    """The preview that counts."""
    found = upload.previews.first()
    assert found is not None  # stored with the upload in one commit
    return found


class _Differs(Exception):
    """Taking the file in did something else than its preview says: the transaction is undone."""

    def __init__(self, taken: TakenFile) -> None:
        super().__init__()
        self.taken = taken


def _store_preview(upload: CsvUpload, taken: TakenFile) -> CsvPreview:
    return CsvPreview.objects.create(
        upload=upload,
        state=taken.state,
        reason_code=taken.reason_code,
        reason=taken.reason,
        lines=taken.lines,
        sha256=taken.digest,
        made_at=database_now(),
    )


def _refuse_known(feed: str, sha256: str) -> None:
    """The same bytes again have no effect, which whoever hands them in must be told."""
    same = LabMessage.objects.filter(msh3=feed, sha256=sha256, door=LabMessage.Door.CSV).defer("body")
    known = same.exclude(outcome__state=MessageOutcome.State.REJECTED).first()
    if known is not None:
        raise FileRefused(
            f"Exactly this file was taken in before, on {known.received_at:%d %B %Y at %H:%M} UTC. "
            "Nothing was changed, and nothing needs to be done."
        )
    if CsvUpload.objects.filter(feed=feed, sha256=sha256, end__isnull=True).exists():
        raise FileRefused("Exactly this file is waiting already for a second person; see the list.")


def _check_open(upload: CsvUpload) -> None:
    end = CsvUploadEnd.objects.filter(upload=upload).select_related("ended_by").first()
    if end is not None:
        name = end.ended_by.get_full_name() or end.ended_by.get_username()
        raise FileRefused(f"This upload was {end.kind} by {name} before. Nothing was changed.")


def _check_second_person(upload: CsvUpload, by: User) -> None:
    _check_open(upload)
    if by.pk == upload.uploaded_by_id:
        raise FileRefused("You handed this file in yourself. Another person must read and commit it.")


def _shown_name(file_name: str) -> str:
    """The file's own name, as far as the column holds it; PostgreSQL text cannot hold NUL."""
    return file_name.replace("\0", "").strip()[:_LONGEST_NAME] or "(no name)"
