"""Keep in one commit what arrives while the commit before is under way; long frames apart."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from labs.formats.mllp_frames import BrokenFrame
from labs.mllp_keeping import Answer, keep_broken, keep_frames
from labs.services import Arrival

_MOST = 32  # messages in one commit
_SMALL = 64 * 1024  # bytes; a longer frame would make the others wait


class Keeper:
    """Hands frames to threads that keep them; nothing waits longer than for the commit that is under way."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="keep")
        # One thread, because each database connection keeps the memory of the longest message it has sent.
        self._long = ThreadPoolExecutor(max_workers=1, thread_name_prefix="keep-long")
        self._waiting: list[tuple[Arrival, asyncio.Future[Answer]]] = []
        self._running: asyncio.Task[None] | None = None

    async def keep(self, frame: Arrival) -> Answer:
        """Keep a frame: its answer once it is committed."""
        loop = asyncio.get_running_loop()
        if len(frame.body) > _SMALL:
            return (await loop.run_in_executor(self._long, keep_frames, [frame]))[0]
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((frame, answer))
        if self._running is None:
            self._running = loop.create_task(self._keep_waiting())
        return await answer

    async def keep_broken(self, frame: BrokenFrame, peer: str) -> Answer:
        """Keep the bytes of a broken frame as an incident."""
        keep = partial(keep_broken, frame=frame, peer=peer)
        return await asyncio.get_running_loop().run_in_executor(self._pool, keep)

    async def _keep_waiting(self) -> None:
        """One commit after another, as long as something waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            group, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            frames = [frame for frame, _ in group]
            try:
                answers = await loop.run_in_executor(self._pool, keep_frames, frames)
            except Exception as fault:  # handed on: each connection of the group ends with it, unanswered
                for _, waiting in group:
                    if not waiting.done():
                        waiting.set_exception(fault)
                continue
            for (_, waiting), answer in zip(group, answers, strict=True):
                if not waiting.done():
                    waiting.set_result(answer)
        self._running = None

    def close(self) -> None:
        """Wait for what is in hand."""
        self._pool.shutdown(wait=True)
        self._long.shutdown(wait=True)
