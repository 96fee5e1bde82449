"""The HL7 v2 listener: frame, keep, acknowledge. Nothing is acknowledged before it is committed."""

import asyncio
import logging
import signal
import socket
import ssl
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address

from labs import services
from labs.failpoints import reach
from labs.formats.mllp_frames import BrokenFrame, Frame, FrameReader, framed
from labs.mllp_group import Keeper
from labs.mllp_tls import Network, TlsDoor, names_in
from labs.models import LabMessage
from labs.services import Arrival

logger = logging.getLogger(__name__)
_CHUNK = 65536
_GOODBYE_SECONDS = 10.0
_TLS_LOOK_SECONDS = 5.0
_ANNOUNCE_SECONDS = 0.25  # at the least between two nudges to the readers; each holds up who sends just then
_KEEPALIVE = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}  # a dead peer is gone in two minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one sender, and all of them together, may ask of the listener."""

    frame_bytes: int = 16 * 1024 * 1024
    # For a frame of any size, and as much more as its bytes need at the least rate.
    frame_seconds: float = 60.0
    least_rate: int = 16 * 1024  # bytes a second
    connections: int = 64
    of_one_address: int = 32  # so that one sender that keeps opening connections cannot take them all
    small_frame: int = 512 * 1024  # a longer one waits for its turn, so that memory has a bound
    large_frames: int = 2  # at a time
    handshake_seconds: float = 10.0
    idle_seconds: float = 0.0  # between messages; 0 waits without end
    allowed: tuple[Network, ...] = field(default=())


@dataclass(slots=True, kw_only=True, eq=False)
class _Line:
    """One open connection: whose it is, and since when nothing, or a frame, has been under way on it."""

    address: str
    peer: str
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle_since: float | None
    certificate: frozenset[str] = frozenset()
    frame_since: float | None = None
    waiting: asyncio.Timeout | None = None
    has_turn: bool = False
    is_admitted: bool = False  # by its certificate
    is_ending: bool = False  # no further message is read from it


class Listener:
    """Serves any number of senders; each connection is read, kept and answered strictly in order."""

    def __init__(self, *, host: str, port: int, limits: Limits, tls: TlsDoor | None = None) -> None:
        self.host, self.port, self.limits, self.tls = host, port, limits, tls
        self.stopping = asyncio.Event()
        self.connections: set[asyncio.Task[None]] = set()
        self.lines: set[_Line] = set()
        self.turns = asyncio.Semaphore(limits.large_frames)
        self.keeper = Keeper()
        self.bell = ThreadPoolExecutor(max_workers=1, thread_name_prefix="announce")
        self.unannounced: list[int] = []
        self.next_announcement = 0.0

    async def serve(self, *, ready: Callable[[str, int], None]) -> None:
        """Listen until told to stop; then finish what is in hand and close."""
        server = await asyncio.start_server(self._accept, self.host, self.port)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        name = server.sockets[0].getsockname()
        ready(str(name[0]), int(name[1]))
        watching = asyncio.create_task(self._watch_tls_files())
        await self.stopping.wait()
        watching.cancel()
        server.close()
        for line in self.lines:
            self._wind_up(line)
        if self.connections:
            await asyncio.wait(self.connections, timeout=_GOODBYE_SECONDS)
        await self.keeper.close()
        self._announce()
        self.bell.shutdown(wait=True)

    async def _watch_tls_files(self) -> None:
        """Look at the files also while nobody connects: a revoked sender may be connected already."""
        while True:
            await asyncio.sleep(_TLS_LOOK_SECONDS)
            self._look_at_tls_files()

    def _look_at_tls_files(self) -> None:
        """Where the files changed, every other sender shows its certificate again, after its message."""
        if self.tls is not None and self.tls.refresh():
            for line in self.lines:
                if line.is_admitted:
                    line.is_ending = True
                    if line.frame_since is None:
                        self._wind_up(line)

    def _wind_up(self, line: _Line) -> None:
        """No more messages from this line: an idle one ends now, one inside a frame has a few seconds."""
        if line.frame_since is None:
            line.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a read transport as well
            line.reader.feed_eof()
        elif line.waiting is not None:
            line.waiting.reschedule(asyncio.get_running_loop().time() + _GOODBYE_SECONDS / 2)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        address = writer.get_extra_info("peername")
        line = _Line(
            address=str(address[0]),
            peer=f"{address[0]}:{address[1]}",
            reader=reader,
            writer=writer,
            idle_since=asyncio.get_running_loop().time(),
        )
        if not self._admits(line):
            logger.warning("Connection from %s refused", line.peer)
            writer.close()
            return
        self.connections.add(task)
        self.lines.add(line)
        try:
            _keep_alive(writer.get_extra_info("socket"))
            if self.tls is None or await self._handshake(line):
                await self._converse(line)
        except (ConnectionError, TimeoutError) as error:
            logger.info("Connection with %s ended: %s", line.peer, type(error).__name__)
            line.writer.transport.abort()
        finally:
            self.connections.discard(task)
            self.lines.discard(line)
            writer.close()

    async def _handshake(self, line: _Line) -> bool:
        """Speak TLS from here on, with a sender whose certificate our authority signed; else false."""
        assert self.tls is not None
        self._look_at_tls_files()
        context = self.tls.context
        try:
            # Nothing may be awaited between the accept and this, or the first bytes would miss it.
            await line.writer.start_tls(context, ssl_handshake_timeout=self.limits.handshake_seconds)
        except ssl.SSLError as error:
            why = getattr(error, "verify_message", "") or error.reason
            logger.warning("TLS with %s refused: %s", line.peer, why)
            return False
        line.certificate = names_in(line.writer.get_extra_info("peercert"))
        line.is_admitted = True
        return self.tls.context is context  # else the files changed meanwhile, and it shows it again

    def _admits(self, line: _Line) -> bool:
        """Whether a new connection may stay: its network is allowed, and there is room for it."""
        plain = ip_address(line.address.split("%", maxsplit=1)[0])
        if self.limits.allowed and not any(plain in network for network in self.limits.allowed):
            return False
        of_this_address = {each for each in self.lines if each.address == line.address}
        return self._has_room(of_this_address, most=self.limits.of_one_address) and self._has_room(
            self.lines, most=self.limits.connections
        )

    def _has_room(self, lines: AbstractSet[_Line], *, most: int) -> bool:
        """Make room for one more by ending what has been idle longest; a sender with a result connects anew.

        Idle connections are often left over from a sender that restarted, and must not shut it out.
        """
        if len(lines) < most:
            return True
        idle = [(line.idle_since, line) for line in lines if line.idle_since is not None]
        if not idle:
            return False
        since, longest = min(idle, key=lambda each: each[0])
        seconds = asyncio.get_running_loop().time() - since
        logger.warning("Connection with %s ended for a new one, idle for %.0f s", longest.peer, seconds)
        self.lines.discard(longest)
        longest.writer.close()
        return True

    async def _converse(self, line: _Line) -> None:
        """Read until the sender closes, a frame takes too long, or the listener stops."""
        frames = FrameReader(longest=self.limits.frame_bytes)
        try:
            while data := await self._read(line, frames):
                found = frames.feed(data)
                if found or frames.in_frame:
                    line.idle_since = None
                for frame in found:
                    if not await self._answer(frame, line):
                        return
                if found and line.is_ending:
                    return
                await self._note(line, frames, is_new=bool(found))
        finally:
            if frames.noise:
                logger.warning("Skipped %d bytes between frames from %s", frames.noise, line.peer)
            if last := frames.finish():
                with suppress(ConnectionError, TimeoutError):  # it may be gone; the bytes are kept first
                    await self._answer(last, line)
            self._end_turn(line)

    async def _read(self, line: _Line, frames: FrameReader) -> bytes:
        """More bytes; nothing at the end of the stream, of the time for a frame, or of the listener."""
        if line.frame_since is None:
            return await self._read_idle(line)
        due = line.frame_since + self.limits.frame_seconds + frames.pending / self.limits.least_rate
        if self.stopping.is_set():
            due = min(due, asyncio.get_running_loop().time() + _GOODBYE_SECONDS / 2)
        try:
            async with asyncio.timeout_at(due) as line.waiting:
                return await line.reader.read(_CHUNK)
        except TimeoutError:
            return b""
        finally:
            line.waiting = None

    async def _read_idle(self, line: _Line) -> bytes:
        """The first bytes of the next message; nothing at the end of the stream or of the patience for it.

        Counted from the last message: noise is no sign of life.
        """
        if not self.limits.idle_seconds:
            return await line.reader.read(_CHUNK)
        since = line.idle_since or asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(since + self.limits.idle_seconds):
                return await line.reader.read(_CHUNK)
        except TimeoutError:
            logger.info("Connection with %s ended, idle for %.0f s", line.peer, self.limits.idle_seconds)
            return b""

    async def _note(self, line: _Line, frames: FrameReader, *, is_new: bool) -> None:
        """Remember since when the line is in a frame or idle, and let a long frame wait for its turn."""
        loop = asyncio.get_running_loop()
        if is_new:
            self._end_turn(line)
        if not frames.in_frame:
            line.frame_since = None
            if line.idle_since is None:
                line.idle_since = loop.time()
            if self.stopping.is_set() or line.is_ending:
                self._wind_up(line)
            return
        if line.frame_since is None or is_new:
            line.frame_since = loop.time()
        if frames.pending > self.limits.small_frame and not line.has_turn:
            asked = loop.time()
            await self.turns.acquire()
            line.has_turn = True
            line.frame_since += loop.time() - asked  # the wait was ours

    def _end_turn(self, line: _Line) -> None:
        if line.has_turn:
            line.has_turn = False
            self.turns.release()

    async def _answer(self, frame: Frame | BrokenFrame, line: _Line) -> bool:
        """Keep one frame and write its acknowledgements; false when the connection must close."""
        if isinstance(frame, BrokenFrame):
            answer = await self.keeper.keep_broken(frame, line.peer)
        else:
            arrival = Arrival(
                body=frame.body, door=LabMessage.Door.MLLP, peer=line.peer, certificate=line.certificate
            )
            answer = await self.keeper.keep(arrival)
        if answer.kept:
            self._keep_to_announce(answer.kept)
        for ack in answer.acks:
            line.writer.write(framed(ack))
        reach("listener.answered")
        if line.writer.transport.get_write_buffer_size():  # else the network has taken all of it
            async with asyncio.timeout(self.limits.frame_seconds):  # for a sender that reads no answers
                await line.writer.drain()
        return answer.go_on

    def _keep_to_announce(self, message_ids: tuple[int, ...]) -> None:
        """The readers hear of it, together with what else was kept meanwhile; no sender waits for it."""
        if not self.unannounced:
            loop = asyncio.get_running_loop()
            self.next_announcement = max(loop.time(), self.next_announcement + _ANNOUNCE_SECONDS)
            loop.call_at(self.next_announcement, self._announce)
        self.unannounced += message_ids

    def _announce(self) -> None:
        if self.unannounced:
            self.bell.submit(services.announce_kept, self.unannounced)
            self.unannounced = []


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
