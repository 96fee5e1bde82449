"""The proof is itself proved: each fault planted in the treatment of a course must be found by its acts."""

from collections.abc import Iterator

import pytest

from tests.fuzz import treatment_acts as act
from tests.fuzz.treatment_faults import FAULTS
from tests.fuzz.treatment_walks import FINDS, STAGES, WALKS, found_by, quietly, undone


class Stages:
    """One clinic that is led from stage to stage, and the walks that begin where it stands."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.base = act.open_clinic()
        self.shown = self.base
        act.let_stand(patch, lambda: self.shown)

    def __iter__(self) -> Iterator[str]:
        for stage, acts in STAGES.items():
            quietly(self.base, acts)
            yield stage

    def walk(self, name: str) -> str:
        """What one walk finds from here."""
        with undone(self.base) as clinic:
            self.shown = clinic
            try:
                return found_by(clinic, WALKS[name][1])
            finally:
                self.shown = self.base


@pytest.mark.django_db
def test_the_sound_product_is_found_sound_and_the_faults_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(FAULTS) >= 25
    assert set(FINDS) == set(FAULTS)
    stages = Stages(monkeypatch)
    found = {
        name: finding
        for stage in stages
        for name, (begins, _) in WALKS.items()
        if begins == stage and (finding := stages.walk(name))
    }
    assert not found


@pytest.mark.django_db
def test_every_planted_fault_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    stages = Stages(monkeypatch)
    found: dict[str, str] = {}
    tried: dict[str, int] = dict.fromkeys(FAULTS, 0)
    for stage in stages:
        for words, plant in FAULTS.items():
            for name in FINDS[words]:
                if words in found or WALKS[name][0] != stage:
                    continue
                tried[words] += 1
                with pytest.MonkeyPatch.context() as patch:
                    plant(patch)
                    finding = stages.walk(name)
                if finding:
                    found[words] = f"{name}: {finding}"
    for words in FAULTS:
        print(f"  {words} ({tried[words]} tried): {found.get(words, 'NOT FOUND')}")
    print(f"Seeded faults found: {len(found)} of {len(FAULTS)}")
    assert set(found) == set(FAULTS)
