"""Log lines tell where something failed and keep to themselves whose data it failed on."""

import logging
import sys

from prrt_clinic.logs import PlainFormatter


def logged(error):
    try:
        try:
            raise ValueError("patient Anna Example, 60")
        except ValueError as cause:
            raise error from cause
    except Exception:
        record = logging.LogRecord("labs", logging.ERROR, __file__, 1, "failed", None, sys.exc_info())
    return PlainFormatter("%(message)s").format(record)


def test_the_words_of_an_exception_are_left_out_and_its_kind_and_place_are_kept():
    text = logged(RuntimeError("Key (mrn)=(4711) already exists"))
    assert "4711" not in text.replace(__file__, "").split("RuntimeError")[-1]
    assert "ValueError" in text
    assert "RuntimeError" in text
    assert "test_logs.py" in text
    assert text.index("ValueError") < text.index("led to")


def test_what_the_operating_system_says_is_kept():
    assert "No space left" in logged(OSError(28, "No space left on device"))


def test_what_a_stranger_sent_stays_in_its_line_and_is_shown_escaped():
    sent = "Filtering by x\nERROR forged\x1b[31m not allowed"
    record = logging.LogRecord("django.security", logging.ERROR, __file__, 1, "%s", (sent,), None)
    written = PlainFormatter("%(levelname)s %(message)s").format(record)
    assert written == r"ERROR Filtering by x\nERROR forged\x1b[31m not allowed"
