"""Framing: pieces cut anywhere, noise, broken and merged frames."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labs.formats.hl7_files import HL7File, read_hl7_file
from labs.formats.mllp_frames import BrokenFrame, Frame, FrameReader, framed
from tests.builders_labs import message

ONE, TWO = message(control_id="M1"), message(control_id="M2")
STREAMS = {
    "two frames": (framed(ONE) + framed(TWO), [ONE, TWO], []),
    "noise between": (b"\r\n\0" + framed(ONE) + b"\r\n" + framed(TWO), [ONE, TWO], []),
    "a frame without end, then a good one": (b"\x0b" + ONE + framed(TWO), [TWO], ["frame-in-frame"]),
    "garbage block": (framed(b"garbage"), [b"garbage"], []),
    "a separator inside": (framed(b"MSH|a\x1cb"), [b"MSH|a\x1cb"], []),
    "a start byte that is data": (framed(b"MSH|a\x0bb"), [b"MSH|a\x0bb"], []),
    "only noise": (b"GET / HTTP/1.1\r\n\r\n", [], []),
}


def cut(stream: bytes, size: int) -> list[Frame | BrokenFrame]:
    reader = FrameReader(longest=10_000)
    return [
        found for start in range(0, len(stream), size) for found in reader.feed(stream[start : start + size])
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 97, 100_000])
@pytest.mark.parametrize("name", STREAMS)
def test_frames_are_the_same_however_the_stream_is_cut(name: str, size: int) -> None:
    stream, bodies, faults = STREAMS[name]
    found = cut(stream, size)
    assert [frame.body for frame in found if isinstance(frame, Frame)] == bodies
    assert [frame.code for frame in found if isinstance(frame, BrokenFrame)] == faults


def test_the_abandoned_frames_bytes_are_kept() -> None:
    [broken, _whole] = cut(b"\x0b" + ONE + framed(TWO), 50)
    assert broken.body == ONE


def test_a_frame_that_is_too_long_is_named_and_the_next_one_is_still_read() -> None:
    reader = FrameReader(longest=100)
    found = reader.feed(framed(b"MSH" + b"x" * 200) + framed(b"MSH|ok"))
    assert [type(frame) for frame in found] == [BrokenFrame, Frame]
    grown = FrameReader(longest=100)
    assert [
        frame.code for frame in grown.feed(b"\x0bMSH" + b"x" * 200) if isinstance(frame, BrokenFrame)
    ] == ["frame-too-long"]


def test_an_unfinished_frame_is_kept_and_noise_is_counted() -> None:
    reader = FrameReader(longest=1000)
    assert reader.feed(b"abc\x0bMSH|half") == []
    assert reader.noise == 3
    broken = reader.finish()
    assert broken is not None
    assert broken.body == b"MSH|half"
    assert FrameReader(longest=1000).finish() is None


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(1, 50))
def test_random_bytes_give_the_same_frames_however_they_are_cut(stream: bytes, size: int) -> None:
    whole = FrameReader(longest=100_000).feed(stream)
    assert cut(stream, size) == whole


def test_the_messages_of_a_file() -> None:
    assert read_hl7_file(ONE) == HL7File(messages=(ONE,))
    assert read_hl7_file(ONE + TWO) == HL7File(
        messages=(
            ONE,
            TWO,
        )
    )
    assert read_hl7_file(framed(ONE) + framed(TWO)) == HL7File(
        messages=(
            ONE,
            TWO,
        )
    )
    assert read_hl7_file(b"garbage") == HL7File(messages=(b"garbage",))
    assert read_hl7_file(framed(ONE) + b"\x0bMSH|half") == HL7File(
        messages=(
            ONE,
            b"MSH|half",
        )
    )
