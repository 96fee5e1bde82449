"""Give one call to the outside a hard end, also where the other side sends a byte now and then."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class Overrun(Exception):
    """The call had not come back when its time was over; it has been cut off."""


def within(seconds: float, call: Callable[[], _Result], *, cut: Callable[[], Any]) -> _Result:
    """What the call returns or raises; after so many seconds `cut` ends it, and Overrun is raised.

    The call runs in a thread of its own, which must not use the database.
    """
    returned: list[_Result] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            returned.append(call())
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True, name="outside-call")
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        cut()
        raise Overrun
    if raised:
        raise raised[0]
    return returned[0]
