"""Who may do what only some may do, as labs says it, and the refusals that only courses know."""

from labs.services.authority import (
    NotAllowed,
    check_fresh,
    check_right,
    printed_name,
    roles_held,
    seen_letters,
    stated,
)

__all__ = [
    "BadFact",
    "NotAllowed",
    "Refused",
    "check_fresh",
    "check_right",
    "printed_name",
    "roles_held",
    "seen_letters",
    "stated",
]


class Refused(Exception):
    """A plan or act that the protocol or the record does not allow; the text says why and what to do."""


class BadFact(ValueError):
    """The fact cannot be recorded; one clear line per fault, each beginning with the field it is about."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)
