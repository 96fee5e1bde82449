"""Judge an HL7 v2 header and build the acknowledgement for it; content is judged elsewhere, later."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from labs.formats.hl7_syntax import Segment, Separators, escape, read_separators, segment_of
from labs.formats.parsed import Rejected

VERSIONS = frozenset({"2.3", "2.3.1", "2.4", "2.5", "2.5.1"})
# Newer senders add to these segments and change none of the fields read here.
NEWER_VERSIONS = frozenset({"2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2"})
_TAKEN_VERSIONS = VERSIONS | NEWER_VERSIONS
# The messages this door takes, by the first two components of MSH-9: results, and merges of patient numbers.
_RESULTS = ("ORU", "R01")
_TAKEN = frozenset({_RESULTS, ("ADT", "A40")})
_ONLY_TAKEN = "Only ORU^R01 results and ADT^A40 merges are taken at this door."
LONGEST_CONTROL_ID = 199
_BOM = b"\xef\xbb\xbf"
_ERRORS = {
    100: "Segment sequence error",
    101: "Required field missing",
    102: "Data type error",
    103: "Table value not found",
    200: "Unsupported message type",
    201: "Unsupported event code",
    202: "Unsupported processing id",
    203: "Unsupported version id",
    204: "Unknown key identifier",
    207: "Application internal error",
}
_ENHANCED = {"AA": "CA", "AE": "CE", "AR": "CR"}
_WANTED = {"AA": {"AL", "SU"}, "AE": {"AL", "ER"}, "AR": {"AL", "ER"}}


class Header(NamedTuple):
    """What an acknowledgement needs of a message: its MSH segment, and which segments there are."""

    msh: Segment
    body: bytes

    def has_segment(self, name: bytes, *, times: int = 1) -> bool:
        """Whether so many lines begin with a name. The bytes are not decoded: one may fill a whole frame."""
        ending = _ending(self.body)
        if times == 1 and ending + name in self.body:
            return True
        if self.body.count(name) < times:
            return False
        lines = (line.lstrip(b"\n") if line[:1] == b"\n" else line for line in self.body.split(ending))
        return sum(line.startswith(name) for line in lines) >= times

    @property
    def application(self) -> str:
        """MSH-3: the namespace, else the universal id."""
        return self.msh.component(3) or self.msh.component(3, 2)

    @property
    def facility(self) -> str:
        """MSH-4: the namespace, else the universal id."""
        return self.msh.component(4) or self.msh.component(4, 2)

    @property
    def control_id(self) -> str:
        """MSH-10."""
        return self.msh.text(self.msh.raw(10)).strip()

    @property
    def version(self) -> str:
        """MSH-12, the version id."""
        return self.msh.component(12)

    @property
    def charset(self) -> str:
        """MSH-18, the first repetition."""
        return self.msh.component(18)

    @property
    def is_enhanced(self) -> bool:
        """Either of MSH-15 and MSH-16 asks for the enhanced mode."""
        return bool(self.msh.component(15) or self.msh.component(16))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How a message is acknowledged: AA, AE or AR, and for the last two an HL7 error code and the reason."""

    code: str
    error: int = 0
    reason_code: str = ""
    reason: str = ""


class Acks(NamedTuple):
    """The acknowledgements to send, in order; either may be empty."""

    first: bytes
    second: bytes = b""


ACCEPTED = Verdict(code="AA")
NOT_ITS_SENDER = Verdict(
    code="AR",
    error=204,
    reason_code="wrong-certificate",
    reason="The certificate of this connection does not belong to the sender named in MSH-3 and MSH-4.",
)


def read_header(body: bytes) -> Header | Rejected:
    """Read MSH without decoding anything but ASCII structure."""
    body = body.removeprefix(_BOM)
    separators = read_separators(body[:64].decode("latin-1"))
    if isinstance(separators, Rejected):
        return separators
    end = body.find(b"\r")
    if end < 0:
        end = body.find(b"\n")
    first = (body if end < 0 else body[:end]).decode("latin-1")  # the rest is not copied
    msh = segment_of(first, position=1, separators=separators, codec="latin-1")
    return Header(msh, body)


def _ending(body: bytes) -> bytes:
    """What ends a segment: where any CR stands only CR does."""
    return b"\r" if b"\r" in body else b"\n"


def judge(header: Header | Rejected) -> Verdict:
    """Decide the acknowledgement from the header alone, once the bytes are kept."""
    if isinstance(header, Rejected):
        return Verdict(code="AR", error=100, reason_code=header.code, reason=header.reason)
    return _objection(header) or ACCEPTED


def _objection(header: Header) -> Verdict | None:
    """The weightiest reason to refuse a header, if there is one."""
    msh = header.msh
    kind, event, *_ = (*msh.components(9), "", "")
    control_id = header.control_id
    found = None
    if header.has_segment(b"MSH", times=2):
        found = _no("AR", 100, "several-messages", "More than one MSH segment in one frame.")
    elif (kind.strip(), event.strip()) not in _TAKEN:
        error, word = (201, "wrong-event") if kind.strip() == "ORU" else (200, "wrong-type")
        found = _no("AR", error, word, _ONLY_TAKEN)
    elif header.version not in _TAKEN_VERSIONS:
        found = _no("AR", 203, "wrong-version", "The version in MSH-12 is not taken; use 2.3 to 2.5.1.")
    elif msh.component(11) != "P":
        reason = "MSH-11 must be P: this door takes live results only."
        found = _no("AR", 202, "not-production", reason)
    elif not control_id:
        found = _no("AE", 101, "no-control-id", "MSH-10, the control id, is empty.")
    elif len(control_id) > LONGEST_CONTROL_ID:
        found = _no("AE", 102, "long-control-id", "MSH-10, the control id, has more than 199 characters.")
    elif not header.has_segment(b"PID"):
        found = _no("AE", 101, "no-patient", "There is no PID segment.")
    return found


def build_ack(
    header: Header | Rejected, *, verdict: Verdict, control_ids: tuple[str, str], at: datetime
) -> Acks:
    """The acknowledgement in the mode the sender asked for; the two control ids are our own."""
    if isinstance(header, Rejected) or not header.is_enhanced:
        return Acks(first=_ack(header, verdict, verdict.code, control_ids[0], at))
    wanted = _WANTED[verdict.code]
    first = second = b""
    if header.msh.component(15) in wanted:
        first = _ack(header, verdict, _ENHANCED[verdict.code], control_ids[0], at)
    if header.msh.component(16) in wanted and verdict.code == "AA":
        second = _ack(header, verdict, verdict.code, control_ids[1], at)
    elif header.msh.component(16) in wanted and not first:
        first = _ack(header, verdict, verdict.code, control_ids[0], at)
    return Acks(first=first or second, second=second if first else b"")


def hl7_stamp(at: datetime) -> str:
    """An instant in UTC as HL7 writes it. `strftime` takes longer than all else that an answer needs."""
    day, _, clock = at.isoformat("T", "seconds").partition("T")
    return f"{day.replace('-', '')}{clock[:8].replace(':', '')}+0000"


def _no(code: str, error: int, reason_code: str, reason: str) -> Verdict:
    return Verdict(code=code, error=error, reason_code=reason_code, reason=reason)


def _ack(header: Header | Rejected, verdict: Verdict, code: str, control_id: str, at: datetime) -> bytes:
    """One ACK message: the parties swapped, the sender's control id echoed exactly as it came."""
    if isinstance(header, Rejected):
        marks = Separators(
            field="|", component="^", repetition="~", escape="\\", subcomponent="&", declared="^~\\&"
        )
        swapped, echoed, version, charset = ("", "", "", ""), "", "2.5.1", ""
    else:
        msh, marks = header.msh, header.msh.separators
        swapped = (msh.raw(5), msh.raw(6), msh.raw(3), msh.raw(4))
        echoed, version, charset = msh.raw(10), msh.raw(12) or "2.5.1", msh.raw(18)
    f, c = marks.field, marks.component
    stamp = hl7_stamp(at)
    msh_fields = [
        f"MSH{f}{marks.declared}",
        *swapped,
        stamp,
        "",
        f"ACK{c}{_event_of(header)}{c}ACK",
        control_id,
        "P",
        version,
    ]
    if charset:
        msh_fields += ["", "", "", "", "", charset]
    said = [escape(verdict.reason, separators=marks)] if verdict.reason else []
    lines = [f.join(msh_fields), f.join(["MSA", code, echoed, *said])]
    if verdict.error:
        lines.append(_error_segment(verdict, f, c, version.split(c)[0], marks.subcomponent))
    return ("\r".join(lines) + "\r").encode("latin-1")


def _event_of(header: Header | Rejected) -> str:
    """The event that an acknowledgement names: that of a message which is taken, else that of results."""
    if isinstance(header, Rejected):
        return _RESULTS[1]
    kind, event, *_ = (*header.msh.components(9), "", "")
    return event.strip() if (kind.strip(), event.strip()) in _TAKEN else _RESULTS[1]


def _error_segment(verdict: Verdict, f: str, c: str, version: str, sub: str) -> str:
    text = _ERRORS[verdict.error]
    if version in {"2.3", "2.3.1", "2.4"}:
        return f.join(["ERR", f"{c}{c}{c}{verdict.error}{sub}{text}{sub}HL70357"])
    return f.join(["ERR", "", "", f"{verdict.error}{c}{text}{c}HL70357", "E"])
