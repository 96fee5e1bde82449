"""How log lines are written: where something failed is kept, the values it failed on are not."""

import logging
import re
import traceback
from types import TracebackType

from django.core.exceptions import ImproperlyConfigured

# Their words come from the operating system or from our own settings, never from a patient's record.
HARMLESS = (OSError, ImproperlyConfigured)

# The address of a duty calendar is itself what lets its reader in.
_SECRET = re.compile(r"(/calendar/)[^\s/?]+")

type_and_trace = tuple[type[BaseException], BaseException, TracebackType | None]


def one_line(text: str) -> str:
    """The text with control characters escaped: what a stranger sent ends no line, colours no screen.

    Secret addresses are left out.
    """
    written = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in text
    )
    return _SECRET.sub(r"\1(secret)", written)


class PlainFormatter(logging.Formatter):
    """A traceback without exception messages: a database error quotes the row it refused."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """One line, whatever stands in it."""
        return one_line(super().formatMessage(record))

    def formatException(self, ei: type_and_trace | tuple[None, None, None]) -> str:
        """The call stack and the kinds of error, outermost cause first."""
        error = ei[1]
        lines: list[str] = []
        while error is not None:
            said = f": {error}" if isinstance(error, HARMLESS) else ""
            frames = "".join(traceback.format_tb(error.__traceback__)).rstrip()
            lines.insert(0, f"{frames}\n{type(error).__name__}{said}".lstrip())
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\nled to\n".join(lines)
