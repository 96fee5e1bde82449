"""Frames that come at the same time share a commit, and nobody waits for a sender that has fallen silent."""

import asyncio
from collections.abc import Sequence
from itertools import chain

import pytest

from labs.mllp_group import Company, Keeper
from labs.mllp_keeping import Answer
from labs.services import Arrival

COMMIT_SECONDS = 0.02


def frame(peer: str) -> Arrival:
    return Arrival(body=b"MSH|", door="mllp", peer=peer)


class SlowKeeper(Keeper):
    """A keeper whose commits take a while; it remembers whose frames each of them held."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: list[list[str]] = []
        self.fails = False

    async def _answers(self, frames: Sequence[Arrival]) -> list[Answer]:
        self.groups.append([each.peer for each in frames])
        await asyncio.sleep(COMMIT_SECONDS)
        if self.fails:
            raise OSError
        return [Answer(acks=(each.peer.encode(),)) for each in frames]


async def lock_step(keeper: Keeper, peer: str, times: int) -> None:
    """A laboratory that waits for each acknowledgement before its next message."""
    for _ in range(times):
        assert (await keeper.keep(frame(peer))).acks == (peer.encode(),)


def groups_of(*senders: tuple[str, int]) -> list[list[str]]:
    """The commits for senders that each send so many messages in lock step."""
    keeper = SlowKeeper()

    async def run() -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            for peer, times in senders:
                tasks.create_task(lock_step(keeper, peer, times))
        await keeper.close()

    asyncio.run(run())
    return keeper.groups


def test_senders_that_wait_for_their_acknowledgements_come_to_share_each_commit() -> None:
    groups = groups_of(("a", 6), ("b", 6), ("c", 6), ("d", 6))
    assert sorted(chain(*groups)) == sorted("abcd" * 6)
    assert [len(group) for group in groups] == [1, *[4] * 5, 3]  # the first one began alone


def test_a_lone_sender_waits_for_nobody() -> None:
    assert groups_of(("a", 5)) == [["a"]] * 5


def test_who_falls_silent_holds_up_the_others_for_two_commits_at_the_most() -> None:
    groups = groups_of(("a", 8), ("b", 2))
    assert sorted(chain(*groups)) == ["a"] * 8 + ["b"] * 2
    assert groups[-4:] == [["a"]] * 4


def test_a_commit_that_fails_ends_each_of_its_frames_and_the_next_one_goes_on() -> None:
    keeper = SlowKeeper()

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


@pytest.mark.parametrize(("seconds", "patience"), [(0.002, 0.001), (0.01, 0.005), (8.0, 0.005)])
def test_the_wait_is_half_of_a_commit_and_short_when_the_database_is_slow(
    seconds: float, patience: float
) -> None:
    company = Company()
    assert company.is_complete([frame("a")])
    company.committed([frame("a"), frame("b")], seconds)
    assert company.patience_seconds == patience
    assert not company.is_complete([frame("a")])
    assert company.is_complete([frame("a"), frame("b"), frame("c")])


def test_where_commits_are_quick_nobody_is_waited_for() -> None:
    company = Company()
    company.committed([frame("a"), frame("b")], 0.0019)
    assert company.patience_seconds == 0
    assert company.is_complete([frame("a")])


def test_only_the_senders_of_the_last_two_commits_are_waited_for() -> None:
    company = Company()
    for peers in ("ab", "c", "d"):
        company.committed([frame(peer) for peer in peers], 0.01)
    assert company.is_complete([frame("c"), frame("d")])
    assert not company.is_complete([frame("c")])


def test_a_full_group_waits_for_nobody_else() -> None:
    company = Company()
    company.committed([frame("late")], 0.01)
    assert company.is_complete([frame(f"{n}") for n in range(32)])
    assert not company.is_complete([frame(f"{n}") for n in range(31)])
