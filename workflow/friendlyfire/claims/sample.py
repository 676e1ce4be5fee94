"""The results of one experiment, resampled: every mean over images once as measured, and once for each bootstrap draw.

Source: B. Efron, R. Tibshirani, "An introduction to the bootstrap", 1993.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from friendlyfire.measures.coupling import Means
from friendlyfire.records.stores import Store


class Sample:
    """Means over the images of an experiment's results.

    Every array that is returned has a first axis of 1 + draws: what was measured, then the bootstrap draws. Images of
    one role are drawn together for all results that hold as many of them, so that differences are paired.

    Args:
        stores: of the results, by their path below the folder of the experiment; those of another experiment by the key
            of the section ``claims`` that names it, a colon, and their path there.
        pixels: d.
        side: of the images, in pixels.
        majority: fraction of the most frequent class among the measured images.
        made_by_network: names of the bases that come from the network.
        draws: how many.
        seed: a function that returns the seed of a draw from its names.
        original: results of the experiment whose twin this one is, with the same draws; None if it is no twin.
    """

    def __init__(
        self,
        stores: Mapping[str, Store],
        *,
        pixels: int,
        side: int,
        majority: float,
        made_by_network: Sequence[str] = (),
        draws: int,
        seed: Callable[..., int],
        original: "Sample | None" = None,
    ):
        self.original = original
        self.stores: Mapping[str, Store] = stores
        self.pixels: int = pixels
        self.side: int = side
        self.majority: float = majority
        self.made_by_network = made_by_network
        self.draws: int = draws
        self._seed = seed
        self._weights: dict[tuple[str, int], np.ndarray] = {}
        #: Fewest images that any mean was over, since it was set.
        self.fewest: float = np.inf
        #: The same for single parts of a claim.
        self.fewest_of: dict[str, float] = {}
        #: Accuracy of the best projection that was read since this was set, at the lower end of its 95 % interval.
        self.best: float = np.nan
        #: Why a claim that found it out is not to be trusted; empty where it is.
        self.doubt: str = ""

    def weights(self, role: str, n: int) -> np.ndarray:
        """How often each of ``n`` images is in each draw: (1 + draws, n), float32."""
        self.fewest = min(self.fewest, n)
        if (role, n) not in self._weights:
            rng = np.random.default_rng(self._seed(role, n))
            drawn = rng.multinomial(n, np.full(n, 1 / n), size=self.draws)
            self._weights[role, n] = np.vstack([np.ones(n), drawn]).astype(np.float32)
        return self._weights[role, n]

    def means(self, values: np.ndarray, role: str = "measured") -> np.ndarray:
        """Means (1 + draws, ...) over the images of ``values`` (n, ...); where they are NaN, over the others."""
        rows, weights = values.reshape(len(values), -1), self.weights(role, len(values))
        finite = np.isfinite(rows)
        found = finite.sum(0)
        self.fewest = min(self.fewest, found[found > 0].min(initial=len(values)))
        totals = weights @ np.where(finite, rows, 0).astype(np.float32)
        counts = weights @ finite.astype(np.float32)
        with np.errstate(invalid="ignore"):
            return (totals.astype(np.float64) / counts).reshape(len(weights), *values.shape[1:])

    def medians(self, values: np.ndarray, role: str = "measured") -> np.ndarray:
        """Medians (1 + draws, k) over the images of ``values`` (n, k); NaN is larger than any number."""
        weights = self.weights(role, len(values))
        found, rows = np.empty((len(weights), values.shape[1])), np.arange(len(weights))
        for k, column in enumerate(np.where(np.isnan(values), np.inf, values).T):
            order = column.argsort()
            # Twice the number of images up to each, in the order of their values; the middle ones lie about n.
            twice = 2 * weights[:, order].cumsum(1)
            low, high = (twice >= len(values)).argmax(1), (twice > len(values)).argmax(1)
            found[rows, k] = (column[order][low] + column[order][high]) / 2
        return found

    @property
    def guesses(self) -> bool:
        """Whether projections were read and none is classified better than by a constant guess; see :attr:`best`."""
        return bool(self.best <= self.majority)

    def bases(self, *measures: str) -> list[str]:
        """The bases that all of these measures were made on."""
        found = dict.fromkeys(Path(path).name.removesuffix(".zarr.zip") for path in self.stores)
        return [name for name in found if all(f"{measure}/{name}.zarr.zip" in self.stores for measure in measures)]

    def accuracy(self, basis: str) -> tuple[np.ndarray, np.ndarray]:
        """Ranks (r,) above 0 of a basis, and the accuracy (1 + draws, r) on projected images."""
        store = self.stores[f"accuracy/{basis}.zarr.zip"]
        ranks, n = store["ranks"], store.shape("measured/indices")[0]
        correct = np.unpackbits(store["measured/correct"], axis=1, count=n).T
        found = self.means(correct[:, ranks > 0])
        self.best = np.fmax(self.best, np.quantile(found[1:, found[0].argmax()], 0.025))
        return ranks[ranks > 0], found

    def full_accuracy(self, basis: str) -> np.ndarray:
        """Accuracy (1 + draws,) on the images as they are; of the same images as :meth:`accuracy`."""
        return self.means(self.stores[f"accuracy/{basis}.zarr.zip"]["measured/whole"])

    def fraction(self, basis: str, attack: str = "deepfool") -> np.ndarray:
        """Mean fraction (1 + draws, r) of an attack's norm inside, at the ranks above 0 of a basis."""
        store = self.stores[f"fractions/{basis}.zarr.zip"]
        return self.means(store[f"{attack}/fractions"][:, store["ranks"] > 0], attack)

    def line(self, basis: str) -> Means:
        """The line of coupling of a basis."""
        return Means(self.accuracy(basis)[1], self.fraction(basis))


def at_rank(ranks: np.ndarray, curves: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The value (b,) of each curve (b, r) at its own wanted rank (b,), by interpolation; NaN beyond the last."""
    found = np.array([np.interp(rank, ranks, curve) for rank, curve in zip(wanted, curves, strict=True)])
    return np.where(wanted <= ranks[-1], found, np.nan)


def area(ranks: np.ndarray, curves: np.ndarray) -> np.ndarray:
    """The mean (b,) of each curve (b, r) over the logarithm of its rank, from the first to the last."""
    steps = np.diff(np.log(ranks))
    return ((curves[:, 1:] + curves[:, :-1]) / 2 * steps).sum(1) / steps.sum()


def rank_correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation (b,) of the rows of two arrays (b, k)."""
    one, other = (rankdata(values, axis=1) for values in (first, second))
    one, other = (ranks - ranks.mean(1, keepdims=True) for ranks in (one, other))
    with np.errstate(invalid="ignore"):
        return (one * other).sum(1) / np.sqrt((one**2).sum(1) * (other**2).sum(1))
