"""The HL7 v2 listener: frame, keep, acknowledge. Nothing is acknowledged before it is committed."""

import asyncio
import logging
import signal
import socket
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_address
from uuid import uuid4

from django.db import DatabaseError, InterfaceError, connection

from labs import services
from labs.formats.hl7_ack import Verdict, build_ack, read_header
from labs.formats.mllp_frames import BrokenFrame, Frame, FrameReader, framed
from labs.formats.parsed import Rejected
from labs.models import LabMessage

logger = logging.getLogger(__name__)
_CHUNK = 65536
_BUSY = Verdict(code="AE", error=207, reason="The message cannot be stored at the moment; send it again.")
_GOODBYE_SECONDS = 10.0
_RETRY_SECONDS = 5.0
_ATTEMPTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one sender, and all of them together, may ask of the listener."""

    frame_bytes: int = 16 * 1024 * 1024
    frame_seconds: float = 60.0
    connections: int = 64
    of_one_address: int = 32  # so that one sender that keeps opening connections cannot take them all
    allowed: tuple[IPv4Network | IPv6Network, ...] = field(default=())


@dataclass(slots=True, kw_only=True, eq=False)
class _Line:
    """One open connection: whose it is, and since when nothing has been under way on it."""

    address: str
    peer: str
    writer: asyncio.StreamWriter
    idle_since: float | None


class Listener:
    """Serves any number of senders; each connection is read, kept and answered strictly in order."""

    def __init__(self, *, host: str, port: int, limits: Limits, workers: int = 4) -> None:
        self.host, self.port, self.limits = host, port, limits
        self.stopping = asyncio.Event()
        self.connections: set[asyncio.Task[None]] = set()
        self.lines: set[_Line] = set()
        self.pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="keep")

    async def serve(self, *, ready: Callable[[str, int], None]) -> None:
        """Listen until told to stop; then finish what is in hand and close."""
        server = await asyncio.start_server(self._accept, self.host, self.port)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        name = server.sockets[0].getsockname()
        ready(str(name[0]), int(name[1]))
        await self.stopping.wait()
        server.close()
        if self.connections:
            await asyncio.wait(self.connections, timeout=_GOODBYE_SECONDS)
        self.pool.shutdown(wait=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        address = writer.get_extra_info("peername")
        line = _Line(
            address=str(address[0]),
            peer=f"{address[0]}:{address[1]}",
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
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            await self._converse(reader, line)
        except (ConnectionError, TimeoutError) as error:
            logger.info("Connection with %s ended: %s", line.peer, type(error).__name__)
        finally:
            self.connections.discard(task)
            self.lines.discard(line)
            writer.close()

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

    async def _converse(self, reader: asyncio.StreamReader, line: _Line) -> None:
        """Read until the sender closes, a frame takes too long, or the listener stops."""
        frames = FrameReader(longest=self.limits.frame_bytes)
        stop = asyncio.create_task(self._stopped())
        try:
            started: float | None = None
            while data := await self._read(reader, stop, started):
                found = frames.feed(data)
                if found or frames.in_frame:
                    line.idle_since = None
                for frame in found:
                    started = None
                    if not await self._answer(frame, line.writer, line.peer):
                        return
                now = asyncio.get_running_loop().time()
                started = (started or now) if frames.in_frame else None
                if started is None and line.idle_since is None:
                    line.idle_since = now
        finally:
            stop.cancel()
            if frames.noise:
                logger.warning("Skipped %d bytes between frames from %s", frames.noise, line.peer)
            if broken := frames.finish():
                await self._keep_broken(broken, line.peer)

    async def _stopped(self) -> None:
        await self.stopping.wait()

    async def _read(
        self, reader: asyncio.StreamReader, stop: asyncio.Task[None], started: float | None
    ) -> bytes:
        """More bytes; nothing at the end of the stream, of the time for a frame, or of the listener."""
        loop = asyncio.get_running_loop()
        pending = asyncio.create_task(reader.read(_CHUNK))
        timeout = None if started is None else max(0.0, started + self.limits.frame_seconds - loop.time())
        try:
            if started is None:
                await asyncio.wait([pending, stop], return_when=asyncio.FIRST_COMPLETED)
            else:
                if stop.done():
                    timeout = min(timeout or 0.0, _GOODBYE_SECONDS / 2)
                await asyncio.wait([pending], timeout=timeout)
            return pending.result() if pending.done() else b""
        finally:
            if not pending.done():
                pending.cancel()

    async def _answer(self, frame: Frame | BrokenFrame, writer: asyncio.StreamWriter, peer: str) -> bool:
        """Keep one frame and write its acknowledgements; false when the connection must close."""
        if isinstance(frame, BrokenFrame):
            kept = await self._keep_broken(frame, peer)
            if frame.code != "frame-too-long":
                return True
            verdict = Verdict(code="AR", error=207, reason=frame.reason) if kept else _BUSY
            acks = _unstored(frame.body, verdict)
            await _write(writer, acks)
            return False
        keep = partial(_keep, body=frame.body, peer=peer)
        kept_acks = await asyncio.get_running_loop().run_in_executor(self.pool, keep)
        acks = _unstored(frame.body, _BUSY) if kept_acks is None else kept_acks
        await _write(writer, acks)
        return kept_acks is not None or bool(acks)

    async def _keep_broken(self, frame: BrokenFrame, peer: str) -> bool:
        keep = partial(_keep_incident, frame=frame, peer=peer)
        return await asyncio.get_running_loop().run_in_executor(self.pool, keep)


async def _write(writer: asyncio.StreamWriter, acks: tuple[bytes, ...]) -> None:
    for ack in acks:
        writer.write(framed(ack))
    await writer.drain()


def _keep(*, body: bytes, peer: str) -> tuple[bytes, ...] | None:
    """Keep one message in a pool thread; none when it could not be committed, so that nobody says AA."""
    started = time.monotonic()
    # Twice, because the first connection may have been cut since the last message; not after a long wait.
    for _attempt in range(_ATTEMPTS):
        try:
            return services.keep_message(body=body, door=LabMessage.Door.MLLP, peer=peer).acks
        except (DatabaseError, InterfaceError) as error:
            logger.error("A message from %s could not be stored: %s", peer, type(error).__name__)
            connection.close()
        if time.monotonic() - started > _RETRY_SECONDS:
            break
    return None


def _keep_incident(*, frame: BrokenFrame, peer: str) -> bool:
    """Keep the bytes of a broken frame as an incident, if the database takes them."""
    logger.warning("Broken frame from %s: %s", peer, frame.code)
    try:
        services.keep_refused(
            body=frame.body, door=LabMessage.Door.MLLP, peer=peer, code=frame.code, reason=frame.reason
        )
    except (DatabaseError, InterfaceError) as error:
        logger.error("The broken frame could not be stored: %s", type(error).__name__)
        connection.close()
        return False
    return True


def _unstored(body: bytes, verdict: Verdict) -> tuple[bytes, ...]:
    """The acknowledgement of a message that is not stored; none where not even its header can be read."""
    header = read_header(body)
    if isinstance(header, Rejected):
        return ()
    # The host's clock: the database, whose clock is otherwise asked, may be what is missing.
    acks = build_ack(
        header, verdict=verdict, control_ids=(uuid4().hex[:20], uuid4().hex[:20]), at=datetime.now(UTC)
    )
    return tuple(ack for ack in (acks.first, acks.second) if ack)
