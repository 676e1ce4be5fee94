"""One network's directions of attack on another network: do they classify, and do they contain its attacks?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from friendlyfire.bases.basis import Basis, subspace_overlap
from friendlyfire.datasets.images import Dataset
from friendlyfire.measures.accuracy import correct_by_rank
from friendlyfire.measures.fractions import norm_fractions, usable_rows
from friendlyfire.measures.measured import Measured
from friendlyfire.measures.projections import columns
from friendlyfire.measures.ranks import crossing
from friendlyfire.networks.network import Network, as_pixels, classes_of, mean_pixels, predict
from friendlyfire.records.intervals import mean_interval, wilson_interval
from friendlyfire.records.progress import progress
from friendlyfire.records.stores import Store

MEASURES = {
    "transfer": {
        "make": "transfer",
        "per": "theirs",
        "from": ["network", "dataset", "ours", "theirs"],
        "with": {},
        "gives": {"transfer": "{theirs}.csv", "images": "{theirs}.zarr.zip"},
        "store": "transfer",
        "gigabytes": [4, 2],
        "hours": 1,
        "description": "accuracy and attacks of a network in the directions of attack of another network",
        "options": {
            "images": {
                "default": 5000,
                "type": "integer",
                "minimum": 10,
                "description": "number of measured images to classify",
            },
        },
    },
}

#: Fraction of its full accuracy that the other network keeps on its own first directions.
LEVEL = 0.9

#: Columns of the estimates.
ESTIMATES = (
    "rank",
    *(
        f"{name}{end}"
        for name in ("accuracy", "own_accuracy", "full_accuracy", "fraction")
        for end in ("", "_ci_low", "_ci_high")
    ),
    *("overlap", "chance"),
)


def transfer(
    network: Network, dataset: Dataset, ours: Sequence[Store], theirs: Sequence[Store], *, images: int
) -> Measured:
    """Measure a network on as many of another network's directions of attack as that one needs.

    The rank is the smallest at which the other network keeps :data:`LEVEL` of its full accuracy on its own directions,
    by interpolation between the ranks at which it was measured.

    Args:
        network: in evaluation mode.
        dataset: its data set.
        ours: stores of its own basis ``deepfool-high`` and of its perturbations by DeepFool.
        theirs: stores of that basis of the other network, and of the other's accuracy on it.
        images: number of measured images to classify.

    Returns:
        A table of one row, and whether each image is classified correctly: projected onto the directions of either
        network, and as it is; and the fraction of the norm of each held-out perturbation inside. Without a rank, if the
        other network never keeps that accuracy, the row has no estimates and there are no arrays.
    """
    (own, attacks), (other, line) = ours, theirs
    rank, part = needed_rank(line), dataset.part("measured", images)
    counts = {"role": "measured", "images": len(part), "perturbations": 0}
    if rank is None:
        return Measured({"transfer": pd.DataFrame([dict.fromkeys(ESTIMATES, np.nan) | counts])}, {}, {"rank": None})
    bases = [store.read("vectors", np.s_[:, : min(rank, store.shape("vectors")[1])]) for store in (other, own)]
    correct, whole = correct_on(network, dataset, bases, len(part))
    usable = usable_rows(attacks)
    inside = norm_fractions(attacks.rows("perturbations", usable), bases[0], [rank])[:, 0]
    row = {"rank": rank}
    for name, found in (("accuracy", correct[0]), ("own_accuracy", correct[1]), ("full_accuracy", whole)):
        row[name] = found.mean()
        row[f"{name}_ci_low"], row[f"{name}_ci_high"] = wilson_interval(int(found.sum()), len(found))
    low, high = mean_interval(inside, bounds=(0, 1))
    row |= {"fraction": inside.mean(), "fraction_ci_low": float(low), "fraction_ci_high": float(high)}
    row |= {"overlap": subspace_overlap(*bases), "chance": bases[1].shape[1] / dataset.pixels}
    arrays = {
        "theirs": correct[0],
        "ours": correct[1],
        "whole": whole,
        "indices": part.indices(),
        "fractions": inside.astype(np.float32),
        "attacked": attacks["indices"][usable],
    }
    units = (
        "theirs, ours: whether an image is classified correctly on the directions of the other network, and on as many "
        "of its own; whole: as it is; fractions: of the norm of each perturbation in the other's directions; indices, "
        "attacked: of the images in their split"
    )
    table = pd.DataFrame([row | counts | {"perturbations": len(inside)}])
    return Measured({"transfer": table}, arrays, {"rank": rank, "units": units})


def needed_rank(line: Store) -> int | None:
    """Return the smallest rank at which a network keeps :data:`LEVEL` of its full accuracy; None if at none.

    Args:
        line: store of its accuracy on a basis.
    """
    ranks, whole = line["ranks"], line["measured/whole"]
    correct = np.unpackbits(line["measured/correct"], axis=1, count=len(whole))
    above = ranks > 0
    (found,) = crossing(ranks[above], correct[above].mean(1)[None], np.array([LEVEL * whole.mean()]))
    return int(np.ceil(found)) if np.isfinite(found) else None


def correct_on(
    network: Network, dataset: Dataset, bases: Sequence[np.ndarray], images: int
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return which measured images are classified correctly (n,): projected onto each of the bases, and as they are."""
    device, part = network.mean.device, dataset.part("measured", images)
    mean = mean_pixels(dataset, device)
    vectors = [columns(Basis(basis, np.ones(basis.shape[1])), device) for basis in bases]

    def logits(batch: Tensor) -> Tensor:
        return predict(network, batch)

    found, whole = [[] for _ in bases], []
    for start in progress(range(0, len(part), dataset.rows), "measured images"):
        labels = torch.from_numpy(part.labels(start, start + dataset.rows)).to(device)
        batch = as_pixels(part.images(start, start + dataset.rows), device)
        whole.append((classes_of(logits(batch)) == labels).cpu().numpy())
        for correct, basis in zip(found, vectors, strict=True):
            correct.append(correct_by_rank(logits, [(batch, labels)], mean, basis, [basis.shape[1]])[0])
    return [np.concatenate(correct) for correct in found], np.concatenate(whole)
