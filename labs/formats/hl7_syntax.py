"""Split HL7 v2 bytes into segments, fields, repetitions and components; unescape each leaf."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from labs.formats.parsed import Rejected

# HL7 table 0211 and what else senders write there, compared without case, blanks and hyphens.
# UTF-16 and UTF-32 cannot travel in a frame, and ISO 2022 sets only beside a first one: they are not known.
_PARTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)
_CODECS = {
    "": "",
    "ASCII": "ascii",
    "USASCII": "ascii",
    "ISOIR6": "ascii",
    "UNICODE": "utf-8",
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "GB180302000": "gb18030",
    "GB18030": "gb18030",
    "KSX1001": "euc_kr",
    "BIG5": "big5",
    "LATIN1": "iso8859_1",
    **{f"8859/{part}": f"iso8859_{part}" for part in _PARTS},
    **{f"ISO8859{part}": f"iso8859_{part}" for part in _PARTS},
    **{f"ISO8859/{part}": f"iso8859_{part}" for part in _PARTS},
    **{f"WINDOWS{page}": f"cp{page}" for page in range(1250, 1259)},
    **{f"CP{page}": f"cp{page}" for page in range(1250, 1259)},
}
_BETWEEN_NAMES = re.compile(r"[\s_-]+")
_SEGMENT_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
# Names known to be names without another look.
_USUAL_NAMES = frozenset({"MSH", "PID", "PV1", "ORC", "OBR", "OBX", "NTE", "SPM"})
_LEADING_FEED = re.compile(r"\n+(?=[A-Z][A-Z0-9]{2})")
_BOM = b"\xef\xbb\xbf"
_LONGEST_CHARSET = 100
_LONGEST_BEGINNING = 10  # `MSH`, the field separator, and one mark more than MSH-2 may hold
_HEADS = frozenset({"MSH", "BHS", "FHS"})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Separators:
    """The delimiters a message declares in MSH-1 and MSH-2; one object for the same ones, a quick key."""

    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str
    declared: str


@dataclass(slots=True)
class Segment:
    """One segment: its name, its raw fields (the first is the name), its place in the message.

    Nobody changes one; it is not frozen because a message is made of them and a frozen one is slow to make.
    """

    name: str
    fields: Sequence[str]
    position: int
    separators: Separators
    codec: str
    line: str

    def raw(self, number: int) -> str:
        """Field n as sent, counted as HL7 counts: MSH-1 is the separator, so MSH-2 stands first."""
        if self.name in _HEADS:
            number -= 1
        return self.fields[number] if number < len(self.fields) else ""

    def repetitions(self, number: int) -> tuple[str, ...]:
        """The repetitions of a field; none of an empty one."""
        raw = self.raw(number)
        return tuple(raw.split(self.separators.repetition)) if raw else ()

    def components(self, number: int) -> tuple[str, ...]:
        """The unescaped components of the first repetition; a component keeps its first subcomponent only."""
        raw = self.raw(number)
        return self.split(raw.split(self.separators.repetition, 1)[0]) if raw else ()

    def split(self, repetition: str) -> tuple[str, ...]:
        """The unescaped components of a repetition."""
        return components_of(repetition, separators=self.separators, codec=self.codec)

    def subcomponents(self, repetition: str, which: int) -> tuple[str, ...]:
        """The unescaped subcomponents of one component of a repetition."""
        parts = repetition.split(self.separators.component)
        return tuple(self.leaves(parts[which - 1])) if which <= len(parts) else ()

    def leaves(self, component: str) -> list[str]:
        """The unescaped subcomponents of a component, without the blanks around them."""
        return [self.text(leaf).strip() for leaf in component.split(self.separators.subcomponent)]

    def component(self, number: int, which: int = 1) -> str:
        """One component of the first repetition, or nothing."""
        if self.name in _HEADS:  # as in `raw`, without the call: this is asked most often
            number -= 1
        raw = self.fields[number] if number < len(self.fields) else ""
        if not raw or raw.isalnum():  # it holds no delimiter, none of which is a letter or a digit
            return raw if which == 1 else ""
        marks = self.separators
        if marks.repetition in raw:
            raw = raw.split(marks.repetition, 1)[0]
        if marks.component not in raw:
            return self.first_leaf(raw) if which == 1 else ""
        parts = raw.split(marks.component)
        return self.first_leaf(parts[which - 1]) if which <= len(parts) else ""

    def first_leaf(self, component: str) -> str:
        """The first subcomponent of a component, unescaped, without the blanks around it."""
        marks = self.separators
        if marks.subcomponent in component:
            component = component.split(marks.subcomponent, 1)[0]
        return (self.text(component) if marks.escape in component else component).strip()

    def text(self, leaf: str) -> str:
        """One leaf with its escapes resolved."""
        if self.separators.escape not in leaf:
            return leaf
        return unescape(leaf, separators=self.separators, codec=self.codec)


class Syntax(NamedTuple):
    """A message split into segments, and remarks about how it had to be read."""

    segments: tuple[Segment, ...]
    notes: tuple[str, ...] = ()


def segment_of(line: str, *, position: int, separators: Separators, codec: str) -> Segment:
    """A line of a message as a segment, whatever its name."""
    fields = line.split(separators.field)
    return Segment(fields[0], fields, position, separators, codec, line)


def read_separators(head: str) -> Separators | Rejected:
    """The delimiters after `MSH`: one field separator and at least four more, all different."""
    return _beginning(head[:_LONGEST_BEGINNING])


@lru_cache(maxsize=256)
def _beginning(head: str) -> Separators | Rejected:
    if not head.startswith("MSH") or len(head) < 8:
        return Rejected(code="not-hl7", reason="The message does not begin with an MSH segment.")
    field = head[3]
    declared = head[4:].split(field, 1)[0]
    return _separators(field, declared)


@lru_cache(maxsize=256)
def _separators(field: str, declared: str) -> Separators | Rejected:
    marks = field + declared
    if not 4 <= len(declared) <= 5 or len(set(marks)) != len(marks):
        return Rejected(code="bad-delimiters", reason="MSH-2 must declare four different delimiters.")
    if any(mark.isalnum() or mark.isspace() or not mark.isprintable() for mark in marks):
        return Rejected(code="bad-delimiters", reason="A delimiter is a letter, digit, blank or control.")
    return Separators(
        field=field,
        component=declared[0],
        repetition=declared[1],
        escape=declared[2],
        subcomponent=declared[3],
        declared=declared,
    )


def codec_of(charset: str) -> str | None:
    """The codec a character set name stands for: empty where none is named, none where it is unknown."""
    return _codec(charset) if len(charset) <= _LONGEST_CHARSET else None


@lru_cache(maxsize=256)
def _codec(charset: str) -> str | None:
    return _CODECS.get(_BETWEEN_NAMES.sub("", charset).upper())


def split_lines(text: str) -> list[str]:
    """The segments as text. Where any CR stands only CR ends a segment, and a line feed may be data."""
    lines = text.split("\r" if "\r" in text else "\n")
    if "\n" in text:
        lines = [_LEADING_FEED.sub("", line, count=1) if line[:1] == "\n" else line for line in lines]
    return list(filter(str.strip, lines))  # a line of blanks is no segment


def components_of(repetition: str, *, separators: Separators, codec: str) -> tuple[str, ...]:
    """The unescaped components of a repetition; a component keeps its first subcomponent only."""
    parts = repetition.split(separators.component)
    if separators.subcomponent in repetition:
        parts = [part.split(separators.subcomponent, 1)[0] for part in parts]
    if separators.escape in repetition:
        parts = [unescape(part, separators=separators, codec=codec) for part in parts]
    return tuple(parts)


def read_syntax(body: bytes, *, charset: str, fallback: str) -> Syntax | Rejected:
    """Decode and split a message; never drop a byte to make it readable."""
    decoded = _decode(body.removeprefix(_BOM), charset=charset, fallback=fallback)
    if isinstance(decoded, Rejected):
        return decoded
    text, codec, notes = decoded
    if "\0" in text:
        return Rejected(
            code="nul-character", reason="The message holds NUL characters: it was damaged on the way."
        )
    separators = read_separators(text[:64])
    if isinstance(separators, Rejected):
        return separators
    segments = []
    for position, line in enumerate(split_lines(text), start=1):
        fields = line.split(separators.field)
        name = fields[0]
        if name not in _USUAL_NAMES and not _SEGMENT_NAME.fullmatch(name):
            return Rejected(
                code="not-a-segment", reason=f"Line {position} does not begin with a segment name."
            )
        segments.append(Segment(name, fields, position, separators, codec, line))
    return Syntax(segments=tuple(segments), notes=notes)


def unescape(leaf: str, *, separators: Separators, codec: str) -> str:
    """Resolve known escapes from left to right; an unknown one, and a lone escape character, stay as sent."""
    if separators.escape not in leaf:
        return leaf
    pattern, known = _escapes(separators)

    def resolve(match: re.Match[str]) -> str:
        name = match[1]
        if name in known:
            return known[name]
        if name.startswith(".sp"):
            return "\n" * int(name[3:] or 1)
        try:
            decoded = bytes.fromhex(name[1:]).decode(codec)
        except UnicodeDecodeError:
            return match[0]
        return match[0] if "\0" in decoded else decoded

    return pattern.sub(resolve, leaf)


@lru_cache(maxsize=256)
def _escapes(separators: Separators) -> tuple[re.Pattern[str], dict[str, str]]:
    """What an escape looks like between these delimiters, and the ones that stand for a fixed text."""
    known = {
        "F": separators.field,
        "S": separators.component,
        "T": separators.subcomponent,
        "R": separators.repetition,
        "E": separators.escape,
        "H": "",
        "N": "",
        ".br": "\n",
    }
    mark = re.escape(separators.escape)
    pattern = rf"{mark}(F|S|T|R|E|H|N|\.br|\.sp[0-9]{{0,2}}|X(?:[0-9A-Fa-f]{{2}})+){mark}"
    return re.compile(pattern), known


def escape(text: str, *, separators: Separators) -> str:
    """Text of ours made safe for a leaf of a message with these delimiters."""
    mark = separators.escape
    names = {
        mark: "E",
        separators.field: "F",
        separators.component: "S",
        separators.subcomponent: "T",
        separators.repetition: "R",
    }
    return "".join(f"{mark}{names[char]}{mark}" if char in names else char for char in text)


@lru_cache(maxsize=256)
def _codecs(named: str | None, fallback: str) -> tuple[str, ...]:
    """The codecs to try in turn: the one that the message names, and the sender's own."""
    return tuple(dict.fromkeys(filter(None, (named, codec_of(fallback) or fallback))))


def _decode(body: bytes, *, charset: str, fallback: str) -> tuple[str, str, tuple[str, ...]] | Rejected:
    named = codec_of(charset)
    notes: list[str] = []
    if named is None:
        notes.append(f"MSH-18 names an unknown character set; the sender's own ({fallback}) was used.")
    for codec in _codecs(named, fallback):
        try:
            return body.decode(codec), codec, tuple(notes)
        except LookupError:
            return Rejected(code="unknown-charset", reason=f"The character set {codec} is not known here.")
        except UnicodeDecodeError:
            notes.append(f"The bytes are not {codec}, the character set that was announced.")
    return Rejected(code="undecodable", reason="The bytes fit no character set named for them.")
