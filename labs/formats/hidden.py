"""Write out, by their code points, the characters that hide, reorder or break a line of text."""

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def written_out(text: str) -> str:
    """The text, with `[U+001B]` in place of an escape character, and so on."""
    return "".join(
        f"[U+{ord(character):04X}]" if unicodedata.category(character) in _HIDDEN else character
        for character in text
    )
