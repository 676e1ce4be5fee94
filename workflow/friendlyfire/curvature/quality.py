"""Quality of a decomposition."""

from dataclasses import dataclass
from enum import IntEnum


@dataclass
class Quality:
    """Quality record of the decomposition of one class's mean Hessian."""

    asymmetry: float  #: ||H - H'|| / ||H + H'|| (Frobenius) of the measured matrix, before it was symmetrised
    residual: float  #: largest ||H v - theta v|| / max |theta| over the leading eigenpairs
    #: mean squared cosine between the leading subspaces of two halves of the sample; NaN where a Hessian is 0
    overlap: float
    leading: int  #: number of leading directions (largest absolute eigenvalues) for the last two measures
    points: int  #: boundary points in the mean
    gradients: int  #: gradients of single images in total


class Stop(IntEnum):
    """Why an iteration ended."""

    LIMIT = 0  #: at its largest number of products
    TOLERANCE = 1  #: all residuals are within the tolerance
    NOISE = 2  #: the other errors are below the sampling error


@dataclass
class SampledQuality(Quality):
    """Quality record of a decomposition by Lanczos, see :func:`.decompose_lanczos`."""

    products: int  #: products with the mean Hessian
    standard_error: float  #: largest standard error of H v over the eigenpairs, relative to max |theta|
    stopped: int  #: a :class:`Stop`
