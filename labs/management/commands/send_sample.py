"""Send one sample result to a listener, as a laboratory would, to try the whole line."""

from argparse import ArgumentParser
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from labs import library
from labs.clock import database_now
from labs.formats.hidden import written_out
from labs.formats.hl7_write import Sample, SampleResult, write_sample
from labs.mllp_client import send, send_unfinished
from labs.models import Patient, Sender
from labs.zones import clinic_zone


class Command(BaseCommand):
    """One made-up result of one patient out, the acknowledgement in."""

    help = "Send a sample result (ORU^R01) of a patient over MLLP and print the acknowledgement."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mrn", default="DEMO-0003")
        parser.add_argument("--analyte", default="PLT", type=str.upper, choices=list(library.analytes()))
        parser.add_argument("--value", default="60")
        parser.add_argument("--unit", default=None, help="default: the analyte's own unit")
        parser.add_argument("--low", default="", help="lower limit of normal; for PLT 150 unless given")
        parser.add_argument("--high", default="", help="upper limit of normal; for PLT 400 unless given")
        parser.add_argument("--status", default="F", help="result status letter (F, P, C, X, …)")
        parser.add_argument("--order", default="", help="laboratory's order number; default: a new one")
        parser.add_argument("--collected-at", default="", help="ISO time; default: an hour ago")
        parser.add_argument("--host", default=settings.MLLP_HOST)
        parser.add_argument("--port", type=int, default=settings.MLLP_PORT)
        parser.add_argument(
            "--bad", choices=["unit", "patient", "frame"], help="make the message wrong on purpose"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._refuse_hidden(options)
        sample = self._sample(options)
        body = write_sample(sample)
        result = sample.results[0]
        host, port = options["host"], options["port"]
        self.stdout.write(
            f"Sending {options['analyte']} {result.value} {result.unit},"
            f" collected {sample.collected_at:%Y-%m-%d %H:%M %Z}, for {options['mrn']} to {host} port {port}:"
        )
        self.stdout.write("  " + body.decode().strip().replace("\r", "\n  "))
        deliver = send_unfinished if options["bad"] == "frame" else send
        try:
            answer = deliver(host=host, port=port, body=body)
        except OSError as error:
            raise CommandError(
                f"Nobody listens on {host} port {port} ({error.strerror or error}). Start the clinic with"
                " `make run`, or a listener alone with `manage.py listen_mllp`, or name another --port.",
                returncode=2,
            ) from error
        if answer:
            self.stdout.write("Answer:\n  " + answer.decode("latin-1").strip().replace("\r", "\n  "))
        elif options["bad"] == "frame":
            self.stdout.write("No answer, as it must be: the message was never finished. The bytes are kept.")
        else:
            raise CommandError(
                "The listener closed without an acknowledgement: nothing was stored.", returncode=1
            )

    def _sample(self, options: dict[str, Any]) -> Sample:
        patient = Patient.objects.filter(mrn=options["mrn"]).first()
        if patient is None:
            raise CommandError(f"There is no patient with the number {options['mrn']}.", returncode=2)
        sender = Sender.objects.order_by("pk").first()
        if sender is None:
            raise CommandError("No laboratory is set up; load one with `manage.py load_setup`.", returncode=2)
        now = database_now().astimezone(clinic_zone())
        analyte = library.analytes()[options["analyte"]]
        is_platelets = analyte.short == "PLT"
        unit = options["unit"] if options["unit"] is not None else analyte.unit
        wrong_patient, wrong_unit = options["bad"] == "patient", options["bad"] == "unit"
        return Sample(
            application=sender.msh3,
            facility=sender.msh4,
            control_id=f"SAMPLE{uuid4().hex[:12].upper()}",
            order=options["order"] or f"S{uuid4().hex[:10].upper()}",
            mrn=patient.mrn,
            authority=patient.assigning_authority,
            id_type=patient.id_type,
            family="Somebody-Else" if wrong_patient else patient.family,
            given=patient.given,
            birth_date=patient.birth_date,
            sex=patient.sex,
            results=(
                SampleResult(
                    loinc=analyte.loinc,
                    name=analyte.name,
                    value=self._number(options["value"]),
                    unit="furlong" if wrong_unit else unit,
                    low=options["low"] or ("150" if is_platelets else ""),
                    high=options["high"] or ("400" if is_platelets else ""),
                ),
            ),
            status=options["status"],
            collected_at=self._collected(options["collected_at"], now),
            sent_at=now,
        )

    def _refuse_hidden(self, options: dict[str, Any]) -> None:
        """A line end in an option would write another segment into the message."""
        for name, text in options.items():
            if isinstance(text, str) and written_out(text) != text:
                option = f"--{name.replace('_', '-')}"
                reason = (
                    f"{option} holds characters that cannot be seen: {written_out(text)}. Leave them out."
                )
                raise CommandError(reason, returncode=2)

    def _number(self, text: str) -> str:
        try:
            is_number = Decimal(text).is_finite()
        except InvalidOperation:
            is_number = False
        if not is_number:
            raise CommandError(f"--value {text!r} is not a number.", returncode=2)
        return text

    def _collected(self, text: str, now: datetime) -> datetime:
        if not text:
            return now - timedelta(hours=1)
        try:
            read = datetime.fromisoformat(text)
        except ValueError as error:
            raise CommandError(f"--collected-at {text!r} is not an ISO time.", returncode=2) from error
        return read if read.tzinfo else read.replace(tzinfo=clinic_zone())
