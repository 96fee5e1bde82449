"""Cut the list of orders into pages by the place of the last one told: a deep page costs as the first."""

import base64
import binascii
from datetime import UTC, datetime
from typing import NamedTuple, Protocol, Self, TypeVar

from django.db.models import F, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from courses.models import Order

PAGE = 50
CURSOR = "cursor"
_EARLIEST_YEAR = 1900  # nothing here is older; far below, zones overflow
_LAST_ID = 2**63 - 1


class Place(NamedTuple):
    """Where a page ends: when its last order changed, and its key."""

    updated_at: datetime
    id: int

    @property
    def cursor(self) -> str:
        """As it is sent; callers follow it and read nothing into it."""
        written = f"{self.updated_at.astimezone(UTC).isoformat()} {self.id}"
        return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, cursor: str) -> Self:
        """The place of a cursor. Raises ValidationError: read as nothing, it would mean the first page."""
        try:
            written = base64.b64decode(
                cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True
            ).decode()
            instant, _, key = written.partition(" ")
            place = cls(datetime.fromisoformat(instant).astimezone(UTC), int(key))
            if place.updated_at.year > _EARLIEST_YEAR and 0 < place.id <= _LAST_ID and place.cursor == cursor:
                return place
        except (ValueError, OverflowError, binascii.Error):
            pass
        raise ValidationError({CURSOR: ["This is no cursor of ours; follow `next`, or leave it out."]})


def page_after(orders: QuerySet[Order], request: Request) -> QuerySet[Order]:
    """The orders behind the request's cursor, oldest change first, one more than a page holds."""
    text = request.query_params.get(CURSOR)
    if text is not None:
        place = Place.read(text)
        # The second condition adds nothing; it leads a database without row values to the index.
        orders = orders.filter(
            TupleGreaterThan(Tuple(F("updated_at"), F("id")), tuple(place)), updated_at__gte=place.updated_at
        )
    return orders.order_by("updated_at", "id")[: PAGE + 1]


class Placed(Protocol):
    """Anything that stands somewhere in the list."""

    @property
    def place(self) -> Place: ...


Row = TypeVar("Row", bound=Placed)


def cut(rows: list[Row], request: Request) -> tuple[list[Row], str | None]:
    """The page without the one row too many, and the address of the next; None where this is the last."""
    if len(rows) <= PAGE:
        return rows, None
    page = rows[:PAGE]
    return page, str(replace_query_param(request.build_absolute_uri(), CURSOR, page[-1].place.cursor))
