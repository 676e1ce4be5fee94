"""No file of results, changed or lost in any way, gives another number: it is told, or what it says is the same."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from friendlyfire.errors import FriendlyFireError
from friendlyfire.networks import load_network
from friendlyfire.stores import open_store
from records import is_result, provenance_of


def damages(content: bytes, seed: str, flips: int) -> Iterator[bytes]:
    """The file with one bit flipped at places drawn by chance, cut short, emptied, or with zeros at its end."""
    rng = random.Random(seed)
    for place in rng.choices(range(len(content)), k=flips):
        yield content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]
    for length in (0, rng.randrange(1, len(content)), len(content) - 1):
        yield content[:length]
    yield content[: len(content) // 2] + bytes(len(content) - len(content) // 2)


def all_of(path: str) -> list:
    """Everything that a job can read of a result."""
    found = [provenance_of(path)]
    if path.endswith(".zarr.zip"):
        with open_store(path, None) as store:
            found += [store.record, *((name, store[name].tobytes()) for name in store.keys())]  # noqa: SIM118
    elif path.endswith(".safetensors"):
        found += [(name, value.numpy().tobytes()) for name, value in load_network(path).state_dict().items()]
    else:
        found += [Path(path).read_bytes()]
    return found


def test_no_damage_of_any_result_goes_unseen(demo, faults, monkeypatch):
    monkeypatch.chdir(demo.folder)
    results = sorted(str(path) for path in Path("results").rglob("*") if is_result(str(path)))
    results = [path for path in results if not path.startswith(("results/logs", "results/provenance"))]
    assert {Path(path).suffix for path in results} == {".csv", ".zip", ".safetensors"}
    for path in results:
        note = Path("results/provenance", f"{Path(path).relative_to('results')}.json")
        before = all_of(path)
        for damaged in (Path(path), *([note] if note.exists() else [])):
            whole, times = damaged.read_bytes(), damaged.stat()
            for number, content in enumerate(damages(whole, f"{damaged}", faults.flips)):
                damaged.write_bytes(content)
                try:
                    outcome = "survived" if all_of(path) == before else "wrong"
                except FriendlyFireError as error:
                    told = str(error).splitlines()
                    outcome = "told" if len(told) == 1 and told[0].endswith(f"--force {path}") else "wrong"
                finally:
                    damaged.write_bytes(whole)
                faults.count(outcome, f"damage {number} of {damaged}")
            os.utime(damaged, ns=(times.st_atime_ns, times.st_mtime_ns))


@pytest.mark.parametrize("lost", ["results", "results/provenance"])
def test_what_is_lost_is_told(demo, faults, monkeypatch, tmp_path, lost):
    monkeypatch.chdir(demo.folder)
    for name in ("digits-lenet/accuracy/pca.csv", "digits-lenet/network.safetensors"):
        gone = Path(lost, name if lost == "results" else f"{name}.json")
        kept = gone.rename(tmp_path / "kept")
        try:
            with pytest.raises(FriendlyFireError, match=f"make it again with: snakemake .* results/{name}"):
                provenance_of(f"results/{name}")
            faults.count("told", name)
        finally:
            kept.rename(gone)
