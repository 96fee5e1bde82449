"""Keep in one commit what arrives while the commit before is under way; long frames apart."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.db import connection

from labs.failpoints import reach
from labs.formats.hl7_batches import read_batch
from labs.formats.mllp_frames import BrokenFrame
from labs.mllp_keeping import Answer, answer_to, keep_broken, keep_frames
from labs.services import Arrival, LoopKeeper

_MOST = 32  # messages in one commit
_SMALL = 64 * 1024  # bytes; a longer frame would make the others wait
_MOST_PATIENCE = 0.005  # seconds; a commit that takes longer than twice this is no measure
_LEAST_PATIENCE = 0.001  # no timer is more exact, and where commits are quick the next one is soon over


class Company:
    """Who sends at the same time, and how long a commit may wait for them: half of what it takes itself.

    Senders that each wait for their acknowledgement speak again together once they have it. The commit
    that began with the first of them would make all others wait for the next one.
    """

    def __init__(self) -> None:
        self._groups: deque[frozenset[str]] = deque(maxlen=2)  # the peers of the last commits
        self.patience_seconds = 0.0

    def committed(self, frames: Sequence[Arrival], seconds: float) -> None:
        """One commit is over: whose frames it held, and how long it took."""
        self._groups.append(frozenset(frame.peer for frame in frames))
        patience = min(seconds / 2, _MOST_PATIENCE)
        self.patience_seconds = patience if patience >= _LEAST_PATIENCE else 0.0

    def is_complete(self, frames: Iterable[Arrival]) -> bool:
        """Whether nobody is missing of those that have been sending lately, or nobody is waited for."""
        here = {frame.peer for frame in frames}
        is_impatient = not self.patience_seconds or len(here) >= _MOST
        return is_impatient or all(group <= here for group in self._groups)


class Keeper:
    """Has frames kept; nothing waits longer than for a commit that is under way, and half of the next one.

    On PostgreSQL the event loop itself stores what is plain: to hand a message to a thread and back costs
    more than to store it. The threads do the rest, and everything on SQLite.
    """

    def __init__(self) -> None:
        self._own = LoopKeeper() if connection.vendor == "postgresql" else None
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="keep")
        # One thread, because each database connection keeps the memory of the longest message it has sent.
        self._long = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keep-long")
        self._company = Company()
        self._waiting: list[tuple[Arrival, asyncio.Future[Answer]]] = []
        self._is_keeping = False
        self._alarm: asyncio.TimerHandle | None = None
        self._next: asyncio.Task[None] | None = None

    async def keep(self, frame: Arrival) -> Answer:
        """Keep a frame: its answer once it is committed."""
        reach("listener.framed")
        loop = asyncio.get_running_loop()
        if len(frame.body) > _SMALL:
            return (await loop.run_in_executor(self._long, keep_frames, [frame]))[0]
        if not (self._is_keeping or self._waiting) and self._company.is_complete([frame]):
            return (await self._keep_now([frame]))[0]
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((frame, answer))
        if not self._is_keeping:
            self._begin_or_wait()
        return await answer

    async def keep_broken(self, frame: BrokenFrame, peer: str) -> Answer:
        """Keep the bytes of a broken frame as an incident."""
        keep = partial(keep_broken, frame=frame, peer=peer)
        return await asyncio.get_running_loop().run_in_executor(self._pool, keep)

    def _begin_or_wait(self) -> None:
        """The next commit begins once everybody is here, or the patience ends."""
        if self._company.is_complete(frame for frame, _ in self._waiting):
            self._begin()
        elif self._alarm is None:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(self._company.patience_seconds, self._begin)

    def _begin(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._is_keeping = True  # from here on, so that nobody comes in between
        self._next = asyncio.get_running_loop().create_task(self._keep_waiting())

    async def _keep_now(self, frames: Sequence[Arrival]) -> list[Answer]:
        """One commit; what arrived meanwhile has the next one."""
        self._is_keeping = True
        began = time.monotonic()
        try:
            return await self._answers(frames)
        finally:
            self._is_keeping = False
            self._company.committed(frames, time.monotonic() - began)
            if self._waiting:
                self._begin_or_wait()

    async def _keep_waiting(self) -> None:
        """The next commit, for those who wait."""
        group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        try:
            answers = await self._keep_now([frame for frame, _ in group])
        except Exception as fault:  # handed on: each connection of the group ends with it, unanswered
            for _, waiting in group:
                if not waiting.done():
                    waiting.set_exception(fault)
            return
        for (_, waiting), answer in zip(group, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)

    async def _answers(self, frames: Sequence[Arrival]) -> list[Answer]:
        """The answer to each frame: kept here where that can be, else in a thread."""
        found: list[Answer | None] = [None] * len(frames)
        if self._own is not None:
            single = [place for place, frame in enumerate(frames) if read_batch(frame.body) is None]
            kept = await self._own.keep([frames[place] for place in single])
            for place, row in zip(single, kept, strict=True):
                found[place] = answer_to(row) if row is not None else None
        left = [frame for frame, answer in zip(frames, found, strict=True) if answer is None]
        if left:
            loop = asyncio.get_running_loop()
            rest = iter(await loop.run_in_executor(self._pool, keep_frames, left))
            return [answer or next(rest) for answer in found]
        return [answer for answer in found if answer]

    async def close(self) -> None:
        """Wait for what is in hand."""
        self._pool.shutdown(wait=True)
        self._long.shutdown(wait=True)
        if self._own is not None:
            await self._own.close()
