"""
Any classifier, without the workflow
====================================

The library computes with tensors and callables. This page takes a small network of its own, attacks it, makes a basis
of the attacks, and asks how well the network classifies with that basis alone: figure 4 of the paper. It runs in a few
seconds, whenever the documentation is built. It needs no configuration, no file and no Snakemake: only the library, by
``pip install .`` or ``export PYTHONPATH=workflow`` in a clone.
"""

# %%
# A classifier
# ------------
#
# Anything that maps images (n, channels, height, width), with pixels in [0, 1], to logits (n, classes) will do. Here it
# is a network of two layers, trained on 1,437 digits of 8 x 8 pixels.

import numpy as np
import pandas as pd
import torch
from matplotlib import pyplot as plt
from torch import nn

from friendlyfire.attacks.deepfool import deepfool
from friendlyfire.bases.random import random_basis
from friendlyfire.bases.singular import reversed_basis, singular_basis
from friendlyfire.datasets.images import digits_splits
from friendlyfire.figures.accuracy import accuracy_against_directions
from friendlyfire.measures.accuracy import accuracies, correct_by_rank

splits = digits_splits(seed=0)
images, labels = {}, {}
for split, digits in splits.items():
    images[split] = torch.from_numpy(digits.images).float() / 255
    labels[split] = torch.from_numpy(digits.labels)

torch.manual_seed(0)
network = nn.Sequential(nn.Flatten(), nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
optimiser = torch.optim.Adam(network.parameters(), lr=0.01)
for _ in range(60):
    loss = nn.functional.cross_entropy(network(images["train"]), labels["train"])
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
network.eval().requires_grad_(False)
clean = (network(images["test"]).argmax(1) == labels["test"]).double().mean()
print(f"accuracy on {len(labels['test'])} test images: {100 * clean:.1f} %")

# %%
# Attacks
# -------
#
# :py:func:`~friendlyfire.attacks.deepfool.deepfool` attacks all images in common batches, and says of each how it
# ended. Norms are lengths in pixels; a typical image has one of about 4.

attack = deepfool(network, images["train"])
norms = attack.overshot.flatten(1).norm(dim=1)
print(f"{100 * attack.converged.double().mean():.1f} % of the attacks succeed")
print(f"median norm: attacks {norms.median():.2f}, images {images['train'].flatten(1).norm(dim=1).median():.2f}")

# %%
# A basis of the attacks
# ----------------------
#
# The right singular vectors of the stacked perturbations are directions of image space, in the order in which the
# network is fooled along them. Their reverse begins with those along which it is hardly fooled. Random directions are
# the control.

found = attack.perturbations.flatten(1).numpy()
fooled = singular_basis(lambda rows: found[rows], len(found), pixels=64)
bases = {
    "fooled along first": fooled.vectors,
    "fooled along last": reversed_basis(fooled).vectors,
    "random": random_basis(64, 64, seed=0),
}

# %%
# Accuracy on projected images
# ----------------------------
#
# :py:func:`~friendlyfire.measures.accuracy.correct_by_rank` projects the test images onto the first *k* directions,
# leaves out the rest, and asks the network. The mean image stays.

mean, test = images["train"].mean(0), [(images["test"], labels["test"])]
tables = []
for name, vectors in bases.items():
    ranks = list(range(vectors.shape[1] + 1))
    columns = torch.from_numpy(np.ascontiguousarray(vectors, np.float32))  # in the precision of the images
    correct = correct_by_rank(network, test, mean, columns, ranks)
    table = accuracies(correct.sum(1), images=correct.shape[1], role="test")
    tables.append(pd.DataFrame({"basis": name, "split": "test", "seed": 0, "rank": ranks, **table}))
table = pd.concat(tables)

figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
colours = {"fooled along first": "#d55e00", "fooled along last": "#56b4e9", "random": "0.6"}
accuracy_against_directions(table, ax, "rank", colours)
ax.set_xlabel("number of directions")
figure.legend(
    handles=[plt.Line2D([], [], color=colour, label=name) for name, colour in colours.items()],
    loc="outside upper center",
    ncols=3,
    frameon=False,
)

# %%
# The network needs few of the directions along which it is fooled most, more random ones, and nearly all if those along
# which it is hardly fooled come first. It classifies with what it is fooled by.

needed = table[table["accuracy"] >= 0.9 * clean.item()].groupby("basis", sort=False)["rank"].min()
print(needed.rename("directions that restore 90 % of the accuracy").to_string())

# %%
# Attacks within a subspace
# -------------------------
#
# Confined to the first or the last 16 of these directions, DeepFool needs perturbations of another length: section 4.3
# of the paper.

for name in ("fooled along first", "fooled along last"):
    confined = deepfool(network, images["test"], basis=bases[name][:, :16])
    norms = confined.overshot.flatten(1).norm(dim=1)[confined.converged]
    print(f"{name}: {100 * confined.converged.double().mean():.0f} % succeed, median norm {norms.median():.2f}")

# %%
# The first 16 directions hold attacks hardly longer than free ones. In the last 16 an attack leaves the range of pixels
# by far.
