"""Print one patient's results as JSON."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from labs.models import Patient
from labs.report import patient_results


class Command(BaseCommand):
    """A record number in, results out."""

    help = "Print a patient's current results as JSON; with --history also superseded, voided and held ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mrn", required=True, help="the patient's record number")
        parser.add_argument("--authority", default="", help="who assigned it, where two use the same number")
        parser.add_argument("--history", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        patients = Patient.objects.filter(mrn=options["mrn"])
        if options["authority"]:
            patients = patients.filter(assigning_authority=options["authority"])
        found = list(patients[:2])
        if not found:
            raise CommandError(f"There is no patient with the number {options['mrn']}.", returncode=2)
        if len(found) > 1:
            raise CommandError("Two patients have this number; name the authority.", returncode=2)
        rows = patient_results(patient=found[0], history=options["history"])
        self.stdout.write(json.dumps(rows, indent=2, ensure_ascii=False))
