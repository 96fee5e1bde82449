"""What the site has declared and agreed, read once for the messages of one pass."""

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial

from django.db import transaction

from labs.models import LocalCode, Sender, UnitUse
from labs.same_person import People, read_people
from labs.services.measure import local_codes_of, unit_spellings_of

_FRESH_SECONDS = 1.0


class Site:
    """Senders, their codes and units, and merged numbers, each looked up when it is first asked for.

    A pass chooses its messages before it reads any of this. So each of them is read with a set-up at least as
    new as the message, and as if all of them were read at one moment; a long pass looks again each second.
    """

    def __init__(self) -> None:
        self._until = time.monotonic() + _FRESH_SECONDS
        self._senders: dict[tuple[str, str], Sender | None] = {}
        self._codes: dict[str, Mapping[str, Sequence[LocalCode]]] = {}
        self._spellings: dict[str, Mapping[tuple[str, str], str]] = {}
        self._units: dict[str, set[tuple[str, str]]] = {}

    @property
    def is_fresh(self) -> bool:
        """Whether a pass may go on with it."""
        return time.monotonic() < self._until

    @cached_property
    def people(self) -> People:
        """Which numbers are one person."""
        return read_people()

    def sender(self, msh3: str, msh4: str) -> Sender | None:
        """The sender that a header names."""
        if (msh3, msh4) not in self._senders:
            self._senders[msh3, msh4] = Sender.objects.filter(msh3=msh3, msh4=msh4).first()
        return self._senders[msh3, msh4]

    def local_codes(self, sender: str) -> Mapping[str, Sequence[LocalCode]]:
        """A sender's own codes."""
        if sender not in self._codes:
            self._codes[sender] = local_codes_of(sender)
        return self._codes[sender]

    def unit_spellings(self, sender: str) -> Mapping[tuple[str, str], str]:
        """A sender's own spellings of units."""
        if sender not in self._spellings:
            self._spellings[sender] = unit_spellings_of(sender)
        return self._spellings[sender]

    def units_used(self, sender: str) -> set[tuple[str, str]]:
        """The spellings this sender has used for each analyte: analyte and spelling, folded."""
        if sender not in self._units:
            used = UnitUse.objects.filter(sender=sender).values_list("analyte", "unit")
            self._units[sender] = set(used)
        return self._units[sender]

    def add_units(self, sender: str, units: Iterable[tuple[str, str]]) -> None:
        """Spellings that are written down now; known once that is committed."""
        transaction.on_commit(partial(self.units_used(sender).update, list(units)), robust=True)
