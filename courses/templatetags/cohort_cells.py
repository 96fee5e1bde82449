"""How the cells of a cohort table stand on the page: as in its files, and what is not known in words."""

from collections.abc import Mapping

from django import template

from courses.cohort.files import cell_text
from courses.cohort.words import Cell
from labs.templatetags.clinic_text import visible

register = template.Library()


@register.filter
def cohort_cell(cell: Cell) -> str:
    """The cell in letters; a quiet sentence in place of an empty one."""
    return "not known" if cell is None else visible(cell_text(cell))


@register.filter
def cohort_kind(cell: Cell) -> str:
    """How the cell is set: numbers below each other."""
    return "" if isinstance(cell, str) else "prrt-number"


@register.filter
def of_key(things: Mapping[str, object], key: str) -> object:
    """What a mapping holds under a key; nothing where it does not."""
    return things.get(key)
