"""Singular vectors of large matrices; each contender has its own process, to measure its peak memory."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.harness import Goal
from friendlyfire.records.stores import create_store

ROWS, MANY_ROWS, PIXELS, COMPONENTS = 1000, 10_000, 3 * 224 * 224, 100

#: Script of a contender's process; its arguments are the store, the contender and the output of singular values.
CONTENDER = """
import json, sys, time
import numpy as np
from benchmarks.harness import peak_memory
from friendlyfire.bases.singular import singular_directions
from friendlyfire.records.stores import open_store
from sklearn.utils.extmath import randomized_svd
path, contender, out = sys.argv[1:]
with open_store(path, "perturbations") as store:
    before, began = peak_memory(), time.perf_counter()
    if contender == "Friendly Fire":
        n, d = store.shape("perturbations")
        vectors, values = singular_directions(lambda part: store.read("perturbations", part), n, d)
    else:
        matrix = store["perturbations"].astype(np.float64)
        if contender == "numpy":
            values = np.linalg.svd(matrix, full_matrices=False)[1]
        else:
            values = randomized_svd(matrix, int(contender), random_state=0)[1]
    seconds, gigabytes = time.perf_counter() - began, (peak_memory() - before) / 2**30
np.save(out, values)
print(json.dumps({"seconds": seconds, "gigabytes": gigabytes}))
"""


def contend(path: Path, contender: str) -> tuple[dict, np.ndarray]:
    """Measure seconds and peak memory of a contender on the matrix of a store, and return its singular values."""
    out = path.with_name("values.npy")
    printed = subprocess.check_output([sys.executable, "-c", CONTENDER, str(path), contender, str(out)])
    return json.loads(printed), np.load(out)


def measure() -> tuple[pd.DataFrame, list[Goal]]:
    """Decompose a matrix of ImageNet's size whose singular values fall by five orders of magnitude."""
    rows, values = [], {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "perturbations.zarr.zip"
        generator = np.random.default_rng(0)
        with create_store(path, "perturbations", {}) as store:
            array = store.empty("perturbations", (ROWS, PIXELS), np.float32)
            mixed = generator.standard_normal((ROWS, ROWS)) * np.geomspace(1, 1e-5, ROWS)
            mixed, step = np.linalg.qr(generator.standard_normal((ROWS, ROWS)))[0] @ mixed, array.chunks[0]
            patterns = generator.standard_normal((ROWS, PIXELS), dtype=np.float32)
            for start in range(0, ROWS, step):
                array[start : start + step] = (mixed[start : start + step] @ patterns).astype(np.float32)
        del patterns
        names = {"Friendly Fire": "Friendly Fire", "numpy, thin SVD": "numpy"}
        names[f"scikit-learn, randomised, {COMPONENTS} vectors"] = str(COMPONENTS)
        for name, contender in names.items():
            cost, values[name] = contend(path, contender)
            rows.append({"contender": name, **cost})
    table = pd.DataFrame(rows).set_index("contender")
    true = values["numpy, thin SVD"]
    large = true > 1e-4 * true[0]
    table["relative_error"] = [
        np.abs(each[: large.sum()] / true[: len(each)][: large.sum()] - 1).max() for each in values.values()
    ]
    what = f"SVD, {ROWS:,} rows of {PIXELS:,}, from disk"
    mine, peer = table.loc["Friendly Fire"], table.loc["numpy, thin SVD"]
    faster = peer.seconds / mine.seconds
    goals = [
        Goal(what, "numpy's thin SVD", "3 times", f"{faster:.1f} times ({mine.seconds:.0f} s)", faster >= 3),
        Goal(what, "memory", "2 GB", f"{mine.gigabytes:.1f} GB", mine.gigabytes <= 2),
        Goal(what, "its singular values above 1e-4", "1e-8", f"{mine.relative_error:.0e}", mine.relative_error <= 1e-8),
    ]
    for name in table.index[2:]:
        faster = table.loc[name].seconds / mine.seconds
        goals.append(Goal(what, name, "", f"{faster:.1f} times, of all {ROWS:,} vectors", True))
    return table.reset_index(), goals


def measure_many() -> tuple[pd.DataFrame, list[Goal]]:
    """Decompose ten thousand rows of full rank from disk: our method only, which takes minutes."""
    with tempfile.TemporaryDirectory() as folder:
        path, generator = Path(folder) / "perturbations.zarr.zip", np.random.default_rng(0)
        scales = np.geomspace(1, 1e-3, MANY_ROWS, dtype=np.float32)[:, None]
        with create_store(path, "perturbations", {}) as store:
            array = store.empty("perturbations", (MANY_ROWS, PIXELS), np.float32)
            for start in range(0, MANY_ROWS, step := array.chunks[0]):
                part = scales[start : start + step]
                array[start : start + step] = part * generator.standard_normal((len(part), PIXELS), dtype=np.float32)
        cost, values = contend(path, "Friendly Fire")
    matrix, result = (size * MANY_ROWS * PIXELS / 2**30 for size in (4, 8))
    reached = f"{cost['seconds'] / 60:.0f} min, {cost['gigabytes']:.1f} GB, of which {result:.1f} are the vectors"
    goal = Goal(
        f"SVD, {MANY_ROWS:,} rows of {PIXELS:,}, from disk",
        f"the matrix itself, {matrix:.1f} GB",
        "never held",
        f"{reached}; rank {len(values):,}",
        cost["gigabytes"] < result + matrix,
    )
    return pd.DataFrame([{"contender": "Friendly Fire", **cost, "rank": len(values)}]), [goal]
