"""The web server's access log: one line a request, whatever the request's address holds."""

from gunicorn.glogging import Logger, SafeAtoms  # type: ignore[import-untyped]  # gunicorn ships no types

from prrt_clinic.logs import one_line


class OneLineAtoms(SafeAtoms):  # type: ignore[misc]  # the same
    """The facts of a request; gunicorn's own escape the quotation mark alone."""

    def __getitem__(self, name: str) -> object:
        """The fact, without control characters."""
        fact = super().__getitem__(name)
        return one_line(fact) if isinstance(fact, str) else fact


class AccessLogger(Logger):  # type: ignore[misc]  # the same
    """For gunicorn's --logger-class."""

    atoms_wrapper_class = OneLineAtoms
