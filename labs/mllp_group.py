"""Keep what arrives at once, or in the next commit where enough are under way; long frames apart."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from django.db import connection

from labs.failpoints import reach
from labs.formats.hl7_batches import read_batch
from labs.formats.mllp_frames import BrokenFrame
from labs.mllp_keeping import Answer, answer_to, keep_broken, keep_frames
from labs.services import Arrival, LoopKeeper

_MOST = 32  # messages in one commit
_SMALL = 64 * 1024  # bytes; a longer frame would make the others wait
# Commits under way at once on PostgreSQL, each on a connection of its own: the server writes several to its
# disk in one go, and nobody waits for a sender that may never speak again.
_COMMITS = 2


class _Waiting(NamedTuple):
    """A frame that came while as many commits as there may be were under way."""

    frame: Arrival
    answer: asyncio.Future[Answer]


class Keeper:
    """Has frames kept; one that finds every commit under way shares the next with all that wait by then.

    On PostgreSQL the event loop itself stores what is plain: to hand a message to a thread and back costs
    more than to store it. The threads do the rest, and everything on SQLite, one commit at a time.
    """

    def __init__(self) -> None:
        on_postgresql = connection.vendor == "postgresql"
        self._own = [LoopKeeper() for _ in range(_COMMITS)] if on_postgresql else []
        # Taken from the end: where few send, the other connections are never opened.
        self._free: list[LoopKeeper | None] = [*reversed(self._own)] or [None]
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="keep")
        # One thread, because each database connection keeps the memory of the longest message it has sent.
        self._long = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keep-long")
        self._waiting: list[_Waiting] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def keep(self, frame: Arrival) -> Answer:
        """Keep a frame: its answer once it is committed."""
        reach("listener.framed")
        loop = asyncio.get_running_loop()
        if len(frame.body) > _SMALL:
            return (await loop.run_in_executor(self._long, keep_frames, [frame]))[0]
        if self._free:
            return (await self._keep_now([frame], self._free.pop()))[0]
        waiting = _Waiting(frame, loop.create_future())
        self._waiting.append(waiting)
        return await waiting.answer

    async def keep_broken(self, frame: BrokenFrame, peer: str) -> Answer:
        """Keep the bytes of a broken frame as an incident."""
        keep = partial(keep_broken, frame=frame, peer=peer)
        return await asyncio.get_running_loop().run_in_executor(self._pool, keep)

    async def _keep_now(self, frames: Sequence[Arrival], own: LoopKeeper | None) -> list[Answer]:
        """One commit; those who came meanwhile have the next one, which takes its place at once."""
        try:
            return await self._answers(frames, own)
        finally:
            if self._waiting:
                group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                task = asyncio.get_running_loop().create_task(self._keep_waiting(group, own))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
            else:
                self._free.append(own)

    async def _keep_waiting(self, group: Sequence[_Waiting], own: LoopKeeper | None) -> None:
        """The next commit, for those who wait."""
        try:
            answers = await self._keep_now([each.frame for each in group], own)
        except Exception as fault:  # handed on: each connection of the group ends with it, unanswered
            for each in group:
                if not each.answer.done():
                    each.answer.set_exception(fault)
            return
        for each, answer in zip(group, answers, strict=True):
            if not each.answer.done():
                each.answer.set_result(answer)

    async def _answers(self, frames: Sequence[Arrival], own: LoopKeeper | None) -> list[Answer]:
        """The answer to each frame: kept here where that can be, else in a thread."""
        found: list[Answer | None] = [None] * len(frames)
        if own is not None:
            single = [place for place, frame in enumerate(frames) if read_batch(frame.body) is None]
            kept = await own.keep([frames[place] for place in single])
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
        for own in self._own:
            await own.close()
