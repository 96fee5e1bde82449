"""Seal what the record holds in a chain of hashes, and find what was changed behind its back."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.db.models import Max

from labs.clock import database_now
from labs.models import Seal, SealMark

log = logging.getLogger(__name__)
# A transaction that is still open may hold a lower key than one that others already see.
RIPE = timedelta(minutes=15)
ROWS = 1000
DIGITS = 16
_sealed: list[str] = []


def seal_these(labels: Iterable[str]) -> None:
    """Say which models are sealed, each as "app.Model"; the wiring does so once."""
    _sealed[:] = sorted({*labels, "labs.Seal"} - {"labs.Seal"})


def seal_ripe_rows(*, now: datetime | None = None, limit: int = 500) -> int:
    """Add a link for each range of rows that is old enough, oldest tables first; returns how many.

    A second sealer at the same time takes the same position, which the database refuses: it adds nothing.
    """
    now = now or database_now()
    made = 0
    for label in _sealed:
        model = apps.get_model(label)
        mark = SealMark.objects.filter(table=model._meta.db_table).first()
        if mark is not None and mark.seen_at > now - RIPE:
            continue
        while mark is not None and made < limit and _seal_next(model, up_to=mark.key, now=now):
            made += 1
        if made >= limit:
            return made
        newest = model._base_manager.aggregate(newest=Max("pk"))["newest"]
        if newest is not None:
            SealMark.objects.update_or_create(
                table=model._meta.db_table, defaults={"key": newest, "seen_at": now}
            )
    return made


def _seal_next(model: type[models.Model], *, up_to: int, now: datetime) -> bool:
    """One more link for a table, at most so many rows; False where nothing is left or somebody was faster."""
    table = model._meta.db_table
    before = Seal.objects.filter(table=table).aggregate(last=Max("last_key"))["last"]
    first = 0 if before is None else before + 1
    if first > up_to:
        return False
    keys = model._base_manager.filter(pk__gte=first, pk__lte=up_to).order_by("pk")
    found = list(keys.values_list("pk", flat=True)[:ROWS])
    last = found[-1] if len(found) == ROWS else up_to
    columns = [field.attname for field in model._meta.concrete_fields]
    hashes = "".join(each for _, each in _row_hashes(model, columns, first=first, last=last))
    head = Seal.objects.order_by("-position").first()
    link = Seal(
        position=0 if head is None else head.position + 1,
        table=table,
        first_key=first,
        last_key=last,
        columns=columns,
        row_hashes=hashes,
        previous_sha256="" if head is None else head.sha256,
        made_at=now,
    )
    link.sha256 = link_sha256(link)
    try:
        with transaction.atomic():
            link.save(force_insert=True)
    except IntegrityError:
        return False
    log.info("The record is sealed up to link %s: %s", link.position, link.sha256)
    return True


def link_sha256(link: Seal) -> str:
    """The hash of one link over all it says and the link before it."""
    said = [
        link.previous_sha256,
        link.position,
        link.table,
        link.first_key,
        link.last_key,
        link.columns,
        link.row_hashes,
    ]
    return hashlib.sha256(json.dumps(said, separators=(",", ":")).encode()).hexdigest()


def _row_hashes(
    model: type[models.Model], columns: Sequence[str], *, first: int, last: int
) -> Iterator[tuple[int, str]]:
    """Key and hash of each row of a range, in the order of keys."""
    key = model._meta.pk
    assert key is not None
    rows = model._base_manager.filter(pk__gte=first, pk__lte=last).order_by("pk")
    for row in rows.values_list("pk", *columns).iterator(chunk_size=ROWS):
        said = json.dumps([_plain(value) for value in row[1:]], separators=(",", ":"), sort_keys=True)
        yield row[0], hashlib.sha256(said.encode()).hexdigest()[:DIGITS]


def _plain(value: Any) -> Any:
    """A stored value as text that is the same on every database and after every reading."""
    if isinstance(value, bytes | memoryview | bytearray):
        return hashlib.sha256(bytes(value)).hexdigest()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return value if isinstance(value, bool | int | str | dict | list | None) else str(value)


def sealed_head() -> Seal | None:
    """The newest link; its hash, kept elsewhere, shows later whether the chain was cut."""
    return Seal.objects.order_by("-position").first()


@dataclass(frozen=True, slots=True)
class Broken:
    """One place where the record is no longer as it was sealed: what it is about, and what is wrong."""

    about: str
    words: str


def broken_seals(*, head: str = "", seen: Callable[[], object] | None = None) -> Iterator[Broken]:
    """Every place where the record is no longer as it was sealed.

    `head` is the hash of a link noted earlier: a chain without it was cut or made anew. `seen` is called
    after each link.
    """
    by_table = {apps.get_model(label)._meta.db_table: apps.get_model(label) for label in _sealed}
    links = Seal.objects.order_by("position")
    before, noted = "", not head
    for place, link in enumerate(links.iterator(chunk_size=100)):
        noted = noted or link.sha256 == head
        if link.position != place or link.previous_sha256 != before or link.sha256 != link_sha256(link):
            yield Broken(f"seal {link.position}", "does not follow the one before it, or was changed")
        before = link.sha256
        yield from _changed_rows(link, by_table.get(link.table))
        if seen is not None:
            seen()
    if not noted:
        yield Broken("seals", f"the chain does not hold the head {head}: it was cut, or made anew")


def _changed_rows(link: Seal, model: type[models.Model] | None) -> Iterator[Broken]:
    """The rows of one link that were changed, taken out or put in since."""
    columns = {field.attname for field in model._meta.concrete_fields} if model else set()
    gone = [column for column in link.columns if column not in columns]
    if model is None or gone:
        what = f"column {gone[0]} of {link.table}" if model else f"table {link.table}"
        yield Broken(f"seal {link.position}", f"{what} is no longer there, so its rows cannot be compared")
        return
    now = list(_row_hashes(model, link.columns, first=link.first_key, last=link.last_key))
    then = [link.row_hashes[at : at + DIGITS] for at in range(0, len(link.row_hashes), DIGITS)]
    if [each for _, each in now] == then:
        return
    sealed = f"sealed on {link.made_at:%Y-%m-%d %H:%M} UTC"
    if len(now) == len(then):
        for (key, each), was in zip(now, then, strict=True):
            if each != was:
                yield Broken(f"{link.table} row {key}", f"is not as it was {sealed}")
        return
    for key, each in now:
        if each not in then:
            yield Broken(f"{link.table} row {key}", "was put in or changed after it was sealed")
    here = {each for _, each in now}
    if lost := sum(each not in here for each in then):
        words = f"{lost} of the rows {link.first_key} to {link.last_key} {sealed} were taken out or changed"
        yield Broken(link.table, words)
