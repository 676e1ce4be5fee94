"""A changed, exchanged or lost file of results never gives another number: it is reported, or its numbers agree."""

import itertools
import random
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import kept
from engine.notes import contents_of, provenance_of, results_behind, write_note
from engine.provenance import is_result, note_of
from friendlyfire.networks.network import load_network
from friendlyfire.records.errors import FriendlyFireError
from friendlyfire.records.stores import open_store


@pytest.fixture
def results(demo, monkeypatch) -> list[str]:
    """Return all results of the demo in the current folder."""
    monkeypatch.chdir(demo.folder)
    found = sorted(str(path) for path in Path("results").rglob("*") if path.is_file())
    found = [path for path in found if is_result(path)]
    kinds = {".csv", ".zip", ".safetensors", ".pdf", ".png", ".rst", ".json", ".html", ".md", ".tex"}
    assert {Path(path).suffix for path in found} == kinds
    return found


def damages(content: bytes, seed: str, flips: int) -> Iterator[bytes]:
    """Yield the file with one bit flipped at random places, cut short, emptied, or with zeros at its end."""
    rng = random.Random(seed)
    for place in rng.choices(range(len(content)), k=flips):
        yield content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]
    for length in (0, rng.randrange(1, len(content)), len(content) - 1):
        yield content[:length]
    yield content[: len(content) // 2] + bytes(len(content) - len(content) // 2)


def all_of(path: str) -> list:
    """Read everything that a job can read of a result."""
    found = [provenance_of(path)]
    if path.endswith(".zarr.zip"):
        with open_store(path, None) as store:
            found += [store.record, *((name, store[name].tobytes()) for name in store.keys())]  # noqa: SIM118
    elif path.endswith(".safetensors"):
        found += [(name, value.numpy().tobytes()) for name, value in load_network(path).state_dict().items()]
    else:
        found += [Path(path).read_bytes()]
    return found


def outcome(read, path: str) -> str:
    """Return the outcome of reading a changed result."""
    try:
        read()
    except FriendlyFireError as error:
        told = str(error).splitlines()
        return "told" if len(told) == 1 and told[0].endswith(f"--force {path}") else "wrong"
    return "wrong"


def test_no_damage_of_any_result_goes_unseen(results, faults):
    for path in results:
        before = all_of(path)
        for damaged in (Path(path), note_of(path)):
            with kept(damaged):
                for number, content in enumerate(damages(damaged.read_bytes(), f"{damaged}", faults.flips)):
                    damaged.write_bytes(content)
                    try:
                        became = "survived" if all_of(path) == before else "wrong"
                    except FriendlyFireError:
                        became = outcome(lambda path=path: all_of(path), path)
                    faults.count(became, f"damage {number} of {damaged}")


def kind_of(path: str) -> str:
    """Return the kind of a result, independent of its basis, attack, class, shard or figure."""
    stage = re.sub("results/(digits-lenet/)?", "", path)
    noun, _, rest = stage.rpartition("/")
    noun = re.sub("/(deepfool|fgsm|saliency)$", "/shards", noun)
    form = re.search(r"(-form|-curves|-distances|-correlations|-attacks|\.source)?(\.\w+)+$", rest)[0]
    return f"{noun or rest.split('.')[0]}{form}"


def exchanges(results: list[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of results that could be exchanged: one of each kind for each kind with the same ending."""
    rng, kinds = random.Random(0), defaultdict(lambda: defaultdict(list))
    for path in results:
        kinds[Path(path).suffix][kind_of(path)].append(path)
    for same in kinds.values():
        for one, other in itertools.product(same.values(), repeat=2):
            path = rng.choice(one)
            if others := [name for name in other if name != path]:
                yield path, rng.choice(others)


@pytest.mark.parametrize("with_note", [False, True], ids=["alone", "with its note"])
def test_no_result_can_stand_in_the_place_of_another(results, faults, with_note):
    # A store of one shard has the contents of what is gathered from it: alone, neither is a fault in the other's place.
    swaps = [pair for pair in exchanges(results) if with_note or len(set(map(contents_of, pair))) == 2]
    assert len(swaps) >= 60
    for path, other in swaps:
        with kept(Path(path), note_of(path)):
            shutil.copy2(other, path)
            if with_note:
                shutil.copy2(note_of(other), note_of(path))
            faults.count(outcome(lambda path=path: results_behind([path]), path), f"{other} in the place of {path}")


def test_a_result_that_was_made_from_another_is_told(results, faults):
    """An input of a result is intact, with its own name and note, but no longer the original one."""
    figure = "results/figures/fig4.csv"
    behind = results_behind([figure])
    for path in behind.keys() - {figure}:
        with kept(note_of(path)):
            write_note(path, {**behind[path], "code": "another"})
            with pytest.raises(FriendlyFireError, match=f" was made from another version of {path}"):
                results_behind([figure])
            faults.count("told", f"another {path}")


@pytest.mark.parametrize("lost", ["result", "note"])
def test_what_is_lost_is_told(results, faults, tmp_path, lost):
    for path in results:
        gone = Path(path) if lost == "result" else note_of(path)
        away = shutil.move(gone, tmp_path / "away")
        try:
            faults.count(outcome(lambda path=path: provenance_of(path), path), f"the {lost} of {path}")
        finally:
            shutil.move(away, gone)
