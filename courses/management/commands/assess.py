"""Judge situations given as JSON and print the recommendations as JSON or as a page; needs no database."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand

from courses.json_table import Fault, parse_json
from courses.rules.wording import day_words
from courses.situation import BadSituation, Situation, assess, judge, read_situation
from courses.text_answer import text_answer


class Command(BaseCommand):
    """One situation, or with --jsonl one per line."""

    help = "Judge the situation in FILE (- reads standard input) and print the recommendation as JSON."
    requires_system_checks: list[str] = []  # a check may ask the database; this command must not need one

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One file, and whether it holds one situation per line."""
        parser.add_argument("file", metavar="FILE", help="a JSON file, or - for standard input")
        parser.add_argument(
            "--jsonl", action="store_true", help="one situation per line in, one answer per line out"
        )
        parser.add_argument("--text", action="store_true", help="print a page to read instead of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, judge, print; faults go to standard error and make the exit status 2."""
        if options["jsonl"] and options["text"]:
            self._refuse(["--text: prints one page for a reader; leave out --jsonl, or --text"])
        try:
            if options["jsonl"]:
                self._answer_lines(options["file"])
            else:
                self._answer_one(options["file"], as_text=options["text"])
        except (OSError, UnicodeDecodeError) as error:
            self._refuse([f"{options['file']}: {getattr(error, 'strerror', None) or error}"])

    def _answer_one(self, file: str, *, as_text: bool) -> None:
        try:
            situation = read_situation(parse_json("".join(_lines(file))))
            found = judge(situation)
        except Fault as fault:
            self._refuse([str(fault)])
        except BadSituation as bad:
            self._refuse(bad.faults)
        else:
            page = text_answer(found, patient=_patient_words(situation), today=situation.today)
            if as_text:
                self._write(page, plain=page.encode("ascii", "replace").decode())
            else:
                self._write(
                    json.dumps(found, indent=2, ensure_ascii=False), plain=json.dumps(found, indent=2)
                )

    def _answer_lines(self, file: str) -> None:
        """Every line gets its answer or its error; the exit status stays 0."""
        for line in _lines(file, errors="surrogateescape"):
            if line.strip():
                found = _answer_or_error(line)
                self._write(json.dumps(found, ensure_ascii=False), plain=json.dumps(found))

    def _write(self, text: str, *, plain: str) -> None:
        """Write the text, or in a terminal that cannot show its letters the same in plain ASCII."""
        try:
            self.stdout.write(text)
        except UnicodeEncodeError:
            self.stdout.write(plain)

    def _refuse(self, faults: list[str]) -> None:
        for fault in faults:
            self.stderr.write(fault)
        sys.exit(2)


def _patient_words(situation: Situation) -> str:
    """One line about the patient: born 2 March 1961, female."""
    chart = situation.chart
    born = "birth date not known" if chart.birth_date is None else f"born {day_words(chart.birth_date)}"
    return f"{born}, {'sex not known' if chart.sex is None else chart.sex.value}"


def _answer_or_error(line: str) -> dict[str, Any]:
    try:
        return assess(parse_json(line))
    except Fault as fault:
        return {"error": str(fault)}
    except BadSituation as bad:
        return {"error": "; ".join(bad.faults)}
    except Exception as fault:  # one line must never cost the answers of the lines after it
        return {
            "error": f"the service failed on this line ({type(fault).__name__}); decide by hand, report it"
        }


def _lines(file: str, *, errors: str = "strict") -> Iterator[str]:
    """The lines of a file or of standard input; with surrogateescape a broken one ends nothing."""
    if file == "-":
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(errors=errors)
        yield from _decoded(sys.stdin)
        return
    with Path(file).open(encoding="utf-8-sig", errors=errors) as stream:
        yield from stream


def _decoded(stream: TextIO) -> Iterator[str]:
    """The lines without the mark that some editors put first."""
    for number, line in enumerate(stream):
        yield line.removeprefix("\ufeff") if number == 0 else line
