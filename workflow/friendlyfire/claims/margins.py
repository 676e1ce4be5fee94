"""Claims of others about margins: small along discriminative directions, and off the plane of the images."""

import numpy as np

from friendlyfire.claims.sample import Sample, rank_correlation

CLAIMS = {
    "margin-profile": {
        "make": "margin_profile",
        "section": "beyond, Ortiz-Jimenez et al. 2020",
        "statement": "Margins are small along low frequencies only.",
        "estimate": "rank correlation of the median confined margin with the frequency of blocks of cosines",
        "reads": ["margins/dct.zarr.zip"],
        "asks": {"figures.margins": ["dct"]},
        "range": [-1, 1],
        "holds": {"": [">", 0.8]},
    },
    "flipped-profile": {
        "make": "flipped_profile",
        "section": "beyond, Ortiz-Jimenez et al. 2020",
        "statement": "Margins follow the images: flipped frequencies turn the profile.",
        "estimate": "rank correlation of the profiles of this network and of that on images with other frequencies",
        "reads": ["margins/dct.zarr.zip"],
        "twin": "other frequencies",
        "asks": {"figures.margins": ["dct"]},
        "range": [-1, 1],
        "holds": {"": ["<", -0.8]},
    },
    "off-manifold": {
        "make": "off_manifold",
        "section": "beyond, Shamir et al. 2021",
        "statement": "Small attacks leave the plane of the images.",
        "estimate": "median norm confined to the principal components of 95 % of the variance, over that confined to "
        "their complement, at equal dimension",
        "control": "complement of equal dimension",
        "reads": ["manifold/pca.zarr.zip"],
        "asks": {"figures.manifold": ["pca"], "manifold.variances": [0.95]},
        "range": [0, None],
        "holds": {"": [">", 2]},
    },
}

#: Fraction of the variance that the plane of the images holds.
VARIANCE = 0.95


def margin_profile(sample: Sample) -> np.ndarray:
    """Return margin-profile (1 + draws,)."""
    profile = _profile(sample)
    return rank_correlation(np.broadcast_to(np.arange(profile.shape[1]), profile.shape), profile)


def flipped_profile(sample: Sample) -> np.ndarray:
    """Return flipped-profile (1 + draws,)."""
    return rank_correlation(_profile(sample), _profile(sample.original))


def _profile(sample: Sample) -> np.ndarray:
    """Median margin (1 + draws, blocks), from low frequencies to high."""
    return sample.medians(sample.stores["margins/dct.zarr.zip"]["norms"].T)


def off_manifold(sample: Sample) -> np.ndarray:
    """Return off-manifold (1 + draws,)."""
    store = sample.stores["manifold/pca.zarr.zip"]
    at = store["variances"].tolist().index(VARIANCE)
    on, off = (sample.medians(store[f"{side}-equal"][at][:, None])[:, 0] for side in ("on", "off"))
    with np.errstate(invalid="ignore"):
        return on / off
