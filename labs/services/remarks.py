"""Say what is odd about a result that was taken in all the same: remarks stop nothing and change nothing."""

from collections.abc import Iterator

from labs.formats.parsed import ParsedObservation
from labs.services.meaning import Understood

_LOW, _HIGH = frozenset({"L", "LL", "<"}), frozenset({"H", "HH", ">"})


def remarks_on(understood: Understood) -> Iterator[str]:
    """What a person who looks at the message should know of this result."""
    sent = understood.sent
    if understood.collected.is_ambiguous:
        yield (
            f"{_named(understood)}: the collection time {understood.collected.text} occurred twice, because"
            " clocks were put back; the earlier of the two was taken."
        )
    if sent.flags and _flags_contradict(understood):
        yield (
            f"{_named(understood)}: the flag {sent.flags} contradicts the value and its range;"
            " the value counts."
        )


def _named(understood: Understood) -> str:
    return f"{understood.analyte.short} (place {understood.sent.position})"


def remark_on_attachment(sent: ParsedObservation) -> str:
    """That a file came along and was not read."""
    return f"Place {sent.position}: an attachment is kept with the message and was not read."


def _flags_contradict(understood: Understood) -> bool:
    """Whether an abnormal flag and the value within its range cannot both be true."""
    flags = {flag.split("^")[0].strip().upper() for flag in understood.sent.flags.split("~")}
    value, low, high = understood.value, understood.range.low, understood.range.high
    if flags & _LOW and flags & _HIGH:
        return True
    if value is None or understood.comparator or (low is None and high is None):
        return False
    is_low, is_high = low is not None and value < low, high is not None and value > high
    if flags & _LOW:
        return is_high or (low is not None and not is_low)
    if flags & _HIGH:
        return is_low or (high is not None and not is_high)
    return "N" in flags and (is_low or is_high)
