"""Recompute every stored decision from its stored evidence and report what differs."""

import sys
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.progress import track

from courses.models import Decision
from courses.situation import BadSituation, assess

CHUNK = 200
# The name of the engine changes with every release; what it says must not.
NOT_COMPARED = ("engine",)


class Command(BaseCommand):
    """One line for each difference; exit status 1 when there is any."""

    help = "Recompute every stored decision from its stored evidence and report differences."

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay oldest first; a decision made for a fault rests on no evidence and is only counted."""
        total, differing, without = Decision.objects.count(), 0, 0
        decisions = Decision.objects.order_by("pk").iterator(chunk_size=CHUNK)
        bar = Console(file=sys.stderr)
        for decision in track(decisions, total=total, description="decisions", console=bar, transient=True):
            if not decision.situation:
                without += 1
                continue
            found = list(differences(decision))
            differing += bool(found)
            for line in found:
                self.stdout.write(f"decision {decision.public_id}: {line}")
        self.stdout.write(
            f"{total - without} decisions replayed, {differing} differ"
            + (f"; {without} rest on no evidence (faults)" if without else "")
        )
        if differing:
            sys.exit(1)


def differences(decision: Decision) -> Iterator[str]:
    """What a fresh assessment of the stored situation says otherwise, one line for each part."""
    try:
        fresh = assess(decision.situation)
    except BadSituation as bad:
        yield f"its stored evidence can no longer be read: {'; '.join(bad.faults)}"
        return
    stored = decision.answer
    for key in sorted(set(fresh) | set(stored)):
        if key not in NOT_COMPARED and fresh.get(key) != stored.get(key):
            yield f"{key}: stored {stored.get(key)!r}, now {fresh.get(key)!r}"
