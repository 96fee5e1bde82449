"""Page through the beginning of a list of any length, at a cost that does not grow with it."""

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.utils.functional import cached_property

MOST = 5_000  # rows that can be turned to; nobody turns a hundred pages, and to count on takes seconds


class LongListPaginator(Paginator):  # type: ignore[type-arg]  # generic in its stubs alone
    """The first rows of a list, and whether there are more, which a search or a filter then brings up."""

    template_name = "labs/_pagination.html"  # where unfold looks for it

    @cached_property
    def count(self) -> int:
        """How many rows can be turned to."""
        return min(self._found, MOST)

    @property
    def is_cut(self) -> bool:
        """Whether there are more."""
        return self._found > MOST

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST + 1].count())


def known_values(values: Callable[[], Iterable[str]]) -> type[admin.AllValuesFieldListFilter]:
    """A filter that offers these values; to find out which there are would read the whole table."""

    class KnownValues(admin.AllValuesFieldListFilter):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.lookup_choices: Any = list(values())

    return KnownValues
