"""Who may do what only some may do, as labs says it, and the refusals that only courses know."""

from labs.services.authority import NotAllowed, check_fresh, check_right, printed_name, stated

__all__ = ["NotAllowed", "Refused", "check_fresh", "check_right", "printed_name", "stated"]


class Refused(Exception):
    """A plan or act that the protocol or the record does not allow; the text says why and what to do."""
