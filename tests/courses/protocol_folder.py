"""A copy of the protocol files that a test may change."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from courses import library
from tests.case_reader import EXTRA_PROTOCOLS

US = "lutathera_us_2024_04"
RESEARCH = "synthetic_five"


class ProtocolFolder:
    """The product's protocols and the synthetic one, in a folder of the test's own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for folder in (library.FOLDER, EXTRA_PROTOCOLS):
            for file in folder.glob("*.toml"):
                shutil.copy(file, path)

    def replace(self, protocol_id: str, old: str, new: str) -> None:
        """Change a file in place, as an editor would, and start anew."""
        file = self.path / f"{protocol_id}.toml"
        text = file.read_text("utf-8")
        assert old in text, f"{protocol_id} does not say {old!r}"
        file.write_text(text.replace(old, new, 1), "utf-8")
        library.shelf.cache_clear()

    def add_version(self, new_id: str, *replacements: tuple[str, str]) -> None:
        """A further version of the US label with some texts replaced."""
        text = (self.path / f"{US}.toml").read_text("utf-8").replace(f'id = "{US}"', f'id = "{new_id}"', 1)
        for old, new in replacements:
            assert old in text, f"{US} does not say {old!r}"
            text = text.replace(old, new, 1)
        (self.path / f"{new_id}.toml").write_text(text, "utf-8")
        library.shelf.cache_clear()


@contextmanager
def protocol_folder(path: Path) -> Iterator[ProtocolFolder]:
    """Let the library read from a copy until the end of the test."""
    folder = ProtocolFolder(path)
    with patch.object(library, "FOLDER", path):
        library.shelf.cache_clear()
        try:
            yield folder
        finally:
            library.shelf.cache_clear()
    library.shelf.cache_clear()
