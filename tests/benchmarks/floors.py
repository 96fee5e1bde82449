"""Say by name which measured floor a run missed, all of them at once."""

from typing import NamedTuple


class Floor(NamedTuple):
    """One figure of a run beside what it must keep to."""

    what: str
    measured: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def miss(self) -> str:
        """In words how it was missed; nothing where it was kept."""
        if self.at_least is not None and self.measured < self.at_least:
            return f"{self.what}: {self.measured:.2f}, and at least {self.at_least:g} is asked"
        if self.at_most is not None and self.measured > self.at_most:
            return f"{self.what}: {self.measured:.2f}, and at most {self.at_most:g} is allowed"
        return ""


def hold(*floors: Floor) -> None:
    """Fail with every floor that was missed; so `make bench` ends with 1 and names them."""
    missed = [floor.miss for floor in floors if floor.miss]
    assert not missed, "Missed floors:\n" + "\n".join(missed)
