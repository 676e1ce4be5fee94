"""Run all benchmarks, or the named ones: python -m benchmarks [attacks dense leading ... many]."""

import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import torch

from benchmarks import attacks, coverage, decompositions, growth, hessians, margins, projections, workflow
from benchmarks.harness import machines_of, table_of

RESULTS = Path("results/benchmarks")

BENCHMARKS = {
    "attacks": attacks.measure,
    "margins": margins.measure,
    "dense": hessians.measure_dense,
    "leading": hessians.measure_leading,
    "projections": projections.measure,
    "decompositions": decompositions.measure,
    "growth": growth.measure,
    "coverage": coverage.measure,
    "workflow": workflow.measure,
}

#: A benchmark that takes half an hour and 16 GB, and runs only if it is named.
LONG = {"many": decompositions.measure_many}

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "foolbox", "torchattacks")
PACKAGES += ("adv-lib", "adversarial-robustness-toolbox", "curvlinops-for-pytorch", "snakemake")


def main(names: list[str]) -> None:
    """Run the benchmarks, and write a CSV per benchmark, the goals, as a CSV and as a table, and the figure.

    Goals of benchmarks that are not run now stay as they are.
    """
    RESULTS.mkdir(parents=True, exist_ok=True)
    began, path = time.monotonic(), RESULTS / "goals.csv"
    goals = pd.read_csv(path, keep_default_na=False) if path.exists() else pd.DataFrame(columns=["benchmark"])
    for name in names:
        table, reached = {**BENCHMARKS, **LONG}[name]()
        table.to_csv(RESULTS / f"{name}.csv", index=False)
        rows = pd.DataFrame(reached).assign(benchmark=name, machine=machine())
        goals = pd.concat([goals[goals["benchmark"] != name], rows])
        goals.to_csv(path, index=False)
        print(
            f"{name}, {time.monotonic() - began:.0f} s",
            *(f"  {' | '.join(map(str, goal))}" for goal in reached),
            sep="\n",
        )
    (RESULTS / "table.md").write_text(f"{table_of(goals)}\n\n{machines_of(goals)}\n", encoding="utf-8")
    draw()
    print(f"{RESULTS}/table.md, after {time.monotonic() - began:.0f} s")


def machine() -> str:
    """Describe the machine and the package versions."""
    models = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{torch.get_num_threads()} threads on {models[0] if models else platform.processor()}; {versions}."


def draw() -> None:
    """Draw the speeds of the contenders as bars, one panel per benchmark."""
    plt.style.use("workflow/friendlyfire/figures/style.mplstyle")
    panels = []
    if (RESULTS / "attacks.csv").exists():
        for network, part in pd.read_csv(RESULTS / "attacks.csv").groupby("network", sort=False):
            panels.append((f"DeepFool, {network}", "images a second", part, "images_per_second"))
    for name, title in (("leading", "50 leading directions"), ("decompositions", "SVD, 1,000 rows of 150,528")):
        if (RESULTS / f"{name}.csv").exists():
            panels.append((title, "seconds", pd.read_csv(RESULTS / f"{name}.csv"), "seconds"))
    if not panels:
        return
    figure, axes = plt.subplots(len(panels), 1, figsize=(7, 1.6 * len(panels)), layout="constrained", squeeze=False)
    for (title, unit, table, column), ax in zip(panels, axes[:, 0], strict=True):
        colours = ["C1" if name.startswith("Friendly Fire") else "0.7" for name in table["contender"]]
        bars = ax.barh(table["contender"], table[column], color=colours)
        ax.bar_label(bars, fmt="{:,.3g}", padding=3)
        ax.set(xscale="log", title=f"{title}: {unit}")
        ax.invert_yaxis()
        ax.set_axisbelow(True)
        ax.margins(x=0.2)
    figure.savefig(RESULTS / "benchmarks.png", dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main(sys.argv[1:] or list(BENCHMARKS))
