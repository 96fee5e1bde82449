"""Template filters for the words of calls and visits."""

from collections.abc import Sequence

from django import template

from courses.call_library import title_of
from courses.fact_words import fact_words
from courses.models import PatientCall
from courses.rules.calls import ANSWER_WORDS, Answer
from labs.templatetags.clinic_text import instant

register = template.Library()
register.filter("call_title", title_of)
register.filter(fact_words)


@register.filter
def answer_words(answer: str) -> str:
    """An answer as people read it."""
    return ANSWER_WORDS[Answer(answer)]


@register.filter
def last_tried(attempts: Sequence[PatientCall]) -> str:
    """When somebody last tried in vain."""
    return instant(max(call.spoken_at for call in attempts))
