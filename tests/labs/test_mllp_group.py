"""Frames are kept at once, as many commits as there may be; those that come meanwhile share the next one."""

import asyncio
from collections.abc import Sequence
from itertools import chain

import pytest

from labs.mllp_group import Keeper
from labs.mllp_keeping import Answer
from labs.services import Arrival, LoopKeeper

COMMIT_SECONDS = 0.02


def frame(peer: str) -> Arrival:
    return Arrival(body=b"MSH|", door="mllp", peer=peer)


class SlowKeeper(Keeper):
    """A keeper whose commits take a while; it remembers whose frames each held, and how many ran at once."""

    def __init__(self, *, places: int) -> None:
        super().__init__()
        self._free = [None] * places
        self.groups: list[list[str]] = []
        self.at_once = self.most_at_once = 0
        self.fails = False

    async def _answers(self, frames: Sequence[Arrival], own: LoopKeeper | None) -> list[Answer]:
        self.groups.append([each.peer for each in frames])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(COMMIT_SECONDS)
        self.at_once -= 1
        if self.fails:
            raise OSError
        return [Answer(acks=(each.peer.encode(),)) for each in frames]


async def lock_step(keeper: Keeper, peer: str, times: int) -> None:
    """A laboratory that waits for each acknowledgement before its next message."""
    for _ in range(times):
        assert (await keeper.keep(frame(peer))).acks == (peer.encode(),)


def kept(*senders: tuple[str, int], places: int) -> SlowKeeper:
    """The commits for senders that each send so many messages in lock step."""
    keeper = SlowKeeper(places=places)

    async def run() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            for peer, times in senders:
                tasks.create_task(lock_step(keeper, peer, times))
        await keeper.close()

    asyncio.run(run())
    assert keeper.at_once == 0
    assert len(keeper._free) == places
    return keeper


def test_each_sender_has_a_commit_at_once_while_one_is_free() -> None:
    keeper = kept(("a", 6), ("b", 6), places=2)
    assert sorted(map(sorted, keeper.groups)) == [["a"]] * 6 + [["b"]] * 6
    assert keeper.most_at_once == 2


@pytest.mark.parametrize("places", [1, 2])
def test_who_finds_every_commit_under_way_shares_the_next_one(places: int) -> None:
    keeper = kept(*((peer, 6) for peer in "abcdef"), places=places)
    assert sorted(chain(*keeper.groups)) == sorted("abcdef" * 6)
    assert keeper.most_at_once == places
    # Who was alone in one commit is alone in every other one, at the most.
    assert len(keeper.groups) <= 12 * places


def test_a_lone_sender_waits_for_nobody_and_nobody_waits_for_one_who_fell_silent() -> None:
    assert kept(("a", 5), places=2).groups == [["a"]] * 5
    keeper = kept(("a", 8), ("b", 2), places=1)
    assert sorted(chain(*keeper.groups)) == ["a"] * 8 + ["b"] * 2
    assert keeper.groups[-4:] == [["a"]] * 4


def test_no_commit_holds_more_than_its_share() -> None:
    keeper = kept(*((f"{number}", 1) for number in range(70)), places=1)
    assert [len(group) for group in keeper.groups] == [1, 32, 32, 5]


@pytest.mark.parametrize("places", [1, 2])
def test_a_commit_that_fails_ends_each_of_its_frames_and_the_next_one_goes_on(places: int) -> None:
    keeper = SlowKeeper(places=places)

    async def run() -> None:
        async with asyncio.timeout(10):
            await asyncio.gather(*(lock_step(keeper, peer, 3) for peer in "abc"))
            keeper.fails = True
            found = await asyncio.gather(
                *(keeper.keep(frame(peer)) for peer in "abc"), return_exceptions=True
            )
            assert [type(each) for each in found] == [OSError] * 3
            keeper.fails = False
            await asyncio.gather(*(lock_step(keeper, peer, 1) for peer in "abc"))
        await keeper.close()

    asyncio.run(run())
    assert len(keeper._free) == places


def test_a_sender_that_hangs_up_while_it_waits_keeps_no_other_waiting() -> None:
    keeper = SlowKeeper(places=1)

    async def run() -> None:
        async with asyncio.timeout(10):
            first, gone, last = (asyncio.create_task(keeper.keep(frame(peer))) for peer in "abc")
            await asyncio.sleep(COMMIT_SECONDS / 4)
            gone.cancel()
            assert (await first).acks == (b"a",)
            assert (await last).acks == (b"c",)
        await keeper.close()

    asyncio.run(run())
    assert keeper.groups == [["a"], ["b", "c"]]  # its bytes had come: they are kept
