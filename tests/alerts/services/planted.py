"""Faults that are planted one at a time: the sentence that says what is wrong, and the promise it breaks."""

from collections.abc import Callable
from typing import Any, TypeVar

import pytest

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]
Promise = TypeVar("Promise", bound=Callable[..., None])


class Planted(dict[str, tuple[Promise, Plant]]):
    """By sentence, the promise that a fault breaks and what plants it."""

    def fault(self, words: str, *, breaks: Promise) -> Callable[[Plant], Plant]:
        """Puts a fault on the list under the sentence that says what is wrong."""

        def enlist(plant: Plant) -> Plant:
            self[words] = (breaks, plant)
            return plant

        return enlist


def nothing(*_: Any, **__: Any) -> int:
    """What stands in for a control that is switched off."""
    return 0
