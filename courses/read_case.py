"""A course's chart as known on a day, sifted and ready to be asked; nothing is recommended here."""

from datetime import date

from courses.chart import read_chart
from courses.library import protocol
from courses.models import Course
from courses.rules.derived import Case
from courses.rules.evidence import read_history
from courses.rules.support import mark_supported


def read_case(course: Course, *, today: date) -> Case:
    """The case of a course; no day of treatment is judged. As many queries as its chart.

    Raises UnknownProtocol, and Fault where a recorded fact cannot be read.
    """
    plan = protocol(course.protocol_id)
    chart = read_chart(course=course, planned_on=today, today=today)
    history = mark_supported(read_history(chart), chart=chart, protocol=plan)
    return Case(chart=chart, history=history, protocol=plan)
