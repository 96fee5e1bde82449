"""Leave the tests that draw at random out of the tree mutmut works in: a kill is a kill in every run."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Properties are for `make test`; here they would kill a mutant in one run and miss it in the next."""
    items[:] = [
        item for item in items if not getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
    ]
