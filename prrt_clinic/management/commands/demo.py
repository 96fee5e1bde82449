"""Build the demonstration clinic through the services, in a database that has no other patients."""

import sys
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, transaction
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from labs.clock import database_now
from labs.models import Patient
from prrt_clinic.demo_clinic import AUTHORITY, DemoClinic, patients_planned
from prrt_clinic.demo_people import create_people, logins_path


class Command(BaseCommand):
    """40 plainly synthetic patients at every stage, and a log-in for every role."""

    help = "Build the demonstration clinic; refuses a database that has real patients."

    def handle(self, *args: Any, **options: Any) -> None:
        """Build it once; a second call on the demonstration database changes nothing."""
        if self._is_there():
            self.stdout.write("The demonstration clinic is there already; nothing was changed.")
            return
        # One transaction: a demonstration that was interrupted leaves nothing behind.
        with transaction.atomic(), self._progress() as progress:
            task = progress.add_task("patients", total=patients_planned())
            try:
                people = create_people()
            except ImproperlyConfigured as error:
                raise CommandError(str(error), returncode=2) from error
            clinic = DemoClinic(people=people, now=database_now())
            built = clinic.build(told=lambda _line: progress.advance(task))
        self.stdout.write(f"{built} synthetic patients built. Log-ins: {logins_path()}")

    def _is_there(self) -> bool:
        """Whether the demonstration clinic stands already. Raises CommandError on anybody else's database."""
        try:
            others = Patient.objects.real().exclude(assigning_authority=AUTHORITY).count()
            built = Patient.objects.filter(assigning_authority=AUTHORITY).count()
        except DatabaseError as error:
            raise CommandError(
                "The database has no tables yet. Run `manage.py migrate` first.", returncode=2
            ) from error
        if others:
            raise CommandError(
                f"This database has {others} patient(s) that are not the demonstration's. Nothing was "
                "changed; use an empty database (DATABASE_URL) for the demonstration.",
                returncode=2,
            )
        if not built and User.objects.exists():
            raise CommandError(
                "This database has people's accounts already. Nothing was changed; use an empty database.",
                returncode=2,
            )
        return built > 0

    def _progress(self) -> Progress:
        """A bar on a terminal; nothing but the closing line in a log."""
        return Progress(
            TextColumn("  {task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            console=Console(file=sys.stderr),
            transient=True,
        )
