"""Text that is meant to break a page: what it says, and how a page that let it through is found out."""

import re
from html.parser import HTMLParser
from typing import NamedTuple

# An element that no page of ours has, and the call its handlers would make.
ELEMENT, CALL = "prrt-hit", "prrtHit()"
# Turns the reading direction, hides, and rings a bell.
CONTROLS = "\u202e\u2066\u200b\u0007"
PEOPLE_WRITE = "\U0001f469\u200d\u2695\ufe0f \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627"
_BREAKS = (
    f"\"'><{ELEMENT} onclick={CALL}>",
    f"<script>{CALL}</script>",
    f"<img src=x onerror={CALL}>",
    f"' onfocus={CALL} autofocus x='",
    "{{ settings.SECRET_KEY }}{% debug %}",
    f"javascript:{CALL}",
    CONTROLS,
    PEOPLE_WRITE,
)


_RUNS = re.compile(r"\s*(javascript|vbscript|data:text)", re.IGNORECASE)


class Hostile:
    """Hands out hostile text for each field by its name, and remembers which were handed out."""

    def __init__(self) -> None:
        self.given: set[str] = set()

    def __call__(self, field: str, *, most: int = 400, long: bool = False) -> str:
        """The field's name and as many attacks as fit; a `long` one ends in a word without any gap."""
        self.given.add(field)
        text = f"[{field}]"
        for attack in _BREAKS:
            if len(text) + len(attack) + 1 <= most:
                text = f"{text} {attack}"
        return text + "\u00c4" * (most - len(text)) if long else text

    def name(self, field: str, *, most: int = 100) -> str:
        """The same for what a laboratory's message repeats: without what such a message may not hold."""
        return self(field, most=most, long=True).replace(CONTROLS, "\u202e")


class Fault(NamedTuple):
    """What of a page would act or deceive."""

    why: str
    where: str


class _Reader(HTMLParser):
    """What a browser would make of a page, as far as it could act or deceive."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[Fault] = []
        self._in_field = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element or attribute that came out of a text."""
        given = {name: value or "" for name, value in attrs}
        here = f"<{tag} {' '.join(f'{name}={value!r}' for name, value in given.items())}>"[:200]
        self._in_field = tag == "textarea"
        if tag == ELEMENT or given.get("src") == "x":
            self._fault("a text became an element", here)
        if tag == "script" and "src" not in given and not given.get("type", "").endswith("json"):
            self._fault("a script stands in the page", here)
        for name, value in given.items():
            if name.startswith("on"):
                self._fault("an element has a handler", here)
            if CALL in value and (name.startswith(("x-", "@", ":")) or name in {"style", "srcdoc"}):
                self._fault("a text stands where code is read", here)
            if name in {"href", "src", "action", "formaction"} and _RUNS.match(value):
                self._fault("an address runs code", here)
            if name != "value":  # what is typed into a field is what was stored
                self._look(value)

    def handle_endtag(self, tag: str) -> None:
        """A field is over."""
        self._in_field = False

    def handle_data(self, data: str) -> None:
        """Text that people read."""
        if not self._in_field:
            self._look(data)

    def _look(self, text: str) -> None:
        for character in CONTROLS:
            if (place := text.find(character)) >= 0:
                self._fault(
                    f"U+{ord(character):04X} is not written out", text[max(0, place - 90) : place + 20]
                )

    def _fault(self, why: str, where: str) -> None:
        self.faults.append(Fault(why, where))


def faults_in(text: str) -> list[Fault]:
    """Everything of a page that a stored text could have made act, turn round or hide."""
    reader = _Reader()
    reader.feed(text)
    return reader.faults
