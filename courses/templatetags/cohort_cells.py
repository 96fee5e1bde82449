"""How the cells of a cohort table stand on the page: as in its files, and what has no value says so."""

from collections.abc import Mapping

from django import template

from courses.cohort.files import cell_text
from courses.cohort.words import Cell
from labs.templatetags.clinic_text import visible

register = template.Library()
_SENTENCE = 40  # letters from which a cell is no number with its whole


@register.filter
def cohort_cell(cell: Cell) -> str:
    """The cell in letters; words in place of an empty one."""
    return "no value" if cell is None else visible(cell_text(cell))


@register.filter
def cohort_kind(cell: Cell) -> str:
    """How the cell is set: on one line, or with room for a sentence."""
    return "prrt-words" if isinstance(cell, str) and len(cell) > _SENTENCE else "prrt-number"


@register.filter
def of_key(things: Mapping[str, object], key: str) -> object:
    """What a mapping holds under a key; nothing where it does not."""
    return things.get(key)
